"""The trade-off's bookkeeping: means over seeds, and who is on the frontier."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.benchmarks.speech_frontier import frontier, main, settings_of


def run(folder: Path, alpha: float, seed: int, uar: float, leak: float) -> Path:
    path = folder / f"front_{alpha}-{seed}"
    (path / "predictions").mkdir(parents=True)
    objective = {"contrast": {"weight": alpha, "domain_weight": 2.5}, "domains": {}}
    (path / "config.yaml").write_text(yaml.safe_dump({"name": "front", "objective": objective}))
    leaks = {name: {"value": leak} for name in ("speaker_linear", "speaker_mlp")}
    card = {"metrics": {"uar": {"value": uar}}, "leakage": {"metrics": leaks}}
    (path / "predictions" / "validation.json").write_text(json.dumps(card))
    return path


def test_seeds_are_averaged_and_settings_kept_apart(tmp_path, capsys):
    runs = [run(tmp_path, 0.3, 0, 0.5, 0.4), run(tmp_path, 0.3, 1, 0.6, 0.6)]
    runs += [run(tmp_path, 1.0, 0, 0.4, 0.7)]
    found = settings_of(runs)
    assert [one["alpha"] for one in found] == [0.3, 1.0]
    assert found[0]["uar"] == pytest.approx(0.55)
    assert (found[0]["seeds"], found[0]["beta"]) == (2, 0.0)
    main([str(path) for path in runs])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("alpha,beta,lambda,seeds,uar")
    assert lines[1].endswith(",yes")
    assert lines[2].endswith(",")


def test_equal_settings_are_both_on_the_frontier():
    assert frontier([{"uar": 0.5, "speaker_mlp": 0.5}] * 2) == [True, True]


def test_a_run_without_leakage_is_named(tmp_path):
    path = run(tmp_path, 1.0, 0, 0.5, 0.5)
    (path / "predictions" / "validation.json").write_text("{}")
    with pytest.raises(ValueError, match="--leakage first"):
        settings_of([path])
