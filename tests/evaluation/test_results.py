from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.results import (
    COLUMNS,
    Result,
    has_table,
    read_results,
    readme_is_current,
    results_of,
    results_table,
    update_readme,
    write_results,
)


def result(
    config: str = "ce", seed: int = 0, metric: str = "accuracy", value: float = 0.65, **more
):
    values = {"condition": "", "split": "test", "low": value - 0.02, "high": value + 0.02, "n": 99}
    return Result(config=config, seed=seed, metric=metric, value=value, **{**values, **more})


def test_the_columns_are_those_of_the_design(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_results(path, [result(commit="abc", data="00123", minutes=4.25, device="cpu")])
    header, line = path.read_text().splitlines()
    assert header == (
        "config,condition,split,seed,metric,value,low,high,n,commit,data,minutes,device"
    )
    assert line == "ce,,test,0,accuracy,0.65,0.63,0.67,99,abc,00123,4.25,cpu"
    assert read_results(path)["data"].tolist() == ["00123"]


def test_a_figure_is_replaced_and_the_order_does_not_matter(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    rows = [result(), result(seed=10), result(seed=2), result("aml"), result(condition="strict")]
    write_results(one, rows)
    for row in reversed(rows):
        write_results(other, [row])
    assert one.read_text() == other.read_text()
    assert read_results(one)["seed"].tolist() == [0, 0, 2, 10, 0]
    write_results(one, [result(seed=2, value=0.7)])
    found = read_results(one)
    assert len(found) == 5
    assert found[found["seed"] == 2]["value"].tolist() == [0.7]


def test_missing_numbers_stay_empty(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_results(path, [result(low=float("nan"), high=float("nan"))])
    write_results(path, [result(seed=1)])
    assert path.read_text().splitlines()[1] == "ce,,test,0,accuracy,0.65,,,99,,,,"


def _write(path: Path, process: int) -> None:
    for seed in range(10):
        write_results(path, [result(f"c{process}", seed)])


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(path, i)) for i in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(read_results(path)) == 30


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("model,score\na,1\n")
    with pytest.raises(ValueError, match="has the columns model, score"):
        write_results(path, [result()])
    assert path.read_text() == "model,score\na,1\n"


def test_the_table_gives_means_over_seeds(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    rows = [result(seed=seed, value=0.64 + 0.01 * seed, minutes=10.0 + seed) for seed in range(3)]
    rows += [result("supcon", condition="without_leaks"), result(split="validation", value=0.9)]
    rows += [result(seed=0, metric="weighted_f1", value=0.5)]
    write_results(path, rows)
    lines = results_table(read_results(path)).splitlines()
    assert lines[0] == "| Configuration | Seeds | Accuracy | Weighted F1 | Minutes | Rows |"
    assert lines[2] == "| ce | 3 | 65.0 ± 1.0 | 50.0 [48.0, 52.0] (1 of 3) | 11 | 99 |"
    assert lines[3] == "| supcon (without leaks) | 1 | 65.0 [63.0, 67.0] | not run |  | 99 |"
    assert results_table(read_results(tmp_path / "none.csv")) == "_Not run._"
    assert list(read_results(tmp_path / "none.csv").columns) == list(COLUMNS)


def test_each_kind_of_task_has_a_table_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    rows = [result(), result("many", metric="exact_match", value=0.4)]
    rows += [result("many", metric="weighted_f1", value=0.6)]
    write_results(path, rows)
    first, second = results_table(read_results(path)).split("\n\n")
    assert first.splitlines()[0] == "| Configuration | Seeds | Accuracy | Minutes | Rows |"
    assert "many" not in first
    assert (
        second.splitlines()[0]
        == "| Configuration | Seeds | Weighted F1 | Exact match | Minutes | Rows |"
    )
    assert "not run" not in second


def test_the_readme_follows_the_file(tmp_path: Path) -> None:
    path, readme = tmp_path / "results.csv", tmp_path / "README.md"
    assert not update_readme(readme, path)
    readme.write_text("# A\n<!-- results:begin -->\nold\n<!-- results:end -->\nend\n")
    write_results(path, [result()])
    assert not readme_is_current(readme, path)
    assert update_readme(readme, path)
    assert readme_is_current(readme, path)
    text = readme.read_text()
    assert text.startswith("# A\n<!-- results:begin -->\n| Configuration |")
    assert text.endswith("<!-- results:end -->\nend\n")
    readme.write_text("# A\n<!-- results:begin -->\n")
    with pytest.raises(ValueError, match="needs both"):
        update_readme(readme, path)
    readme.write_text("# no markers\n")
    assert not update_readme(readme, path)


def test_a_device_is_named_with_its_precision_where_the_run_knows_it() -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    card = {"config": "ce", "split": "test", "seed": 0, "data": "aa", "n": 9}
    card |= {"metrics": {"accuracy": figure}}
    told = {"device": "cpu", "precision": "fp32"}
    assert [one.device for one in results_of(card, told)] == ["cpu fp32"]
    assert [one.device for one in results_of(card, {"device": "cpu"})] == ["cpu"]
    assert [one.device for one in results_of(card, {})] == [""]


def test_figures_about_the_representation_are_results_too() -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    bare = {"value": 12.5, "low": None, "high": None}
    card = {"config": "ce", "split": "test", "seed": 0, "data": "aa", "n": 9}
    card |= {"metrics": {"accuracy": figure}}
    card["representation"] = {"epsilon": 0.3, "metrics": {"knn_accuracy": figure, "rank": bare}}
    card["without_leaks"] = {"n": 8, "metrics": {"accuracy": figure}}
    card["without_leaks"]["representation"] = {"metrics": {"knn_accuracy": figure}}
    found = results_of(card, {}, "strict")
    assert [(one.condition, one.metric, one.n) for one in found] == [
        ("strict", "accuracy", 9),
        ("strict", "knn_accuracy", 9),
        ("strict", "rank", 9),
        ("strict+without_leaks", "accuracy", 8),
        ("strict+without_leaks", "knn_accuracy", 8),
    ]
    assert (found[1].low, found[1].high) == (0.4, 0.6)
    assert np.isnan([found[2].low, found[2].high]).all()


def test_families_and_representation_have_a_table_of_their_own() -> None:
    rows = [result(metric=name) for name in ("accuracy", "rare_f1", "knn_accuracy")]
    rows += [result("supcon"), result(metric="random_cosine")]
    frame = pd.DataFrame([vars(row) for row in rows])
    first, second = results_table(frame).split("\n\n")
    assert first.splitlines()[0] == "| Configuration | Seeds | Accuracy | Minutes | Rows |"
    lines = second.splitlines()
    assert lines[0] == "| Configuration | Seeds | F1, rare classes | k-NN accuracy | Rows |"
    assert len(lines) == 3  # supcon was not measured
    assert lines[2].startswith("| ce | 1 | 65.0 [63.0, 67.0] |")


def test_figures_about_leakage_have_rows_of_their_own() -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    card = {"config": "ce", "split": "test", "seed": 0, "data": "aa", "n": 9}
    card |= {"metrics": {"uar": figure, "macro_f1": figure}}
    leaks = {"speaker_mlp": {**figure, "n": 320}, "eer_unseen": {**figure, "n": 40}}
    card["leakage"] = {"about": {}, "metrics": leaks}
    found = results_of(card, {}, "strict")
    assert {one.metric: one.n for one in found} == {
        "uar": 9,
        "macro_f1": 9,
        "speaker_mlp": 320,
        "eer_unseen": 40,
    }
    assert {one.condition for one in found} == {"strict"}
    frame = pd.DataFrame([vars(one) for one in found]).sort_values("metric")
    header, _, line = results_table(frame).splitlines()
    assert header == "| Configuration | Seeds | Macro F1 | UAR | Minutes | Rows |"
    assert line.endswith("| 9 |")


def test_a_rank_needs_no_three_decimals() -> None:
    rows = [result(seed=seed, metric="effective_rank", value=239.1771 + seed) for seed in range(2)]
    rows += [result(seed=seed, metric="family_auc", value=0.6091) for seed in range(2)]
    frame = pd.DataFrame([vars(row) for row in rows])
    line = results_table(frame).splitlines()[-1]
    assert "| 0.609 ± 0.000 |" in line
    assert "| 239.7 ± 0.7 |" in line
    alone = replace(rows[0], low=float("nan"), high=float("nan"))
    assert "| 239.2 |" in results_table(pd.DataFrame([vars(alone)]))


def test_no_figures_are_no_error(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    write_results(path, [])
    assert not path.exists()
    write_results(path, [result()])
    before = path.read_bytes()
    write_results(path, [])
    assert path.read_bytes() == before


def test_whether_a_readme_has_a_place_for_the_table(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    assert not has_table(readme)
    readme.write_text("# no markers\n")
    assert not has_table(readme)
    readme.write_text("<!-- results:begin -->\n<!-- results:end -->\n")
    assert has_table(readme)
    readme.write_text("<!-- results:end -->\n<!-- results:begin -->\n")
    with pytest.raises(ValueError, match="in this order"):
        has_table(readme)
