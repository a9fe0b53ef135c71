from __future__ import annotations

import json

import numpy as np
import pytest

from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.families import Families
from affectrep.evaluation.predictions import predictions_table
from affectrep.evaluation.scorecard import Resampling, scorecard
from tests.evaluation.invented import CLASSES, table_of

FEW = Resampling(100)


def test_a_card_is_plain_json_and_complete() -> None:
    table = table_of(200)
    texts = {row: f"text of {row} " + "long " * 100 for row in table["id"]}
    families = Families([["joy", "delight"]], CLASSES)
    card = scorecard(table, families=families, resampling=FEW, texts=texts, leaked=["r0", "r5"])
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert {"accuracy", "macro_f1", "weighted_f1", "uar"} <= set(card["metrics"])
    assert {"family_f1", "errors_inside", "family_accuracy"} <= set(card["metrics"])
    for figure in card["metrics"].values():
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert sum(map(sum, card["confusion"])) == 200
    assert card["without_leaks"]["leaked"] == 2
    assert card["without_leaks"]["n"] == 198
    example = card["confused"][0]["examples"][0]
    assert example["text"].endswith("…")
    assert len(example["text"]) <= 280
    row = table.set_index("id").loc[example["id"]]
    assert (row["label"], row["predicted"]) == (
        card["confused"][0]["true"],
        card["confused"][0]["predicted"],
    )


def test_rare_classes_have_a_figure_of_their_own() -> None:
    counts = dict(zip(CLASSES, [9, 8, 7, 3, 6, 2, 5, 1], strict=True))
    table = table_of(300)
    card = scorecard(table, training_counts=counts, resampling=FEW, leaked=["r0"])
    assert card["rare_classes"] == ["calm", "fear", "joy"]
    f1 = {row["class"]: row["f1"] for row in card["per_class"]}
    rare = np.mean([f1[name] for name in card["rare_classes"]])
    assert card["metrics"]["rare_f1"]["value"] == pytest.approx(rare)
    assert card["metrics"]["rare_f1"]["low"] < rare < card["metrics"]["rare_f1"]["high"]
    assert set(card["without_leaks"]["metrics"]) == set(card["metrics"])
    assert "rare_f1" not in scorecard(table, resampling=FEW)["metrics"]


def test_figures_without_leaks_are_those_of_the_rows_alone() -> None:
    table = table_of(200)
    attrs, leaked = table.attrs, [f"r{i}" for i in range(0, 200, 7)]
    families = Families([["joy", "delight"]], CLASSES)
    card = scorecard(table, families=families, resampling=FEW, leaked=leaked)
    clean = table[~table["id"].isin(leaked)]
    clean.attrs = attrs
    alone = scorecard(clean, families=families, resampling=FEW)
    assert card["without_leaks"]["metrics"] == alone["metrics"]


def test_rows_without_texts_are_named_by_id_and_person() -> None:
    table = table_of(100)
    card = scorecard(table, resampling=FEW, texts={})
    pair = card["confused"][0]
    one = pair["examples"][0]
    row = table.set_index("id").loc[one["id"]]
    assert (row["label"], row["predicted"]) == (pair["true"], pair["predicted"])
    assert one["person"] == row["speaker"]
    assert "text" not in one
    assert "without_leaks" not in card
    nobody = table.assign(speaker="")
    nobody.attrs = table.attrs
    named = scorecard(nobody, resampling=FEW)["confused"][0]["examples"][0]
    assert named == {key: one[key] for key in ("id", "probability")}


def test_clusters() -> None:
    table = table_of(200)
    card = scorecard(table, resampling=Resampling(100, cluster="speaker"))
    assert card["metrics"]["accuracy"]["low"] < card["metrics"]["accuracy"]["high"]
    table["speaker"] = np.arange(200) % 5
    attrs = table.attrs
    few = scorecard(table, resampling=Resampling(100, cluster="speaker"))
    assert "only 5 of speaker" in few["warnings"][0]
    table = table.drop(columns="speaker")
    table.attrs = attrs
    with pytest.raises(ValueError, match=r"evaluation\.cluster is speaker"):
        scorecard(table, resampling=Resampling(100, cluster="speaker"))


def test_one_predicted_class_and_absent_classes_are_said() -> None:
    scores = np.tile([3.0, 0.0, 0.0], (20, 1)).astype(np.float32)
    found = Predictions([str(i) for i in range(20)], np.arange(20) % 2, scores)
    card = scorecard(predictions_table(found, "classification", ["a", "b", "c"]), resampling=FEW)
    assert "Every row was predicted as a" in card["warnings"][0]
    assert "no row of this split has the class c" in card["warnings"][1].lower()


def test_one_row_has_no_interval() -> None:
    found = Predictions(["x"], np.array([0]), np.zeros((1, 2), np.float32))
    card = scorecard(predictions_table(found, "classification", ["a", "b"]), resampling=FEW)
    assert card["metrics"]["accuracy"] == {"value": 1.0, "low": None, "high": None}


def test_multilabel_and_regression_cards() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((50, 3)) < 0.4).astype(np.float32)
    found = Predictions([str(i) for i in range(50)], labels, labels * 2 - 1)
    table = predictions_table(found, "multilabel", list("xyz"), threshold=0.5)
    card = scorecard(table, resampling=FEW)
    assert card["threshold"] == 0.5
    assert [row["class"] for row in card["per_class"]] == list("xyz")
    assert "confusion" not in card
    flat = Predictions(found.ids, rng.normal(size=(50, 2)), np.zeros((50, 2), np.float32))
    card = scorecard(predictions_table(flat, "regression"), resampling=FEW)
    assert card["metrics"]["ccc"]["value"] == 0
    assert "All predictions of valence are 0" in card["warnings"][0]
