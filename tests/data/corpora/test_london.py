from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.data.corpora.london import prepare
from affectrep.data.rows import compare_rows
from tests.data.corpora.faces import write_face

REPOSITORY = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("AFFECTREP_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.fixture
def table(tmp_path):
    rows = []
    for name, expression, subject in (
        ("001_03", "neutral", "london_001"),
        ("001_08", "happiness", "london_001"),
        ("canada_101f", "neutral", "canada_101f"),
    ):
        write_face(tmp_path / "london" / f"{name}.jpg")
        rows.append((f"london/{name}.jpg", "", "", expression, subject, "test"))
    header = ["path", "valence", "arousal", "expression", "subject", "split"]
    pd.DataFrame(rows, columns=header).to_csv(tmp_path / "london.csv", index=False)
    return tmp_path


def test_faces_have_persons_and_expressions_but_no_targets(table):
    manifest = prepare(table)
    rows = manifest.rows
    assert rows["id"].tolist() == ["001_03", "001_08", "canada_101f"]
    assert rows[["valence", "arousal"]].isna().all(axis=None)
    assert set(rows["split"]) == {"test"}
    assert rows["subject"].tolist() == ["london_001", "london_001", "canada_101f"]
    assert rows["expression"].tolist() == ["neutral", "happiness", "neutral"]
    assert manifest.info.notes == [
        "1 of 2 persons are there both neutral and smiling; no valence or arousal is known, so "
        "there is nothing to train on.",
        "Persons are known: 2 in test.",
    ]


def test_the_official_folders_give_the_same_rows(tmp_path):
    for name in ("neutral_front/001_03", "smiling_front/001_08", "neutral_front/002_03"):
        write_face(tmp_path / f"{name}.jpg")
    write_face(tmp_path / "neutral_front" / "template.jpg")
    rows = prepare(tmp_path).rows.set_index("id")
    assert rows["expression"].to_dict() == {
        "001_03": "neutral",
        "002_03": "neutral",
        "001_08": "happiness",
    }
    assert rows.loc["001_08", "subject"] == rows.loc["001_03", "subject"] == "london_001"


def test_a_label_or_another_folder_is_refused(table, tmp_path):
    text = (table / "london.csv").read_text().replace("001_08.jpg,,", "001_08.jpg,0.5,")
    (table / "london.csv").write_text(text)
    with pytest.raises(ValueError, match=r"london\.csv row 3 has a valence or arousal"):
        prepare(table)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"is not London faces: expected london\.csv, or neutral"):
        prepare(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"london has no use for data\.protocol"):
        prepare(table, protocol="folds")


@pytest.mark.real_data
def test_the_shared_faces_are_those_of_the_row_list():
    manifest = prepare(FOLDER / "face")
    assert len(manifest.rows) == 244
    assert manifest.rows["content"].is_unique
    assert manifest.rows["subject"].nunique() == 142
    assert compare_rows(manifest, REPOSITORY / "recipes" / "fer_av" / "rows" / "london.csv") == []
