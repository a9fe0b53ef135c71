"""The section with machine, versions, and the commands that make the runs again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from affectrep.evaluation.place import Place
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.page import facts, section
from affectrep.reporting.subject import Subject

__all__ = ["environment", "training_words"]

_PLAIN = re.compile(r"[\w./=:+,@%~-]+")
_MEASURES = ("representation", "leakage")  # parts of a scorecard that evaluation is asked for
_WORDS = (
    "Where a command names a folder that does not lie here, the run was trained on another machine."
)


def environment(subjects: Sequence[Subject]) -> str:
    """Return a block for each configuration: its machine, and how to train and evaluate it again.

    Of all but the first only what differs from the first is said of the machine.
    """
    first = _facts(subjects[0])
    parts = []
    for subject in subjects:
        if len(subjects) > 1:
            parts.append(f"<h3>{escape(subject.name.replace('_', ' '))}</h3>")
        mine = _facts(subject)
        if subject is not subjects[0]:
            mine = {key: value for key, value in mine.items() if value != first[key]}
        parts.append(facts(mine) if any(mine.values()) else "")
        parts.append(f"<pre>{escape(chr(10).join(_commands(subject)))}</pre>")
    return section("environment", "Environment and commands", _WORDS, *parts)


def training_words(run: StoredRun) -> list[str]:
    """Return what `affectrep train` was given: the file and the values beside it, without seed.

    A record lies far from its corpus: the file of its name, and a root to fill in.
    """
    words = _command(run)
    if run.is_record:
        file = Path("configs") / str(run.config.get("recipe")) / f"{run.name}.yaml"
        protocol = (run.config.get("data") or {}).get("protocol")
        said = [f"data.protocol={protocol}"] if run.setting else []
        return [_quoted(word) for word in (str(file), *said, "data.root=...")]
    files = [word for word in words if word.endswith((".yaml", ".yml"))]
    if "train" not in words or not files:
        return [_quoted(files[0] if files else str(run.path / "config.yaml"))]
    given = [word for word in words if "=" in word and not word.startswith(("-", "seed="))]
    place = words.index("--output") + 1 if "--output" in words else 0
    output = ["--output", words[place]] if 0 < place < len(words) else []
    return [_quoted(word) for word in (files[0], *given, *output)]


def _commands(subject: Subject) -> list[str]:
    """Return training of all seeds, evaluation, and the report."""
    runs, known = subject.runs, subject.runs[0].environment
    made = next((kind for kind in ("pooled", "ensemble") if kind in known), "")
    members = [
        str(run.shown_path.parent / name)
        for run in runs
        for name in run.environment.get(made) or []
    ]
    folders = members or [str(run.shown_path) for run in runs]
    found = [_training(subject, members if made == "ensemble" else [])]
    options = "".join(f" --{one}" for one in _MEASURES if any(one in c for c in subject.cards))
    if any((c.get(one) or {}).get("before") for c in subject.cards for one in _MEASURES):
        options += " --before"
    options = f" --split {subject.split or 'test'}{options}"
    found.append(_each("run", list(map(_quoted, folders)), "affectrep evaluate ", options))
    if made:
        verb = "pool" if made == "pooled" else "ensemble"
        found.append(f"affectrep {verb} {' '.join(map(_quoted, folders))}")
    shown = " ".join(_quoted(str(run.shown_path)) for run in runs)
    return [*found, f"affectrep report {shown} --out report.html"]


def _training(subject: Subject, members: Sequence[str]) -> str:
    """Return the training of all seeds; of pooled folds that of each fold, too."""
    first = subject.runs[0]
    words, place = training_words(first), Place.of(first.config)
    seeds = [name.rpartition("-")[2] for name in members] or [str(r.seed) for r in subject.runs]
    if place is None or not place.pooled:
        return _each("seed", seeds, f"affectrep train {' '.join(words)} seed=")
    fold = place.protocol.name.replace(f"fold={place.protocol.fold}", "fold=$fold")
    words = [word for word in words if not word.startswith(('"data.protocol=', "data.protocol="))]
    one = f'affectrep train {" ".join(words)} "data.protocol={fold}" seed='
    numbers = " ".join(map(str, range(place.protocol.folds)))
    return f"for fold in {numbers}; do {_each('seed', seeds, one)}; done"


def _each(name: str, values: Sequence[str], before: str, after: str = "") -> str:
    """Return a command with one value in it, or a loop of the shell over several."""
    if len(values) == 1:
        return f"{before}{values[0]}{after}"
    return f"for {name} in {' '.join(values)}; do {before}${name}{after}; done"


def _facts(subject: Subject) -> Mapping[str, str]:
    """Return the machine of the first run, its versions and the time that training took."""
    run = subject.runs[0]
    known = run.environment
    versions = known.get("versions") or {}
    minutes = [r.environment["minutes"] for r in subject.runs if "minutes" in r.environment]
    return {
        "Device": str(known.get("device", "")),
        "Processor": str(known.get("cpu", "")),
        "Threads": str(known.get("threads", "")),
        "Training time": f"{np.mean(minutes):.1f} minutes per run" if minutes else "",
        "Started": str(known.get("started", "")),
        "Python": str(known.get("python", "")),
        "Versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "Commit": str(known.get("commit") or ""),
        "Configuration": f"{run.name} ({run.config_hash})",
    }


def _command(run: StoredRun) -> list[str]:
    command = run.environment.get("command") or []
    return command.split() if isinstance(command, str) else list(map(str, command))


def _quoted(word: str | Path) -> str:
    """Return a word as the shell takes it for one.

    Example:
        >>> print(_quoted("seed=1"), _quoted("data.protocol=folds target=de"))
        seed=1 "data.protocol=folds target=de"
    """
    word = str(word)
    if _PLAIN.fullmatch(word):
        return word
    return '"' + re.sub(r'([\\"$`])', r"\\\1", word) + '"'
