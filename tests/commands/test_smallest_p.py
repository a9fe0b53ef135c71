from __future__ import annotations

from affectrep.commands.smallest_p import NO_LIMIT, smallest_p_notes


def test_many_units_need_no_words() -> None:
    assert smallest_p_notes({"": {"seeds": 1, "rows": 30}}) == []
    assert smallest_p_notes({"": {"seeds": 11, "speakers": 24}}) == []
    assert smallest_p_notes({"": {"seeds": 11, "speakers": 24}}, systems=3) != []


def test_few_seeds_cannot_reach_the_level() -> None:
    first, last = smallest_p_notes({"": {"seeds": 5, "rows": 400}})
    assert first == "Smallest attainable p: exchanging the 5 paired seeds gives p 0.062 at best."
    assert last.startswith("A test that only exchanges the sides of these pairs could not reach")
    assert last.endswith(NO_LIMIT)


def test_six_reach_it_alone_but_not_after_holm() -> None:
    assert smallest_p_notes({"": {"seeds": 6, "rows": 400}})[-1] == NO_LIMIT
    first, last = smallest_p_notes({"": {"seeds": 6, "rows": 400}}, systems=2)
    assert "0.031 at best, 0.062 after Holm over 2 systems" in first
    assert "0.05 at all" in last


def test_the_line_that_cannot_is_named() -> None:
    units = {"seeds": 8, "speakers": 40}
    *said, last = smallest_p_notes({" (a)": units, " (b)": {**units, "targets": 3}})
    assert [one.partition(":")[0] for one in said] == [
        "Smallest attainable p (a)",
        "Smallest attainable p (b)",
    ]
    assert "0.05 at all in (b)." in last
