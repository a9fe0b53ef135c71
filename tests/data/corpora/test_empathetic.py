from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from affectrep.data.checks import check_manifest, require_clean
from affectrep.data.corpora.empathetic import EMOTIONS, HUB_ID, prepare
from affectrep.data.keys import text_keys

FOLDER = Path(os.environ.get("AFFECTREP_DATA", Path(__file__).parents[4] / "shared" / "data"))
EMPATHETIC = FOLDER / "text" / "empathetic"

HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n"
# invented; quotes mean nothing in this format, and the last value may be missing
RELEASE = {
    "train": [
        "t1,1,proud,I built a boat_comma_ alone.,1,Look at it_comma_ I did it.,5|5|5_2|2|5,",
        "t1,2,proud,I built a boat_comma_ alone.,0,Wow!,5|5|5_2|2|5,",
        't2,1,lonely,"Nobody came,3,They said "soon".,5|5|5_2|2|5',
    ],
    "valid": ["v1,1,joyful,My cat came back,4,She is here.,5|5|5_2|2|5,"],
    "test": ["x1,1,afraid,A noise at night,5,I hid.,5|5|5_2|2|5,"],
}


@pytest.fixture
def release(tmp_path):
    for name, lines in RELEASE.items():
        (tmp_path / f"{name}.csv").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def circulating(tmp_path):
    def write(name: str, size: int) -> None:
        rows = [
            {"text": f"{name} {number // 2}, told", "label": EMOTIONS[number // 2 % 32]}
            for number in range(size)
        ]
        pd.DataFrame(rows).to_csv(tmp_path / f"{name}.csv", index=False)

    write("train", 1280)
    write("valid", 64)
    return tmp_path


def test_the_release_gives_the_first_situation_of_each_conversation(release):
    manifest = prepare(release)
    rows = manifest.rows
    assert rows["id"].tolist() == ["t1", "t2", "v1", "x1"]
    assert rows["split"].tolist() == ["train", "train", "validation", "test"]
    assert rows["label"].tolist() == ["proud", "lonely", "joyful", "afraid"]
    assert rows["text"].tolist()[:2] == ["I built a boat, alone.", '"Nobody came']
    assert rows["row"].tolist() == [2, 4, 2, 2]
    assert manifest.info.classes == list(EMOTIONS)
    assert len(EMOTIONS) == 32
    assert manifest.info.notes[0].startswith("Split: official")


def test_the_hubs_layout_gives_the_same_rows(release, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "hub" / "data"
    folder.mkdir(parents=True)
    names = HEADER.strip().split(",")
    parts = {}
    for name, lines in RELEASE.items():
        split = "validation" if name == "valid" else name
        records = [[*line.split(","), ""][:8] for line in lines]
        table = pd.DataFrame(records, columns=names)
        table.to_parquet(folder / f"{split}-00000-of-00001.parquet")
        parts[split] = datasets.Dataset.from_pandas(table)
    wanted = prepare(release).fingerprint()
    assert prepare(tmp_path / "hub").fingerprint() == wanted

    def load(name, config, revision):
        assert (name, config, revision) == (HUB_ID, None, "refs/convert/parquet")
        return datasets.DatasetDict(parts)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert prepare(None).fingerprint() == wanted
    with pytest.raises(ValueError, match="the circulating split is not on the hub"):
        prepare(None, protocol="circulating")
    with pytest.raises(ValueError, match="holds the official split"):
        prepare(tmp_path / "hub", protocol="circulating")


def test_the_circulating_split_reports_on_valid_and_draws_validation(circulating):
    manifest = prepare(circulating)
    counts = manifest.rows["split"].value_counts().to_dict()
    assert counts == {"train": 1152, "validation": 128, "test": 64}
    assert manifest.split("test")["id"].tolist()[0] == "valid-2"
    assert set(manifest.split("validation")["source_file"]) == {"train.csv"}
    assert (manifest.split("validation")["label"].value_counts() == 4).all()
    keys = pd.Series(text_keys(manifest.rows["text"]))
    validation = manifest.rows["split"] == "validation"
    assert not set(keys[validation]) & set(keys[~validation])
    notes = " ".join(manifest.info.notes)
    assert "valid.csv is reported as test" in notes
    assert "Validation is 128 of the 1,280 rows of train.csv, drawn by seed 0" in notes
    require_clean(check_manifest(manifest))
    assert manifest.info.accept_leaks is None


def test_the_draw_follows_seed_and_share(circulating):
    first = set(prepare(circulating).split("validation")["id"])
    assert first == set(prepare(circulating).split("validation")["id"])
    assert first != set(prepare(circulating, seed=1).split("validation")["id"])
    assert len(prepare(circulating, holdout=0.2).split("validation")) == 256


def test_three_plain_files_are_the_official_split(circulating):
    pd.DataFrame({"text": ["Late_comma_ again"], "label": ["angry"]}).to_csv(
        circulating / "test.csv", index=False
    )
    manifest = prepare(circulating)
    assert manifest.rows["split"].value_counts().to_dict() == {
        "train": 1280,
        "validation": 64,
        "test": 1,
    }
    assert manifest.split("test")["text"].tolist() == ["Late, again"]
    with pytest.raises(ValueError, match=r"its official split has no use for data\.holdout"):
        prepare(circulating, holdout=0.2)
    assert len(prepare(circulating, protocol="circulating").split("test")) == 64


def test_shared_texts_are_accepted_with_a_reason_and_counted(circulating):
    table = pd.read_csv(circulating / "valid.csv")
    table.loc[0, "text"] = "TRAIN 0, told"
    table.to_csv(circulating / "valid.csv", index=False)
    manifest = prepare(circulating)
    assert manifest.info.accept_leaks is not None
    assert "1 test texts occur in train (0 letter for letter)" in manifest.info.notes[-1]
    require_clean(check_manifest(manifest))


def test_missing_and_broken_files(release, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        prepare(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"train\.csv is a file"):
        prepare(release / "train.csv")
    (release / "valid.csv").write_text(HEADER + "v1,1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"valid\.csv: expected 8 values per row, fewer in row 2"):
        prepare(release)
    (release / "valid.csv").write_text("body,label\nhm,proud\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"valid\.csv has the columns body, label: expected conv"):
        prepare(release)
    (release / "valid.csv").write_text(HEADER, encoding="utf-8")
    with pytest.raises(ValueError, match=r"valid\.csv holds no rows"):
        prepare(release)
    (release / "test.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no test\.csv\. Set data\.root"):
        prepare(release, protocol="official")
    (release / "valid.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no valid\.csv"):
        prepare(release)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match="has no file for train, validation, test"):
        prepare(empty)


def test_an_unknown_emotion_is_left_to_the_check(release):
    (release / "test.csv").write_text(HEADER + "x1,1,blue,Hm,5,Hm,,\n", encoding="utf-8")
    kinds = [problem.kind for problem in check_manifest(prepare(release))]
    assert "unknown_label" in kinds


@pytest.mark.real_data
@pytest.mark.skipif(not EMPATHETIC.is_dir(), reason="EmpatheticDialogues is not here")
def test_counts_of_the_real_corpus():
    manifest = prepare(EMPATHETIC)
    counts = [len(manifest.split(name)) for name in ("train", "validation", "test")]
    assert counts == [16_022, 1_780, 2_761]
    # some situations were told under two emotions: that is the corpus, and it is said
    assert [(one.kind, one.severity) for one in check_manifest(manifest)] == [
        ("contradicting_labels", "warning")
    ]
    assert set(manifest.rows["label"]) == set(EMOTIONS)
