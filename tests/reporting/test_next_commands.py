from __future__ import annotations

import json
import re
import shlex
from html import unescape
from pathlib import Path

from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.next_commands import next_commands
from affectrep.reporting.subject import Subject
from tests.evaluation.invented import CLASSES, make_run
from tests.evaluation.leaky import leaky_run
from tests.reporting.regressed import regression_run


def commands(*subjects: Subject) -> list[str]:
    return [unescape(one) for one in re.findall(r"<pre>(.*?)</pre>", next_commands(subjects))]


def speech(folder: Path, name: str = "leaky", **card: object) -> Subject:
    run = leaky_run(folder, name)
    words = ["affectrep", "train", "configs/x/leaky.yaml", "data.protocol=a target=z", "seed=3"]
    (run.path / "environment.json").write_text(json.dumps({"command": words}))
    return Subject([run], "test", [{"classes": ["angry", "calm"], **card}])


def test_a_speech_run_is_measured_repeated_and_asked(tmp_path: Path) -> None:
    subject = speech(tmp_path)
    folder = subject.runs[0].path
    assert commands(subject) == [
        f"affectrep evaluate {folder} --leakage",
        'affectrep train configs/x/leaky.yaml "data.protocol=a target=z" seed=1',
        f"affectrep predict {folder} clip.wav",
    ]
    measured = speech(tmp_path / "b", leakage={})
    assert commands(measured)[1] == (
        f"affectrep compare {tmp_path}/b/leaky.z-* --against {tmp_path}/b/OTHER-*"
    )


def test_a_face_run_asks_about_a_picture(tmp_path: Path) -> None:
    run = StoredRun(regression_run(tmp_path))
    found = commands(Subject([run], "test", [{}]))
    assert found[-1] == f"affectrep predict {run.path} face.jpg"
    assert len(found) == 3
    assert not any("families" in one for one in found)


def test_two_configurations_are_compared_with_each_other(tmp_path: Path) -> None:
    pair = [speech(tmp_path, name, leakage={}) for name in ("one", "two")]
    assert commands(*pair)[0] == (
        f"affectrep compare {tmp_path}/one.z-* --against {tmp_path}/two.z-*"
    )


def test_text_keeps_its_families(tmp_path: Path) -> None:
    run = StoredRun(make_run(tmp_path))
    subject = Subject([run], "validation", [{"classes": CLASSES}])
    assert [one.split()[1] for one in commands(subject)] == ["evaluate", "train", "evaluate"]
    assert "--write-families" in commands(subject)[2]
    assert "--split test" in commands(subject)[0]


def test_a_folder_with_a_space_is_one_word_of_the_shell(tmp_path: Path) -> None:
    run = StoredRun(make_run(tmp_path / "runs ü"))
    told = commands(Subject([run], "validation", [{"classes": CLASSES}]))
    assert shlex.split(told[0])[2] == str(run.path)
    assert shlex.split(told[2])[-1] == f"{run.path.parent}/families.json"
    pair = [speech(tmp_path / "runs ü", name, leakage={}) for name in ("one", "two")]
    told = commands(*pair)
    assert told[0].endswith("/two.z-'*")  # the star is left to the shell
    assert shlex.split(told[0])[2] == f"{tmp_path}/runs ü/one.z-*"
    assert shlex.split(told[-1])[2] == str(pair[0].runs[0].path)
