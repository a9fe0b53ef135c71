from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from affectrep.commands import leakage as command
from affectrep.commands.leakage import add_leakage, add_map, leakage_table, require_leakage
from affectrep.evaluation.leakage import ATTACKERS, Leakage, leakage_path
from affectrep.evaluation.results import results_of, results_table
from affectrep.evaluation.scorecard import scorecard
from affectrep.reporting.scatter import read_map
from tests.evaluation.leaky import QUICK, LeakyReader, leaky_run

NAMES = {
    f"{name}{suffix}"
    for name in (
        "speaker_linear",
        "speaker_mlp",
        "language_linear",
        "language_mlp",
        "emotion_probe",
    )
    for suffix in ("", "_nats")
} | {"eer_unseen"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, attacker in QUICK.items():
        monkeypatch.setitem(ATTACKERS, name, attacker)


@pytest.fixture
def reader(tmp_path: Path) -> LeakyReader:
    return LeakyReader(leaky_run(tmp_path))


def card_of(reader: LeakyReader, split: str) -> dict:
    table = reader.table(split)
    card = {"config": "leaky", "seed": 0, "split": split, "data": "c0", **scorecard(table)}
    add_leakage(card, reader, table)
    return card


def test_figures_files_and_results(reader: LeakyReader, tmp_path: Path) -> None:
    card = card_of(reader, "test")
    figures = card["leakage"]["metrics"]
    assert set(figures) == NAMES
    assert figures["speaker_linear"]["value"] > 0.4
    assert figures["eer_unseen"]["n"] == 48
    assert card["leakage"]["about"]["verified"] == "test"
    stored = Leakage.load(leakage_path(reader.stored, "test"))
    assert stored.figures() == figures
    assert stored.answers.attrs["model"] == reader.stored.model_hash
    lines = {one.metric: one for one in results_of(card, {}, "strict z")}
    assert NAMES | {"uar"} <= set(lines)
    assert lines["speaker_mlp"].condition == "strict z"
    assert lines["speaker_mlp"].n == figures["speaker_mlp"]["n"] != card["n"]
    assert lines["uar"].n == card["n"]
    frame = pd.DataFrame([vars(one) for one in lines.values()])
    assert "peaker" not in results_table(frame)  # the README's table is wide enough
    console = Console(record=True, width=120)
    console.print(leakage_table(card))
    shown = console.export_text()
    assert "Equal error rate, unseen speakers" in shown
    assert "Speaker in nats, hidden layer" in shown


def test_a_card_of_validation_reads_no_test_row(reader: LeakyReader) -> None:
    card = card_of(reader, "validation")
    assert set(reader.seen) == {"train", "validation"}
    about = card["leakage"]["about"]
    assert about["verification"]["speakers"] == 6
    found = read_map(reader.stored, "validation")
    assert found is not None
    assert set(found["split"]) == {"validation"}


def test_the_probes_do_not_depend_on_the_split(reader: LeakyReader) -> None:
    both = [card_of(reader, split)["leakage"]["metrics"] for split in ("validation", "test")]
    assert both[0]["speaker_mlp"] == both[1]["speaker_mlp"]
    assert both[0]["eer_unseen"] != both[1]["eer_unseen"]


def test_the_map_of_test_shows_validation_too(
    reader: LeakyReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_map(reader, reader.table("test"))
    found = read_map(reader.stored, "test")
    assert found is not None
    assert found["split"].value_counts().to_dict() == {"validation": 72, "test": 48}
    assert {"label", "predicted", "speaker", "language"} <= set(found)
    rows = reader.manifest.split("validation").set_index("id")
    there = found[found["split"] == "validation"].set_index("id")
    assert (there["language"] == rows.loc[there.index, "language"]).all()
    monkeypatch.setattr(command, "_DRAWN", 50)
    add_map(reader, reader.table("test"))
    less = read_map(reader.stored, "test")
    assert less is not None
    assert len(less) == 50
    assert less.attrs["of"] == 120


def test_what_cannot_be_measured_is_refused_early(reader: LeakyReader) -> None:
    rows = reader.manifest.rows
    require_leakage("test", rows)
    with pytest.raises(ValueError, match="--split validation or test"):
        require_leakage("train", rows)
    for odd in (rows.drop(columns="speaker"), rows.assign(speaker=None)):
        with pytest.raises(ValueError, match="names none"):
            require_leakage("test", odd)
    with pytest.raises(ValueError, match="--split validation or test"):
        add_leakage({}, reader, reader.table("train"))
