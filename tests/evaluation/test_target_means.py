from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.evaluation.pooled_run import pool_folds
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.target_means import METRICS, TargetMean, target_means
from tests.evaluation.invented_settings import make_folds, make_setting

SKILLS = {"de": 0.9, "it": 0.3, "pl": 0.6}
SIZES = {"de": 40, "it": 80, "pl": 24}


def zero_shot(runs: Path, target: str, seed: int = 0, **more: object) -> StoredRun:
    path = make_setting(
        runs,
        f"leave_language_out target={target}",
        name="proposed",
        seed=seed,
        rows=range(SIZES[target]),
        skill=SKILLS[target],
        **more,  # type: ignore[arg-type]
    )
    return StoredRun(path)


def pair(runs: Path, source: str, target: str) -> StoredRun:
    words = f"source_to_target sources={source} target={target}"
    skill = 0.8 if source < target else 0.4
    rows = range(SIZES[target])
    return StoredRun(make_setting(runs, words, name="baseline1", rows=rows, skill=skill))


def figure(run: StoredRun, metric: str) -> float:
    return float(run.scorecard("test")["metrics"][metric]["value"])


def found(means: list[TargetMean], metric: str = "uar") -> dict[str, float]:
    return {one.result.condition: one.result.value for one in means if one.result.metric == metric}


def test_each_target_counts_alike(tmp_path: Path) -> None:
    runs = [zero_shot(tmp_path, target) for target in SIZES]
    means, notes = target_means(runs)
    assert not notes
    assert [one.result.metric for one in means] == list(METRICS)
    for one in means:
        values = [figure(run, one.result.metric) for run in runs]
        assert one.result.value == pytest.approx(sum(values) / 3, abs=1e-12)
        assert one.result.condition == "strict mean"
        assert one.result.n == sum(SIZES.values())
        assert one.result.low < one.result.value < one.result.high
        assert one.result.minutes == pytest.approx(4.5)
        assert (one.result.commit, one.result.device) == ("abc1234", "cpu")
        assert one.targets == set(SIZES)
        assert one.parts == {run.setting: figure(run, one.result.metric) for run in runs}


def test_sources_are_averaged_before_targets(tmp_path: Path) -> None:
    runs = {(s, t): pair(tmp_path, s, t) for s in SIZES for t in SIZES if s != t}
    extra = pair(tmp_path, "ur", "de")  # three sources for de, two for the others
    means, notes = target_means([*runs.values(), extra])
    assert not notes
    by_target = {}
    for target in SIZES:
        values = [figure(run, "uar") for (_, goal), run in runs.items() if goal == target]
        values += [figure(extra, "uar")] if target == "de" else []
        by_target[f"strict *>{target}"] = sum(values) / len(values)
    whole = sum(by_target.values()) / 3
    assert found(means) == pytest.approx({**by_target, "strict mean": whole}, abs=1e-12)
    rows = {one.result.condition: one.result.n for one in means}
    assert rows["strict *>it"] == 80  # the same rows from every source
    assert rows["strict mean"] == sum(SIZES.values())


def test_conditions_configurations_and_inner_languages_stay_apart(tmp_path: Path) -> None:
    speaker = ["data.speech.standardise=transductive_speaker"]
    runs = [zero_shot(tmp_path, target) for target in ("de", "it")]
    runs += [zero_shot(tmp_path, target, words=speaker) for target in ("de", "it")]
    for target in ("it", "pl"):
        words = f"leave_language_out target={target} without=de"
        runs.append(StoredRun(make_setting(tmp_path, words, name="proposed")))
    for target in ("emodb", "emovo"):
        words = f"leave_corpus_out target={target}"
        runs.append(StoredRun(make_setting(tmp_path, words, name="other")))
    means, _ = target_means(runs)
    assert {(one.result.config, one.result.condition) for one in means} == {
        ("proposed", "strict mean"),
        ("proposed", "transductive_speaker mean"),
        ("proposed", "strict mean without de"),
        ("other", "strict mean of corpora"),
    }


def test_a_seed_without_a_target_has_no_mean(tmp_path: Path) -> None:
    runs = [zero_shot(tmp_path, target) for target in SIZES]
    runs += [zero_shot(tmp_path, target, seed=1) for target in ("de", "pl")]
    means, notes = target_means(runs)
    assert {one.result.seed for one in means} == {0}
    assert notes == ["proposed, seed 1: no mean, it is missing."]


def test_one_target_has_no_mean_and_folds_count_only_together(tmp_path: Path) -> None:
    folds = {target: make_folds(tmp_path, target=target) for target in ("de", "it")}
    parts = [StoredRun(path) for paths in folds.values() for path in paths]
    assert target_means([zero_shot(tmp_path, "de"), *parts]) == ([], [])
    pooled = [pool_folds(parts[:3])[0], pool_folds(parts[3:])[0]]
    means, _ = target_means([*parts, *pooled])
    assert list(found(means)) == ["strict mean"]
    assert means[0].result.n == 120
    assert list(means[0].parts) == ["strict de", "strict it"]


def test_runs_that_were_not_evaluated_or_are_not_speech_are_left_aside(tmp_path: Path) -> None:
    runs = [zero_shot(tmp_path, target) for target in SIZES]
    (runs[0].path / "predictions" / "test.json").unlink()
    text = StoredRun(make_setting(tmp_path / "text", "single_label"))
    means, _ = target_means([*runs, text])
    assert {one.targets for one in means} == {frozenset({"it", "pl"})}


def test_two_protocols_of_one_name_have_no_mean_and_others_do(tmp_path: Path) -> None:
    runs = [zero_shot(tmp_path, target) for target in ("de", "it")]
    words = "source_to_target sources=en target=pl"
    runs.append(StoredRun(make_setting(tmp_path, words, name="proposed")))
    other = [
        StoredRun(make_setting(tmp_path, f"leave_language_out target={target}", name="other"))
        for target in ("de", "it")
    ]
    means, notes = target_means([*runs, *other])
    assert {one.result.config for one in means} == {"other"}
    kinds = "leave_language_out and of source_to_target"
    assert notes == [f"proposed: no mean over runs of {kinds} together."]


def test_means_over_different_targets_are_said_to_be_incomparable(tmp_path: Path) -> None:
    runs = [zero_shot(tmp_path, target) for target in SIZES]
    runs += [
        StoredRun(make_setting(tmp_path, f"leave_language_out target={target}", name="other"))
        for target in ("de", "it")
    ]
    _, notes = target_means(runs)
    assert notes == [
        "strict mean: the configurations cover different targets (proposed de, it, pl; "
        "other de, it), so these means cannot be compared."
    ]


def test_one_setting_twice_is_refused(tmp_path: Path) -> None:
    runs = [zero_shot(tmp_path / "a", "de"), zero_shot(tmp_path / "b", "de")]
    with pytest.raises(ValueError, match="one configuration, seed and setting"):
        target_means(runs)
