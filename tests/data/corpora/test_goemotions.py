from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from affectrep.data.checks import check_manifest, leaked_ids, require_clean
from affectrep.data.corpora.goemotions import HUB_ID, LABELS, prepare
from affectrep.data.rows import compare_rows

REPOSITORY = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("AFFECTREP_DATA", REPOSITORY.parent / "shared" / "data"))
GOEMOTIONS = FOLDER / "text" / "goemotions"

# text, label numbers, id; invented
ROWS = {
    "train": [("So glad.", "17", "a1"), ("Thanks, and wow!", "15,26", "a2"), ("Ok", "27", "a3")],
    "dev": [("It hurts", "25", "b1")],
    "test": [('He said "so what"', "3", "c1"), ("so GLAD.", "17", "c2")],
}


@pytest.fixture
def official(tmp_path):
    for name, rows in ROWS.items():
        table = pd.DataFrame(rows)
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", header=False, index=False)
    return tmp_path


def tables() -> dict[str, pd.DataFrame]:
    """Return the same rows in the hub's form."""
    names = {"train": "train", "dev": "validation", "test": "test"}
    return {
        names[name]: pd.DataFrame(
            {
                "text": [text for text, _, _ in rows],
                "labels": [[int(code) for code in codes.split(",")] for _, codes, _ in rows],
                "id": [row for _, _, row in rows],
            }
        )
        for name, rows in ROWS.items()
    }


def test_single_label_keeps_rows_with_one_label_that_is_not_neutral(official):
    manifest = prepare(official)
    rows = manifest.rows
    assert rows["id"].tolist() == ["a1", "b1", "c1", "c2"]
    assert rows["label"].tolist() == ["joy", "sadness", "annoyance", "joy"]
    assert rows["split"].tolist() == ["train", "validation", "test", "test"]
    assert rows["text"].tolist()[2] == 'He said "so what"'
    assert rows["row"].tolist() == [1, 1, 1, 2]
    assert rows["source_file"].tolist() == ["train.tsv", "dev.tsv", "test.tsv", "test.tsv"]
    assert manifest.info.classes == list(LABELS[:27])
    assert manifest.info.dropped == {"more than one label": 1, "neutral": 1}
    assert manifest.targets("train").tolist() == [LABELS.index("joy")]


def test_multi_label_keeps_every_row(official):
    manifest = prepare(official, protocol="multi_label")
    assert manifest.info.task == "multilabel"
    assert manifest.info.classes == list(LABELS)
    assert manifest.info.dropped == {}
    target = manifest.targets("train")
    assert target.shape == (3, 28)
    assert target.sum(axis=1).tolist() == [1, 2, 1]
    assert target[1, LABELS.index("surprise")] == 1


def test_shared_texts_carry_a_reason_and_are_counted(official):
    manifest = prepare(official)
    assert manifest.info.notes == [
        "Shared texts: 1 test texts occur in train (0 letter for letter)."
    ]
    assert manifest.info.accept_leaks is not None
    leaks = [problem for problem in check_manifest(manifest) if problem.kind == "leak"]
    assert [(leak.severity, leak.rows) for leak in leaks] == [
        ("note", ("test.tsv:2 = train.tsv:1",))
    ]
    assert leaked_ids(manifest) == ["c2"]


def test_without_shared_texts_nothing_is_accepted(official):
    (official / "test.tsv").write_text("Grr\t2\tc1\n", encoding="utf-8")
    info = prepare(official).info
    assert info.accept_leaks is None
    assert info.notes == []


def test_the_order_of_labels_txt_counts(official):
    (official / "labels.txt").write_text("\n".join(reversed(LABELS)), encoding="utf-8")
    manifest = prepare(official, protocol="multi_label")
    assert manifest.rows["labels"].tolist()[0] == [LABELS[27 - 17]]
    assert manifest.info.classes == list(LABELS)
    (official / "labels.txt").write_text("\n".join((*LABELS[:27], "blue")), encoding="utf-8")
    with pytest.raises(ValueError, match=r"labels\.txt: expected the 28 labels .* blue, neutral"):
        prepare(official)


@pytest.mark.parametrize("protocol", ["single_label", "multi_label"])
def test_the_hubs_layouts_give_the_same_rows(official, tmp_path, protocol, monkeypatch):
    datasets = pytest.importorskip("datasets")
    wanted = prepare(official, protocol=protocol).fingerprint()
    for folder in ("copy/simplified", "copy/raw", "plain"):
        (tmp_path / folder).mkdir(parents=True)
    for split, table in tables().items():
        name = f"{split}-00000-of-00001.parquet"
        table.to_parquet(tmp_path / "copy" / "simplified" / name)
        table.assign(text="raw").to_parquet(tmp_path / "copy" / "raw" / name)
        table.to_parquet(tmp_path / "plain" / name)
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "labels": datasets.Sequence(datasets.ClassLabel(names=list(LABELS))),
            "id": datasets.Value("string"),
        }
    )
    loaded = datasets.DatasetDict(
        {
            split: datasets.Dataset.from_pandas(table, features=features)
            for split, table in tables().items()
        }
    )
    loaded.save_to_disk(str(tmp_path / "saved"))
    for folder in ("copy", "plain", "saved"):
        assert prepare(tmp_path / folder, protocol=protocol).fingerprint() == wanted

    def load(name, config, revision):
        assert (name, config, revision) == (HUB_ID, "simplified", None)
        return loaded

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert prepare(None, protocol=protocol).fingerprint() == wanted
    assert prepare(HUB_ID, protocol=protocol).fingerprint() == wanted


def test_an_unreachable_hub_names_the_folder_that_would_serve(monkeypatch):
    datasets = pytest.importorskip("datasets")

    def unreachable(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(ValueError, match=r"no route.*train\.tsv, dev\.tsv and test\.tsv from"):
        prepare(None)


@pytest.mark.parametrize("wrong", ["28", "-1", "joy?", "", "1;2"])
def test_wrong_label_numbers_name_file_and_row(official, wrong):
    (official / "dev.tsv").write_text(f"Fine\t1\tb1\nIt hurts\t{wrong}\tb2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"dev\.tsv row 2: labels are .*numbers from 0 to 27"):
        prepare(official)


def test_missing_and_broken_files(official, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        prepare(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"train\.tsv is a file\. Set data\.root to a folder"):
        prepare(official / "train.tsv")
    (official / "dev.tsv").write_bytes("Déjà vu\t1\tb1\n".encode("windows-1252"))
    with pytest.raises(ValueError, match=r"dev\.tsv is not UTF-8: line 1"):
        prepare(official)
    (official / "dev.tsv").write_text("Fine\t1\tb1\nFine\t1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"dev\.tsv: expected 3 values per row .* row 2"):
        prepare(official)
    (official / "dev.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no dev\.tsv\. Set data\.root"):
        prepare(official)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match=r"has no train\.tsv, dev\.tsv, test\.tsv"):
        prepare(empty)
    for split, table in tables().items():
        if split != "test":
            table.to_parquet(empty / f"{split}.parquet")
    with pytest.raises(ValueError, match="came without the split test"):
        prepare(empty)


@pytest.mark.real_data
@pytest.mark.skipif(not GOEMOTIONS.is_dir(), reason="GoEmotions is not here")
def test_counts_of_the_real_corpus():
    single, several = prepare(GOEMOTIONS), prepare(GOEMOTIONS, protocol="multi_label")
    counts = [len(single.split(name)) for name in ("train", "validation", "test")]
    assert counts == [23_485, 2_956, 2_984]
    assert single.info.dropped == {"more than one label": 8_817, "neutral": 16_021}
    assert len(single.info.classes or []) == 27
    assert "27 test texts occur in train (24 letter for letter)" in single.info.notes[0]
    assert len(leaked_ids(single)) == 27
    counts = [len(several.split(name)) for name in ("train", "validation", "test")]
    assert counts == [43_410, 5_426, 5_427]
    for manifest in (single, several):
        require_clean(check_manifest(manifest))


@pytest.mark.real_data
@pytest.mark.skipif(not GOEMOTIONS.is_dir(), reason="GoEmotions is not here")
def test_the_row_list_of_the_recipe_is_rebuilt():
    file = REPOSITORY / "recipes" / "fec_text" / "rows" / "goemotions_single_label.csv"
    assert compare_rows(prepare(GOEMOTIONS), file) == []
