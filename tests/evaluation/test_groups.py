from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.groups import group_columns, group_figures, mean_groups
from affectrep.evaluation.intervals import jackknife
from affectrep.evaluation.metrics import classification_metrics, regression_metrics
from affectrep.evaluation.predictions import table_statistics
from affectrep.evaluation.scorecard import Resampling, scorecard
from tests.evaluation.invented import CLASSES, table_of
from tests.evaluation.regressions import regression


def faces() -> pd.DataFrame:
    """Women are read worse than men; one of three sources has 6 rows, another one label."""
    table = regression(people=12, each=20)
    table["gender"] = np.where(np.arange(240) // 20 % 3 == 0, "f", "m")
    noise = np.random.default_rng(3).normal(0, 0.5, 240)
    table["predicted_valence"] += noise * (table["gender"] == "f")
    table["corpus"] = ["a"] * 200 + ["b"] * 6 + ["c"] * 34
    table.loc[table["corpus"] == "c", "arousal"] = 0.2
    return table


def by_name(found: dict) -> dict:
    return {one["name"]: one for one in found["groups"]}


def test_valence_and_arousal_get_their_ccc_and_the_worst_is_named() -> None:
    table = faces()
    found = {one["column"]: one for one in group_figures(table)}
    assert list(found) == ["corpus", "gender"]
    gender = found["gender"]
    assert (gender["metric"], gender["worst"]) == ("ccc", "f")
    mine = table[table["gender"] == "f"]
    axes = [mine[[f"{p}valence", f"{p}arousal"]].to_numpy() for p in ("", "predicted_")]
    figure = by_name(gender)["f"]
    assert figure["value"] == pytest.approx(regression_metrics(*axes)["ccc"])
    assert figure["low"] < figure["value"] < figure["high"] < by_name(gender)["m"]["value"]
    assert figure["rows"] == len(mine)


def test_small_and_constant_groups_are_never_the_worst() -> None:
    corpus = group_figures(faces())[0]
    assert [one["name"] for one in corpus["groups"] if one["told"]] == ["a"]
    assert corpus["worst"] is None  # of a single group nothing is the worst
    json.dumps(corpus, allow_nan=False)


def test_classes_get_uar_over_those_that_occur() -> None:
    table = table_of(rows=320)
    table["language"] = np.where(np.arange(320) < 100, "de", "it")
    table.loc[300:, ["label", "language"]] = [CLASSES[0], "pl"]
    table.loc[:4, "language"] = None
    languages, speakers = group_figures(table)
    assert (languages["column"], speakers["column"]) == ("language", "speaker")
    groups = by_name(languages)
    assert (groups["de"]["rows"], groups["it"]["rows"], groups["pl"]["rows"]) == (95, 200, 20)
    assert [groups[name]["told"] for name in ("de", "it", "pl")] == [True, True, False]
    mine = table[table["language"] == "it"]
    codes = [mine[key].map(CLASSES.index).to_numpy() for key in ("label", "predicted")]
    value = classification_metrics(*codes, len(CLASSES))["uar"]
    assert groups["it"]["value"] == pytest.approx(value)
    told = [groups[name]["value"] for name in ("de", "it")]
    assert groups[languages["worst"]]["value"] == min(told)
    assert languages["groups"][-1]["name"] == "pl"


def test_intervals_leave_out_clusters_where_a_group_has_several() -> None:
    table = faces()
    who = table["subject"].to_numpy()
    found = by_name(group_figures(table, clusters=who)[1])["f"]
    rows = (table["gender"] == "f").to_numpy()
    part = table[rows]
    part.attrs = table.attrs
    expected = jackknife(table_statistics(part), who[rows])["ccc"]
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
    own = group_figures(table.assign(speaker=who), clusters=who)[-1]
    assert own["column"] == "speaker"
    assert all(one["low"] is not None for one in own["groups"])  # rows: a speaker has one cluster


def test_columns_that_say_the_same_count_once_and_one_group_not_at_all() -> None:
    table = faces().assign(language="en")
    table["speaker"] = table["gender"]
    assert group_columns(table) == ["corpus", "gender"]


def test_they_are_part_of_the_card() -> None:
    card = scorecard(faces(), resampling=Resampling(100, cluster="subject"))
    assert [one["column"] for one in card["groups"]] == ["corpus", "gender"]
    assert "groups" not in scorecard(regression(), resampling=Resampling(100))


def test_a_second_figure_stands_beside() -> None:
    faces_f = by_name(group_figures(faces())[1])["f"]
    mine = faces()[lambda one: one["gender"] == "f"]
    axes = [mine[[f"{p}valence", f"{p}arousal"]].to_numpy() for p in ("", "predicted_")]
    assert faces_f["rmse"] == pytest.approx(regression_metrics(*axes)["rmse"])
    assert faces_f["classes"] is None
    table = table_of(rows=320)
    table["language"] = np.where(np.arange(320) < 100, "de", "it")
    table.loc[300:, ["label", "language"]] = [CLASSES[0], "pl"]
    found = by_name(group_figures(table)[0])
    mine = table[table["language"] == "de"]
    codes = [mine[key].map(CLASSES.index).to_numpy() for key in ("label", "predicted")]
    value = classification_metrics(*codes, len(CLASSES))["macro_f1"]
    assert found["de"]["macro_f1"] == pytest.approx(value)
    assert (found["pl"]["macro_f1"], found["pl"]["classes"]) == (None, 1)  # absent classes are no 0


def test_means_over_seeds() -> None:
    tables = [table_of(rows=320, seed=seed) for seed in (0, 1)]
    for table in tables:
        table["label"], table["speaker"] = tables[0]["label"], tables[0]["speaker"]
        table["language"] = np.where(np.arange(320) < 100, "de", "it")
    single = [group_figures(one) for one in tables]
    for column, *seeds in zip(mean_groups(single), *single, strict=True):
        values = [one["value"] for one in column["groups"] if one["told"]]
        assert values == sorted(values)
        assert column["worst"] == column["groups"][0]["name"]
        for name, found in by_name(column).items():
            for key in ("value", "low", "high", "macro_f1"):
                values = [by_name(one)[name][key] for one in seeds]
                mean = None if None in values else pytest.approx(np.mean(values))
                assert found[key] == mean
            assert found["rows"] == by_name(seeds[0])[name]["rows"]
    other = group_figures(tables[1].assign(language=["de", "pl"] * 160))
    with pytest.raises(ValueError, match="same groups"):
        mean_groups([single[0], other])
