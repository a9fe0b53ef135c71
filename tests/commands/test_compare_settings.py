from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.commands import compare
from affectrep.evaluation.multiple import holm
from tests.evaluation.crosslingual_runs import make_setting, make_side
from tests.evaluation.invented import make_run


def words_of(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_targets_means_and_verdicts_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = make_side(tmp_path, "proposed", "de it pl", 3, skill=0.8)
    b = make_side(tmp_path, "baseline2", "de it pl ur", 3, skill=0.5)
    found = compare.run(a, [b])
    words = words_of(capsys)
    assert (
        "A: proposed B: baseline2 test: 3 targets, 360 rows, 24 speakers, 3 paired seeds" in words
    )
    assert words.index("UAR") < words.index("Accuracy")  # the runs chose their epochs by UAR
    for line in ("de ", "it ", "pl ", "mean, these targets (a) ", "mean, targets drawn (b) "):
        assert words.count(line) >= 4, line
    assert "Left out, not run on the other side: ur of B." in words
    assert "(a) draws speakers and seeds anew and speaks of these targets" in words
    assert "Smallest attainable p (a): exchanging the 3 paired seeds gives p 0.250" in words
    assert "Smallest attainable p (b): exchanging the 3 paired" in words
    assert "On these 3 targets: proposed lies" in words
    assert "On other targets like these:" in words
    assert found["baseline2"]["uar"].told_apart
    assert found["baseline2"]["uar"].holm is None


def test_several_others_are_adjusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = make_side(tmp_path, "a", "de it", 2, skill=0.8)
    b = make_side(tmp_path, "b", "de it", 2, skill=0.5)
    c = make_side(tmp_path, "c", "de it", 2, skill=0.75)
    found = compare.run(a, [b, c])
    words = words_of(capsys)
    assert "A: a B: b, 2 targets, 210 rows, 16 speakers, 2 paired seeds C: c, 2 targets" in words
    assert "A and C: UAR" in words
    assert "UAR, mean over targets" in words
    assert words.count(" C b ") == 4
    assert "B: Two seeds" in words
    assert "gives p 0.500 at best, 1.000 after Holm over 2 systems" in words
    assert "The words go by Holm's p" in words
    assert words.count("On these 2 targets:") == 2
    ps = [found[name]["uar"].p for name in ("b", "c")]
    assert [found[name]["uar"].holm for name in ("b", "c")] == holm(ps).tolist()


def test_one_target_is_shown_as_one_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = (make_side(tmp_path, name, "de", 2) for name in "ab")
    compare.run(a, [b])
    words = words_of(capsys)
    assert "test: one target, 120 rows, 8 speakers, 2 paired seeds, target de" in words
    assert "targets drawn" not in words
    assert words.endswith(("could not have been seen.", ")."))


def test_several_others_of_which_one_shares_a_single_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = (make_side(tmp_path, name, "de it", 1) for name in "ab")
    found = compare.run(a, [b, make_side(tmp_path, "c", "it", 1)])
    words = words_of(capsys)
    assert words.count(" B b ") == 4
    assert " C b " not in words
    assert set(found) == {"b", "c"}


def test_the_metric_is_the_one_that_was_selected_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = (make_side(tmp_path, name, "de it", 1, select="macro_f1") for name in "ab")
    compare.run(a, [b])
    assert " in weighted F1" in words_of(capsys)
    compare.run(a, [b], metric="macro_f1")
    assert " in macro F1" in words_of(capsys)
    with pytest.raises(ValueError, match="no metric 'ccc' here"):
        compare.run(a, [b], metric="ccc")


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    a, b = (make_side(tmp_path, name, "de it", 1) for name in "ab")
    with pytest.raises(ValueError, match="leave --families out"):
        compare.run(a, [b], families=tmp_path / "families.json")
    with pytest.raises(ValueError, match="has no target language"):
        compare.run([make_run(tmp_path, "text", rows=60)], [b])
    with pytest.raises(ValueError, match="no target and source in common"):
        compare.run(a, [[make_setting(tmp_path, "c", "pl")]])
