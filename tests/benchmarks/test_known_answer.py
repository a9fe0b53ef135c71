"""The known-answer check against tables with known answers, and end to end (slow)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from affectrep.commands import train
from tests.benchmarks.known_answer import known_answer, main, planted_pairs

PLANTED = {frozenset("ab"), frozenset("cd")}


def table(cosine: list[int], learned: list[int]) -> pd.DataFrame:
    pairs = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
    columns = dict(zip(("class_a", "class_b"), zip(*pairs, strict=True), strict=True))
    return pd.DataFrame({**columns, "cosine": cosine, "learned": learned, "confusion": learned})


def test_recall_and_share():
    found = known_answer(table([9, 8, 0, 0, 0, 3], [6, 1, 1, 1, 1, 10]), PLANTED)
    assert found["chance"] == pytest.approx(1 / 3)
    assert (found["recall_cosine"], found["recall_learned"]) == (0.5, 1.0)
    assert found["share_cosine"] == pytest.approx(0.6)
    assert found["share_learned"] == pytest.approx(0.8)


def test_a_missing_pair_is_named():
    with pytest.raises(ValueError, match="all planted pairs"):
        known_answer(table([1] * 6, [1] * 6).iloc[1:], PLANTED)


def test_fourteen_pairs_are_planted():
    assert len(planted_pairs()) == 4 * 3 + 2


@pytest.mark.slow
def test_the_miner_finds_what_was_planted(tmp_path, monkeypatch, capsys):
    """Without being told of confusions, on a real encoder: far above chance, and above a half."""
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    blind = ["objective.mining.partners=15", "objective.mining.confusion_weight=0"]
    train.run(
        root / "configs/fec_text/demo_aml.yaml", [*blind, "training.epochs=2"], output=tmp_path
    )
    found = known_answer(
        pd.read_csv(tmp_path / "demo_aml-0" / "findings" / "mined_pairs.csv"), planted_pairs()
    )
    assert found["recall_learned"] > 0.5
    assert found["recall_cosine"] > 0.5
    assert found["share_learned"] > 2 * found["chance"]
    main([str(tmp_path / "demo_aml-0")])
    assert "demo_aml-0" in capsys.readouterr().out
