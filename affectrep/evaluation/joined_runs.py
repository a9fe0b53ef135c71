"""What a run that was made of others says of itself: one configuration, all machines, all readings.

Folds of an upper bound become one run so (:mod:`affectrep.evaluation.pooled_run`), and the seeds of
a configuration (:mod:`affectrep.evaluation.seed_ensemble`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectrep.data.whole_file import whole_file
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.stored_run import StoredRun

__all__ = [
    "join_ledgers",
    "joined_environment",
    "keys_apart",
    "same_configuration",
    "value_of",
    "write_json",
]

# keys in which runs that are joined may differ: a place, a machine, a setting named elsewhere
_INDIFFERENT = (
    "root",
    "roots",
    "workers",
    "threads",
    "precision",
    "cache",
    "protocol",
    "checkpoint_minutes",
    "checkpoint_steps",
    "cache_embeddings",
)


def same_configuration(
    runs: Sequence[StoredRun],
    *,
    of: str,
    indifferent: Sequence[str] = (),
    configs: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Refuse runs that differ in more than a place or a machine.

    Args:
        runs: one or more.
        of: what they are, in words, for the message.
        indifferent: further keys that may differ, by their last part.
        configs: of the runs, with the keys that came after they were trained; None takes them as
            they are stored.

    Raises:
        ValueError: naming the keys in which two runs differ.
    """
    known = [run.config for run in runs] if configs is None else configs
    for run, config in zip(runs[1:], known[1:], strict=True):
        differing = keys_apart([known[0], config], indifferent=indifferent)
        if differing:
            raise ValueError(
                f"{runs[0].path} and {run.path} differ in {', '.join(differing)}: {of} "
                "have one configuration. Train one of them again."
            )


def keys_apart(
    configs: Sequence[Mapping[str, Any]], *, indifferent: Sequence[str] = ()
) -> list[str]:
    """Return the keys in which configurations differ, those of a place or a machine left out.

    Args:
        configs: one or more.
        indifferent: further keys that may differ, by their last part.

    Example:
        >>> keys_apart([{"name": "a", "objective": {"weight": 0}}, {"name": "a"}])
        ['objective.weight']
    """
    left_out = {*_INDIFFERENT, *indifferent}
    flat = [dict(_flat(config, left_out)) for config in configs]
    every = {key for one in flat for key in one}
    return sorted(key for key in every if any(one.get(key) != flat[0].get(key) for one in flat))


def value_of(config: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key; None where there is none.

    Example:
        >>> value_of({"objective": {"weight": 0.5}}, "objective.weight")
        0.5
    """
    found: Any = config
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def joined_environment(runs: Sequence[StoredRun], kind: str) -> dict[str, Any]:
    """Return the first run's machine, all commits and devices, and the minutes added up.

    Args:
        runs: that are joined.
        kind: the key below which their folders' names stand.
    """
    all_known = [run.environment for run in runs]
    kept = ("python", "platform", "versions", "cpu", "cores", "threads", "command")
    found = {key: all_known[0][key] for key in kept if key in all_known[0]}
    for key in ("commit", "device"):
        names = dict.fromkeys(str(known.get(key) or "") for known in all_known)
        found[key] = "+".join(filter(None, names))
    minutes = [float(known["minutes"]) for known in all_known if "minutes" in known]
    if len(minutes) == len(runs):
        found["minutes"] = round(sum(minutes), 3)
    started = [str(known["started"]) for known in all_known if "started" in known]
    if started:
        found["started"] = min(started)
    return {**found, kind: [run.path.name for run in runs], "finished": True}


def join_ledgers(
    folder: Path, runs: Sequence[StoredRun], *, names: Sequence[str], split: str | None = None
) -> None:
    """Write the readings of all runs into ``reads.jsonl`` of a folder, oldest first.

    Args:
        folder: of the joined run.
        runs: with their ledgers.
        names: what each run is to the joined one, such as "fold 0".
        split: whose readings; None for those of all.
    """
    lines = [
        {**one.__dict__, "purpose": f"{one.purpose} of {name}"}
        for name, run in zip(names, runs, strict=True)
        for one in readings(run.path, split)
    ]
    lines.sort(key=lambda line: str(line["time"]))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    with whole_file(folder / "reads.jsonl") as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON; the folder is made."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    with whole_file(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _flat(values: Any, left_out: set[str], key: str = "") -> Iterable[tuple[str, Any]]:
    if key.rpartition(".")[2] in left_out:
        return
    if not isinstance(values, Mapping):
        yield key, values
        return
    for name, inner in values.items():
        yield from _flat(inner, left_out, f"{key}.{name}" if key else str(name))
