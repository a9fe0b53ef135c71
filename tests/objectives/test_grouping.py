"""Strong and weak groups: hand-checked values, scopes, the released code's rule."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectrep.objectives.grouping import (
    Grouper,
    Grouping,
    code_groups,
    delta_r,
    radius_threshold,
    strong_weak_groups,
)
from affectrep.objectives.thresholds import kmeans_threshold, otsu_exact, otsu_histogram

LABELS = torch.tensor(
    [[0.3, 0.4], [0.6, 0.8], [-0.9, 0.9], [0.1, 0.0], [1.0, 1.0], [0.5, -0.7]],
    dtype=torch.float64,
)


def random_labels(rows: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, 2, generator=generator, dtype=torch.float64) * 2 - 1


def test_golden_groups():
    groups = strong_weak_groups(LABELS, threshold=0.7)
    assert groups.strong.tolist() == [False, True, True, False, True, True]
    assert groups.weak.tolist() == [True, False, False, True, False, False]
    literal = strong_weak_groups(LABELS, threshold=0.7, strong_upper=1.0)
    assert literal.strong.tolist() == [False, False, False, False, False, True]
    assert (~literal.strong & ~literal.weak).tolist() == [False, True, True, False, True, False]
    code = code_groups(LABELS, threshold=0.7, balanced=False)
    assert code.strong.tolist() == [False, True, True, False, True, False]


def test_golden_delta_r():
    assert delta_r(0.4, 0.3) == pytest.approx(0.5, abs=1e-9)


def test_threshold_joins_what_the_rule_finds_on_each_axis():
    labels = random_labels(300)
    sizes = labels.abs()
    found = radius_threshold(labels)
    expected = delta_r(*(otsu_histogram(axis).threshold for axis in sizes.T))
    assert found == pytest.approx(expected, abs=1e-12)
    found = radius_threshold(labels, Grouping(scope="batch"))
    assert found == pytest.approx(delta_r(*(otsu_exact(axis).threshold for axis in sizes.T)))
    found = radius_threshold(labels, Grouping(rule="kmeans", centres=3))
    cuts = [kmeans_threshold(axis, centres=3) for axis in sizes.T]
    assert found == pytest.approx(delta_r(*(cut.threshold for cut in cuts)))
    found = radius_threshold(labels, Grouping(on="radius", scope="batch"))
    assert found == pytest.approx(otsu_exact(labels.norm(dim=1)).threshold)
    found = radius_threshold(labels, Grouping(on="signed"))
    cuts = [otsu_histogram(axis, low=-1.0) for axis in labels.T]
    assert found == pytest.approx(delta_r(*(cut.threshold for cut in cuts)))


def test_signed_labels_make_nearly_everything_strong():
    labels = random_labels(2000)
    share = {
        on: strong_weak_groups(labels, threshold=radius_threshold(labels, Grouping(on=on)))
        .strong.double()
        .mean()
        for on in ("abs", "signed", "radius")
    }
    assert share["signed"] > 0.98
    assert 0.4 < share["abs"] < 0.7
    assert 0.4 < share["radius"] < 0.7


@pytest.mark.parametrize("rule", ["otsu", "kmeans"])
@pytest.mark.parametrize("scope", ["dataset", "batch", "ema"])
@pytest.mark.parametrize("on", ["abs", "signed", "radius"])
def test_one_strength_is_no_split_and_leaves_both_groups_empty(rule, scope, on):
    labels = torch.full((4, 2), 0.4)
    grouping = Grouping(rule=rule, scope=scope, on=on)
    assert math.isnan(radius_threshold(labels, grouping))
    if scope == "dataset":
        with pytest.raises(ValueError, match="at least two strengths"):
            Grouper(grouping).fit(labels)
    else:
        groups = Grouper(grouping)(labels)
        assert not (groups.strong | groups.weak).any()


def test_one_axis_without_spread_leaves_the_other_in_charge():
    labels = torch.tensor([[0.1, 0.0], [0.2, 0.0], [0.9, 0.0]], dtype=torch.float64)
    assert radius_threshold(labels, Grouping(scope="batch")) == pytest.approx(0.55)


def test_data_set_scope_wants_fit_and_keeps_its_threshold():
    grouper = Grouper()
    with pytest.raises(ValueError, match="fit"):
        grouper(LABELS)
    grouper.fit(random_labels(200))
    again = Grouper()
    again.load_state_dict(grouper.state_dict())
    assert again(LABELS).strong.equal(grouper(LABELS).strong)
    assert again(LABELS[:0]).weak.shape == (0,)
    assert Grouper(threshold=0.7)(LABELS).strong.sum() == 4


def test_batch_scope_looks_at_each_batch():
    grouper = Grouper(Grouping(scope="batch"))
    assert grouper(LABELS).strong.any()
    assert grouper(LABELS * 0.01).strong.equal(grouper(LABELS).strong)
    assert grouper(LABELS[:0]).strong.shape == (0,)


def test_running_mean_moves_in_training_only():
    grouping = Grouping(scope="ema", momentum=0.9)
    grouper = Grouper(grouping)
    first, second = random_labels(50, 1), random_labels(50, 2) * 0.5
    grouper(first)
    start = radius_threshold(first, grouping)
    assert grouper.threshold.item() == pytest.approx(start, rel=1e-6)
    grouper(second)
    expected = 0.9 * start + 0.1 * radius_threshold(second, grouping)
    assert grouper.threshold.item() == pytest.approx(expected, rel=1e-6)
    grouper(torch.full((4, 2), 0.1))  # no split: stays
    grouper.eval()(second)
    assert grouper.threshold.item() == pytest.approx(expected, rel=1e-6)
    fresh = Grouper(grouping)
    fresh.load_state_dict(grouper.state_dict())
    assert fresh.threshold.item() == grouper.threshold.item()


def cumulative_ratio(values: list[float]) -> float:
    middle = (values.index(min(values)) + values.index(max(values))) // 2
    return sum(values[: middle + 1]) / sum(values)


def test_code_threshold_is_an_order_dependent_ratio():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(400, 256, 2, generator=generator, dtype=torch.float64)
    batches = (draws * torch.tensor([0.4, 0.3]) + torch.tensor([0.2, 0.1])).clamp(-1, 1)
    code = Grouping(rule="code", scope="batch")
    found = torch.tensor([radius_threshold(batch, code) for batch in batches]).double()
    first = [cumulative_ratio(axis.tolist()) for axis in batches[0].T]
    assert found[0].item() == pytest.approx(math.hypot(*first), rel=1e-6)
    assert found.median().item() == pytest.approx(0.63, abs=0.05)
    shares = [code_groups(batch, balanced=False).strong.double().mean() for batch in batches]
    assert torch.stack(shares).mean().item() == pytest.approx(0.067, abs=0.01)
    shuffled = radius_threshold(batches[0][torch.randperm(256, generator=generator)], code)
    assert shuffled != pytest.approx(found[0].item())


def test_code_groups_are_of_one_even_size_in_batch_order():
    groups = code_groups(LABELS, threshold=0.7)
    assert groups.strong.nonzero().flatten().tolist() == [1, 2]
    assert groups.weak.nonzero().flatten().tolist() == [0, 3]
    module = Grouper(Grouping(rule="code", scope="batch"))
    assert module(LABELS).strong.sum() == module(LABELS).weak.sum()


def test_code_groups_fall_back_but_never_call_weak_rows_strong():
    groups = code_groups(LABELS, threshold=5.0, balanced=False)
    assert groups.strong.equal(LABELS.square().sum(dim=1) > 0.65)
    assert groups.weak.equal(LABELS.square().sum(dim=1) < 0.3)
    none = code_groups(LABELS * 0.1, threshold=5.0)
    assert not none.strong.any()
    assert not none.weak.any()
    assert code_groups(LABELS[:0]).strong.shape == (0,)
    assert not code_groups(torch.zeros(3, 2)).strong.any()


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(1, 12),
    seed=st.integers(0, 999),
    rule=st.sampled_from(["otsu", "kmeans"]),
    on=st.sampled_from(["abs", "signed", "radius"]),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
)
def test_groups_never_overlap_and_do_not_depend_on_order(rows, seed, rule, on, dtype):
    labels = random_labels(rows, seed).to(dtype)
    turned = torch.randperm(rows)
    for scope in ("dataset", "batch"):
        grouping = Grouping(rule=rule, on=on, scope=scope)
        groups = strong_weak_groups(labels, threshold=radius_threshold(labels, grouping))
        moved = labels[turned]
        again = strong_weak_groups(moved, threshold=radius_threshold(moved, grouping))
        assert not (groups.strong & groups.weak).any()
        assert again.strong.equal(groups.strong[turned])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "gap"}, "rule to be one of otsu, kmeans, code, got gap"),
        ({"on": "angle"}, "on to be one of"),
        ({"scope": "epoch"}, "scope to be one of"),
        ({"rule": "code"}, "scope batch"),
        ({"centres": 1}, "centres"),
        ({"momentum": 1.0}, "momentum"),
    ],
)
def test_mistakes_in_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Grouping(**options)


def test_mistakes_in_labels_are_named():
    with pytest.raises(ValueError, match=r"\(batch, 2\).*got \(3,\)"):
        strong_weak_groups(torch.zeros(3), threshold=0.5)
    with pytest.raises(ValueError, match="at least one row"):
        radius_threshold(LABELS[:0])
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
        radius_threshold(LABELS * 10)
