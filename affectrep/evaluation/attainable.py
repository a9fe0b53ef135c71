"""The smallest p that a count of paired units could give, whatever the effect."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["attainable_p", "fewest_units"]


def attainable_p(units: int) -> float:
    """Return the smallest two-sided p of a test that exchanges the sides of whole paired units.

    Of the 2^n ways to exchange them at most two are as far out as what was seen: ``2 / 2^n``.
    Student's t has no such limit, as it takes differences for normal: a p below this one rests on
    that, not on the count.

    Args:
        units: paired seeds, speakers, rows or targets.

    Raises:
        ValueError: if there is none.

    Source: Fisher 1935, The Design of Experiments, section 21 (all exchanges of paired units).

    Example:
        >>> [attainable_p(units) for units in (1, 3, 5, 6)]
        [1.0, 0.25, 0.0625, 0.03125]
    """
    if units < 1:
        raise ValueError(f"expected at least one paired unit, got {units}")
    return float(2.0 ** (1 - units))


def fewest_units(units: Mapping[str, int]) -> tuple[str, int]:
    """Return the kind of unit of which a comparison has fewest, and their number.

    A single unit is no sample: the comparison then speaks of this one alone, and it is left out
    unless there is nothing else.

    Example:
        >>> fewest_units({"seeds": 1, "speakers": 24}), fewest_units({"seeds": 3, "rows": 400})
        (('speakers', 24), ('seeds', 3))
    """
    several = {name: count for name, count in units.items() if count > 1} or dict(units)
    return min(several.items(), key=lambda pair: pair[1])
