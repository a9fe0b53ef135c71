from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.persons import person_banners, persons, strip_chart
from affectrep.reporting.subject import Subject, gather
from tests.evaluation.invented import make_run
from tests.reporting.regressed import regression_run, regression_table


def subject(folder: Path, name: str = "faces", **options: object) -> Subject:
    run = regression_run(folder, name, pictures=False, mapped=False, **options)
    return gather([run])[0]


def test_the_section_says_what_the_card_says(tmp_path: Path) -> None:
    one = subject(tmp_path)
    card = one.cards[0]["persons"]
    html = persons(one)
    assert "20 people of the test split" in html
    assert '<p class="verdict">Person-independent: none of the 20 people' in html
    for axis in ("valence", "arousal"):
        share = card["metrics"][f"person_share_{axis}"]
        span = f"{100 * share['low']:.0f} to {100 * share['high']:.0f}"
        assert f"{100 * share['value']:.0f} % of the variance of the errors" in html
        assert f"(95 % interval {span})" in html
        for end in ("best", "worst"):
            told = card["axes"][axis][end]
            assert f"{told['subject'].rpartition('/')[2]} with a CCC of {told['ccc']:.3f}" in html
    assert html.count("<circle") == 4 * 20
    assert html.count("<tr>") == 11  # a header and the ten with the largest errors


def test_the_worst_stand_first(tmp_path: Path) -> None:
    table = regression_table()
    table.loc[table["subject"] == "c/p07", "predicted_valence"] += 0.9
    html = persons(subject(tmp_path, table=table))
    assert "<tbody><tr><td>p07</td>" in html


def test_persons_of_the_training_are_said_where_it_is_seen_first(tmp_path: Path) -> None:
    shared = subject(tmp_path / "a", training_people=("c/p03",))
    html = persons(shared)
    assert '<p class="notice">Not person-independent: 1 of the 20 people' in html
    assert person_banners([shared, shared]) == [shared.cards[0]["persons"]["sentence"]]
    nameless = subject(tmp_path / "b", table=regression_table(people=0))
    assert persons(nameless) == ""
    assert person_banners([nameless]) == [
        "Not person-independent: no row of this split names its subject."
    ]
    assert person_banners([subject(tmp_path / "c")]) == []


def test_people_with_few_rows_have_no_ccc_and_no_dot(tmp_path: Path) -> None:
    html = persons(subject(tmp_path, table=regression_table(60, people=20)))
    assert "CCC of each person" not in html
    assert "RMSE of each person" in html
    assert "<td" in html
    assert "n/a" in html


def test_several_seeds_are_averaged_in_words(tmp_path: Path) -> None:
    paths = [regression_run(tmp_path, seed=seed, pictures=False, mapped=False) for seed in range(2)]
    one = gather(paths)[0]
    values = [card["persons"]["metrics"]["person_share_valence"]["value"] for card in one.cards]
    html = persons(one)
    assert f"Valence: {50 * sum(values):.0f} % of the variance" in html
    spreads = [card["persons"]["axes"]["valence"]["between_sd"] for card in one.cards]
    assert f"differ by a sd of {sum(spreads) / 2:.3f}" in html
    assert "of the first seed" in html


def test_runs_without_the_figures_have_no_section(tmp_path: Path) -> None:
    assert persons(gather([make_run(tmp_path)])[0]) == ""
    run = StoredRun(regression_run(tmp_path))
    path = run.path / "predictions" / "test.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps({key: card[key] for key in card if key != "persons"}))
    assert persons(gather([run.path])[0]) == ""
    assert person_banners(gather([run.path])) == []


def test_of_many_persons_some_are_drawn_the_ends_among_them(tmp_path: Path) -> None:
    one = subject(tmp_path, table=regression_table(6000, people=500))
    html = persons(one, subjects=8)
    assert html.count("<circle") == 4 * 100
    assert "CCC of 100 persons" in html
    for axis in ("valence", "arousal"):
        values = sorted(row[f"rmse_{axis}"] for row in one.cards[0]["persons"]["table"])
        for end in (values[0], values[-1]):
            assert f"rows: {end:.3f}</title>" in html


def test_dots_that_coincide_are_stacked_inside_their_strip() -> None:
    strips = {"a": [(f"p{i}", 0.5) for i in range(80)], "b": [("<q>", -0.2), ("r", 1.0)]}
    root = ET.fromstring(strip_chart(strips, alt="x"))
    places = [(one.get("cx"), float(one.get("cy", ""))) for one in root.iter("circle")]
    assert len(set(places)) == len(places) == 82
    first = [y for _, y in places[:80]]
    assert min(first) >= 0
    assert max(first) <= 84
    assert all(84 <= y <= 168 for _, y in places[80:])
    assert "<q>: -0.200" in [one.text for one in root.iter("title")]
    ticks = [float(one.text) for one in root.iter("text") if one.get("text-anchor") == "middle"]
    assert ticks[0] <= -0.2
    assert ticks[-1] >= 1.0


@pytest.mark.parametrize("values", [[], [float("nan")], [float("inf")]])
def test_nothing_to_draw_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        strip_chart({"a": [("p", value) for value in values]}, alt="x")


@pytest.mark.parametrize("values", [[0.5], [0.0, 0.0], [-1.0, 1.0], [3.0, 400.0]])
def test_any_range_has_an_axis(values: list[float]) -> None:
    root = ET.fromstring(strip_chart({"a": [("p", value) for value in values]}, alt="x"))
    for dot in root.iter("circle"):
        assert 0 <= float(dot.get("cx", "")) <= 390
