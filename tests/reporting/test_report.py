from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.predictions import write_predictions
from affectrep.evaluation.setting_pairing import compare_settings, pair_settings
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.report import compared, report_html, write_report
from affectrep.reporting.scatter import map_path
from affectrep.reporting.subject import gather
from tests.evaluation.crosslingual_runs import make_side
from tests.evaluation.invented import make_run
from tests.reporting.mined import add_findings
from tests.reporting.regressed import regression_run, regression_table

VOID = {"meta", "br"}


class Nesting(HTMLParser):
    """Fails where a tag is closed that was not opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass


def checked(html: str) -> str:
    nesting = Nesting()
    nesting.feed(html)
    assert nesting.open == []
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", html)
    assert "@import" not in html
    assert "url(" not in html
    assert "<script" not in html
    for image in re.findall(r"<svg[^>]*>", html):
        assert re.search(r'aria-label="[^"]+"', image)
    anchors = set(re.findall(r'href="#([^"]+)"', html))
    assert anchors <= set(re.findall(r'id="([^"]+)"', html))
    return html


def test_one_run(tmp_path: Path) -> None:
    html = checked(report_html([make_run(tmp_path, families=True, leaked=4)]))
    for words in (
        "This corpus is generated",
        "Weighted F1",
        "Learning curves",
        "Confusions",
        "Families of confusable classes",
        "Without 4 rows that training also has",
        "Bayes ceiling",
        "12 rows with several labels",
        "Templates of the test split",
        "An invented processor",
        "prefers-color-scheme: dark",
        "max-width: 40rem",
    ):
        assert words in html
    assert "&lt;b&gt;marks&lt;/b&gt;" in html  # texts of the corpus are not HTML
    assert "<b>marks" not in html
    assert html.count("<pre>") == 4  # one to reproduce, three to go on
    assert "seed=1" in html


def test_several_seeds_of_two_configurations(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "ce", seed, generated=False, rows=200) for seed in range(2)]
    runs += [
        make_run(tmp_path, "supcon", seed, generated=False, rows=200, skill=0.62)
        for seed in range(2)
    ]
    html = checked(report_html(runs))
    assert "ce and supcon" in html
    assert "over 2 seeds" in html
    assert re.search(r"supcon (and ce cannot be told apart|lies [\d.]+ points)", html)
    assert "ce: figures" in html
    assert '<td class="n">0.500 (2 seeds)</td>' in html  # 2 / 2^2
    assert "The smallest attainable p is that of a test by exchange" in html
    assert "supcon: confusions" in html
    assert "This corpus is generated" not in html
    assert "the official split shares rows" in html


def test_several_configurations_are_judged_by_holm(tmp_path: Path) -> None:
    skills = {"ce": 0.6, "lcl": 0.5, "supcon": 0.8}
    runs = [make_run(tmp_path, name, rows=150, skill=skill) for name, skill in skills.items()]
    html = checked(report_html(runs))
    assert "Holm&#x27;s p" in html
    assert "allows for all these comparisons" in html
    assert html.count('class="verdict"') == 3
    assert "Holm" not in checked(report_html(runs[:2]))
    other = make_run(tmp_path, "other", rows=100)
    html = checked(report_html([*runs[:2], other]))  # one comparison and two that failed
    assert "other and ce were not compared" in html
    assert "Holm" not in html


def test_many_configurations_are_compared_with_the_first(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, name, rows=80) for name in "abcde"]
    html = checked(report_html(runs))
    compared = re.findall(r"<tr><td>(\w) - (\w)</td>", html)
    assert compared == [("b", "a"), ("c", "a"), ("d", "a"), ("e", "a")]
    assert "These are 10 pairs. Shown are the 4 with a, which was given first" in html
    assert f"affectrep compare {runs[2]} --against {runs[1]}" in html
    assert "These are" not in checked(report_html(runs[:4]))  # six pairs are all shown


def test_runs_that_cannot_be_compared_are_still_shown(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "a", rows=100), make_run(tmp_path, "b", rows=120)]
    html = checked(report_html(runs))
    assert "b and a were not compared" in html


def test_a_regression_of_faces_has_its_own_sections_and_nothing_about_classes(
    tmp_path: Path,
) -> None:
    table = regression_table(600, videos=6)
    html = checked(report_html([regression_run(tmp_path, table=table)]))
    assert len(html) < 5_000_000
    navigation = re.findall(r'<a href="#([\w-]+)">', html)
    shown = (
        "figures faces learning reliability plane tracks persons critic map data environment next"
    )
    assert navigation == shown.split()
    for words in ("By axis", "Loss of phase critic", "Loss of phase adversarial", "By quadrant"):
        assert words in html
    card = json.loads((tmp_path / "faces-0" / "predictions" / "test.json").read_text())
    for metric in ("ccc_valence", "rmse_arousal", "pcc"):
        figure = card["metrics"][metric]
        assert f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]" in html
    for part in ("strong", "weak"):
        assert f"{part.capitalize()}, {card['strong_weak']['rows'][part]:,} rows" in html
        assert f"{card['strong_weak']['metrics'][f'{part}_ccc']['value']:.3f} [" in html
    body = html.partition("</style>")[2]
    for word in ("F1", "class ", "classes", "onfusion", "UAR", "ccuracy", "label=calm"):
        assert word not in re.sub(r"<[^>]*>", " ", body), word


def test_configurations_of_a_regression_are_compared_on_mean_ccc(tmp_path: Path) -> None:
    runs = [
        regression_run(
            tmp_path,
            name,
            seed,
            table=regression_table(300, seed + 10 * place, error=error),
            critic=name == "caf",
        )
        for place, (name, error) in enumerate({"plain": 0.35, "caf": 0.1}.items())
        for seed in range(2)
    ]
    html = checked(report_html(runs))
    assert re.search(r"caf lies 0\.\d+ above plain in CCC", html)
    assert "CCC of the same rows" in html
    assert "<figcaption>RMSE</figcaption>" in html
    assert "plain: faces" in html
    assert 'id="critic-1"' in html
    assert 'id="critic-0"' not in html


def test_every_section_has_a_link(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=60)
    path = run / "predictions" / "test.json"
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    part = {"metrics": {"knn_accuracy": figure}, "neighbours": 5}
    path.write_text(json.dumps({**json.loads(path.read_text()), "representation": part}))
    html = checked(report_html([run]))
    sections = re.findall(r'<section id="([\w-]+)">', html)
    assert "representation" in sections
    assert re.findall(r'<a href="#([\w-]+)">', html) == sections


def test_a_section_that_only_the_second_configuration_has_is_linked(tmp_path: Path) -> None:
    runs = [regression_run(tmp_path, name, critic=name == "caf") for name in ("a", "caf")]
    assert '<a href="#critic-1">Critic</a>' in checked(report_html(runs))


def test_persons_seen_in_training_are_said_first(tmp_path: Path) -> None:
    run = regression_run(tmp_path, training_people=("c/p01",))
    header = checked(report_html([run])).partition("</header>")[0]
    assert "Not person-independent: 1 of the 20 people" in header


def test_a_report_of_many_rows_stays_small(tmp_path: Path) -> None:
    table = regression_table(10_000, people=100)
    html = checked(report_html([regression_run(tmp_path, table=table)]))
    assert len(html) < 2_500_000


def test_confused_rows_without_a_text_are_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=60)
    path = run / "predictions" / "test.json"
    card = json.loads(path.read_text())
    pair = card["confused"][0]
    rows = [{"id": "c/1001_<ANG>.wav", "person": "c/1001"}, {"id": "c/7.wav"}]
    path.write_text(json.dumps({**card, "confused": [{**pair, "examples": rows}]}))
    html = checked(report_html([run]))
    assert "<blockquote>c/1001_&lt;ANG&gt;.wav (c/1001)</blockquote>" in html
    assert "<blockquote>c/7.wav</blockquote>" in html


def test_a_report_of_many_texts_with_a_map_stays_small(tmp_path: Path) -> None:
    count = 10_000
    run = add_findings(make_run(tmp_path, rows=count, families=True))
    table = pd.read_parquet(run / "predictions" / "test.parquet")
    places = np.random.default_rng(0).normal(size=(count, 4))
    drawn = pd.DataFrame(places, columns=["x", "y", "pca_x", "pca_y"])
    for name in ("id", "label", "predicted", "speaker"):
        drawn[name] = list(table[name])
    drawn = drawn.assign(split="test")
    drawn.attrs = {"perplexity": 30.0, "of": count, "seed": 0, "explained": 0.4}
    write_predictions(map_path(StoredRun(run), "test"), drawn)
    html = checked(report_html([run]))
    assert "By emotion" in html
    assert "10,000 rows" in html
    assert len(html.encode()) < 5_000_000


def test_a_run_that_was_not_evaluated(tmp_path: Path) -> None:
    html = checked(report_html([make_run(tmp_path, evaluated=False)]))
    assert "Not evaluated yet" in html
    assert "--split test" in html
    assert "Learning curves" in html


def test_a_run_without_curves(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run / "metrics.jsonl").unlink()
    (run / "environment.json").unlink()
    assert "Learning curves" not in checked(report_html([run]))


def test_the_file_is_written(tmp_path: Path) -> None:
    path = write_report([make_run(tmp_path)], tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(ValueError, match="at least one run"):
        write_report([], path)


def test_corpora_follow_one_another_also_under_one_name(tmp_path):
    texts, faces = make_run(tmp_path / "a", "demo"), regression_run(tmp_path / "b", "demo")
    page = report_html([texts, faces])
    assert page.count('<h1 id="corpus-') == 2
    addresses = re.findall(r' id="([^"]+)"', page)
    assert len(addresses) == len(set(addresses))
    assert {"learning-0", "learning-1", "data-1"} <= set(addresses)


def test_cross_lingual_configurations_are_compared_as_the_command_does(tmp_path: Path) -> None:
    """Interval and p are those of `affectrep compare` on that target, not a second method's."""
    a, b = (make_side(tmp_path, name, "de", 3, skill=how) for name, how in (("a", 0.8), ("b", 0.5)))
    (pairing,) = pair_settings(b, [a], split="test")
    one = compare_settings(pairing).targets["de"]["uar"]
    first, second = gather([*a, *b])
    (found,) = compared([(second, first)], "uar")
    assert found.found == one
    assert found.units == {"seeds": 3, "speakers": 8}
