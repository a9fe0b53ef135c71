"""What the cells of a sweep are in its tables: systems on corpora and settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from affectrep.commands.sweep_cells import Cell
from affectrep.evaluation.place import Place
from affectrep.evaluation.pooled_run import pooled_folder
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["Ran", "Slot", "reference_of", "runs_of", "slots_of"]

_PLACES = ("data.corpus", "data.root")  # values that name a corpus, not a system


@dataclass(frozen=True)
class Slot:
    """Where a cell stands in the tables.

    Args:
        cell: of the sweep.
        system: its line. Of several corpora the configuration's name without the corpus.
        corpus: empty where the sweep has one only.
        metric: that its corpus is judged by.
    """

    cell: Cell
    system: str
    corpus: str
    metric: str

    @property
    def place(self) -> Place | None:
        """Its target, fold or group; None where the splits are the corpus' own."""
        return Place.of(self.cell.settings.model_dump())

    @property
    def group(self) -> str:
        """What is compared by itself: a corpus, and what is known of its targets."""
        place = self.place
        return f"{self.corpus} {place.in_condition('') if place else ''}".strip()

    def column(self, setting: str | None = None) -> str:
        """Return its column, or that of another setting of its corpus."""
        return f"{self.corpus} {self.cell.setting if setting is None else setting}".strip()


@dataclass(frozen=True)
class Ran:
    """A run that has figures.

    Args:
        path: of its folder.
        seed: of it.
        target: language or corpus that was unseen; empty for other protocols.
    """

    path: Path
    seed: int
    target: str


def slots_of(cells: Sequence[Cell], metric: str | None = None) -> list[Slot]:
    """Return the place of each cell, in their order.

    Args:
        cells: of a sweep.
        metric: of all; None takes ``training.select`` of the first configuration of each corpus.
    """
    corpora = list(dict.fromkeys(_corpus(cell) for cell in cells))
    chosen: dict[str, str] = {}
    for cell in cells:
        chosen.setdefault(_corpus(cell), metric or cell.settings.training.select)
    if len(corpora) == 1:
        return [Slot(cell, cell.label, "", chosen[corpora[0]]) for cell in cells]
    names = _short_names(cells)
    return [
        Slot(
            cell,
            " ".join([names[_corpus(cell), cell.name], *_system_values(cell)]),
            _corpus(cell),
            chosen[_corpus(cell)],
        )
        for cell in cells
    ]


def reference_of(slots: Sequence[Slot], name: str | None) -> str:
    """Return the system that others are compared with: the first, or the one that is named.

    Args:
        slots: of a sweep.
        name: a line of the table, a configuration, or a run's name with its values.

    Raises:
        ValueError: if no system, or more than one, has the name.
    """
    if name is None:
        return slots[0].system
    known = list(dict.fromkeys(slot.system for slot in slots))
    if name in known:
        return name
    fitting = dict.fromkeys(
        slot.system
        for slot in slots
        if name in (slot.cell.settings.name, slot.cell.name, slot.cell.config.stem)
    )
    if len(fitting) != 1:
        raise ValueError(f"--reference {name}: expected one of {', '.join(fitting or known)}.")
    return next(iter(fitting))


def runs_of(slots: Iterable[Slot], done: Sequence[Cell], *, pool: bool) -> list[Ran]:
    """Return the runs of some cells that have figures; with ``pool`` one for all folds of a seed.

    Folds of which one is missing are left out.
    """
    there, found = {id(cell) for cell in done}, []
    folds: dict[tuple[str, str, int], list[Slot]] = defaultdict(list)
    for slot in slots:
        place, cell = slot.place, slot.cell
        if pool and place is not None and place.is_fold:
            folds[cell.settings.name, place.pooled_setting, cell.settings.seed].append(slot)
        elif id(cell) in there:
            target = place.target if place else ""
            found.append(Ran(cell.folder, cell.settings.seed, target))
    for (_, _, seed), parts in folds.items():
        if all(id(slot.cell) in there for slot in parts):
            folder = pooled_folder([StoredRun(slot.cell.folder) for slot in parts])
            place = parts[0].place
            if folder.is_dir() and place is not None:
                found.append(Ran(folder, seed, place.target))
    return found


def _corpus(cell: Cell) -> str:
    return cell.settings.data.corpus


def _system_values(cell: Cell) -> list[str]:
    return [word for word in cell.own_values if word.partition("=")[0] not in _PLACES]


def _short_names(cells: Sequence[Cell]) -> dict[tuple[str, str], str]:
    """Return the configurations' names without the words before the corpus, and without it.

    ``matrix_goemotions_aml_dro`` and ``matrix_ferplus_plain`` are ``aml_dro`` and ``plain``.
    """
    words = {(_corpus(cell), cell.name): cell.name.split("_") for cell in cells}
    while len({one[0] for one in words.values()}) == 1 and min(map(len, words.values())) > 1:
        words = {key: one[1:] for key, one in words.items()}
    for corpus in {key[0] for key in words}:
        mine = {key: one for key, one in words.items() if key[0] == corpus}
        if len({one[0] for one in mine.values()}) == 1 and min(map(len, mine.values())) > 1:
            words |= {key: one[1:] for key, one in mine.items()}
    return {key: "_".join(one) for key, one in words.items()}
