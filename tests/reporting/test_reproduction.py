from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path

import pytest

from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.reproduction import environment, training_words
from affectrep.reporting.subject import Subject, gather
from tests.evaluation.crosslingual_runs import make_setting
from tests.evaluation.invented import make_run


def blocks(subjects: list[Subject]) -> list[list[str]]:
    found = re.findall(r"<pre>(.*?)</pre>", environment(subjects), re.DOTALL)
    return [unescape(one).splitlines() for one in found]


def commanded(run: Path, *words: str) -> None:
    path = run / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "command": words}))


def test_each_configuration_has_its_commands(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "ce", seed, rows=60) for seed in (0, 1)]
    runs.append(make_run(tmp_path, "supcon", rows=60))
    subjects = gather(runs)
    assert blocks(subjects) == [
        [
            "for seed in 0 1; do affectrep train configs/fec_text/ce.yaml seed=$seed; done",
            f"for run in {runs[0]} {runs[1]}; do affectrep evaluate $run --split test; done",
            f"affectrep report {runs[0]} {runs[1]} --out report.html",
        ],
        [
            "affectrep train configs/fec_text/supcon.yaml seed=0",
            f"affectrep evaluate {runs[2]} --split test",
            f"affectrep report {runs[2]} --out report.html",
        ],
    ]
    html = environment(subjects)
    assert "<h3>supcon</h3>" in html
    assert html.count("An invented processor") == 1  # the second ran on the same machine
    assert html.count("Configuration") == 2


def test_what_was_given_beside_the_file_is_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=60)
    words = ["a.yaml", "x.y=[1, 2]", "--fresh", "seed=0", "--output", "out $1"]
    commanded(run, "affectrep", "train", *words)
    assert training_words(StoredRun(run)) == ["a.yaml", '"x.y=[1, 2]"', "--output", '"out \\$1"']
    said = subprocess.run(
        ["bash", "-c", "printf '%s\\n' " + " ".join(training_words(StoredRun(run)))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines() == ["a.yaml", "x.y=[1, 2]", "--output", "out $1"]


def test_values_in_braces_are_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=60)
    commanded(run, "affectrep", "train", "a.yaml", "x.y={}", "x.z={a: 1}")
    ((train, _, _),) = blocks(gather([run]))
    assert train == 'affectrep train a.yaml "x.y={}" "x.z={a: 1}" seed=0'


def test_a_record_is_trained_from_its_own_configuration(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=60)
    (run / "environment.json").write_text("{}")
    assert training_words(StoredRun(run)) == [str(run / "config.yaml")]


def test_what_was_measured_is_measured_again(tmp_path: Path) -> None:
    run = StoredRun(make_run(tmp_path, rows=60))
    cards = [{"representation": {"before": {"metrics": {}}}, "leakage": {}}]
    ((_, evaluate, _),) = blocks([Subject([run], "validation", cards)])
    assert evaluate == (
        f"affectrep evaluate {run.path} --split validation --representation --leakage --before"
    )


@pytest.mark.parametrize("several", [False, True])
def test_a_pooled_run_is_made_of_its_folds(tmp_path: Path, several: bool) -> None:
    runs = [make_setting(tmp_path, "s", "de", n, fold="fold=all folds=2") for n in range(2)]
    runs = runs[: 1 + several]
    for run in runs:
        commanded(
            run, "affectrep", "train", "s.yaml", "data.protocol=folds target=de fold=0 folds=2"
        )
        path, seed = run / "environment.json", run.name[-1]
        names = [f"s.de-fold{fold}-{seed}" for fold in range(2)]
        path.write_text(json.dumps({**json.loads(path.read_text()), "pooled": names}))
    (subject,) = gather(runs)
    ((train, evaluate, pool, _),) = blocks([subject])
    inner = 'affectrep train s.yaml "data.protocol=folds target=de fold=$fold folds=2" seed='
    each = f"for seed in 0 1; do {inner}$seed; done" if several else f"{inner}0"
    assert train == f"for fold in 0 1; do {each}; done"
    assert evaluate.count("s.de-fold") == 2 * len(runs)
    assert pool.startswith("affectrep pool ")
    assert pool.count("s.de-fold1") == len(runs)


def test_an_ensemble_is_made_of_its_seeds(tmp_path: Path) -> None:
    run = make_run(tmp_path, "ce_ensemble", rows=60)
    commanded(run, "affectrep", "train", "ce.yaml", "seed=0")
    path = run / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "ensemble": ["ce-0", "ce-4"]}))
    ((train, _, ensemble, _),) = blocks(gather([run]))
    assert train == "for seed in 0 4; do affectrep train ce.yaml seed=$seed; done"
    assert ensemble == f"affectrep ensemble {tmp_path}/ce-0 {tmp_path}/ce-4"
