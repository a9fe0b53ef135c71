from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.data.checks import check_manifest
from affectrep.data.corpora.face_table import prepare, read_face_table
from affectrep.data.face_checks import check_faces
from tests.data.corpora.faces import write_face


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


def table(folder, count: int = 24) -> pd.DataFrame:
    """Write images of 8 persons and return the table of them."""
    generator = np.random.default_rng(1)
    rows = []
    for number in range(count):
        write_face(folder / "images" / f"{number:02d}.png")
        rows.append(
            {
                "path": f"images/{number:02d}.png",
                "valence": round(float(generator.uniform(-1, 1)), 3),
                "arousal": round(float(generator.uniform(-1, 1)), 3),
                "subject": f"p{number // 3}",
            }
        )
    return pd.DataFrame(rows)


def test_persons_are_kept_apart_where_they_are_known(tmp_path):
    table(tmp_path).to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", holdout=0.2)
    found = manifest.rows.groupby("split")["subject"].agg(set)
    assert set(found.index) == {"train", "validation", "test"}
    assert sum(map(len, found)) == 8
    assert manifest.rows["id"].tolist()[0] == "images/00.png"
    assert manifest.rows["path"].tolist()[0] == str(tmp_path / "images" / "00.png")
    assert manifest.rows["row"].tolist()[:2] == [2, 3]
    assert manifest.info.notes[-1].startswith("Persons are known: ")
    assert check_manifest(manifest) == []


def test_columns_are_mapped_and_a_folder_is_read(tmp_path):
    rows = table(tmp_path).rename(columns={"path": "file", "valence": "v", "arousal": "a"})
    rows["mood"] = ["Joy", "calm"] * 12
    rows["who"] = [7.0] * 12 + [8.0] * 12
    rows[:12].drop(columns="subject").to_csv(tmp_path / "train.csv", index=False)
    rows[12:18].drop(columns="subject").to_csv(tmp_path / "dev.csv", index=False)
    rows[18:].drop(columns="subject").to_csv(tmp_path / "test.csv", index=False)
    columns = {"path": "file", "valence": "v", "arousal": "a", "expression": "mood"}
    manifest = prepare(tmp_path, columns={**columns, "subject": "who"}, labels={"Joy": "happiness"})
    sizes = manifest.rows["split"].value_counts().to_dict()
    assert sizes == {"train": 12, "validation": 6, "test": 6}
    assert set(manifest.rows["expression"]) == {"happiness", "calm"}
    assert set(manifest.rows["source_file"]) == {"train.csv", "dev.csv", "test.csv"}
    problems = check_manifest(manifest)
    assert [problem.kind for problem in problems] == ["leak"]
    assert "share their subject with validation" in problems[0].message


def test_without_persons_it_says_so_and_keeps_equal_images_together(tmp_path):
    rows = table(tmp_path).drop(columns="subject")
    for number in range(0, 24, 2):
        content = (tmp_path / "images" / f"{number:02d}.png").read_bytes()
        (tmp_path / "images" / f"{number + 1:02d}.png").write_bytes(content)
    rows.to_parquet(tmp_path / "a.parquet")
    manifest = prepare(tmp_path / "a.parquet", holdout=0.2)
    assert len(manifest.rows) == 24
    assert "not person-independent" in manifest.info.notes[-1]
    assert check_manifest(manifest) == []


def test_an_image_of_two_persons_leaves_the_training_side(tmp_path):
    table(tmp_path).to_csv(tmp_path / "a.csv", index=False)
    rows = prepare(tmp_path / "a.csv", holdout=0.2).rows
    tested = rows.loc[rows["split"] == "test", "path"].iloc[0]
    trained = rows.loc[rows["split"] == "train", "path"].iloc[0]
    with open(tested, "rb") as source, open(trained, "wb") as target:
        target.write(source.read())
    manifest = prepare(tmp_path / "a.csv", holdout=0.2)
    assert manifest.info.dropped == {"train rows whose image is also in test": 1}
    assert trained not in set(manifest.rows["path"])


def test_frames_and_boxes(tmp_path):
    rows = table(tmp_path).drop(columns="subject")
    rows = rows.assign(video=[f"v{n // 4}" for n in range(24)], frame=[n % 4 for n in range(24)])
    rows = rows.assign(box_left=1.5, box_top="", box_side=8)
    rows.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", protocol="folds fold=1 folds=3")
    found = manifest.rows.groupby("split")["video"].agg(set)
    assert sum(map(len, found)) == 6
    assert len(found["test"]) == 2
    assert manifest.rows["frame"].dtype == int
    assert manifest.rows["box_top"].isna().all()
    assert set(manifest.rows["box_left"]) == {1.5}


def test_words_for_what_is_not_known_name_nobody(tmp_path):
    rows = table(tmp_path).assign(expression="calm", video="v1", frame=range(24))
    unknown = ["None", "nan", " NULL ", ""]
    for name in ("subject", "expression", "video"):
        rows.loc[:3, name] = unknown
    rows.to_csv(tmp_path / "a.csv", index=False)
    found = read_face_table(tmp_path / "a.csv")
    for name in ("subject", "expression", "video"):
        assert found.loc[:4, name].isna().tolist() == [True] * 4 + [False]
    notes = prepare(tmp_path / "a.csv", holdout=0.2).info.notes
    assert notes[-1].startswith("4 of 24 rows have no known person")
    labels = {"None": "neutral", "calm": "calm"}  # mapped, none is an expression
    words = prepare(tmp_path / "a.csv", labels=labels, holdout=0.2).rows["expression"].tolist()
    assert words[:2] == ["neutral", None]


def test_blank_paths_are_left_to_the_checks(tmp_path):
    rows = table(tmp_path).drop(columns="subject")
    rows.loc[5, "path"] = ""
    rows.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", holdout=0.2)
    assert check_manifest(manifest) == []
    found = [item for item in check_faces(manifest.rows) if item.severity == "error"]
    assert [(item.message, item.rows) for item in found] == [
        ("the path is blank: fill it in or remove the row", (7,))
    ]


def test_a_blank_split_beside_others_is_no_training_row(tmp_path):
    rows = table(tmp_path).assign(split=["train"] * 18 + ["dev"] * 3 + ["test"] * 3)
    rows.loc[[2, 19], "split"] = ["", " "]
    rows.to_csv(tmp_path / "a.csv", index=False)
    (problem,) = check_manifest(prepare(tmp_path / "a.csv"))
    assert (problem.kind, problem.rows) == ("unknown_split", (4, 21))
    assert "the split '' is unknown: use train, validation, test" in problem.message
    rows.assign(split="").to_csv(tmp_path / "a.csv", index=False)  # as good as no column
    assert check_manifest(prepare(tmp_path / "a.csv", holdout=0.2)) == []


def test_cells_of_a_box_that_are_no_numbers_are_named(tmp_path):
    rows = table(tmp_path).assign(box_left=1, box_top=1, box_side=8).astype(object)
    boxes = ["box_left", "box_top", "box_side"]
    rows.loc[3, "box_side"] = "abc"
    rows.loc[4, "box_side"] = ""
    rows.loc[5, boxes] = "abc"
    rows.loc[6, boxes] = ["", " ", "nan"]  # no square
    rows.loc[7, "box_left"] = 900
    rows.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", holdout=0.2)
    assert manifest.rows.loc[6, boxes].isna().all()
    found = [item for item in check_faces(manifest.rows) if item.kind == "bad_box"]
    assert [item.rows for item in found] == [("5 03.png", "6 04.png", "7 05.png"), ("9 07.png",)]


def test_bad_rows_are_left_to_the_checks_which_name_all(tmp_path):
    rows = table(tmp_path).assign(split=["train"] * 18 + ["dev"] * 3 + ["test"] * 3)
    rows = rows.astype({"valence": object})
    rows.loc[2, "valence"] = "high"
    rows.loc[4, "arousal"] = 1.5
    rows.loc[6, "path"] = rows.loc[5, "path"]
    rows.loc[8, "path"] = "images/none.png"
    rows.loc[9, "split"] = "fold3"
    rows.loc[22, "subject"] = "p0"
    rows.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv")
    assert manifest.rows.loc[manifest.rows["content"] == "", "row"].tolist() == [10]
    found = [(problem.kind, problem.rows) for problem in check_manifest(manifest)]
    assert found == [
        ("unknown_split", (11,)),
        ("duplicate_id", (7, 8)),
        ("bad_value", (4,)),
        ("bad_value", (6,)),
        ("leak", ("24 = 2",)),
    ]
    assert read_face_table(tmp_path / "a.csv")["split"].tolist()[18] == "validation"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": {"path": "file"}}, r"no column file \(for path\): it has path, valence"),
        ({"columns": {"speaker": "subject"}}, r"data\.columns\.speaker is no column of a table of"),
        ({"columns": {"video": "subject"}}, "video, frame go together, frame is missing"),
        ({"protocol": "speakers"}, "of face_table has the word 'speakers': expected folds, fold="),
        ({"holdout": 0.5}, r"data\.holdout=0\.5 for validation and again"),
        ({"labels": {"a": "b"}}, r"without a column expression has no use for data\.labels"),
        ({"columns": {"video": "subject", "frame": "subject"}}, "frame is no whole number .* 2, 3"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, settings: dict[str, Any], message):
    table(tmp_path).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path / "a.csv", **settings)


def test_wrong_roots_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"face_table needs its data\. Set data\.root to a CSV"):
        prepare(None)
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        prepare(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"holds no \.csv, \.tsv or \.parquet file"):
        prepare(tmp_path)


def test_one_person_is_left_out_and_folds_test_each_person_once(tmp_path):
    table(tmp_path).to_csv(tmp_path / "a.csv", index=False)
    words = "leave_group_out column=subject value=p3"
    found = prepare(tmp_path / "a.csv", protocol=words).rows.groupby("split")["subject"].agg(set)
    assert found["test"] == {"p3"}
    assert not found["train"] & found["validation"]
    tested = []
    for fold in range(4):
        rows = prepare(tmp_path / "a.csv", protocol=f"folds column=subject fold={fold} folds=4")
        tested += sorted(set(rows.split("test")["subject"]))
    assert sorted(tested) == [f"p{number}" for number in range(8)]
    with pytest.raises(ValueError, match="no row has the subject p9: there are p0, p1"):
        prepare(tmp_path / "a.csv", protocol="leave_group_out column=subject value=p9")
    with pytest.raises(ValueError, match="name in the column speaker"):
        prepare(tmp_path / "a.csv", protocol="folds column=speaker")
