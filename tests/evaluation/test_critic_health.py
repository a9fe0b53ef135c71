from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from affectrep.batch import Batch, Output
from affectrep.evaluation.critic_health import critic_sentence, critic_traces
from affectrep.evaluation.stored_run import StoredRun
from affectrep.objectives import caf_objective

Pair = tuple[float, float]


def stored(
    folder: Path,
    *,
    step: Sequence[Pair],
    held_out: Sequence[Pair] = (),
    skipped: Sequence[int] = (),
    critic: bool = True,
) -> StoredRun:
    """A run with four logged steps an epoch: spread and AUC of each epoch, and of validation."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({"name": "caf"}))
    (folder / "environment.json").write_text(json.dumps({"skipped_phases": {"critic": 7}}))
    lines = []
    for epoch, (spread, auc) in enumerate(step):
        for turn in range(4):
            place = {"step": 10 * (4 * epoch + turn + 1), "epoch": epoch}
            lines.append({**place, "phase": "main", "name": "regression", "value": 0.5})
            if critic and place["step"] not in skipped:
                told = {"spread": spread, "auc": auc, "information": 0.3, "delta": 0.2}
                told |= {"alpha": 0.5, "neighbours": 12.0, "inside": 0.7, "critic": 0.1}
                line = {**place, "phase": "critic"}
                lines += [{**line, "name": name, "value": value} for name, value in told.items()]
        if epoch < len(held_out):
            line = {**place, "phase": "validation"}
            told = dict(zip(("critic_spread", "critic_auc"), held_out[epoch], strict=True))
            told["ccc"] = 0.4
            lines += [{**line, "name": name, "value": value} for name, value in told.items()]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return StoredRun(folder)


def test_traces_have_the_names_of_the_paper(tmp_path: Path) -> None:
    run = stored(tmp_path, step=[(0.2, 0.8)] * 3, held_out=[(0.1, 0.7)] * 3, skipped=[30, 50])
    found = critic_traces(run)
    assert found.index.tolist() == list(range(10, 130, 10))
    assert found.index.name == "step"
    assert found["epoch"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for name, value in {"mi": 0.3, "delta": 0.2, "k": 12, "alpha": 0.5, "inside": 0.7}.items():
        assert found[name].dropna().unique().tolist() == [value]
        assert found[name].isna().sum() == 2
    assert found.index[found["skipped"]].tolist() == [30, 50]
    assert found["held_out_auc"].dropna().index.tolist() == [40, 80, 120]
    assert found.attrs["skipped_steps"] == 7


def test_plain_regression_has_no_critic(tmp_path: Path) -> None:
    run = stored(tmp_path, step=[(0.2, 0.8)], critic=False)
    assert critic_traces(run).empty
    assert critic_sentence(run) is None


def test_every_name_is_one_that_the_objective_logs() -> None:
    torch.manual_seed(0)
    caf = caf_objective(dim=4, threshold=0.5)
    points, labels = torch.randn(16, 4), torch.rand(16, 2)
    batch = Batch({}, labels, [str(i) for i in range(16)])
    output = Output(points, predictions=labels)
    logged = caf.phases()[0].loss(output, batch, {}).logs
    for name in ("information", "delta", "alpha", "neighbours", "inside", "spread", "auc"):
        assert name in logged


def test_a_living_critic(tmp_path: Path) -> None:
    good = [(0.004, 0.5), (0.2, 0.85), (0.15, 0.9)]  # the first epoch may be slept through
    said = critic_sentence(stored(tmp_path, step=[(0.0, 0.5)] * 3, held_out=good))
    assert said == (
        "The critic lived: after the first epoch the sd of its outputs was never below .150, and "
        "its AUC between strong and weak rows never below .850."
    )
    said = critic_sentence(stored(tmp_path, step=good))
    assert said is not None
    assert said.startswith("The critic lived")
    assert said.endswith("did not look at held-out ones)")


@pytest.mark.parametrize("seen", [True, False])
def test_a_critic_that_died(tmp_path: Path, seen: bool) -> None:
    ill = [(0.2, 0.8), (0.1, 0.7), (0.003, 0.72), (0.0001, 0.5)]
    run = stored(tmp_path, step=ill, held_out=ill if seen else ())
    said = critic_sentence(run)
    assert said is not None
    assert said.startswith(
        "The critic died after step 80 (epoch 2): its outputs coincide (sd .000)"
    )
    assert "plain regression" in said
    assert ("held-out" in said) is not seen


def test_a_critic_that_does_not_know_the_groups(tmp_path: Path) -> None:
    blind = [(0.2, 0.8), (0.2, 0.75), (0.2, 0.52)]
    said = critic_sentence(stored(tmp_path, step=[(0.2, 0.9)] * 3, held_out=blind))
    assert said is not None
    assert "died after step 80 (epoch 2)" in said
    assert "do not tell strong from weak rows (AUC .520)" in said


def test_a_critic_that_never_woke(tmp_path: Path) -> None:
    said = critic_sentence(stored(tmp_path, step=[(0.003, 0.7)] * 3))
    assert said is not None
    assert said.startswith("The critic never lived: its outputs coincide (sd .003), so this run")


def test_a_critic_that_fainted(tmp_path: Path) -> None:
    faint = [(0.2, 0.8), (0.2, 0.8), (0.2, 0.58), (0.2, 0.8)]
    said = critic_sentence(stored(tmp_path, step=faint, held_out=faint))
    assert said == (
        "The critic lived at the end, but not in 1 of the 3 epochs after the first, among them "
        "epoch 3."
    )


def test_a_critic_that_diverged(tmp_path: Path) -> None:
    wild = [(0.2, 0.8), (0.2, 0.8), (np.inf, 0.8)]
    said = critic_sentence(stored(tmp_path, step=wild, held_out=wild))
    assert said == "The critic diverged after step 80: its outputs are not finite."


def test_one_epoch_and_nothing_watched(tmp_path: Path) -> None:
    said = critic_sentence(stored(tmp_path, step=[(0.2, 0.8)], held_out=[(0.2, 0.8)]))
    assert said is not None
    assert said.startswith("The critic lived")
    line = {"step": 1, "epoch": 0, "phase": "critic", "name": "critic", "value": 0.1}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    assert critic_sentence(StoredRun(tmp_path)) is None
