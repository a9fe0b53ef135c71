from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from affectrep.data.checks import check_manifest, require_clean
from affectrep.data.corpora.table import prepare


def rows(size: int = 120) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "body": [f"Utterance number {number}" for number in range(size)],
            "mood": [["1", "2", "3"][number % 3] for number in range(size)],
            "who": [f"p{number // 3 % 12}" for number in range(size)],
        }
    )


COLUMNS = {"text": "body", "label": "mood"}
MOODS = {"1": "calm", "2": "glad", "3": "sad"}


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_one_file_is_split_by_class(tmp_path, ending):
    path = tmp_path / f"mine.{ending}"
    if ending == "parquet":
        rows().to_parquet(path)
    else:
        rows().to_csv(path, index=False, sep="," if ending == "csv" else "\t")
    manifest = prepare(path, columns=COLUMNS, labels=MOODS)
    assert manifest.info.classes == ["calm", "glad", "sad"]
    assert manifest.info.title == f"mine.{ending}"
    counts = manifest.rows.groupby("split")["label"].value_counts().unstack()
    assert counts.loc["train"].tolist() == [32, 32, 32]
    assert counts.loc["validation"].tolist() == counts.loc["test"].tolist() == [4, 4, 4]
    assert [note[:26] for note in manifest.info.notes] == [
        "No test rows were given: 1",
        "No validation rows were gi",
    ]
    first = 1 if ending == "parquet" else 2
    assert manifest.rows["id"].tolist()[0] == f"mine.{ending}:{first}"
    assert check_manifest(manifest) == []


def test_a_split_column_is_kept_and_validation_drawn(tmp_path):
    table = rows().assign(part=["Training"] * 90 + ["test"] * 30)
    table.to_csv(tmp_path / "a.csv", index=False)
    columns = {**COLUMNS, "split": "part"}
    manifest = prepare(tmp_path / "a.csv", columns=columns, holdout=0.2)
    assert manifest.rows["split"].value_counts().to_dict() == {
        "train": 72,
        "test": 30,
        "validation": 18,
    }
    assert len(manifest.info.notes) == 1
    table["part"] = ["train"] * 60 + ["dev"] * 30 + ["test"] * 30
    table.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", columns=columns)
    assert manifest.info.notes == []
    assert check_manifest(manifest) == []


def test_files_named_after_splits(tmp_path):
    for number, name in enumerate(("train", "dev", "test")):
        rows()[number * 40 : (number + 1) * 40].to_csv(tmp_path / f"{name}.csv", index=False)
    manifest = prepare(tmp_path, columns=COLUMNS)
    assert manifest.rows["split"].value_counts().to_dict() == {
        "train": 40,
        "validation": 40,
        "test": 40,
    }
    assert set(manifest.rows["source_file"]) == {"train.csv", "dev.csv", "test.csv"}
    assert check_manifest(manifest) == []


def test_a_folder_of_other_files_is_joined(tmp_path):
    rows()[:60].to_csv(tmp_path / "one.csv", index=False)
    rows()[60:].to_csv(tmp_path / "two.tsv", index=False, sep="\t")
    manifest = prepare(tmp_path, columns=COLUMNS)
    assert len(manifest.rows) == 120
    assert manifest.rows["id"].is_unique


@pytest.mark.parametrize("ours", ["speaker", "author", "subject"])
def test_people_are_kept_apart_where_they_are_mapped(tmp_path, ours):
    table = rows()
    table.loc[table["who"] == "p3", "body"] = "Thank you"
    table.loc[table["who"] == "p7", "body"] = "thank you"
    table.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", columns={**COLUMNS, ours: "who"})
    people = manifest.rows.groupby("split")[ours].agg(set)
    assert not people["train"] & people["test"]
    assert not people["train"] & people["validation"]
    assert f"whole {ours}s" in manifest.info.notes[0]


def test_training_rows_that_repeat_a_held_out_text_are_dropped_and_counted(tmp_path):
    table = rows().assign(
        body=lambda r: ["Same for all" if n < 12 else b for n, b in enumerate(r["body"])]
    )
    table["who"] = [f"p{number % 12}" for number in range(120)]
    table.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", columns={**COLUMNS, "speaker": "who"})
    assert sum(manifest.info.dropped.values()) + len(manifest.rows) == 120
    assert "training rows whose text is in test" in manifest.info.dropped
    require_clean(check_manifest(manifest))


def test_several_labels_and_numbers(tmp_path):
    table = rows().assign(mood=["1|2", "2", "3|1"] * 40)
    table.to_csv(tmp_path / "a.csv", index=False)
    columns = {"text": "body", "labels": "mood"}
    manifest = prepare(tmp_path / "a.csv", columns=columns, labels=MOODS)
    assert manifest.info.task == "multilabel"
    assert manifest.rows["labels"].tolist()[:3] == [["calm", "glad"], ["glad"], ["sad", "calm"]]
    table.assign(mood=[["b", "a"], [], ["a"]] * 40).to_parquet(tmp_path / "a.parquet")
    manifest = prepare(tmp_path / "a.parquet", columns=columns)
    assert manifest.info.classes == ["a", "b"]
    plane = rows().assign(v=0.5, a="-0.25").drop(columns="mood")
    plane.to_csv(tmp_path / "b.csv", index=False)
    manifest = prepare(tmp_path / "b.csv", columns={"text": "body", "valence": "v", "arousal": "a"})
    assert manifest.info.task == "regression"
    assert manifest.targets("test")[0].tolist() == [0.5, -0.25]


def test_numbers_as_labels_and_ids(tmp_path):
    table = rows().assign(mood=lambda r: r["mood"].astype(float), number=range(120))
    table.loc[0, "mood"] = None
    table.to_parquet(tmp_path / "a.parquet")
    manifest = prepare(tmp_path / "a.parquet", columns={**COLUMNS, "id": "number"})
    assert manifest.info.classes == ["1", "2", "3"]
    assert manifest.rows["id"].tolist()[:2] == ["0", "1"]
    assert [problem.kind for problem in check_manifest(manifest)] == ["no_label"]


def test_bad_rows_are_all_listed_with_their_numbers(tmp_path):
    table = rows().assign(part=["train"] * 60 + ["dev"] * 30 + ["test"] * 30, number=range(120))
    table.loc[3, "body"] = "  "
    table.loc[5, "mood"] = "9"
    table.loc[7, "mood"] = ""
    table.loc[100, "body"] = table.loc[1, "body"].upper()
    table.loc[20, "number"] = 19
    table.loc[30, "part"] = "fold3"
    table.to_csv(tmp_path / "a.csv", index=False)
    columns = {**COLUMNS, "split": "part", "id": "number"}
    manifest = prepare(tmp_path / "a.csv", columns=columns, labels=MOODS)
    found = {problem.kind: problem.rows for problem in check_manifest(manifest)}
    assert found == {
        "unknown_split": (32,),
        "duplicate_id": (21, 22),
        "empty_text": (5,),
        "no_label": (9,),
        "unknown_label": (7,),
        "leak": ("102 = 3",),
    }
    with pytest.raises(ValueError, match="the data has 6 problems"):
        require_clean(check_manifest(manifest))


def test_a_class_without_training_rows_and_a_missing_test(tmp_path):
    table = rows().assign(part=["train"] * 60 + ["dev"] * 60)
    table.loc[table["part"] == "train", "mood"] = "1"
    table.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", columns={**COLUMNS, "split": "part"})
    kinds = [problem.kind for problem in check_manifest(manifest)]
    assert kinds == ["empty_split", "one_class", "no_training_rows"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": {"text": "txt", "label": "feel"}}, r"no column txt \(for text\), feel"),
        ({"columns": {"label": "mood"}}, r"no column text: it has body, mood, who\. Map its"),
        ({"columns": {"text": "body"}}, "has no target: map one of label, labels, or valence"),
        ({"columns": {**COLUMNS, "labels": "mood"}}, "has several targets"),
        ({"columns": {"text": "body", "valence": "mood"}}, "valence and arousal go together"),
        ({"columns": {**COLUMNS, "feeling": "mood"}}, r"data\.columns\.feeling is no column of a"),
        ({"columns": COLUMNS, "protocol": "x"}, r"table has no use for data\.protocol"),
        ({"columns": COLUMNS, "holdout": 0.5}, r"data\.holdout=0\.5 for validation and again"),
    ],
)
def test_wrong_settings_are_refused_in_words(tmp_path, settings: dict[str, Any], message):
    rows().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path / "a.csv", **settings)


def test_wrong_roots_are_refused_in_words(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"needs its data\. Set data\.root to a CSV"):
        prepare(None)
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        prepare(tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match=r"holds no \.csv, \.tsv or \.parquet file"):
        prepare(tmp_path)
    path = tmp_path / "a.csv"
    path.write_bytes("body,mood\ndéjà,1\n".encode("windows-1252"))
    with pytest.raises(ValueError, match=r"a\.csv is not UTF-8: line 2"):
        prepare(path, columns=COLUMNS)


def test_a_data_set_of_the_hub(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    features = datasets.Features(
        {"body": datasets.Value("string"), "mood": datasets.ClassLabel(names=["calm", "glad"])}
    )
    parts = {
        split: datasets.Dataset.from_dict(
            {"body": [f"{split} {number}" for number in range(10)], "mood": [0, 1] * 5},
            features=features,
        )
        for split in ("train", "test")
    }
    seen = []

    def load(name, config, revision):
        seen.append((name, config, revision))
        return datasets.DatasetDict(parts)

    monkeypatch.setattr(datasets, "load_dataset", load)
    manifest = prepare("owner/name", columns=COLUMNS, protocol="plain", holdout=0.2)
    assert seen == [("owner/name", "plain", None)]
    assert manifest.info.classes == ["calm", "glad"]
    assert manifest.rows["split"].value_counts().to_dict() == {
        "test": 10,
        "train": 8,
        "validation": 2,
    }
    assert manifest.rows["id"].is_unique
    assert Path("owner").exists() is False


def test_words_for_a_missing_value_are_no_class_unless_they_are_mapped(tmp_path):
    table = rows()
    table.loc[:4, "mood"] = ["nan", "NaN", "none", " null ", ""]
    table.loc[5:6, "who"] = ["nan", ""]
    table.to_csv(tmp_path / "a.csv", index=False)
    manifest = prepare(tmp_path / "a.csv", columns={**COLUMNS, "author": "who"})
    assert manifest.info.classes == ["1", "2", "3"]
    assert manifest.rows.loc[manifest.rows["row"].isin([7, 8]), "author"].isna().all()
    (problem,) = [one for one in check_manifest(manifest) if one.severity == "error"]
    assert (problem.kind, problem.rows) == ("no_label", (2, 3, 4, 5, 6))
    mapped = prepare(tmp_path / "a.csv", columns=COLUMNS, labels={**MOODS, "none": "plain"})
    assert mapped.rows.set_index("row").loc[4, "label"] == "plain"
    several = table.assign(moods=table["mood"] + "|2").drop(columns="mood")
    several.loc[0, "moods"] = "nan|none"
    several.to_csv(tmp_path / "b.csv", index=False)
    manifest = prepare(tmp_path / "b.csv", columns={"text": "body", "labels": "moods"})
    assert manifest.info.classes == ["1", "2", "3"]
    assert manifest.rows.set_index("row").loc[[2, 3, 7], "labels"].tolist() == [
        [],
        ["2"],
        ["3", "2"],
    ]


def test_of_several_targets_the_one_that_is_named_is_taken(tmp_path):
    table = rows().assign(label=lambda r: r["mood"], valence=0.5, arousal=-0.5, labels="1|2")
    table.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=r"several targets \(label, labels, valence, arousal\)"):
        prepare(tmp_path / "a.csv", columns={"text": "body"})
    for name, task in (
        ("label", "classification"),
        ("labels", "multilabel"),
        ("valence", "regression"),
    ):
        manifest = prepare(tmp_path / "a.csv", columns={"text": "body", name: name})
        assert manifest.info.task == task
        targets = {"label", "labels", "valence", "arousal"} & set(manifest.rows)
        assert targets == ({"valence", "arousal"} if name == "valence" else {name})


def test_spaces_around_labels_and_people_say_nothing(tmp_path):
    table = rows()
    table.loc[0, "body"] = " kept as it is "
    for name in ("mood", "who"):
        table.loc[::2, name] = " " + table.loc[::2, name] + " "
    table.to_csv(tmp_path / "a.csv", index=False)
    columns = {**COLUMNS, "author": "who"}
    manifest = prepare(tmp_path / "a.csv", columns=columns)
    assert manifest.info.classes == ["1", "2", "3"]
    assert set(manifest.rows["author"]) == {f"p{number}" for number in range(12)}
    assert manifest.rows["text"].tolist()[0] == " kept as it is "
    assert check_manifest(manifest) == []
    mapped = prepare(tmp_path / "a.csv", columns=columns, labels={" 1": "calm", "2": "x", "3": "y"})
    assert mapped.rows["label"].tolist()[:3] == ["calm", "x", "y"]


def test_a_list_where_one_value_belongs_is_refused_in_words(tmp_path):
    path = tmp_path / "a.parquet"
    rows().assign(mood=[["1", "2"]] * 120).to_parquet(path)
    with pytest.raises(ValueError, match=r"row 1 holds a list in label: use labels: data\.columns"):
        prepare(path, columns=COLUMNS)
    assert prepare(path, columns={"text": "body", "labels": "mood"}).info.classes == ["1", "2"]
    rows().assign(body=[[f"word {number}"] for number in range(120)]).to_parquet(path)
    with pytest.raises(ValueError, match="row 1 holds a list in text: give one value a row"):
        prepare(path, columns=COLUMNS)
