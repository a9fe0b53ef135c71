"""The cells of a sweep: configuration x values x seed, each with its run folder."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from filelock import FileLock, Timeout

from affectrep.build import run_name
from affectrep.config import Config, differing_keys, load_config
from affectrep.data.setting import protocol_of, setting_name
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["NOTES", "Cell", "cells_of", "is_held", "read_seeds", "read_values"]

NOTES = ".sweep"
_SEEDS = re.compile(r"^\s*(\d+)(?:-(\d+))?\s*$")
_STANDARDISE = "data.speech.standardise"


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    Args:
        config: file of the configuration.
        name: of the configuration, before the values are added to it.
        overrides: that make the cell, its name and seed among them.
        values: those that the sweep sets, ``key=value``.
        settings: the resolved configuration.
        output: folder of all runs.
    """

    config: Path
    name: str
    overrides: tuple[str, ...]
    values: tuple[str, ...]
    settings: Config
    output: Path

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.output / run_name(self.settings)

    def file(self, ending: str) -> Path:
        """Return a file beside the runs that a sweep keeps about the cell: its lock, its log."""
        return self.output / NOTES / f"{self.folder.name}.{ending}"

    @property
    def is_held(self) -> bool:
        """Whether another process sweeps or trains the cell."""
        return is_held(self.file("lock")) or is_held(self.folder / ".lock")

    @property
    def setting(self) -> str:
        """What is unseen, such as "strict de"; empty for text."""
        return setting_name(self.settings.data.protocol, self.settings.data.speech.standardise)

    @property
    def own_values(self) -> list[str]:
        """Those values that are not its setting."""
        return [word for word in self.values if not _in_setting(word, self.settings)]

    @property
    def label(self) -> str:
        """The configuration and its own values, for a table."""
        return " ".join([self.name, *self.own_values])

    @property
    def words(self) -> str:
        """Configuration, values and seed, for a line on the terminal."""
        return " ".join([self.name, *self.values, f"seed={self.settings.seed}"])

    def state(self, split: str | None) -> str:
        """Return done, trained, started or not there.

        Raises:
            ValueError: if the folder holds a run of another configuration.
        """
        if not (self.folder / "config.yaml").is_file():
            return "not there"
        changed = differing_keys(load_config(self.folder / "config.yaml"), self.settings)
        if changed:
            changes = ", ".join(f"{key} ({a} then, {b} now)" for key, (a, b) in changed.items())
            raise ValueError(
                f"{self.folder} holds a run of another configuration: {changes}. Give another "
                "name=… or --output, or delete the folder."
            )
        stored = StoredRun(self.folder)
        if not stored.environment.get("finished"):
            return "started"
        return "done" if split is None or stored.scorecard(split) else "trained"


def is_held(path: Path) -> bool:
    """Whether another process holds a lock file."""
    if not path.is_file():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except PermissionError:  # of another user's folder, which a dry run may look at all the same
        return False


def cells_of(
    configs: Sequence[Path],
    overrides: Sequence[str],
    *,
    seeds: Sequence[int],
    sets: Sequence[str],
    output: Path,
) -> list[Cell]:
    """Return every cell; each configuration is checked before anything is trained.

    Args:
        configs: files of configurations.
        overrides: ``key=value`` for all cells; ``PATTERN:key=value`` for those of the files whose
            names, without the ending, fit the pattern (``ferplus_*``).
        seeds: of each.
        sets: ``key=value,value``, see :func:`read_values`; with a pattern as above in place of the
            values for all.
        output: folder of all runs.

    Raises:
        ValueError: for a mistake in a configuration or a value, or if two cells are one folder.
    """
    if not configs:
        raise ValueError("a sweep needs at least one configuration file.")
    for word in (*overrides, *sets):
        if _addressed(word)[1].partition("=")[0].strip() == "seed":
            raise ValueError(f"{word}: a sweep takes its seeds by --seeds, such as --seeds 0-4.")
        pattern = _addressed(word)[0]
        if not any(fnmatchcase(config.stem, pattern) for config in configs):
            raise ValueError(f"{word}: none of these configurations is named {pattern}.")
    cells: list[Cell] = []
    for config in configs:
        axes = _axes(config, sets)
        leaves = _leaves(list(axes))
        own = tuple(_meant_for(config, overrides))
        for chosen in itertools.product(*axes.values()):
            values = tuple(f"{key}={value}" for key, value in zip(axes, chosen, strict=True))
            cells += _seeded(config, own, values, leaves, seeds, output)
    _refuse_twins(cells)
    return cells


def _addressed(word: str) -> tuple[str, str]:
    """Return which configurations ``[PATTERN:]key=value`` is for, and the word without that."""
    key, sign, rest = word.partition("=")
    pattern, _, key = key.rpartition(":")
    return pattern.strip() or "*", f"{key}{sign}{rest}"


def _meant_for(config: Path, words: Sequence[str]) -> list[str]:
    """Return the words for a configuration: those for all first, so that its own win."""
    found = [(pattern, word) for pattern, word in map(_addressed, words)]
    mine = [(pattern, word) for pattern, word in found if fnmatchcase(config.stem, pattern)]
    return [word for _, word in sorted(mine, key=lambda one: one[0] != "*")]


def _axes(config: Path, sets: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each key; those for this configuration in place of those for all."""
    every = [one for one in sets if _addressed(one)[0] == "*"]
    own = [one for one in sets if one not in every]
    axes: dict[str, list[str]] = {}
    for words in (every, own):
        pairs = [read_values(one) for one in _meant_for(config, words)]
        keys = [key for key, _ in pairs]
        if "name" in keys or len(set(keys)) < len(keys):
            raise ValueError(
                f"expected each key of --set once, and not name, got {', '.join(keys)}."
            )
        axes |= dict(pairs)
    return axes


def _seeded(
    config: Path,
    overrides: tuple[str, ...],
    values: tuple[str, ...],
    leaves: dict[str, str],
    seeds: Sequence[int],
    output: Path,
) -> Iterator[Cell]:
    words = (*overrides, *values)
    settings = load_config(config, words)
    name = settings.name
    suffix = "".join(
        f"_{leaves[key]}{_slug(value)}"
        for key, _, value in (word.partition("=") for word in values)
        if not _in_setting(f"{key}={value}", settings)
    )
    if suffix:
        words = (*words, f"name={name}{suffix}")
        settings = settings.model_copy(update={"name": name + suffix})
    for seed in seeds:
        seeded = settings.model_copy(update={"seed": seed})
        yield Cell(config, name, (*words, f"seed={seed}"), values, seeded, output)


def _in_setting(word: str, settings: Config) -> bool:
    """Whether a value is part of the setting, and so of the folder's name already."""
    key = word.partition("=")[0]
    if key not in ("data.protocol", _STANDARDISE):
        return False
    return protocol_of(settings.data.protocol) is not None


def _slug(value: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", value.strip()).strip("-")


def _leaves(keys: Sequence[str]) -> dict[str, str]:
    """Return the last part of each key; the last two where keys share the last."""
    last = [key.rpartition(".")[2] for key in keys]
    return {
        key: leaf if last.count(leaf) == 1 else "_".join(key.split(".")[-2:])
        for key, leaf in zip(keys, last, strict=True)
    }


def _refuse_twins(cells: Sequence[Cell]) -> None:
    known: dict[Path, Cell] = {}
    for cell in cells:
        twin = known.setdefault(cell.folder, cell)
        if twin is not cell:
            raise ValueError(
                f"{twin.words} and {cell.words} would both be {cell.folder}: take one of them out."
            )


def read_seeds(words: str) -> list[int]:
    """Return the seeds that ``5`` (the first five), ``0-4`` or ``0,3,7`` name.

    Raises:
        ValueError: for other words.

    Example:
        >>> read_seeds("3"), read_seeds("2-4"), read_seeds("0,3,7-8"), read_seeds("4,")
        ([0, 1, 2], [2, 3, 4], [0, 3, 7, 8], [4])
    """
    found: list[int] = list(range(int(words))) if words.isdigit() else []
    parts = [] if words.isdigit() else [_SEEDS.match(part) for part in words.split(",") if part]
    for part in parts:
        if part is None:
            found = []
            break
        first, last = int(part[1]), int(part[2] or part[1])
        found += range(first, last + 1)
    if not found or len(set(found)) < len(found):
        raise ValueError(
            f"--seeds {words}: expected a number of seeds (5), a range (0-4) or a list (0,3,7)."
        )
    return found


def read_values(words: str) -> tuple[str, list[str]]:
    """Return the key and the values of ``key=value,value``.

    A | parts them in place of the comma where there is one; one value with commas ends in a |.

    Raises:
        ValueError: if there is no key, no value, or one twice.

    Example:
        >>> read_values("objective.weight=0,0.3,1")
        ('objective.weight', ['0', '0.3', '1'])
        >>> read_values("data.protocol=source_to_target sources=en,it target=de|")
        ('data.protocol', ['source_to_target sources=en,it target=de'])
    """
    key, _, rest = words.partition("=")
    key, sign = key.strip(), "|" if "|" in rest else ","
    values = [value.strip() for value in rest.split(sign)]
    if sign == "|" and not values[-1]:
        values.pop()
    if not key or not values or not all(values) or len(set(values)) < len(values):
        raise ValueError(f"--set {words}: expected key.sub=value,value, each value once.")
    return key, values
