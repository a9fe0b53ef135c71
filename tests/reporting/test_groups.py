from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.metrics import classification_metrics
from affectrep.evaluation.predictions import write_predictions
from affectrep.reporting.groups import group_figures, groups
from affectrep.reporting.subject import Subject
from tests.evaluation.leaky import leaky_run

CLASSES = ["angry", "calm", "glad"]


def rows(count: int = 240, seed: int = 0) -> pd.DataFrame:
    """Two languages with two corpora in one of them; speaker p0 is hard, p7 has one class."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"id": [f"r{i:03d}" for i in range(count)]})
    who = np.arange(count) % 8
    table["speaker"] = [f"c/p{i}" for i in who]
    table["language"] = np.where(who < 4, "de", "it")
    table["corpus"] = np.where(who < 4, "emodb", np.where(who < 6, "emovo", "other"))
    label = np.where(who == 7, 0, (np.arange(count) // 8) % 3)
    skill = np.where(who == 0, 0.2, 0.8)
    said = np.where(rng.random(count) < skill, label, (label + 1) % 3)
    table["label"], table["predicted"] = np.array(CLASSES)[label], np.array(CLASSES)[said]
    for i in range(3):
        table[f"prob_{i}"] = (said == i).astype(float)
    table.attrs = {"task": "classification", "classes": CLASSES, "threshold": None}
    return table


def subject(folder: Path, *tables: pd.DataFrame) -> Subject:
    runs = []
    for seed, table in enumerate(tables):
        run = leaky_run(folder, seed=seed)
        write_predictions(run.table_path("test"), table)
        runs.append(run)
    return Subject(runs, "test", [{"classes": CLASSES}] * len(runs))


def test_figures_are_those_of_the_rows_alone() -> None:
    table = rows()
    found = {one.name: one for one in group_figures([table], "speaker")}
    mine = table[table["speaker"] == "c/p2"]
    codes = [mine[key].map(CLASSES.index).to_numpy() for key in ("label", "predicted")]
    direct = classification_metrics(*codes, CLASSES)
    assert found["c/p2"].uar == pytest.approx(direct["uar"])
    assert found["c/p2"].macro_f1 == pytest.approx(direct["macro_f1"])
    low, high = found["c/p2"].ends
    assert low < direct["uar"] < high
    assert found["c/p7"].classes == 1
    assert found["c/p7"].macro_f1 is None  # two absent classes would count as 0
    order = list(found)
    assert (order[0], order[-1]) == ("c/p0", "c/p7")


def test_seeds_are_averaged_and_clusters_resampled() -> None:
    tables = [rows(seed=0), rows(seed=1)]
    single = [group_figures([one], "language", cluster="speaker") for one in tables]
    both = {one.name: one for one in group_figures(tables, "language", cluster="speaker")}
    for name, found in both.items():
        seeds = [next(one for one in part if one.name == name) for part in single]
        assert found.uar == pytest.approx(np.mean([one.uar for one in seeds]))
        assert found.ends == pytest.approx(np.mean([one.ends for one in seeds], axis=0))
    by_row = {one.name: one for one in group_figures(tables, "language")}
    assert by_row["de"].ends[0] > both["de"].ends[0]  # one hard speaker among four
    with pytest.raises(ValueError, match="same rows"):
        group_figures([tables[0], tables[1].iloc[::-1]], "language")


def test_unknown_rows_are_left_out() -> None:
    table = rows()
    table.loc[:9, "speaker"] = None
    assert sum(one.rows for one in group_figures([table], "speaker")) == 230


def test_the_section_names_the_worst(tmp_path: Path) -> None:
    html = groups(subject(tmp_path, rows(), rows(seed=1)))
    assert "The worst language is de" in html
    assert "The worst speaker is p0" in html
    assert "UAR by corpus" in html
    assert "Confusions by language" in html
    assert html.count("Confusion matrix for") == 2
    assert "<td>p7</td>" in html
    assert "n/a" in html


def test_what_says_nothing_more_is_not_shown(tmp_path: Path) -> None:
    table = rows()
    table["corpus"] = table["language"].map({"de": "emodb", "it": "emovo"})
    html = groups(subject(tmp_path / "a", table))
    assert "UAR by language" in html
    assert "UAR by corpus" not in html
    one = table[table["language"] == "de"].reset_index(drop=True)
    html = groups(subject(tmp_path / "b", one))
    assert "UAR by language" not in html
    assert "Confusions by language" not in html
    assert "UAR by speaker" in html
    alone = table.drop(columns=["speaker", "language", "corpus"])
    assert groups(subject(tmp_path / "c", alone)) == ""


def test_many_speakers_are_cut_to_the_worst(tmp_path: Path) -> None:
    table = rows(600)
    table["speaker"] = [f"p{i % 40:02d}" for i in range(600)]
    html = groups(subject(tmp_path, table))
    assert "UAR by speaker, the worst 12 of 40" in html
    assert "15 more have a higher UAR" in html


def test_runs_without_predictions(tmp_path: Path) -> None:
    run = leaky_run(tmp_path)
    run.table_path("test").unlink()
    assert groups(Subject([run], "test", [{"classes": CLASSES}])) == ""
    assert groups(Subject([run], None, [])) == ""
