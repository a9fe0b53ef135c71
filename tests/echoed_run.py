"""A recipe's run.sh whose commands are noted in place of being run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
ECHO = """#!/bin/sh
printf "%s|" "$@" >>"$ECHOED"
echo >>"$ECHOED"
case "$*" in *"${BREAKS:-nothing}"*) exit "$CODE" ;; esac
"""


def echoing(folder: Path, extra: str) -> dict[str, str]:
    """Return an environment that counts as set up with an extra; its affectrep notes its words.

    Args:
        folder: for the environment, the notes and ``runs``.
        extra: that the recipe sets up.
    """
    venv = folder / "venv"
    (venv / "bin").mkdir(parents=True)
    for name in ("python", "affectrep"):
        (venv / "bin" / name).write_text(ECHO)
        (venv / "bin" / name).chmod(0o755)
    state = subprocess.run(
        ["bash", "-c", ". recipes/setup.sh; _setup_state"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (venv / f".installed-{extra}").write_text(state.stdout)
    (folder / "runs").mkdir()
    return {
        **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
        "AFFECTREP_VENV": str(venv),
        "ECHOED": str(folder / "echoed"),
        "RUNS": str(folder / "runs"),
    }


def called(
    script: Path, environment: dict[str, str], *words: str, code: int = 0
) -> tuple[list[list[str]], str]:
    """Return the words of each command that a script gives, and what it prints.

    Args:
        script: a recipe's run.sh.
        environment: of `echoing`.
        words: of the script.
        code: that it has to end with.
    """
    done = subprocess.run(
        ["bash", str(script), *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    lines = Path(environment["ECHOED"]).read_text().splitlines()
    # a value may have a | of its own, at its end or inside
    return [line.removesuffix("|").split("|") for line in lines], done.stdout
