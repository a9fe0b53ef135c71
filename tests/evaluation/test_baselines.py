from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.evaluation import baselines
from affectrep.evaluation.baselines import (
    baseline_table,
    bayes_ceiling,
    majority_class,
    tfidf_logistic,
)

WORDS = {0: ("glad", "merry", "sunny"), 1: ("bleak", "gloomy", "grim"), 2: ("odd", "weird", "rum")}


def sentences(rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Invented texts whose class shows in one word."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    texts = [f"the day {i} was {WORDS[int(c)][rng.integers(3)]}" for i, c in enumerate(labels)]
    return texts, labels


def table_of(columns: dict[str, object] | None = None) -> Manifest:
    parts = []
    for seed, split in enumerate(("train", "validation", "test")):
        texts, labels = sentences(60, seed)
        frame = pd.DataFrame({"text": texts, "label": [f"c{c}" for c in labels]})
        frame["id"] = [f"{split}-{i}" for i in range(60)]
        frame["split"] = split
        frame["posterior"] = [np.eye(3)[c].tolist() for c in labels]
        parts.append(frame)
    rows = pd.concat(parts, ignore_index=True).assign(**(columns or {}))
    info = CorpusInfo(
        "x", "Invented", "text", "classification", ["c0", "c1", "c2"], "own", "own", generated=True
    )
    return Manifest(rows, info)


def test_majority_class_takes_the_most_frequent_and_of_equals_the_first():
    assert majority_class(np.array([1, 1, 0]), 2).tolist() == [1, 1]
    assert majority_class(np.array([2, 1]), 1).tolist() == [1]
    with pytest.raises(ValueError, match="at least one"):
        majority_class(np.array([], dtype=np.int64), 1)


def test_tfidf_learns_words_and_is_deterministic():
    train, validation, (texts, labels) = (sentences(90, seed) for seed in (1, 2, 3))
    predicted, strength = tfidf_logistic(train, validation, texts)
    again, same = tfidf_logistic(train, validation, texts)
    assert predicted.dtype == np.int64
    assert np.mean(predicted == labels) > 0.95
    assert np.array_equal(predicted, again)
    assert strength == same


def test_strength_is_chosen_on_validation_whatever_the_test_texts():
    train, validation, (texts, _) = (sentences(60, seed) for seed in (1, 2, 3))
    # A penalty this strong gives one class for all; validation must reject it.
    _, chosen = tfidf_logistic(train, validation, texts, strengths=(10.0, 1e-9))
    assert chosen == 10.0
    _, other = tfidf_logistic(train, validation, texts[:1], strengths=(10.0, 1e-9))
    assert other == chosen
    _, tie = tfidf_logistic(train, train, texts, strengths=(30.0, 10.0))
    assert tie == 10.0


def test_tfidf_refuses_unusable_input():
    texts, labels = sentences(10, 1)
    good = (texts, labels)
    with pytest.raises(ValueError, match="training has 10 texts but 9 labels"):
        tfidf_logistic((texts, labels[:9]), good, texts)
    with pytest.raises(ValueError, match="validation has 9 texts"):
        tfidf_logistic(good, (texts[:9], labels), texts)
    with pytest.raises(ValueError, match="one class only"):
        tfidf_logistic((texts, np.zeros(10, dtype=np.int64)), good, texts)
    with pytest.raises(ValueError, match="at least one text"):
        tfidf_logistic(good, good, [])
    with pytest.raises(ValueError, match="at least one value"):
        tfidf_logistic(good, good, texts, strengths=())


def test_bayes_ceiling_against_a_naive_loop_and_scikit_learn():
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.ones(4), 300)
    labels = np.array([rng.choice(4, p=row) for row in posterior])
    decided = []
    expected = 0.0
    for row in posterior:
        decided.append(max(range(4), key=lambda c: row[c]))
        expected += max(row) / len(posterior)
    found = bayes_ceiling(posterior, labels)
    assert found["expected_accuracy"] == pytest.approx(expected)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, decided))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, decided, average="macro"))
    assert found["weighted_f1"] == pytest.approx(f1_score(labels, decided, average="weighted"))
    assert abs(found["accuracy"] - found["expected_accuracy"]) < 4 * 0.5 / np.sqrt(300)


@pytest.mark.parametrize(
    ("posterior", "message"),
    [
        ([[0.5, 0.4], [0.5, 0.5]], "row 0"),
        ([[0.5, 0.5], [1.2, -0.2]], "row 1"),
        ([[0.5, 0.5], [np.nan, 0.5]], "no probability distribution"),
        ([0.5, 0.5], r"\(rows, classes\)"),
        ([[0.5, 0.5]], r"\(1, 2\) and \(2,\)"),
    ],
)
def test_bayes_ceiling_refuses_what_is_no_posterior(posterior, message):
    with pytest.raises(ValueError, match=message):
        bayes_ceiling(np.array(posterior), np.array([0, 1]))


def test_table_holds_the_systems_side_by_side():
    manifest = table_of()
    table = baseline_table(manifest)
    assert [row["system"].split(" (")[0] for row in table] == [
        "majority class",
        "TF-IDF + logistic regression",
        "Bayes ceiling",
    ]
    assert all(set(row) == {"system", "accuracy", "macro_f1", "weighted_f1"} for row in table)
    assert table[0]["accuracy"] < 0.6 < table[1]["accuracy"]
    assert table[2]["accuracy"] == 1.0
    labels, first = manifest.targets("test"), manifest.targets("train")
    assert table[0]["accuracy"] == np.mean(labels == np.bincount(first).argmax())


def test_table_without_posterior_has_no_ceiling():
    manifest = table_of()
    bare = replace(manifest, rows=manifest.rows.drop(columns="posterior"))
    systems = [row["system"] for row in baseline_table(bare, "validation")]
    assert len(systems) == 2
    assert "Bayes ceiling" not in systems


def test_test_labels_do_not_reach_training():
    manifest = table_of()
    spoiled = manifest.rows.copy()
    test = spoiled["split"] == "test"
    spoiled.loc[test, "label"] = "c0"
    table = baseline_table(replace(manifest, rows=spoiled))
    predicted, _ = tfidf_logistic(
        *(
            (manifest.split(s)["text"].tolist(), manifest.targets(s))
            for s in ("train", "validation")
        ),
        manifest.split("test")["text"].tolist(),
    )
    assert table[1]["accuracy"] == np.mean(predicted == 0)


def test_for_validation_the_penalty_is_chosen_on_training_rows(monkeypatch):
    manifest, seen = table_of(), []

    def spy(train, validation, texts, **options):
        seen.append((len(train[0]), set(validation[0]), set(texts)))
        return tfidf_logistic(train, validation, texts, **options)

    monkeypatch.setattr(baselines, "tfidf_logistic", spy)
    table = baseline_table(manifest, "validation")
    assert table[1]["system"].endswith(", chosen on a tenth of train)")
    training = set(manifest.split("train")["text"])
    assert [rows for rows, _, _ in seen] == [54, 60]  # all of them for the model that is scored
    for _, choosing, scored in seen:
        assert len(choosing) == 6
        assert choosing <= training
        assert scored == set(manifest.split("validation")["text"])
    assert baseline_table(manifest, "validation") == table
    system = baseline_table(manifest)[1]["system"]
    assert "tenth" not in system


def test_table_refuses_train_and_other_tasks():
    manifest = table_of()
    with pytest.raises(ValueError, match="ask for test or validation"):
        baseline_table(manifest, "train")
    rows = manifest.rows.assign(valence=0.0, arousal=0.0)
    regression = Manifest(rows, replace(manifest.info, task="regression", classes=None))
    with pytest.raises(ValueError, match="one label per row"):
        baseline_table(regression)
