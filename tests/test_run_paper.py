"""``recipes/ser_crosslingual/run.sh paper`` gives the right commands; a program notes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.echoed_run import ROOT, called, echoing

SCRIPT = ROOT / "recipes" / "ser_crosslingual" / "run.sh"
CONFIGS = "configs/ser_crosslingual/paper_"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return echoing(tmp_path, "speech")


def call(environment: dict[str, str], *words: str, code: int = 0) -> list[list[str]]:
    """Return the words of each command."""
    return called(SCRIPT, environment, "paper", *words, code=code)[0]


def test_check_asks_for_the_table_alone(environment: dict[str, str]) -> None:
    assert call(environment, "--check", "data.root=/data") == [
        ["published", "recipes/ser_crosslingual", "data.root=/data"]
    ]


def test_a_setting_runs_its_six_systems_with_the_encoder_of_its_source(
    environment: dict[str, str],
) -> None:
    commands = call({**environment, "SEEDS": "0 3"}, "zh>de", "data.root=/data")
    assert [command[0] for command in commands] == ["sweep", "sweep", "sweep", "published"]
    four, baseline1, upper = commands[:3]
    names = ("baseline2", "proposed", "without_supcon", "without_speaker")
    assert four[1:5] == [f"{CONFIGS}{name}.yaml" for name in names]
    assert baseline1[1] == f"{CONFIGS}baseline1.yaml"
    assert upper[1] == f"{CONFIGS}upper.yaml"
    assert "data.protocol=paper sources=zh target=de" in four
    assert "data.protocol=source_to_target sources=zh target=de" in baseline1
    assert [("--pool" in command) for command in commands[:3]] == [False, False, True]
    folds = [word for word in upper if "folds sources=zh target=de" in word]
    assert [word.split()[-2] for word in folds] == [f"fold={n}" for n in range(5)]
    for command in commands[:3]:
        assert "encoder.checkpoint=TencentGameMate/chinese-wav2vec2-base" in command
        assert "data.root=/data" in command
        assert command[command.index("--seeds") + 1] == "0,3,"
        assert command[command.index("--output") + 1] == environment["RUNS"]


def test_without_a_setting_all_nine_run(environment: dict[str, str]) -> None:
    commands = call(environment)
    four = [command for command in commands if f"{CONFIGS}proposed.yaml" in command]
    protocols = [word for command in four for word in command if "data.protocol=" in word]
    assert len(set(protocols)) == 9
    assert [command[0] for command in commands].count("sweep") == 27


@pytest.mark.parametrize("word", ["en-ur", "ur-de", "de-de", "proposed"])
def test_another_setting_is_refused(environment: dict[str, str], word: str) -> None:
    done = subprocess.run(
        ["bash", str(SCRIPT), "paper", word],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"paper {word}: expected --check" in done.stderr
    assert "en-de zh-de fr-de" in done.stderr
    assert not Path(environment["ECHOED"]).exists()


def test_a_failed_sweep_does_not_stop_the_others_and_is_told(environment: dict[str, str]) -> None:
    broken = {**environment, "BREAKS": "target=fr", "CODE": "2"}
    commands = call(broken, "en-fr", "en-de", code=1)
    assert [command[0] for command in commands] == ["sweep"] * 6 + ["published"]


def test_an_interrupted_sweep_stops_everything(environment: dict[str, str]) -> None:
    stopped = {**environment, "BREAKS": "source_to_target", "CODE": "130"}
    assert [command[0] for command in call(stopped, "en-fr", code=130)] == ["sweep", "sweep"]
