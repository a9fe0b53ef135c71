"""The section with the next commands worth trying."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path

from affectrep.reporting.page import section
from affectrep.reporting.reproduction import training_words
from affectrep.reporting.subject import Subject

__all__ = ["next_commands"]

Command = tuple[str, str]
_SHOWN = 3
_MANY_CLASSES = 6  # families of fewer are the classes themselves
_SEEDS = 5
_ASK = {
    "text": ("Ask the model about a text of your own:", '"I can\'t believe they did this again"'),
    "speech": ("Ask the model about a recording of your own:", "clip.wav"),
    "face": ("Ask the model about a picture of your own:", "face.jpg"),
}


def next_commands(subjects: Sequence[Subject]) -> str:
    """Return the next three commands worth trying; for speech, predicting a clip is one of them.

    Of a record, which has no model here, only what begins with training.
    """
    first = subjects[0]
    here = not first.runs[0].is_record
    tried = [
        *(_readings(first) if here else []),
        *(_training(first) if len(subjects) == 1 else []),
        *(_families(first) if here else []),
        _comparison(subjects),
    ]
    asked = _question(first) if here else []
    kept = _SHOWN - len(asked) if first.info.get("modality") in ("speech", "face") else _SHOWN
    chosen = [*tried[:kept], *asked][:_SHOWN]
    inside = "".join(
        f"<p>{escape(words)}</p><pre>{escape(command)}</pre>" for words, command in chosen
    )
    return section("next", "What to try next", "", inside)


def _readings(subject: Subject) -> list[Command]:
    folder, found = _folder(subject), []
    if subject.split != "test":
        found.append(("Read the test split, once:", f"affectrep evaluate {folder} --split test"))
    elif subject.info.get("modality") == "speech" and not any(
        "leakage" in card for card in subject.cards
    ):
        words = "Measure what the embeddings say about speaker and language:"
        found.append((words, f"affectrep evaluate {folder} --leakage"))
    return found


def _training(subject: Subject) -> list[Command]:
    if len(subject.runs) >= _SEEDS:
        return []
    seed = max(run.seed for run in subject.runs) + 1
    words = [*training_words(subject.runs[0]), f"seed={seed}"]
    said = "One seed says little about the method; train another:"
    return [(said, f"affectrep train {' '.join(words)}")]


def _families(subject: Subject) -> list[Command]:
    if subject.task != "classification" or subject.families is not None:
        return []
    if subject.cards and len(subject.classes) < _MANY_CLASSES:
        return []
    file = shlex.quote(f"{subject.runs[0].shown_path.parent}/families.json")
    command = f"affectrep evaluate {_folder(subject)} --split validation"
    words = "Fix the families of confusable classes on validation, for F1 inside them:"
    return [(words, f"{command} --write-families {file}")]


def _comparison(subjects: Sequence[Subject]) -> Command:
    names = [_without_seed(subject) for subject in subjects[:2]]
    names += [names[0].with_name("OTHER")][: 2 - len(names)]
    first, other = (f"{shlex.quote(f'{name.parent}/{name.name}-')}*" for name in names)
    words = "Compare with another configuration over rows and seeds:"
    return words, f"affectrep compare {first} --against {other}"


def _question(subject: Subject) -> list[Command]:
    found = _ASK.get(subject.info.get("modality", "text"))
    if found is None:
        return []
    return [(found[0], f"affectrep predict {_folder(subject)} {found[1]}")]


def _folder(subject: Subject) -> str:
    """Return the first run's folder as the shell takes it for one word."""
    return shlex.quote(str(subject.runs[0].shown_path))


def _without_seed(subject: Subject) -> Path:
    folder = subject.runs[0].shown_path
    return folder.with_name(folder.name.rpartition("-")[0] or folder.name)
