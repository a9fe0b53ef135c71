"""The retrieval study's own rules: disjoint classes, repeatable runs, resuming, honest tables."""

from __future__ import annotations

import json

import pytest
import torch

from tests.benchmarks import retrieval as study
from tests.benchmarks.retrieval_rows import Rows

CLASSES = 12


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(CLASSES).repeat_interleave(15)
    centres = torch.randn(CLASSES, 16, generator=generator)
    points = centres[labels] + torch.randn(len(labels), 16, generator=generator)
    return Rows(points, labels, [f"class {i}" for i in range(CLASSES)])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(study, "STEPS", (5, 10))
    monkeypatch.setattr(study, "VALIDATION_CLASSES", 2)
    monkeypatch.setattr(study, "WIDTHS", (16, 8))


@pytest.mark.parametrize("seed", study.SEEDS)
def test_halves_and_their_parts_share_no_class(seed):
    split = study.split_classes(27, seed)
    assert sorted([*split.train.tolist(), *split.held_out.tolist()]) == list(range(27))
    assert sorted([*split.fit.tolist(), *split.validation.tolist()]) == sorted(split.train.tolist())
    assert (len(split.train), len(split.held_out), len(split.validation)) == (13, 14, 4)
    assert not torch.equal(split.train, study.split_classes(27, seed + 1).train)


def test_training_reads_no_row_of_other_classes(data):
    split = study.split_classes(CLASSES, 0)
    held = torch.isin(data.labels, split.held_out)
    hidden = data._replace(embeddings=data.embeddings.masked_fill(held[:, None], torch.nan))
    for loss, kind in study.GRID:
        setting = study.Setting(loss, kind, study.GRID[loss, kind][0], 0)
        *_, (_, net, _) = study.train(hidden, split.train, setting, study.STEPS[0])
        assert all(weight.isfinite().all() for weight in net.parameters())


@pytest.mark.parametrize(("loss", "kind"), study.GRID)
def test_a_run_repeats(data, quick, loss, kind):
    first, again = (study.one_run(data, loss, kind, 1) for _ in range(2))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert set(first["metrics"]) == set(study.METRICS)
    assert len(first["chosen"]["tried"]) == 2 * len(study.GRID[loss, kind])
    assert ("margins" in first) == (kind == "adaptive")


def test_the_residual_head_starts_as_the_untrained_embeddings(data, quick):
    torch.manual_seed(0)
    found = study.score(data, torch.arange(60), study.build_head("residual", 16), 0)
    assert found == study.score(data, torch.arange(60), torch.nn.Identity(), 0)
    line = study.one_run(data, "triplet", "adaptive", 0, head="residual")
    assert line["head"] == "residual"
    assert line["metrics"] != study.one_run(data, "triplet", "adaptive", 0)["metrics"]


def test_both_sides_have_as_many_choices():
    for loss in study.LIMITS:
        assert len(study.GRID[loss, "constant"]) == len(study.GRID[loss, "adaptive"])


def test_a_broken_line_is_left_out_and_the_table_says_what_was_not_run(tmp_path):
    path = tmp_path / "results.jsonl"
    metrics = dict.fromkeys(study.METRICS, 0.25)
    lines = [
        {"loss": "triplet", "margin": kind, "seed": seed, "metrics": metrics}
        for kind in ("constant", "adaptive")
        for seed in (0, 1)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines) + '\n{"loss": "tri')
    found = study.read_lines(path)
    assert found == lines
    table = study.tables(found)
    assert "| triplet, adaptive | 2 | 25.0 [25.0, 25.0] |" in table
    assert "| triplet: adaptive - constant | 2 | +0.0 [+0.0, +0.0] |" in table
    assert "| contrastive, constant | 0 | not run |" in table
    assert len(study.plan()) == 5 * 8


def test_interval_is_students():
    mean, low, high = study.interval([1.0, 2.0, 3.0])
    assert (mean, low, high) == pytest.approx((2.0, 2 - 2.484138, 2 + 2.484138), abs=1e-5)
