from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from affectrep.evaluation.predictions import write_predictions
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.groups import groups
from affectrep.reporting.subject import Subject
from tests.evaluation.leaky import leaky_run
from tests.evaluation.regressions import regression

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
    assert "15 more stand better" in html


def test_runs_without_predictions(tmp_path: Path) -> None:
    run = leaky_run(tmp_path)
    run.table_path("test").unlink()
    assert groups(Subject([run], "test", [{"classes": CLASSES}])) == ""
    assert groups(Subject([run], None, [])) == ""


def test_valence_and_arousal_name_the_worst_group_by_ccc(tmp_path: Path) -> None:
    table = regression(people=12, each=20)
    table["gender"] = np.where(np.arange(240) // 20 % 3 == 0, "f", "m")
    table.loc[table["gender"] == "f", "predicted_valence"] *= -1
    table["corpus"] = ["a"] * 200 + ["b"] * 6 + ["c"] * 34  # b has too few rows to tell
    shown = subject(tmp_path, table)
    settings = shown.runs[0].path / "config.yaml"
    settings.write_text(settings.read_text().replace("task: classification", "task: regression"))
    html = groups(Subject([StoredRun(shown.runs[0].path)], "test", [{}]))
    assert "The worst gender is f with a CCC of" in html
    assert "CCC by corpus" in html
    assert ">RMSE</th>" in html
    assert ">Classes</th>" not in html
    assert "Confusions by language" not in html
    assert html.index("<td>c</td>") < html.index("<td>b</td>")
