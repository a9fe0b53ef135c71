from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.attackers import Attacker, utterance_split
from affectrep.evaluation.leakage_answers import (
    answers_of,
    probes_of,
    read_answers,
    write_answers,
)
from affectrep.evaluation.probes import leakage, mean_probe, probe, probe_within

WHO = np.repeat(np.arange(6), 15)
VALUES = np.random.default_rng(0).normal(size=(90, 5)) + 1.3 * np.eye(6)[WHO][:, :5]
HELD = utterance_split(WHO)
IDS = [f"r{i:03d}" for i in range(90)]


def test_a_probe_comes_back_from_its_answers() -> None:
    first = probe(VALUES, WHO, HELD)
    second = probes_of(answers_of("speaker", {"": first}, IDS))["speaker"]
    assert second.values == pytest.approx(first.values)
    assert second.chance == first.chance
    for name, interval in leakage(first).items():
        assert leakage(second)[name].low == pytest.approx(interval.low)


def test_a_mean_over_groups_comes_back() -> None:
    parts = probe_within(VALUES, WHO, HELD, within=WHO // 3, attacker=Attacker("mlp", steps=20))
    answers = answers_of("speaker", parts, IDS)
    assert sorted(set(answers["group"])) == ["0", "1"]
    second = probes_of(answers)["speaker"]
    assert second.values == pytest.approx(mean_probe(parts).values)
    assert second.chance == pytest.approx(1 / 3)
    assert len(second.rows) == HELD.sum()


def test_files(tmp_path: Path) -> None:
    answers = answers_of("speaker", {"": probe(VALUES, WHO, HELD)}, IDS)
    path = tmp_path / "new" / "a.parquet"
    write_answers(path, answers, {"about": {"rows": 90}})
    again = read_answers(path)
    pd.testing.assert_frame_equal(again, answers)
    assert again.attrs["about"] == {"rows": 90}
    assert [one.name for one in path.parent.iterdir()] == ["a.parquet"]
    answers.drop(columns="hit").to_parquet(path)
    with pytest.raises(ValueError, match="no answers of leakage"):
        read_answers(path)
    path.write_text("no")
    with pytest.raises(ValueError, match="not a readable Parquet"):
        read_answers(path)
