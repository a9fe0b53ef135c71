from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectrep.evaluation.pairing import compare_pairs, pair_runs
from affectrep.evaluation.predictions import read_predictions, write_predictions
from affectrep.evaluation.setting_pairing import compare_settings, has_settings, pair_settings
from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.crosslingual_runs import make_setting, make_side
from tests.evaluation.invented import make_run

METRICS = ["accuracy", "macro_f1", "weighted_f1", "uar"]


def value(run: Path, metric: str = "uar") -> float:
    from affectrep.evaluation.predictions import table_statistics

    return table_statistics(StoredRun(run).table("test")).values()[metric]


def test_means_are_over_seeds_then_targets(tmp_path: Path) -> None:
    a = make_side(tmp_path, "a", "de it pl", 2, skill=0.7)
    b = make_side(tmp_path, "b", "de it pl", 2)
    (pairing,) = pair_settings(a, [b[::-1]], split="test")
    assert pairing.names == ("a", "b")
    assert pairing.seeds == [(0, 0), (1, 1)]
    assert pairing.size == "3 targets, 360 rows, 24 speakers, 2 paired seeds"
    found = compare_settings(pairing)
    assert list(found.targets) == ["de", "it", "pl"]
    assert list(found.mean) == METRICS
    assert found.targets["de"]["uar"].a == pytest.approx(np.mean([value(run) for run in a[:2]]))
    assert found.mean["uar"].fixed.a == pytest.approx(np.mean([value(run) for run in a]))
    assert found.mean["uar"].fixed.b == pytest.approx(np.mean([value(run) for run in b]))
    effects = [one["accuracy"].effect for one in found.targets.values()]
    assert found.mean["accuracy"].drawn.effect == pytest.approx(np.mean(effects))


def test_a_target_agrees_with_the_comparison_of_one_setting(tmp_path: Path) -> None:
    # with fewer seeds the comparison of one setting has fewer degrees of freedom
    a, b = (make_side(tmp_path, name, "de it", 8) for name in "ab")
    found = compare_settings(pair_settings(a, [b], split="test")[0]).targets["it"]
    alone = compare_pairs(pair_runs(a[8:], b[8:], split="test"))
    assert found["accuracy"].effect == pytest.approx(alone["accuracy"].effect)
    widths = [one["accuracy"].high - one["accuracy"].low for one in (found, alone)]
    assert widths[0] == pytest.approx(widths[1], rel=0.15)  # jackknife and bootstrap


def test_what_one_side_lacks_is_left_out_and_said(tmp_path: Path) -> None:
    a = make_side(tmp_path, "a", "de it pl", 3)
    b = make_side(tmp_path, "b", "de it", 3)[:-1] + make_side(tmp_path, "b", "ur", 1)
    (pairing,) = pair_settings(a, [b], split="test")
    assert [target.name for target in pairing.side_a] == ["de", "it"]
    assert pairing.seeds == [(0, 0), (1, 1)]
    assert pairing.notes[:3] == [
        "Left out, not run on the other side: pl of A and ur of B.",
        "Left out, not run in every setting: seed 2 of B.",
        "Left out, without a partner: seed 2 of A.",
    ]
    assert "Two seeds" in pairing.notes[3]


def test_sources_are_averaged_within_their_target(tmp_path: Path) -> None:
    a = [
        make_setting(tmp_path, "one", target, seed, source=source)
        for target, sources in (("de", ("it", "pl")), ("it", ("de", "pl")))
        for source in sources
        for seed in (0, 1)
    ]
    b = make_side(tmp_path, "all", "de it", 2, skill=0.8)
    (pairing,) = pair_settings(a, [b], split="test")
    assert pairing.notes[0] == "A is the mean over 2 sources within each target."
    assert [len(seed) for seed in pairing.side_a[0].runs] == [2, 2]
    assert [len(seed) for seed in pairing.side_b[0].runs] == [1, 1]
    found = compare_settings(pairing)
    assert found.targets["it"]["uar"].a == pytest.approx(np.mean([value(run) for run in a[4:]]))
    assert found.mean["uar"].fixed.a == pytest.approx(np.mean([value(run) for run in a]))


def test_where_both_sides_have_sources_the_common_ones_count(tmp_path: Path) -> None:
    a = [make_setting(tmp_path, "a", "de", source=source) for source in ("it", "pl")]
    b = [make_setting(tmp_path, "b", "de", source=source) for source in ("pl", "ur")]
    (pairing,) = pair_settings(a, [b], split="test")
    assert pairing.notes[0] == "Left out, not run on the other side: it>de of A and ur>de of B."
    assert compare_settings(pairing).targets["de"]["uar"].a == pytest.approx(value(a[1]))
    with pytest.raises(ValueError, match="no target and source in common"):
        pair_settings(a[:1], [b], split="test")


def test_conditions_are_compared_but_never_mixed(tmp_path: Path) -> None:
    strict = make_side(tmp_path, "ce", "de it", 1)
    told = make_side(tmp_path, "ce", "de it", 1, standardise="transductive_corpus", skill=0.8)
    (pairing,) = pair_settings(strict, [told], split="test")
    assert pairing.names == ("ce (strict)", "ce (transductive_corpus)")
    assert pairing.notes[0].startswith("A is strict, B is transductive_corpus")
    with pytest.raises(ValueError, match="side A mixes the conditions strict, transductive_corpus"):
        pair_settings([strict[0], told[1]], [strict], split="test")


def test_rows_in_another_order_are_aligned(tmp_path: Path) -> None:
    a, b = (make_side(tmp_path, name, "de it", 2) for name in "ab")
    before = compare_settings(pair_settings(a, [b], split="test")[0])
    path = b[1] / "predictions" / "test.parquet"
    table = read_predictions(path)
    shuffled = table.sample(frac=1, random_state=0)
    shuffled.attrs = table.attrs
    write_predictions(path, shuffled)
    assert compare_settings(pair_settings(a, [b], split="test")[0]) == before


def test_pooled_folds_are_a_target(tmp_path: Path) -> None:
    upper = [make_setting(tmp_path, "upper", "de", fold="fold=all folds=5")]
    (pairing,) = pair_settings(upper, [make_side(tmp_path, "b", "de it", 1)], split="test")
    assert [target.name for target in pairing.side_a] == ["de"]
    assert compare_settings(pairing).mean["uar"].drawn is None


def test_without_speakers_rows_are_drawn_and_it_is_said(tmp_path: Path) -> None:
    a, b = (make_side(tmp_path, name, "de it", 1, cluster=None) for name in "ab")
    (pairing,) = pair_settings(a, [b], split="test")
    assert "rows are drawn anew, not speakers" in " ".join(pairing.notes)
    assert pairing.size == "2 targets, 210 rows, one seed"


def test_which_runs_have_settings(tmp_path: Path) -> None:
    text, speech = make_run(tmp_path, "ce", rows=60), make_setting(tmp_path, "a", "de")
    assert not has_settings([[text], [text]])
    assert has_settings([[text], [speech]])
    with pytest.raises(ValueError, match="ce-0 has no target language or corpus"):
        pair_settings([speech], [[text]], split="test")


def test_mistakes_are_said_in_words(tmp_path: Path) -> None:
    a, b = (make_side(tmp_path, name, "de it", 2) for name in "ab")
    fold = make_setting(tmp_path, "b", "pl", fold="fold=1 folds=5")
    with pytest.raises(ValueError, match="one fold of 5: pool the folds"):
        pair_settings(a, [[fold]], split="test")
    with pytest.raises(ValueError, match="side B has seed 0 of 'strict de' more than once"):
        pair_settings(a, [[b[0], b[0]]], split="test")
    with pytest.raises(ValueError, match="side A has no seed that was run in every setting"):
        pair_settings([a[0], a[3]], [b], split="test")
    with pytest.raises(ValueError, match="side B mixes runs on single sources"):
        one = make_setting(tmp_path, "b", "de", source="it")
        pair_settings(a, [[*b, one]], split="test")
    with pytest.raises(ValueError, match="tested on de and B on it: they have no target"):
        pair_settings(a[:2], [b[2:]], split="test")
    with pytest.raises(ValueError, match="side A has runs of several settings"):
        pair_runs(a, b, split="test")
    spoiled = b[2] / "predictions" / "test.parquet"
    table = read_predictions(spoiled)
    shorter = table.iloc[1:]
    shorter.attrs = table.attrs
    write_predictions(spoiled, shorter)
    with pytest.raises(ValueError, match="not read on the same rows: 1 only in the first"):
        pair_settings(a, [b], split="test")
