"""What is said of the smallest p that a comparison of so few paired units could reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from affectrep.evaluation.attainable import attainable_p, fewest_units
from affectrep.evaluation.comparison import LEVEL
from affectrep.reporting.figures import p_value

__all__ = ["NO_LIMIT", "smallest_p", "smallest_p_notes"]

NO_LIMIT = (
    "Student's t, which is used here, has no such limit: a p below it rests on differences "
    "that are normal."
)
_NOWHERE_NEAR = 0.001


def smallest_p(unit: str, count: int, *, systems: int = 1, mark: str = "", where: str = "") -> str:
    """Return the sentence about one kind of unit.

    Args:
        unit: such as seeds.
        count: how many pairs of it there are.
        systems: comparisons that Holm's method allows for.
        mark: of the line that is meant.
        where: whom it is about.

    Example:
        >>> smallest_p("seeds", 3, systems=2)
        'Smallest attainable p: exchanging the 3 paired seeds gives p 0.250 at best, 0.500 after
        Holm over 2 systems.'
    """
    least = attainable_p(count)
    words = f"exchanging the {count} paired {unit} gives p {p_value(least)} at best"
    if systems > 1:
        words += f", {p_value(min(1.0, systems * least))} after Holm over {systems} systems"
    return f"Smallest attainable p{mark}: {words}{where}."


def smallest_p_notes(units: Mapping[str, Mapping[str, int]], *, systems: int = 1) -> list[str]:
    """Return the sentences about a comparison; none where the units are many.

    Args:
        units: for each line of it (``""``, or such as ``" (a)"``) how many there are of each kind.
        systems: comparisons that Holm's method allows for.

    Example:
        >>> for words in smallest_p_notes({"": {"seeds": 3, "rows": 400}}): print(words)
        Smallest attainable p: exchanging the 3 paired seeds gives p 0.250 at best.
        A test that only exchanges the sides of these pairs could not reach 0.05 at all. Student's
        t, which is used here, has no such limit: a p below it rests on differences that are normal.
        >>> smallest_p_notes({"": {"seeds": 1, "rows": 400}})
        []
    """
    fewest = {mark: fewest_units(one) for mark, one in units.items()}
    best = {mark: systems * attainable_p(count) for mark, (_, count) in fewest.items()}
    said = [
        smallest_p(*fewest[mark], systems=systems, mark=mark)
        for mark, least in best.items()
        if least >= _NOWHERE_NEAR
    ]
    if not said:
        return []
    return [*said, f"{_beyond(best)}{NO_LIMIT}"]


def _beyond(best: Mapping[str, float]) -> str:
    """Return which lines a test by exchange could never tell apart, and a space."""
    out: Sequence[str] = [mark for mark, least in best.items() if least > LEVEL]
    if not out:
        return ""
    where = f" in{''.join(out)}" if len(out) < len(best) else ""
    return (
        "A test that only exchanges the sides of these pairs could not reach "
        f"{LEVEL:g} at all{where}. "
    )
