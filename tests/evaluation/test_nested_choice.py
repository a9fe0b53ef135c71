"""Nested selection on invented runs: what is best on validation is taken, fold by fold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from affectrep.evaluation.ledger import readings
from affectrep.evaluation.nested_choice import choose
from affectrep.evaluation.pooled_run import pool_choices, pool_folds
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.target_means import target_means
from tests.evaluation.invented_settings import make_setting

FOLDS = 3
# of validation: no candidate is best everywhere, and the last fold is a tie
BEST = {"low": (0.5, 0.7, 0.6), "high": (0.6, 0.4, 0.6)}


def set_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def candidate(
    runs: Path, name: str, best: Sequence[float | None], *, words: Sequence[str] = (), seed: int = 0
) -> list[StoredRun]:
    """Write a candidate's runs of all folds, with the figures of validation."""
    made = []
    for fold, value in enumerate(best):
        rows = [row for row in range(60) if row // 4 % FOLDS == fold]
        epochs = f"training.epochs={7 if name == 'high' else 3}"
        path = make_setting(
            runs,
            f"folds fold={fold} folds={FOLDS}",
            name=name,
            rows=rows,
            total=60,
            seed=seed,
            words=[epochs, *words],
        )
        if value is not None:
            set_json(path / "environment.json", best=value)
        made.append(StoredRun(path))
    return made


def candidates(runs: Path, best: Mapping[str, Sequence[float | None]] = BEST) -> list[StoredRun]:
    return [run for name, values in best.items() for run in candidate(runs, name, values)]


def test_the_best_on_validation_is_taken_in_each_fold(tmp_path: Path) -> None:
    runs = candidates(tmp_path)
    (choices,) = choose(runs)
    assert [one.run.name for one in choices] == ["high", "low", "low"]  # the first of equal ones
    assert [one.place for one in choices] == ["fold 0/3", "fold 1/3", "fold 2/3"]
    assert [one.values for one in choices] == [{"training.epochs": value} for value in (7, 3, 3)]
    assert choices[0].among == {"low": 0.5, "high": 0.6}


def test_less_is_better_of_errors(tmp_path: Path) -> None:
    words = ["training.select=rmse"]
    runs = candidate(tmp_path, "low", BEST["low"], words=words)
    runs += candidate(tmp_path, "high", BEST["high"], words=words)
    (choices,) = choose(runs)
    assert [one.run.name for one in choices] == ["low", "high", "low"]


def test_predictions_of_the_chosen_runs_are_pooled_and_told(tmp_path: Path) -> None:
    runs = candidates(tmp_path)
    (choices,) = choose(runs)
    found, card, table = pool_choices(choices, "nested")
    assert found.path == tmp_path / "nested.folds-0"
    assert (found.name, found.config["recipe"], card["config"]) == ("nested", None, "nested")
    parts = [runs[3].table("test"), runs[1].table("test"), runs[2].table("test")]
    assert table["predicted"].tolist() == pd.concat(parts)["predicted"].tolist()
    told = found.environment["chosen"]
    assert [one["run"] for one in told] == ["high.fold0-0", "low.fold1-0", "low.fold2-0"]
    assert told[1]["among"] == {"low": 0.7, "high": 0.4}
    assert "fold 0/3: high was chosen from 2 by uar on validation rows." in found.info["notes"]
    assert len(readings(found.path, "test")) == FOLDS
    # the run can be made again, also with what was made before among what is given
    others = [StoredRun(pool_folds(runs[:3])[0].path), found]
    (again,) = choose([*runs, *others])
    assert pool_choices(again, "nested")[0].path == found.path


def test_neither_a_run_of_ones_own_nor_a_candidate_is_written_over(tmp_path: Path) -> None:
    (choices,) = choose(candidates(tmp_path))
    with pytest.raises(ValueError, match="low is one of the candidates"):
        pool_choices(choices, "low")
    pool_folds(candidate(tmp_path, "other", BEST["low"]))
    with pytest.raises(ValueError, match="is a run of its own"):
        pool_choices(choices, "other")


def test_seeds_choose_for_themselves(tmp_path: Path) -> None:
    runs = candidates(tmp_path)
    runs += candidate(tmp_path, "low", (0.9, 0.9, 0.9), seed=1)
    runs += candidate(tmp_path, "high", (0.1, 0.1, 0.1), seed=1)
    first, second = choose(runs)
    assert {one.run.name for one in first} == {"low", "high"}
    assert {one.run.name for one in second} == {"low"}


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("leave_group_out column=speaker value={}", "speaker-{}"),
        ("leave_language_out target={}", "{}"),
    ],
)
def test_groups_left_out_choose_for_themselves_and_are_averaged(
    tmp_path: Path, words: str, slug: str
) -> None:
    runs = []
    for place, who in enumerate(("de", "it")):
        for name in BEST:
            rows = range(20 * place, 20 * place + 20)
            path = make_setting(tmp_path, words.format(who), name=name, rows=rows)
            set_json(path / "environment.json", best=BEST[name][place])
            runs.append(StoredRun(path))
    outer = choose(runs)
    names = [f"{name}.{slug.format(who)}-0" for name, who in (("high", "de"), ("low", "it"))]
    assert [one.run.path.name for (one,) in outer] == names
    made = [pool_choices(choices, "nested")[0] for choices in outer]
    assert [run.path.name for run in made] == [f"nested.{slug.format(w)}-0" for w in ("de", "it")]
    means, notes = target_means(made)
    assert not notes
    uar = next(one for one in means if one.result.metric == "uar")
    values = [run.scorecard("test")["metrics"]["uar"]["value"] for run in made]
    assert uar.result.value == pytest.approx(sum(values) / 2)
    assert choose([*runs, *made])  # chosen runs are no candidates


def test_what_is_incomplete_is_refused(tmp_path: Path) -> None:
    runs = candidates(tmp_path)
    with pytest.raises(ValueError, match=r"got \['low'\]"):
        choose(runs[:3])
    with pytest.raises(ValueError, match="missing are seed 0, fold 1 of 3: high"):
        choose(runs[:4] + runs[5:])
    with pytest.raises(ValueError, match="fold 2 of 3: low, high"):
        choose([runs[0], runs[1], runs[3], runs[4]])
    own = make_setting(tmp_path, "speakers", name="own")
    with pytest.raises(ValueError, match="has the corpus' own splits"):
        choose([*runs, StoredRun(own)])


@pytest.mark.parametrize("value", [None, "much"])
def test_a_run_without_a_figure_of_validation_is_refused(tmp_path: Path, value: object) -> None:
    runs = candidates(tmp_path, {"low": BEST["low"], "high": (0.6, None, 0.6)})
    if value is not None:
        set_json(runs[4].path / "environment.json", best=value)
    with pytest.raises(ValueError, match="fold1-0 has no uar of its validation rows"):
        choose(runs)


def test_candidates_are_judged_on_the_same_rows_by_the_same_figure(tmp_path: Path) -> None:
    runs = candidates(tmp_path)
    prints = runs[3].data["fingerprint"] | {"validation": {"rows": 7}}
    set_json(runs[3].path / "data.json", fingerprint=prints)
    with pytest.raises(ValueError, match="other validation rows"):
        choose(runs)
    other = candidate(tmp_path, "third", BEST["low"], words=["training.select=macro_f1"])
    with pytest.raises(ValueError, match="by macro_f1 and by uar"):
        choose([*runs[:3], *other])


def test_a_candidate_is_one_configuration(tmp_path: Path) -> None:
    runs = candidates(tmp_path)
    config = runs[1].path / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("epochs: 3", "epochs: 4"))
    assert config.read_text() != text
    fresh = [StoredRun(run.path) for run in runs]
    with pytest.raises(ValueError, match=r"training.epochs: folds of one candidate"):
        choose(fresh)
