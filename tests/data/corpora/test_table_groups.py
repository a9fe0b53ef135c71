"""A table of texts, tested by folds of people or on one group."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from affectrep.data.checks import check_manifest
from affectrep.data.corpora.table import prepare
from affectrep.data.manifest import Manifest

FOLDS = "folds fold={} folds=4"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Twelve people with ten texts each from two places; the last two texts are everybody's."""
    size = 120
    table = pd.DataFrame(
        {
            "text": [f"Sentence {n}" if n % 10 < 8 else f"Common {n % 10}" for n in range(size)],
            "label": [["calm", "glad"][n % 2] for n in range(size)],
            "author": [f"p{n // 10:02d}" for n in range(size)],
            "corpus": ["mail" if n < 80 else "chat" for n in range(size)],
            "split": "train",
        }
    )
    table.to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv"


def authors(manifest: Manifest) -> dict[str, set[str]]:
    return manifest.rows.groupby("split")["author"].agg(set).to_dict()


def test_every_author_is_tested_in_one_fold_and_stands_on_one_side(path):
    tested, ids = [], []
    for fold in range(4):
        manifest = prepare(path, protocol=FOLDS.format(fold))
        found = authors(manifest)
        assert sum(map(len, found.values())) == len(set.union(*found.values()))
        assert Counter(manifest.split("test")["label"]) == {"calm": 15, "glad": 15}
        assert not [one for one in check_manifest(manifest) if one.severity == "error"]
        tested += found["test"]
        ids += manifest.split("test")["id"].tolist()
    assert len(tested) == len(set(tested)) == 12
    assert len(ids) == len(set(ids)) == 120


def test_training_rows_whose_text_is_tested_are_left_out_and_counted(path):
    manifest = prepare(path, protocol=FOLDS.format(0))
    dropped = manifest.info.dropped
    assert list(dropped) == ["training rows whose text is in test"]
    assert dropped["training rows whose text is in test"] == 2 * 9
    assert len(manifest.rows) + 18 == 120


def test_the_split_follows_the_seed_and_not_the_order_of_rows(path):
    def tested(**more) -> set[str]:
        return authors(prepare(path, protocol=FOLDS.format(1), **more))["test"]

    first = tested()
    table = pd.read_csv(path).sample(frac=1, random_state=5)
    assert len({frozenset(tested(seed=seed)) for seed in range(5)}) > 1
    table.to_csv(path, index=False)
    assert tested() == first


def test_one_corpus_is_left_out(path):
    manifest = prepare(path, protocol="leave_group_out column=corpus value=chat")
    rows = manifest.rows
    assert set(rows.loc[rows["split"] == "test", "corpus"]) == {"chat"}
    assert set(rows.loc[rows["split"] != "test", "corpus"]) == {"mail"}
    found = authors(manifest)
    assert not found["train"] & found["validation"]
    assert "Test is the corpus chat, which training never sees." in manifest.info.notes


def test_texts_stay_whole_where_no_people_are_known(tmp_path):
    table = pd.DataFrame(
        {"text": [f"Text {n // 2}" for n in range(80)], "labels": ["a|b", "b", "a", "b"] * 20}
    )
    table.to_csv(tmp_path / "a.csv", index=False)
    tested = []
    for fold in range(4):
        manifest = prepare(tmp_path / "a.csv", protocol=FOLDS.format(fold))
        assert len(manifest.rows) == 80
        assert not [one for one in check_manifest(manifest) if one.kind == "leak"]
        tested += manifest.split("test")["id"].tolist()
    assert len(set(tested)) == len(tested) == 80


def test_numbers_are_levelled_by_quadrant(tmp_path):
    signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    rows = [(f"Text {n}", 0.5 * signs[n % 4][0], 0.5 * signs[n % 4][1]) for n in range(80)]
    pd.DataFrame(rows, columns=["text", "valence", "arousal"]).to_csv(tmp_path / "a.csv")
    test = prepare(tmp_path / "a.csv", protocol=FOLDS.format(2)).split("test")
    pairs = zip(test["valence"], test["arousal"], strict=True)
    assert set(Counter(pairs).values()) == {5}


def test_what_does_not_fit_is_said(path):
    with pytest.raises(ValueError, match="there is no column speaker"):
        prepare(path, protocol="folds column=speaker")
    with pytest.raises(ValueError, match="no row has the corpus sms: there are chat, mail"):
        prepare(path, protocol="leave_group_out column=corpus value=sms")
    with pytest.raises(ValueError, match=r"no use for data\.protocol"):
        prepare(path, protocol="simplified folds fold=0")
