"""``recipes/fer_av/run.sh`` without words asks what embeddings say of the person, and shows it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "recipes" / "fer_av" / "run.sh"
SAYS = """demo_plain, seed 0: test, 960 rows, read once

  metric         value
 ----------------------
  CCC            0.426

Leakage: 570 of 3,040 train and validation rows asked; test identities verified

  metric                                value
 ---------------------------------------------
  Identity above chance, linear          57.5

Leakage, before and after training
┃ figure                              ┃ before ┃ after ┃ difference ┃
│ Identity above chance, linear       │   68.6 │  57.5 │      -11.1 │
By person: 30 people
  mean error    0.3
"""
SHOWN = [line for line in SAYS.splitlines()[6:-2] if line]
PROGRAM = """#!/bin/sh
printf "%s|" "$@" >>"$ECHOED"
echo >>"$ECHOED"
case "$1" in evaluate) cat "$SAYS" ;; esac
"""


def call(tmp_path: Path, configs: list[str], *words: str) -> tuple[list[list[str]], str]:
    """Return the words of each command of an affectrep that only notes them, and what is shown."""
    venv, runs = tmp_path / "venv", tmp_path / "runs"
    (venv / "bin").mkdir(parents=True)
    for name in ("python", "affectrep"):
        (venv / "bin" / name).write_text(PROGRAM)
        (venv / "bin" / name).chmod(0o755)
    state = subprocess.run(
        ["bash", "-c", ". recipes/setup.sh; _setup_state"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (venv / ".installed-face").write_text(state.stdout)
    (tmp_path / "says").write_text(SAYS, encoding="utf-8")
    for name in configs:
        (runs / f"{name}-0").mkdir(parents=True)
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    environment |= {"AFFECTREP_VENV": str(venv), "RUNS": str(runs)}
    environment |= {"ECHOED": str(tmp_path / "echoed"), "SAYS": str(tmp_path / "says")}
    done = subprocess.run(
        ["bash", str(SCRIPT), *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "echoed").read_text().splitlines()
    return [line.removesuffix("|").split("|") for line in lines], done.stdout


@pytest.mark.parametrize(
    ("words", "configs", "probe"),
    [
        ([], ["demo_plain", "demo_caf"], ["--leakage", "--before"]),
        (
            ["clips"],
            ["demo_clips_frame", "demo_clips_r3d", "demo_clips_r2plus1d"],
            ["--leakage"],
        ),
    ],
    ids=["faces", "clips"],
)
def test_the_person_is_asked_for(
    words: list[str], configs: list[str], probe: list[str], tmp_path: Path
) -> None:
    commands, shown = call(tmp_path, configs, *words)
    folders = [str(tmp_path / "runs" / f"{name}-0") for name in configs]
    asked = [command for command in commands if command[0] == "evaluate"]
    assert asked == [["evaluate", folder, *probe] for folder in folders]
    lines = shown.splitlines()
    for folder in folders:  # both tables of the answers stand below it, and nothing else
        place = lines.index(folder) + 1
        assert lines[place : place + len(SHOWN)] == SHOWN
    assert "mean error" not in shown
    assert "CCC " not in shown
    report = "demo_clips" if words else "demo_faces"
    page = str(tmp_path / "runs" / f"{report}.html")
    assert commands[-1] == ["report", *folders, "--output", page]
