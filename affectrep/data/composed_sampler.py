"""Batches composed of languages, emotions and utterances, planned by seed and epoch only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np

__all__ = ["ComposedSampler", "Composition"]

Cell = tuple[int, int]  # language, emotion


@dataclass(frozen=True)
class Composition:
    """What a batch holds: ``languages`` times ``emotions`` times ``utterances`` rows.

    Args:
        languages: different ones in a batch.
        emotions: of each language.
        utterances: of each cell, that is of one emotion in one language.
        empty: what a cell with fewer rows than ``utterances`` does. ``borrow``: the missing rows
            are drawn from other languages of the same emotion, and counted. ``refuse``: an error.
        steps: of an epoch; None takes the fewest in which every row of the largest cell occurs
            (on average, where a batch does not hold every emotion).
        bucket_by_length: the cells of a batch draw rows of about one length, as ranked in each.

    Raises:
        ValueError: if a number is below 1 or ``empty`` is unknown.
    """

    languages: int = 3
    emotions: int = 4
    utterances: int = 3
    empty: Literal["borrow", "refuse"] = "borrow"
    steps: int | None = None
    bucket_by_length: bool = False

    def __post_init__(self) -> None:
        numbers = (self.languages, self.emotions, self.utterances, self.steps)
        if any(number is not None and number < 1 for number in numbers):
            raise ValueError(
                f"expected languages, emotions, utterances and steps of at least 1, got {numbers}"
            )
        if self.empty not in ("borrow", "refuse"):
            raise ValueError(f"empty is {self.empty!r}, expected borrow or refuse")

    @property
    def size(self) -> int:
        """Rows of a batch."""
        return self.languages * self.emotions * self.utterances


class ComposedSampler:
    """Batches of languages x emotions x utterances, 3 x 4 x 3 in the paper, for any numbers.

    Each cell deals its rows in a random order in which the utterances of a speaker lie far apart,
    and starts anew when all were dealt; what a batch takes from a cell are rows of different
    speakers where the next few have them. Where there are more languages than a batch holds they
    take turns, emotions likewise. No row occurs twice in a batch. A batch lists its cells one
    after the other. Rows with a negative language or label are left out and counted
    (``left_out``); ``short_cells`` names the cells with too few rows, and how many they have.

    An epoch has the fewest batches in which every row of the largest cell occurs; a smaller cell
    is gone through several times. The plan is a pure function of seed and epoch, as that of
    :class:`~affectrep.data.samplers.BatchSampler`, and can be entered at any step.

    Args:
        languages: ``(rows,)`` codes.
        labels: ``(rows,)`` emotion codes.
        composition: the numbers.
        seed: of every draw.
        speakers: ``(rows,)`` codes; None, or -1 for unknown, counts each row as its own speaker.
        lengths: ``(rows,)``, for ``bucket_by_length``.

    Raises:
        ValueError: if columns differ in length, there are too few languages or emotions, an
            emotion has fewer rows than a batch needs, or a cell is short and ``empty`` refuses it.

    Example:
        >>> languages, labels = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 1, 1]
        >>> two = Composition(languages=2, emotions=2, utterances=1)
        >>> sampler = ComposedSampler(languages, labels, composition=two, seed=0)
        >>> [[(languages[row], labels[row]) for row in batch] for batch in sampler.epoch(0)][0]
        [(0, 0), (0, 1), (1, 0), (1, 1)]
        >>> sorted(row for batch in sampler.epoch(0) for row in batch)
        [0, 1, 2, 3, 4, 5, 6, 7]
    """

    def __init__(
        self,
        languages: Sequence[int],
        labels: Sequence[int],
        *,
        composition: Composition,
        seed: int,
        speakers: Sequence[int] | None = None,
        lengths: Sequence[int] | None = None,
    ) -> None:
        columns = {"labels": labels, "speakers": speakers, "lengths": lengths}
        for name, column in columns.items():
            if column is not None and len(column) != len(languages):
                raise ValueError(f"expected {len(languages)} {name}, got {len(column)}")
        if composition.bucket_by_length and lengths is None:
            raise ValueError("bucket_by_length needs lengths")
        self.composition, self.seed = composition, seed
        self.lengths = list(lengths) if composition.bucket_by_length and lengths else None
        self.speakers = _own_speakers(speakers, len(languages))
        self.cells: dict[Cell, list[int]] = {}
        for row, cell in enumerate(zip(languages, labels, strict=True)):
            if min(cell) >= 0:
                self.cells.setdefault((int(cell[0]), int(cell[1])), []).append(row)
        self.left_out = len(languages) - sum(map(len, self.cells.values()))
        self.languages = sorted({language for language, _ in self.cells})
        self.emotions = sorted({emotion for _, emotion in self.cells})
        self.short_cells = {
            (language, emotion): len(self.cells.get((language, emotion), []))
            for language in self.languages
            for emotion in self.emotions
            if len(self.cells.get((language, emotion), [])) < composition.utterances
        }
        self._refuse()

    def _refuse(self) -> None:
        asked = self.composition
        for name, wanted, there in (
            ("languages", asked.languages, self.languages),
            ("emotions", asked.emotions, self.emotions),
        ):
            if len(there) < wanted:
                raise ValueError(
                    f"a batch needs {wanted} {name}, the training rows have {len(there)}: "
                    f"lower the number"
                )
        if asked.empty == "refuse" and self.short_cells:
            (language, emotion), rows = next(iter(self.short_cells.items()))
            raise ValueError(
                f"{len(self.short_cells)} cells have fewer than {asked.utterances} rows, such as "
                f"language {language}, emotion {emotion} with {rows}; lower utterances, or borrow"
            )
        totals: Counter[int] = Counter()
        for (_, emotion), rows_of in self.cells.items():
            totals[emotion] += len(rows_of)
        needed = asked.languages * asked.utterances
        for emotion, total in totals.items():
            if total < needed:
                raise ValueError(
                    f"emotion {emotion} has {total} rows, a batch needs {needed} "
                    f"({asked.languages} languages x {asked.utterances} utterances)"
                )

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        asked = self.composition
        if asked.steps is not None:
            return asked.steps
        draws = -(-max(map(len, self.cells.values())) // asked.utterances)
        for there, wanted in (
            (len(self.languages), asked.languages),
            (len(self.emotions), asked.emotions),
        ):
            draws = -(-draws * there // wanted)
        return draws

    def epoch(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch, counted from 0, each of ``composition.size`` rows."""
        return self._plan(epoch)[0]

    def borrowed(self, epoch: int) -> int:
        """Return how many rows of an epoch stand in for those that a cell does not have."""
        return self._plan(epoch)[1]

    def _plan(self, epoch: int) -> tuple[list[list[int]], int]:
        generator = np.random.default_rng([self.seed, epoch])
        deals = {
            cell: _Deal(rows, generator, self.speakers, self.lengths)
            for cell, rows in sorted(self.cells.items())
        }
        turns = [_Deal(there, generator) for there in (self.languages, self.emotions)]
        steps = len(self)
        heights = (generator.permutation(steps) + generator.random(steps)) / steps
        batches, borrowed = [], 0
        for height in heights.tolist():
            chosen = [
                sorted(turn.take(count, set()))
                for turn, count in zip(
                    turns, (self.composition.languages, self.composition.emotions), strict=True
                )
            ]
            batch, missing = self._compose(deals, chosen, height)
            batches.append(batch)
            borrowed += missing
        return batches, borrowed

    def _compose(
        self, deals: dict[Cell, _Deal], chosen: list[list[int]], height: float
    ) -> tuple[list[int], int]:
        """Fill every cell with rows of its own first, then what is missing from other languages."""
        count, used, spent = self.composition.utterances, set[int](), Counter[Cell]()
        places: dict[Cell, list[int]] = {}

        def draw(donor: Cell, cell: Cell, rows: int) -> None:
            found = deals[donor].take(rows, used, height)
            places[cell] += found
            used.update(found)
            spent[donor] += rows

        for cell in ((language, emotion) for language in chosen[0] for emotion in chosen[1]):
            places[cell] = []
            if cell in deals:
                draw(cell, cell, min(count, len(self.cells[cell])))
        missing = 0
        for cell in places:
            while len(places[cell]) < count:
                # the language with most rows left, so that no small one is used up
                donors = (other for other in deals if other[1] == cell[1])
                draw(max(donors, key=lambda other: len(self.cells[other]) - spent[other]), cell, 1)
                missing += 1
        return [row for rows in places.values() for row in rows], missing


class _Deal:
    """Items in a random order, each once before any comes again."""

    def __init__(
        self,
        items: Sequence[int],
        generator: np.random.Generator,
        speakers: Sequence[int] | None = None,
        lengths: Sequence[int] | None = None,
    ) -> None:
        self.items, self.generator = items, generator
        self.speakers, self.lengths = speakers, lengths
        self.waiting: list[int] = []

    def take(self, count: int, avoid: Collection[int], height: float = 0.0) -> list[int]:
        """Return ``count`` items that are not to be avoided; there must be as many.

        With lengths they come from about ``height`` (0 short, 1 long) of what is waiting.
        """
        taken: list[int] = []
        while len(taken) < count:
            # a longer reach would use up the rare speakers early in the round
            near = list(islice(self._free(avoid, taken, height), 2 * count))
            place = self._other_speaker(near, taken)
            if place is None:
                self.waiting = self._order()
            else:
                taken.append(self.waiting.pop(place))
        return taken

    def _free(self, avoid: Collection[int], taken: list[int], height: float) -> Iterator[int]:
        for place in self._places(height):
            if self.waiting[place] not in avoid and self.waiting[place] not in taken:
                yield place

    def _other_speaker(self, near: list[int], taken: list[int]) -> int | None:
        """Return the first of the places with a speaker who was not taken, else the first."""
        speakers, first = self.speakers, near[0] if near else None
        if speakers is None or not taken:
            return first
        heard = {speakers[item] for item in taken}
        return next((p for p in near if speakers[self.waiting[p]] not in heard), first)

    def _places(self, height: float) -> Iterator[int]:
        """Yield the places of what is waiting: in order, or outward from a height."""
        size = len(self.waiting)
        if self.lengths is None:
            yield from range(size)
            return
        at = min(int(height * size), size - 1)
        for step in range(size):
            yield from (place for place in {at - step, at + step} if 0 <= place < size)

    def _order(self) -> list[int]:
        mixed = [self.items[place] for place in self.generator.permutation(len(self.items))]
        if self.lengths is not None:
            lengths = self.lengths
            return sorted(mixed, key=lambda item: lengths[item])
        return mixed if self.speakers is None else self._apart(mixed)

    def _apart(self, mixed: list[int]) -> list[int]:
        """Lay the k-th of n rows of a speaker at (k + u) / n, with u spread over the speakers."""
        assert self.speakers is not None
        total = Counter(self.speakers[item] for item in mixed)
        spread = (self.generator.permutation(len(total)) + 0.5) / len(total)
        shift = dict(zip(total, spread.tolist(), strict=True))
        seen: Counter[int] = Counter()
        place: dict[int, float] = {}
        for item in mixed:
            speaker = self.speakers[item]
            place[item] = (seen[speaker] + shift[speaker]) / total[speaker]
            seen[speaker] += 1
        return sorted(mixed, key=place.__getitem__)


def _own_speakers(speakers: Sequence[int] | None, rows: int) -> list[int]:
    """Give every row of unknown speaker a code of its own."""
    known = [-1] * rows if speakers is None else [int(speaker) for speaker in speakers]
    return [speaker if speaker >= 0 else -1 - row for row, speaker in enumerate(known)]
