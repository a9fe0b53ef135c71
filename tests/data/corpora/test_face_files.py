from __future__ import annotations

import pandas as pd
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.data.corpora.face_files import (
    FaceCorpus,
    drop_shared_images,
    face_manifest,
    read_contents,
    squares,
)
from tests.data.corpora.faces import write_face

CORPUS = FaceCorpus("x", "X faces", "own", "https://x.org", "faces/*.png")


def test_up_to_a_hundredth_of_the_images_may_be_broken(tmp_path):
    paths = [str(write_face(tmp_path / f"{number}.png")) for number in range(100)]
    rows = pd.DataFrame({"path": [*paths, str(tmp_path / "none.png")]})
    kept, dropped, notes = read_contents(CORPUS, rows)
    assert kept["path"].tolist() == paths
    assert kept["content"].str.fullmatch("[0-9a-f]{64}").all()
    assert kept["content"].is_unique
    assert dropped == {"image missing or not readable": 1}
    assert notes == [f"Images missing or not readable: {tmp_path / 'none.png'}."]
    (tmp_path / "7.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"2 of 101 images of X faces are missing or broken: .*7"):
        read_contents(CORPUS, rows)
    with pytest.raises(ValueError, match=r"no row is left: expected faces/\*\.png"):
        read_contents(CORPUS, rows[:0])


def test_shared_images_leave_the_training_side():
    table = pd.DataFrame(
        {
            "split": ["train", "train", "validation", "validation", "test"],
            "content": ["a", "b", "b", "c", "c"],
        }
    )
    kept, dropped = drop_shared_images(table)
    assert list(zip(kept["split"], kept["content"], strict=True)) == [
        ("train", "a"),
        ("validation", "b"),
        ("test", "c"),
    ]
    assert dropped == {
        "validation rows whose image is also in test": 1,
        "train rows whose image is also in validation": 1,
    }


def test_the_splits_of_the_users_own_keep_their_leaks():
    table = pd.DataFrame(
        {"split": ["train", "train", "validation", "test"], "content": ["a", "b", "b", "a"]}
    )
    kept, dropped = drop_shared_images(table, given={"test"})
    assert kept["content"].tolist() == ["a", "b", "a"]
    assert dropped == {"train rows whose image is also in validation": 1}
    kept, dropped = drop_shared_images(table, given={"test", "validation"})
    assert len(kept) == 4
    assert dropped == {}


def test_a_square_is_the_boxs_longer_side_around_its_middle():
    box = [pd.Series(values) for values in ([10, 0, 0], [20, 0, 0], [30, 8, 0], [40, 4, 5])]
    found = squares(*box)
    assert found.iloc[0].tolist() == [5, 20, 40]
    assert found.iloc[1].tolist() == [0, -2, 8]
    assert found.iloc[2].isna().all()


@pytest.mark.parametrize(
    ("subjects", "words"),
    [
        (["a", "b", "c"], "Persons are known: 1 in train, 1 in validation, 1 in test."),
        ([None] * 3, "No identities are known: results are not person-independent."),
        (["a", None, ""], "2 of 3 rows have no known person: as a whole, results are not"),
    ],
)
def test_the_manifest_says_what_is_known_of_the_persons(subjects, words):
    table = pd.DataFrame(
        {
            "id": list("abc"),
            "split": ["train", "validation", "test"],
            "path": "x",
            "valence": 0,
            "arousal": 1,
            "content": "c",
            "subject": pd.Series(subjects, dtype=object),
            "other": 1,
        }
    )
    manifest = face_manifest(CORPUS, table, dropped={"none": 0, "some": 2}, notes=["First."])
    assert manifest.info.notes[0] == "First."
    assert manifest.info.notes[1].startswith(words)
    assert manifest.info.dropped == {"some": 2}
    assert (manifest.info.modality, manifest.info.task) == ("face", "regression")
    assert "other" not in manifest.rows
    assert manifest.rows["expression"].tolist() == [None] * 3
    assert manifest.rows["valence"].dtype == float
