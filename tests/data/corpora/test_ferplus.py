from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from PIL import Image

from affectrep.data.checks import check_manifest
from affectrep.data.corpora.ferplus import prepare
from affectrep.data.rows import compare_rows, write_rows
from tests.data.corpora.faces import picture, write_face

REPOSITORY = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("AFFECTREP_DATA", REPOSITORY.parent / "shared" / "data"))
WORDS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
# Usage, image name, votes for WORDS, unknown, NF; invented
VOTES = [
    ("Training", "fer0000000.png", [4, 0, 0, 1, 3, 2, 0, 0], 0, 0),
    ("Training", "fer0000002.png", [0, 6, 4, 0, 0, 0, 0, 0], 0, 0),
    ("Training", "", [0, 0, 0, 0, 0, 0, 0, 0], 0, 10),
    ("Training", "fer0000004.png", [1, 0, 0, 3, 0, 0, 0, 0], 6, 0),
    ("PublicTest", "fer0028638.png", [10, 0, 0, 0, 0, 0, 0, 0], 0, 0),
    ("PrivateTest", "fer0032220.png", [0, 0, 0, 5, 0, 0, 0, 3], 2, 0),
]
FOLDERS = {
    "Training": "FER2013Train",
    "PublicTest": "FER2013Valid",
    "PrivateTest": "FER2013Test",
}


def grey(number: int) -> np.ndarray:
    return picture(f"face {number}", width=48, height=48)[:, :, 0]


@pytest.fixture
def votes(tmp_path):
    rows = [
        {"Usage": usage, "Image name": name, **dict(zip(WORDS, counts, strict=True))}
        | {"unknown": unknown, "NF": faceless}
        for usage, name, counts, unknown, faceless in VOTES
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "fer2013new.csv", index=False)
    return tmp_path


@pytest.fixture
def pixels(votes):
    rows = [
        {"emotion": 0, "pixels": " ".join(map(str, grey(number).ravel())), "Usage": usage}
        for number, (usage, *_) in enumerate(VOTES)
    ]
    pd.DataFrame(rows).to_csv(votes / "fer2013.csv", index=False)
    return votes


@pytest.fixture
def table(tmp_path):
    rows = []
    for number, split in enumerate(["train", "train", "valid", "test"]):
        name = f"ferplus/{split}/fer000000{number}.png"
        write_face(tmp_path / name)
        rows.append((name, "0.4860", "0.3060", "happiness", "", split))
    header = ["path", "valence", "arousal", "expression", "subject", "split"]
    pd.DataFrame(rows, columns=header).to_csv(tmp_path / "ferplus.csv", index=False)
    return tmp_path


def test_votes_become_targets_and_rows_without_enough_are_counted(pixels):
    manifest = prepare(pixels)
    rows = manifest.rows.set_index("id")
    assert rows["split"].to_dict() == {
        "fer0000000": "train",
        "fer0000002": "train",
        "fer0028638": "validation",
        "fer0032220": "test",
    }
    assert rows.loc["fer0000002", ["valence", "arousal"]].tolist() == [0.646, 0.574]
    # (1 * -.63 + 3 * -.51 + 2 * -.60) / 10 and (1 * -.27 + 3 * .59 + 2 * .35) / 10
    assert rows.loc["fer0000000", ["valence", "arousal"]].tolist() == [-0.336, 0.22]
    # unknown is no vote: (5 * -.63 + 3 * -.60) / 8
    assert rows.loc["fer0032220", "valence"] == pytest.approx(-0.6188, abs=1e-4)
    assert rows["expression"].tolist() == ["neutral", "happiness", "neutral", "sadness"]
    assert manifest.info.dropped == {
        "removed by FER+ (no image name)": 1,
        "fewer than 5 valid votes": 1,
    }
    assert "not direct ratings" in manifest.info.notes[0]
    assert "not person-independent" in manifest.info.notes[-1]
    assert manifest.info.accept_leaks is None
    assert check_manifest(manifest) == []


def test_pixels_are_written_once_and_without_loss(pixels, monkeypatch):
    rows = prepare(pixels).rows
    for number, place in ((0, 0), (1, 1), (4, 2)):
        with Image.open(rows["path"][place]) as image:
            assert (np.asarray(image) == grey(number)).all()
    before = Path(rows["path"][0]).stat().st_mtime_ns
    assert prepare(pixels).fingerprint() == prepare(pixels).fingerprint()
    assert Path(rows["path"][0]).stat().st_mtime_ns == before


def test_other_pixels_under_the_same_names_are_never_taken_for_the_first(pixels):
    before = prepare(pixels).rows.set_index("id")
    file, new = pixels / "fer2013.csv", pixels / "fer2013new.csv"
    table = pd.read_csv(file)
    table["pixels"] = [" ".join(map(str, grey(number + 50).ravel())) for number in range(6)]
    table.to_csv(file, index=False)
    after = prepare(pixels).rows.set_index("id")
    assert not set(before["content"]) & set(after["content"])
    # the same pixels in an order of names that is another one
    votes = pd.read_csv(new)
    names = votes["Image name"].tolist()
    votes["Image name"] = [names[1], names[0], *names[2:]]
    votes.to_csv(new, index=False)
    swapped = prepare(pixels).rows.set_index("id")
    assert swapped.loc["fer0000000", "content"] == after.loc["fer0000002", "content"]


def test_image_folders_give_the_same_rows_as_pixels(pixels):
    wanted = prepare(pixels).fingerprint()
    for number, (usage, name, *_) in enumerate(VOTES):
        if name:
            path = pixels / "data" / FOLDERS[usage] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(grey(number)).save(path)
    (pixels / "fer2013.csv").unlink()
    found = prepare(pixels)
    assert found.fingerprint() == wanted
    assert all("FER2013" in path for path in found.rows["path"])


def test_a_row_list_cuts_the_subset_out_again(pixels, tmp_path):
    manifest = prepare(pixels)
    listed = type(manifest)(manifest.rows.drop(index=0), manifest.info)
    write_rows(listed, tmp_path / "list.csv")
    found = prepare(pixels, protocol=f"rows={tmp_path / 'list.csv'}")
    assert compare_rows(found, tmp_path / "list.csv") == []
    assert found.info.dropped["not in list.csv"] == 1
    with pytest.raises(FileNotFoundError, match="there is no row list nowhere"):
        prepare(pixels, protocol="rows=nowhere.csv")
    (tmp_path / "list.csv").write_text("id,split,sha256\nother,train,00\n")
    with pytest.raises(ValueError, match=r"list\.csv: expected ids such as fer0000000"):
        prepare(pixels, protocol=f"rows={tmp_path / 'list.csv'}")
    (tmp_path / "list.csv").write_text("name,split\nfer0000000,train\n")
    with pytest.raises(
        ValueError, match=r"list\.csv has no column id: expected a row list with id"
    ):
        prepare(pixels, protocol=f"rows={tmp_path / 'list.csv'}")


def test_the_path_of_a_row_list_may_hold_spaces(pixels, tmp_path):
    manifest = prepare(pixels)
    (tmp_path / "my rows=").mkdir()
    file = write_rows(manifest, tmp_path / "my rows=" / "all of them.csv")[0]
    assert prepare(pixels, protocol=f" rows={file}").fingerprint() == manifest.fingerprint()


def test_the_table_with_derived_targets(table):
    manifest = prepare(table)
    assert manifest.rows["id"].tolist() == [f"fer000000{number}" for number in range(4)]
    assert manifest.rows["split"].tolist() == ["train", "train", "validation", "test"]
    assert manifest.targets("test").tolist() == [[pytest.approx(0.486), pytest.approx(0.306)]]
    assert manifest.rows["subject"].isna().all()
    assert "not person-independent" in manifest.info.notes[-1]


def test_training_images_that_are_tested_are_left_out_and_counted(table):
    content = (table / "ferplus/test/fer0000003.png").read_bytes()
    (table / "ferplus/train/fer0000000.png").write_bytes(content)
    manifest = prepare(table)
    assert manifest.info.dropped == {"train rows whose image is also in test": 1}
    assert check_manifest(manifest) == []


def test_broken_sources_are_named(pixels):
    file = pixels / "fer2013.csv"
    text = file.read_text().splitlines()
    file.write_text("\n".join([*text[:2], "0,1 2 3,Training", *text[3:]]))
    with pytest.raises(ValueError, match=r"1 rows have no 2304 .*: fer2013\.csv row 3"):
        prepare(pixels)
    file.write_text("\n".join(text[:3]))
    with pytest.raises(ValueError, match=r"fer2013\.csv has 2 rows: expected the 6 of fer2013new"):
        prepare(pixels)
    file.unlink()
    with pytest.raises(FileNotFoundError, match="no image: put Kaggle's fer2013.csv beside it"):
        prepare(pixels)
    new = pixels / "fer2013new.csv"
    new.write_text(new.read_text().replace("PrivateTest", "Other"))
    with pytest.raises(ValueError, match=r"fer2013new\.csv row 7"):
        prepare(pixels)


def test_wrong_settings_are_refused(table, tmp_path):
    with pytest.raises(ValueError, match=r"ferplus has no use for data\.labels"):
        prepare(table, labels={"a": "b"})
    with pytest.raises(ValueError, match="has the word 'folds': expected rows=<str>"):
        prepare(table, protocol="folds")
    with pytest.raises(ValueError, match=r"needs its folder \(ferplus\.csv, or fer2013new\.csv"):
        prepare(None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"is not FER\+: expected ferplus\.csv"):
        prepare(tmp_path / "empty")


@pytest.mark.real_data
def test_the_shared_faces_are_those_of_the_row_list():
    manifest = prepare(FOLDER / "face")
    sizes = manifest.rows["split"].value_counts().to_dict()
    assert sizes == {"train": 5000, "validation": 1000, "test": 2000}
    assert manifest.rows["content"].is_unique
    assert check_manifest(manifest) == []
    assert manifest.info.dropped == {}
    train = manifest.targets("train")
    assert train.mean(axis=0) == pytest.approx([-0.087, 0.303], abs=0.0006)
    assert train.std(axis=0) == pytest.approx([0.434, 0.282], abs=0.0006)
    assert compare_rows(manifest, REPOSITORY / "recipes" / "fer_av" / "rows" / "ferplus.csv") == []
