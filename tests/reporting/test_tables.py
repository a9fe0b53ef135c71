from __future__ import annotations

from dataclasses import replace

from rich.console import Console
from rich.table import Table

from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.families import Families
from affectrep.evaluation.nested import NestedDifference
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.reporting.tables import (
    baseline_figures,
    class_table,
    comparison_table,
    confusion_table,
    difference_table,
    family_figures,
    mean_verdict,
    metric_table,
    target_table,
    verdict,
)
from tests.evaluation.invented import CLASSES, table_of


def shown(table: Table) -> str:
    console = Console(width=140, markup=False, record=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def card() -> dict:
    table = table_of(150)
    return scorecard(
        table,
        families=Families([["joy", "delight"]], CLASSES),
        resampling=Resampling(100),
        texts={row: f"[NAME] said [b]{row}[/b]" for row in table["id"]},
        leaked=["r1"],
    )


def test_tables_show_what_the_card_says() -> None:
    values = card()
    words = shown(metric_table(values, "heading"))
    assert "without 1 leaked rows" in words
    assert f"{100 * values['metrics']['accuracy']['value']:.1f}" in words
    assert "annoyance" in shown(class_table(values["per_class"]))
    assert "[NAME] said [b]" in shown(confusion_table(values["confused"]))  # no markup is read
    assert "joy, delight" in shown(family_figures(values["family_table"]))


def test_the_model_stands_between_baselines_and_ceiling() -> None:
    rows = [{"system": name, "accuracy": 0.5, "weighted_f1": 0.5, "macro_f1": 0.5}
            for name in ("majority class", "Bayes ceiling")]  # fmt: skip
    words = shown(baseline_figures({**card(), "baselines": rows}, "mine"))
    assert words.index("majority") < words.index("mine") < words.index("Bayes ceiling")


def test_a_regression_stands_beside_its_baselines() -> None:
    metrics = {name: {"value": 0.8} for name in ("ccc", "pcc", "rmse", "sagr")}
    baselines = [{"system": "mean of training", "ccc": 0.0, "rmse": 0.41}]
    found = {"task": "regression", "metrics": metrics, "baselines": baselines}
    words = shown(baseline_figures(found, "mine"))
    assert words.index("0.410") < words.index("mine")
    assert "n/a" in words  # what a baseline lacks is not guessed
    assert "Accuracy" not in words


ONE = Difference("weighted_f1", 0.66, 0.65, 0.01, -0.002, 0.022, 0.09, 0.017, 5, 0.0)


def test_verdicts() -> None:
    assert verdict(ONE, "a", "b") == (
        "a and b cannot be told apart in weighted F1: an effect below 1.7 points could not "
        "have been seen."
    )
    clear = replace(ONE, low=0.004, high=0.016)
    assert verdict(clear, "a", "b") == (
        "a lies 1.0 points above b in weighted F1 (interval 0.4 to 1.6)."
    )
    worse = replace(clear, effect=-0.01, low=-0.016, high=-0.004)
    assert "1.0 points below b" in verdict(worse, "a", "b")
    assert "interval 0.4 to 1.6" in verdict(worse, "a", "b")
    same = replace(ONE, effect=0.0, low=0.0, high=0.0)
    assert "the same in weighted F1" in verdict(same, "a", "b")
    holm = replace(clear, p=0.02, holm=0.08)
    assert verdict(holm, "a", "b") == (
        "a and b cannot be told apart in weighted F1 once Holm's method allows for all "
        "comparisons (p 0.020, Holm's p 0.080)."
    )
    assert verdict(replace(ONE, holm=0.36), "a", "b") == verdict(ONE, "a", "b")
    assert verdict(replace(clear, p=0.001, holm=0.004), "a", "b") == verdict(clear, "a", "b")
    ccc = replace(clear, metric="ccc")
    assert verdict(ccc, "a", "b").startswith("a lies 0.010 above b in CCC")


def test_differences() -> None:
    words = shown(difference_table({"weighted_f1": replace(ONE, p=0.0002)}, "heading"))
    assert "+1.0" in words
    assert "< 0.001" in words
    assert "[-0.2, +2.2]" in words


def test_comparisons_with_several() -> None:
    found = {
        "B": replace(ONE, p=0.0002, holm=0.0006, low=0.004, high=0.016),
        "C": replace(ONE, effect=-0.02, low=-0.03, high=-0.01, p=0.001, holm=0.002),
        "D": replace(ONE, low=0.001, high=0.019, p=0.03, holm=0.06),
    }
    lines = shown(comparison_table(found, "heading")).splitlines()
    b, c, d = (
        [w for w in line.split("  ") if w.strip()] for line in lines if line[1:2] in (*"BCD",)
    )
    assert [word.strip() for word in b] == [
        "B", "66.0", "65.0", "+1.0", "[+0.4, +1.6]", "< 0.001", "< 0.001", "1.7", "A above",
    ]  # fmt: skip
    assert [word.strip() for word in c][5:] == ["0.001", "0.002", "1.7", "A below"]
    assert [word.strip() for word in d][5:] == ["0.030", "0.060", "1.7", "not told apart"]


def test_targets_and_their_mean() -> None:
    clear = replace(ONE, low=0.004, high=0.016, p=0.0002)
    lines = shown(target_table({"de": ONE}, NestedDifference(clear, ONE), "heading")).splitlines()
    cells = [[word.strip() for word in line.split("  ") if word.strip()] for line in lines]
    rows = {line[0]: line[1:] for line in cells if len(line) > 5}
    shared = ["66.0", "65.0", "+1.0"]
    assert rows["de"] == [*shared, "[-0.2, +2.2]", "0.090", "1.7"]
    assert rows["mean, these targets (a)"] == [*shared, "[+0.4, +1.6]", "< 0.001", "1.7"]
    assert rows["mean, targets drawn (b)"] == [*shared, "[-0.2, +2.2]", "0.090", "1.7"]
    assert "(b)" not in shown(target_table({"de": ONE}, NestedDifference(ONE, None), "heading"))


def test_verdicts_on_a_mean() -> None:
    clear = replace(ONE, low=0.004, high=0.016)
    here, there = mean_verdict(NestedDifference(clear, ONE), "a", "b", targets=5)
    assert here == f"On these 5 targets: {verdict(clear, 'a', 'b')}"
    assert there == f"On other targets like these: {verdict(ONE, 'a', 'b')}"
    _, luck = mean_verdict(NestedDifference(ONE, clear), "a", "b", targets=5)
    assert luck.startswith("On other targets like these: the same, as far as so few show.")
    same = replace(ONE, effect=0.0, low=0.0, high=0.0)
    _, nothing = mean_verdict(NestedDifference(same, same), "a", "b", targets=5)
    assert "the same in weighted F1, row for row" in nothing
    assert mean_verdict(NestedDifference(clear, None), "a", "b", targets=1) == [
        verdict(clear, "a", "b")
    ]
