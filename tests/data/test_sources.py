from __future__ import annotations

import pandas as pd
import pytest

from affectrep.data.sources import existing, read_delimited, read_layout, read_table, split_name


def test_split_words():
    assert [split_name(word) for word in ("train", " DEV ", "val", "testing", "fold1")] == [
        "train",
        "validation",
        "validation",
        "test",
        None,
    ]


def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"two\nlines, quoted",glad\n\nplain,sad\n', encoding="utf-8")
    table = read_table(path)
    assert table["text"].tolist() == ["two\nlines, quoted", "plain"]
    assert table["row"].tolist() == [2, 4]
    assert set(table["source_file"]) == {"a.csv"}
    path = tmp_path / "a.tsv"
    path.write_text("one\t1\ntwo\t2\u2028still two\n", encoding="utf-8", newline="")
    table = read_delimited(path, delimiter="\t", names=["text", "label"])
    assert table["label"].tolist() == ["1", "2\u2028still two"]
    assert table["row"].tolist() == [1, 2]


def test_words_that_look_like_missing_values_stay_words(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nNA,null\n007,nan\n", encoding="utf-8")
    assert read_table(path)[["text", "label"]].to_numpy().tolist() == [
        ["NA", "null"],
        ["007", "nan"],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no rows"),
        ("text,label\n", "holds no rows"),
        ("text,text,label\na,b,c\n", "has several columns text"),
        ("text,label\na,b,c\nfine,glad\nd\n", "2 rows have another number: row 2, 4. Put quotes"),
        ('text,label\n"open,glad\n', "line 2 is not readable"),
    ],
)
def test_broken_files_are_refused_in_words(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)


def test_parquet_and_other_files(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"text": ["a", "b"]}).to_parquet(path)
    assert read_table(path)["row"].tolist() == [1, 2]
    path.write_bytes(b"no parquet")
    with pytest.raises(ValueError, match=r"a\.parquet is not a readable Parquet file"):
        read_table(path)
    with pytest.raises(ValueError, match=r"expected a \.csv, \.tsv or \.parquet file"):
        read_table(tmp_path / "a.xlsx")
    with pytest.raises(FileNotFoundError, match=r"data\.root=.*nowhere: there is no such file"):
        existing(tmp_path / "nowhere")


def test_layouts(tmp_path):
    rows = pd.DataFrame({"text": ["a"], "label": ["x"]})
    assert read_layout(tmp_path) == {}
    rows.to_csv(tmp_path / "train.csv", index=False)
    rows.to_csv(tmp_path / "dev_1.csv", index=False)
    rows.to_csv(tmp_path / "test.tsv", index=False, sep="\t")
    (tmp_path / "._train.csv").write_bytes(b"what another system leaves")
    assert sorted(read_layout(tmp_path)) == ["test", "train", "validation"]
    hub = tmp_path / "hub"
    for name in ("data/train-00000-of-00002", "data/train-00001-of-00002", "test/0000"):
        (hub / name).parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(hub / f"{name}.parquet")
    found = read_layout(hub)
    assert sorted(found) == ["test", "train"]
    assert found["train"]["source_file"].tolist() == [
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
    ]
    assert found["test"]["source_file"].tolist() == ["test/0000.parquet"]


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("notes.csv", "train.csv"),
        ("train2.tsv", "train.csv"),
        ("test.parquet", "test.parquet"),
        ("deep/validation-00000-of-00001.parquet", "deep/validation-00000-of-00001.parquet"),
    ],
)
def test_tables_that_would_be_lost_are_refused(tmp_path, name, beside):
    rows = pd.DataFrame({"text": ["a"], "label": ["x"]})
    rows.to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    if name.endswith("parquet"):
        rows.to_parquet(tmp_path / name)
    else:
        rows.to_csv(tmp_path / name, index=False, sep="\t" if name.endswith("tsv") else ",")
    lost = "train.csv" if name == beside else name
    with pytest.raises(ValueError, match=f"{lost} would not be read beside {beside}: name each"):
        read_layout(tmp_path)
    assert len(read_layout(tmp_path, others=True)) == 1


def test_a_deeper_folder_that_is_no_split_is_left_alone(tmp_path):
    rows = pd.DataFrame({"text": ["a"], "label": ["x"]})
    rows.to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / "old").mkdir()
    rows.to_parquet(tmp_path / "old" / "rows.parquet")
    assert list(read_layout(tmp_path)) == ["train"]


def test_a_folder_named_like_a_split_says_nothing(tmp_path):
    folder = tmp_path / "test"
    folder.mkdir()
    pd.DataFrame({"text": ["a"]}).to_csv(folder / "mine.csv", index=False)
    assert read_layout(folder) == {}


def test_saved_data_sets_come_with_names_of_classes(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["calm", "glad"]),
            "labels": datasets.Sequence(datasets.ClassLabel(names=["calm", "glad"])),
        }
    )
    part = datasets.Dataset.from_dict(
        {"text": ["a", "b", "c"], "label": [1, 0, -1], "labels": [[0, 1], [], [1]]},
        features=features,
    )
    datasets.DatasetDict({"train": part, "other": part}).save_to_disk(str(tmp_path / "all"))
    part.save_to_disk(str(tmp_path / "one"))
    for folder in ("all", "one"):
        found = read_layout(tmp_path / folder)
        assert list(found) == ["train"]
        assert found["train"]["label"].tolist() == ["glad", "calm", None]
        assert found["train"]["labels"].tolist() == [["calm", "glad"], [], ["glad"]]
        assert found["train"]["row"].tolist() == [1, 2, 3]
