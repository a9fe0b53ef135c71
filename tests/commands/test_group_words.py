from __future__ import annotations

from affectrep.commands.group_words import worst_groups
from affectrep.evaluation.groups import group_figures
from tests.evaluation.test_groups import faces


def test_the_worst_group_is_named_for_valence_and_arousal() -> None:
    (said,) = worst_groups({"groups": group_figures(faces())})  # a single source can be told
    assert said.startswith("Worst gender of 2: f, CCC 0.")
    assert "(80 rows); best: m, 0." in said


def test_groups_that_are_left_out_are_counted() -> None:
    table = faces()
    table["corpus"] = table["corpus"].where(table.index >= 100, "d")
    (corpus, _) = worst_groups({"groups": group_figures(table)})
    assert corpus.startswith("Worst corpus of 2: ")
    assert corpus.endswith("; 2 with too few rows or classes are left out.")


def test_without_groups_nothing_is_said() -> None:
    assert worst_groups({"metrics": {}}) == []
