"""The levers are configurations that exist, and the rule takes the best one, first of equals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from affectrep.config import differing_keys, load_config
from tests.benchmarks.speech_network_levers import (
    CONFIG,
    LEVERS,
    TARGETS,
    choices,
    folder_of,
    scores,
    table,
)


@pytest.mark.parametrize("lever", LEVERS)
def test_each_lever_is_one_change_of_the_configuration(lever: str) -> None:
    own, changed = load_config(CONFIG), load_config(CONFIG, list(LEVERS[lever]))
    different = differing_keys(own, changed)
    assert bool(different) == (lever != "proposed")
    assert all(key.startswith(("objective.", "heads.projection_dim")) for key in different)


def test_scores_are_means_over_seeds_and_the_best_is_taken(tmp_path: Path) -> None:
    for target in TARGETS:
        for place, lever in enumerate(LEVERS):
            for seed in range(2):
                folder = folder_of(tmp_path, lever, target, seed)
                (folder / "predictions").mkdir(parents=True)
                (folder / "config.yaml").write_text(yaml.safe_dump({"name": lever}))
                value = 0.4 + 0.1 * seed + (0.2 if place in (4, 6) else 0.0)
                card = {"metrics": {"uar": {"value": value}}}
                (folder / "predictions" / "validation.json").write_text(json.dumps(card))
    found = scores(tmp_path, seeds=2)
    assert found["de"]["proposed"] == pytest.approx(0.45)
    assert choices(found) == dict.fromkeys(TARGETS, "temperature_.05")
    lines = list(table(found))
    assert lines[0] == "| Setting | en | de | ur | it | pl | mean |"
    assert lines[6] == "| `temperature_.05` |" + " **65.0** |" * 5 + " 65.0 |"


def test_a_run_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="lever_proposed"):
        scores(tmp_path)
