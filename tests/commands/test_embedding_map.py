from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.commands import embedding_map as command
from affectrep.commands.embedding_map import add_map
from affectrep.data.manifest import Manifest
from affectrep.evaluation.embeddings import Embeddings
from affectrep.reporting.scatter import maps, read_map
from affectrep.reporting.subject import Subject
from tests.evaluation.leaky import LeakyReader, leaky_run


@pytest.fixture
def reader(tmp_path: Path) -> LeakyReader:
    return LeakyReader(leaky_run(tmp_path))


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


class Nameless:
    """The same reader of rows that name nobody and no language."""

    def __init__(self, whole: LeakyReader) -> None:
        self.whole, self.stored = whole, whole.stored
        rows = whole.manifest.rows.drop(columns=["speaker", "language"])
        self.manifest = Manifest(rows, whole.manifest.info)

    def table(self, split: str) -> pd.DataFrame:
        whole = self.whole.table(split)
        table = whole.drop(columns=["speaker", "language"])
        table.attrs = whole.attrs
        return table

    def embeddings(self, split: str) -> Embeddings:
        return self.whole.embeddings(split)


def test_without_speakers_the_split_stands_alone_and_is_drawn_by_emotion(
    reader: LeakyReader,
) -> None:
    nameless = Nameless(reader)
    table = nameless.table("test")
    add_map(nameless, table)
    assert set(reader.seen) == {"test"}
    found = read_map(reader.stored, "test")
    assert found is not None
    assert found["id"].tolist() == table["id"].tolist()
    assert np.isfinite(found[["x", "y", "pca_x", "pca_y"]].to_numpy()).all()
    html = maps(Subject([reader.stored], "test", [{}]))
    assert html.count("<figcaption>") == 2
    assert "<figcaption>By emotion</figcaption>" in html
    assert "<figcaption>By emotion, principal components</figcaption>" in html
    assert "Outlined" not in html


def test_three_rows_have_no_map(reader: LeakyReader) -> None:
    nameless = Nameless(reader)
    table = nameless.table("test")
    few = table.iloc[:3].copy()
    few.attrs = table.attrs
    add_map(nameless, few)
    assert read_map(reader.stored, "test") is None
