"""``recipes/fer_av/run.sh`` without a configuration gives commands that exist; they are noted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from affectrep.cli import app
from affectrep.config import load_config
from tests.echoed_run import ROOT, called, echoing

SCRIPT = ROOT / "recipes" / "fer_av" / "run.sh"
PARSERS = typer.main.get_command(app).commands
# words of the script -> what is trained, the first is the one that others are compared with
DEMOS = {
    (): ("demo_plain", "demo_caf"),
    ("clips",): ("demo_clips_frame", "demo_clips_r3d", "demo_clips_r2plus1d"),
}
REPORTS = {DEMOS[()]: "demo_faces.html", DEMOS["clips",]: "demo_clips.html"}
SEEDS = (0, 3)
SAYS = """demo_plain, seed 0: test, 960 rows, read once
  CCC                                    0.426

Leakage: 570 of 3,040 train and validation rows asked; test identities verified

  Identity above chance, linear          57.5

Leakage, before and after training
┃ figure                              ┃ before ┃ after ┃ difference ┃
│ Identity above chance, linear       │   68.6 │  57.5 │      -11.1 │
By person: 30 people
  mean error    0.3
"""


@pytest.fixture(params=DEMOS, ids=lambda words: " ".join(words) or "no word")
def demo(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[tuple[str, ...], list[str], list[list[str]], str]:
    """Return configurations, run folders, the commands and what is printed."""
    names = DEMOS[request.param]
    environment = {**echoing(tmp_path, "face"), "SEEDS": " ".join(map(str, SEEDS))}
    folders = [f"{environment['RUNS']}/{name}-{seed}" for name in names for seed in SEEDS]
    for folder in folders:  # what the sweep would leave
        Path(folder).mkdir()
    commands, said = called(SCRIPT, environment, *request.param)
    return names, folders, commands, said


def test_every_command_is_one_that_the_program_takes(demo) -> None:
    names, _, commands, _ = demo
    verbs = [command[0] for command in commands]
    evaluations = ["evaluate"] * (len(names) * len(SEEDS))
    assert verbs == ["prepare", "sweep", *evaluations, "report"]
    for verb, *words in commands:
        PARSERS[verb].make_context(verb, list(words))  # refuses an unknown option or value
        for word in words:
            if word.startswith("configs/"):
                load_config(ROOT / word)


def test_every_run_is_trained_and_evaluated_and_reported(
    demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, folders, commands, _ = demo
    (prepare, sweep, *evaluations, report) = commands
    configs = [f"configs/fer_av/{name}.yaml" for name in names]
    assert (prepare[1:], sweep[1 : len(names) + 1]) == (configs[:1], configs)
    monkeypatch.chdir(ROOT)
    shown = CliRunner().invoke(app, [*sweep, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    runs = str(Path(folders[0]).parent)
    assert re.findall(rf"{re.escape(runs)}/\S+", shown.output)[: len(folders)] == folders
    assert evaluations == [["evaluate", folder, "--leakage"] for folder in folders]
    assert report[1 : len(folders) + 1] == folders
    assert report[len(folders) + 1 :] == ["--output", f"{runs}/{REPORTS[names]}"]


def test_what_is_said_of_the_person_is_shown_and_nothing_else(tmp_path: Path) -> None:
    environment = echoing(tmp_path, "face")
    (tmp_path / "says").write_text(SAYS, encoding="utf-8")
    program = tmp_path / "venv" / "bin" / "affectrep"
    with program.open("a") as script:
        script.write(f'[ "$1" != evaluate ] || cat "{tmp_path / "says"}"\n')
    folders = [f"{environment['RUNS']}/{name}-0" for name in DEMOS[()]]
    for folder in folders:
        Path(folder).mkdir()
    lines = called(SCRIPT, environment)[1].splitlines()
    wanted = [line for line in SAYS.splitlines()[3:-2] if line]
    for folder in folders:
        place = lines.index(folder) + 1
        assert lines[place : place + len(wanted)] == wanted
    assert not [line for line in lines if "CCC" in line or "mean error" in line]


def test_the_commands_to_try_next_exist(demo) -> None:
    _, folders, commands, said = demo
    hints = said.partition("Three commands to try next:\n")[2].partition("The report:")[0]
    predict, *scripts = [shlex.split(line, comments=False) for line in hints.splitlines()]
    assert predict[1:3] == ["predict", folders[-len(SEEDS)]]
    PARSERS["predict"].make_context("predict", [predict[2], "face.jpg"])
    assert [words[:2] for words in scripts] == [["bash", "recipes/fer_av/run.sh"]] * 2
    assert tuple(scripts[0][2:]) in DEMOS
    load_config(ROOT / scripts[1][2], ["data.root=folder"])
    assert said.rstrip().endswith(commands[-1][-1])


def test_the_demos_share_their_corpus() -> None:
    for names in DEMOS.values():
        found = {load_config(ROOT / f"configs/fer_av/{name}.yaml").data.corpus for name in names}
        assert found == {"demo_faces"}


def test_another_word_is_a_configuration_that_has_to_be_there(tmp_path: Path) -> None:
    environment = echoing(tmp_path, "face")
    Path(environment["ECHOED"]).touch()
    assert called(SCRIPT, environment, "clip", code=2)[0] == []
