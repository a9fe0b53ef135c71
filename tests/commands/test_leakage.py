from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from affectrep.commands.embedding_map import add_map
from affectrep.commands.leakage import add_leakage, leakage_table, require_leakage
from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.evaluation.embeddings import Embeddings
from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.leakage import ATTACKERS, Leakage, leakage_path
from affectrep.evaluation.predictions import predictions_table
from affectrep.evaluation.results import results_of, results_table
from affectrep.evaluation.scorecard import scorecard
from affectrep.evaluation.stored_run import StoredRun
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
    add_map(reader, table)
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


class FaceReader:
    """Stands for a SplitReader of a regression run whose rows name subjects."""

    def __init__(self, stored: StoredRun) -> None:
        self.stored = stored
        info = CorpusInfo("f", "F", "face", "regression", [], "CC0", "tests")
        self.manifest = Manifest(pd.concat(map(face_rows, _FIRST), ignore_index=True), info)

    def table(self, split: str) -> pd.DataFrame:
        rows = self.manifest.split(split)
        targets = rows[["valence", "arousal"]].to_numpy()
        found = Predictions(list(rows["id"]), targets, (0.8 * targets).astype(np.float32))
        table = predictions_table(found, "regression", domains=rows[["subject", "expression"]])
        table.attrs |= {"split": split, "model": self.stored.model_hash}
        return table

    def embeddings(self, split: str) -> Embeddings:
        rows = self.manifest.split(split)
        values = np.random.default_rng(0).normal(size=(len(rows), 8))
        values[:, :2] += 3 * rows[["valence", "arousal"]].to_numpy()
        return Embeddings(list(rows["id"]), values, split, self.stored.model_hash)


_FIRST = {"train": 0, "validation": 10, "test": 20}


def face_rows(split: str) -> pd.DataFrame:
    who = np.repeat(np.arange(_FIRST[split], _FIRST[split] + 5), 12)
    rows = pd.DataFrame({"id": [f"{split}-{i}" for i in range(len(who))]})
    rows["subject"] = [f"p{i}" for i in who]
    rows[["valence", "arousal"]] = np.array([(0.6, 0.4), (-0.6, 0.4), (0.0, 0.0)])[
        np.arange(len(who)) % 3
    ]
    rows["expression"] = ["happiness", "anger", None] * 20
    return rows.assign(split=split, path=rows["id"] + ".png", content=rows["id"])


def test_faces_are_measured_by_subject(tmp_path: Path) -> None:
    reader = FaceReader(leaky_run(tmp_path))
    card = card_of(reader, "test")
    names = {"subject_linear", "subject_mlp", "quadrant_probe"}
    expected = names | {f"{name}_nats" for name in names} | {"eer_unseen_subjects"}
    assert set(card["leakage"]["metrics"]) == expected
    console = Console(record=True, width=120)
    console.print(leakage_table(card))
    shown = console.export_text()
    assert "identities verified" in shown
    assert "Equal error rate, unseen identities" in shown
    assert "peaker" not in shown
    found = read_map(reader.stored, "test")
    assert found is not None
    assert {"subject", "expression", "split"} <= set(found)
    rows = reader.manifest.rows.set_index("id").loc[found["id"]]
    assert found["valence"].tolist() == rows["valence"].tolist()
    assert found["predicted_arousal"].to_numpy() == pytest.approx(0.8 * rows["arousal"].to_numpy())
    assert found["subject"].tolist() == rows["subject"].tolist()
    assert set(found["expression"]) == {"happiness", "anger", ""}


def test_faces_are_refused_in_their_own_words() -> None:
    rows = pd.concat(map(face_rows, _FIRST))
    require_leakage("test", rows)
    with pytest.raises(ValueError, match="verifies identities that training never saw"):
        require_leakage("train", rows)
    with pytest.raises(ValueError, match="a speaker or a subject; this corpus names none"):
        require_leakage("test", rows.assign(subject=None))
