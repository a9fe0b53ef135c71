"""Class margins from a memory: the table of the rows that it holds, made anew now and then."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives import MemoryClassMargin, triplet_loss, triplet_objective
from affectrep.objectives.class_margins import SQUARED_LIMITS, class_margins
from affectrep.objectives.memory_margin import UNKNOWN
from affectrep.objectives.metric_pairs import MarginTable


def rows(seed: int, count: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    return torch.randn(count, 5, generator=generator) + labels[:, None], labels


def test_the_table_is_that_of_the_rows_kept():
    margins = MemoryClassMargin(3, 5, per_class=8, refresh=1)
    margins(*rows(0))
    found = margins(*rows(1))
    kept = margins.memory.rows()
    assert len(kept.labels) == 24
    expected = class_margins(kept.embeddings, kept.labels, limits=SQUARED_LIMITS)
    assert torch.equal(found.values, expected.values)
    assert found.values.unique().numel() > 3


def test_it_is_made_anew_only_every_so_many_steps():
    margins = MemoryClassMargin(3, 5, refresh=3)
    tables = [margins(*rows(seed)).values.clone() for seed in range(4)]
    assert torch.equal(tables[0], tables[2])
    assert not torch.equal(tables[2], tables[3])


def test_a_class_that_has_not_come_has_the_usual_margin():
    margins = MemoryClassMargin(4, 5, refresh=1)
    table = margins(*rows(0)).values
    assert (table[3] == UNKNOWN).all()
    assert (table[:, 3] == UNKNOWN).all()
    assert margins.logs()["margin_mean"] > 0


def test_evaluation_takes_no_note():
    margins = MemoryClassMargin(3, 5).eval()
    margins(*rows(0))
    assert len(margins.memory) == 0
    assert int(margins.step) == 0


def test_its_state_goes_on():
    first, second = MemoryClassMargin(3, 5, refresh=2), MemoryClassMargin(3, 5, refresh=2)
    for seed in range(3):
        first(*rows(seed))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(*rows(9)).values, second(*rows(9)).values)


def test_no_refresh_is_refused():
    with pytest.raises(ValueError, match="expected at least 1 step"):
        MemoryClassMargin(3, 5, refresh=0)


def test_the_objective_is_triplets_under_that_table():
    objective = triplet_objective(classes=3, dim=5, weight=0.7, refresh=1)
    embeddings, labels = rows(0)
    (other,) = objective.others
    value = objective.losses["triplet"](embeddings, labels)
    table = MarginTable(torch.arange(3), other.loss.margin.table)
    assert value.item() == pytest.approx(triplet_loss(embeddings, labels, margin=table).item())
    assert value.item() > 0
    assert set(objective.losses["triplet"].logs()) == {"margin_mean", "margin_limit"}


def test_a_margin_of_no_kind_is_refused():
    with pytest.raises(ValueError, match="expected margin adaptive or a number"):
        triplet_objective(classes=3, dim=5, margin="wide")
