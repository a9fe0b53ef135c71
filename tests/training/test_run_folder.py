"""The files of a run: what a kill leaves of them, and what is said of damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectrep.training import run_folder
from affectrep.training.run_folder import MetricLog, RunFolder


def history(folder: Path, steps: int = 5) -> RunFolder:
    log = MetricLog(RunFolder(folder), tensorboard=False)
    for step in range(1, steps + 1):
        log.write({("main", "loss"): 0.5}, step=step, epoch=0)
    log.close()
    return RunFolder(folder)


def steps_of(folder: RunFolder) -> list[int]:
    return [json.loads(line)["step"] for line in folder.metrics.read_text().splitlines()]


def test_lines_after_the_checkpoint_and_torn_ones_are_dropped(tmp_path: Path) -> None:
    folder = history(tmp_path / "run")
    with folder.metrics.open("ab") as file:
        file.write(b'7\n{"step": 2, "name": "\xff')
    MetricLog(folder, step=3, tensorboard=False).close()
    assert steps_of(folder) == [1, 2, 3]


def test_a_kill_while_going_on_leaves_the_whole_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = history(tmp_path)

    class Torn:
        loads, JSONDecodeError = json.loads, json.JSONDecodeError

        @staticmethod
        def dumps(line: dict[str, int]) -> str:
            if line["step"] == 3:
                raise KeyboardInterrupt
            return json.dumps(line)

    monkeypatch.setattr(run_folder, "json", Torn)
    with pytest.raises(KeyboardInterrupt):
        MetricLog(folder, step=4, tensorboard=False)
    assert steps_of(folder) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("damaged", [b"", b"{cut", b"[1]", b"\xff\xfe"])
def test_a_damaged_environment_is_named_with_the_mend(tmp_path: Path, damaged: bytes) -> None:
    folder = RunFolder(tmp_path)
    assert not folder.finished
    folder.environment.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"environment\.json .*delete it, and the same command"):
        _ = folder.finished
    folder.write_json(folder.environment, {"finished": True})
    assert folder.finished
