"""Margins of class pairs: made of the two-group adaptive margin, clamped, moving as they should."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.adaptive_margin import Margin, adaptive_margin_parts
from affectrep.objectives.class_margins import (
    DISTANCE_LIMITS,
    SQUARED_LIMITS,
    AdaptiveClassMargin,
    class_margin_parts,
    class_margins,
)

WIDE = (0.0, 100.0)


def clouds(gap=1.0, rows=12, dim=6):
    """Three classes, 5, 8 and 9; the last lies ``gap`` from the others' middle."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, rows, dim, generator=generator, dtype=torch.float64)
    centres = torch.zeros(3, 1, dim, dtype=torch.float64)
    centres[:, :, 0], centres[1, 0, 1], centres[2, 0, 2] = 2.0, 0.5, 3 * gap
    return (centres + 0.6 * noise).reshape(-1, dim), torch.tensor([8, 5, 9]).repeat_interleave(rows)


@pytest.mark.parametrize("margin", [Margin(), Margin(scale=0.3), Margin(information="none")])
def test_equals_the_margin_of_each_two_groups(margin):
    points, labels = clouds()
    parts = class_margin_parts(points, labels, margin=margin, limits=WIDE)
    assert parts.table.classes.tolist() == [5, 8, 9]
    unit = functional.normalize(points, dim=1)
    for i, a in enumerate((5, 8, 9)):
        expected = []
        for j, b in enumerate((5, 8, 9)):
            if i == j:
                continue
            pair = adaptive_margin_parts(unit[labels == a], unit[labels == b], margin=margin)
            expected.append(pair.margin.mean())
            torch.testing.assert_close(parts.table.values[i, j], expected[-1])
            torch.testing.assert_close(parts.information[i, j], pair.information)
            torch.testing.assert_close(parts.delta[i, j], pair.delta.mean())
        torch.testing.assert_close(parts.table.values[i, i], torch.stack(expected).mean())


def test_the_information_is_symmetric_and_the_radius_is_not():
    points, labels = clouds()
    parts = class_margin_parts(points, labels, limits=WIDE)
    torch.testing.assert_close(parts.information, parts.information.T)
    assert (parts.delta - parts.delta.T).abs().max() > 1e-3


def test_overlapping_classes_share_more_and_part_as_they_separate():
    near, far = (class_margin_parts(*clouds(gap), limits=WIDE) for gap in (0.1, 1.0))
    assert far.information[0, 2] < near.information[0, 2] - 0.2
    assert far.delta[2].sum() > near.delta[2].sum()
    assert far.table.values[0, 1] > far.table.values[0, 2]


@pytest.mark.parametrize("limits", [DISTANCE_LIMITS, SQUARED_LIMITS])
def test_margins_lie_within_the_limits(limits):
    points, labels = clouds()
    same = torch.ones(36, 3)
    for values in (points, same, torch.zeros(36, 3)):
        found = class_margins(values, labels, limits=limits).values
        assert found.isfinite().all()
        assert ((found >= limits[0]) & (found <= limits[1])).all()
    assert class_margins(same, labels, limits=limits).values.max() == limits[1]


@pytest.mark.parametrize("labels", [[0], [4, 4], [0, 1], [0, 0, 1]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_any_finite_input_gives_finite_margins(labels, dtype, scale):
    top = torch.finfo(dtype).max / 8
    points = (torch.eye(3)[: len(labels)] * scale).clamp(-top, top).to(dtype)
    table = class_margins(points, torch.tensor(labels))
    assert table.values.isfinite().all()
    assert table.values.shape == (len(set(labels)),) * 2


def test_no_gradient_and_no_dependence_on_order_or_scale():
    points, labels = clouds()
    order = torch.randperm(36, generator=torch.Generator().manual_seed(1))
    expected = class_margins(points.requires_grad_(), labels)
    assert not expected.values.requires_grad
    found = class_margins(3 * points[order], labels[order])
    torch.testing.assert_close(found.values, expected.values)
    module = AdaptiveClassMargin(limits=SQUARED_LIMITS)
    torch.testing.assert_close(
        module(points, labels).values, class_margins(points, labels, limits=SQUARED_LIMITS).values
    )


def test_mistakes_are_named():
    points, labels = clouds()
    with pytest.raises(ValueError, match="labels"):
        class_margins(points, labels[:3])
    with pytest.raises(ValueError, match="at least one row"):
        class_margins(points[:0], labels[:0])
    with pytest.raises(ValueError, match="limits"):
        class_margins(points, labels, limits=(0.5, 0.1))
