"""The type that holds the wordings of one cue, kept apart by split."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wordings:
    """Sentences without end mark that say one cue; the splits share none of them.

    A `{slot}` in a sentence is filled from `fillers.FILLERS`, which are kept apart by split too.

    >>> Wordings(train=("it rained",), validation=("it poured",), test=("it drizzled",)).of("test")
    ('it drizzled',)
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def of(self, split: str) -> tuple[str, ...]:
        """Give the wordings of one split.

        Raises:
            ValueError: if `split` is not train, validation or test.
        """
        if split not in ("train", "validation", "test"):
            raise ValueError(f"split must be train, validation or test, not {split!r}.")
        chosen: tuple[str, ...] = getattr(self, split)
        return chosen
