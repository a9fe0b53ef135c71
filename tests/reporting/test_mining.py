from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from affectrep.commands import evaluate, train
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.mining import mining, training_rows
from affectrep.reporting.report import report_html
from affectrep.reporting.subject import gather
from tests.evaluation.invented import make_run
from tests.reporting.mined import add_findings
from tests.reporting.test_report import checked
from tests.tiny import tiny_config


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A run of AML on the tiny encoder, with findings."""
    folder = tmp_path_factory.mktemp("tiny")
    config = tiny_config(folder)
    train.run(config, ["objective.name=aml"], output=folder)
    return folder / "tiny-0"


def section_of(*runs: Path) -> str:
    return mining(gather(runs)[0])


def test_a_run_without_findings_has_no_section(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert section_of(run) == ""
    assert 'href="#mining"' not in report_html([run])


def test_the_section_stands_in_the_report(tmp_path: Path) -> None:
    runs = [add_findings(make_run(tmp_path, "aml", s, families=True), s) for s in range(2)]
    html = checked(report_html(runs))
    assert 'href="#mining"' in html
    for words in (
        "What mining found",
        "Rows to read again",
        "nothing was removed",
        "In one family",
    ):
        assert words in html
    assert "001&lt;" in html  # an id that looks like HTML
    assert "001<" not in html


def test_several_configurations_have_a_section_each(tmp_path: Path) -> None:
    runs = [add_findings(make_run(tmp_path, name)) for name in ("one", "two")]
    html = checked(report_html([*runs, make_run(tmp_path, "ce")]))
    assert 'href="#mining-0"' in html
    assert html.count(": what mining found</h2>") == 2


def test_the_most_mined_pairs_come_first_with_their_mean(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, seed=seed, families=True, skill=0.5) for seed in range(2)]
    for seed, run in enumerate(runs):
        (run / "findings").mkdir()
        table = pd.DataFrame(
            {
                "class_a": ["joy", "annoyance", "fear"],
                "class_b": ["calm", "anger", "calm"],
                "cosine": [5, 1000 * (1 + seed), 1],
                "learned": [7, 3000, 1],
                "confusion": [0.9, 0.25 + 0.5 * seed, 0.1],
            }
        )
        table.to_csv(run / "findings" / "mined_pairs.csv", index=False)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", section_of(*runs))
    assert cells[:5] == ["annoyance, anger", "1,500", "3,000", "50.0 %", "yes"]
    assert cells[5:10] == ["joy, calm", "5", "7", "90.0 %", "no"]
    assert "The curve was not drawn: expected each of the 28 pairs" in section_of(*runs)


@pytest.mark.parametrize(("learned", "way"), [(1.0, "more"), (-1.0, "less")])
def test_the_sentence_says_shares_and_difference(tmp_path: Path, learned: float, way: str) -> None:
    run = add_findings(make_run(tmp_path, rows=2000), learned=learned)
    words = re.search(
        r"Of the worst tenth of the errors \((\d+) rows\), ([\d.]+) % fall on the 7 pairs of "
        r"classes that the learned metric chose most often, and ([\d.]+) % on as many that the "
        rf"cosine chose: ([\d.]+) points {way} for the learned metric \(95 % interval",
        section_of(run),
    )
    assert words, section_of(run)
    a, b, points = map(float, words.groups()[1:])
    assert abs(a - b) == pytest.approx(points, abs=0.11)
    assert "at random would find 25.0 %" in section_of(run)


def test_the_same_ranks_are_no_difference(tmp_path: Path) -> None:
    run = add_findings(make_run(tmp_path))
    path = run / "findings" / "mined_pairs.csv"
    table = pd.read_csv(path)
    table.assign(learned=table["cosine"]).to_csv(path, index=False)
    assert "cosine chose: no difference." in section_of(run)


def test_a_run_that_was_not_evaluated_has_pairs_and_rows(tmp_path: Path) -> None:
    html = section_of(add_findings(make_run(tmp_path, evaluated=False)))
    assert "Most mined pairs" in html
    assert "Rows to read again" in html
    assert "Worst errors" not in html
    assert "In one family" not in html


def test_rows_recur_over_seeds_and_rows_of_no_corpus_are_left_out(tmp_path: Path) -> None:
    runs = [add_findings(make_run(tmp_path, seed=seed), seed) for seed in range(2)]
    html = section_of(*runs)
    rows = re.findall(r"<td>(00\d+)&lt;</td><td class=\"n\">(\d+)</td>", html)
    assert len(rows) == 15
    assert rows[0] == ("000", str(2 * 194))


def test_texts_and_labels_come_from_the_corpus(tiny: Path) -> None:
    html = section_of(tiny)
    found = StoredRun(tiny).findings("recurring_positives")
    rows = pd.read_csv(tiny.parent / "table.csv")
    name, times = found.iloc[0]
    row = rows.iloc[int(name.rpartition(":")[2]) - 2]
    assert row["split"] == "train"
    assert f"“{row['text']}”" in html
    assert f"{row['label']}<span>{name}, chosen {times} times" in html


def test_texts_are_not_shown_of_other_rows_or_where_there_are_none(tiny: Path, tmp_path) -> None:
    run = tmp_path / "tiny-0"
    (run / "findings").mkdir(parents=True)
    for name in ("config.yaml", "data.json", "findings/recurring_positives.csv"):
        (run / name).write_bytes((tiny / name).read_bytes())
    ids = list(StoredRun(run).findings("recurring_positives")["id"])
    assert set(training_rows(StoredRun(run), ids)) == set(ids)
    values = yaml.safe_load((run / "config.yaml").read_text())
    table = tmp_path / "table.csv"
    values["data"]["root"] = str(table)
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    assert training_rows(StoredRun(run), ids) == {}  # no such file
    text = (tiny.parent / "table.csv").read_text()
    table.write_text(text.replace("today", "tomorrow"))
    assert training_rows(StoredRun(run), ids) == {}  # other texts
    table.write_text("nothing of the kind\n")
    assert training_rows(StoredRun(run), ids) == {}
    values["data"]["root"] = None
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    assert training_rows(StoredRun(run), ids) == {}  # would be fetched


def test_the_whole_way_on_a_tiny_run(tiny: Path, monkeypatch) -> None:
    monkeypatch.chdir(tiny.parent)
    evaluate.run(tiny, split="validation")
    html = checked(report_html([tiny]))
    assert "Worst tenth of the errors on validation" in html
    assert "on the pair of classes that the learned metric" in html
