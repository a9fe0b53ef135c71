"""The plane of valence and arousal as a drawing area."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Plane", "arrow", "lettering", "signed"]

_HEAD = 4.0  # length of an arrow's head, in units of the drawing


def signed(value: float, digits: int = 2) -> str:
    """Write a place on an axis: its sign always, no 0 before the point.

    Example:
        >>> signed(0.32), signed(-0.05, 1), signed(1.0), signed(0.0)
        ('+.32', '-.1', '+1.00', '.00')
    """
    rounded = round(value, digits)
    words = f"{abs(rounded):.{digits}f}"
    words = words[1:] if words.startswith("0.") else words
    return words if rounded == 0 else f"{'+' if rounded > 0 else '-'}{words}"


@dataclass(frozen=True)
class Plane:
    """A square of values from ``-limit`` to ``limit`` on both axes, drawn as SVG.

    Args:
        limit: at the edges.
        size: of the whole drawing, in units of the SVG.
        edge: room at the left and below, for numbers and names of the axes.
    """

    limit: float = 1.0
    size: float = 390.0
    edge: float = 44.0

    @property
    def side(self) -> float:
        """Side of the square."""
        return self.size - self.edge - min(16.0, self.edge)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place lies in the drawing; one outside lies on the edge.

        Example:
            >>> Plane(size=100, edge=0).at(0.5, -2.0)
            (75.0, 100.0)
        """
        right, up = (
            (max(-1.0, min(1.0, value / self.limit)) + 1) / 2 * self.side for value in (x, y)
        )
        return self.edge + right, self.size - self.edge - up

    def grid(self, across: str = "", upwards: str = "") -> list[str]:
        """Return the frame, the lines of both axes and, where there is room, their numbers.

        Args:
            across: name of the axis below.
            upwards: name of the axis at the left.
        """
        left, top = self.at(-self.limit, self.limit)
        parts = [
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{self.side:.1f}" '
            f'height="{self.side:.1f}" fill="none" stroke="var(--line)"/>'
        ]
        ends = (-self.limit, self.limit)
        for tick in (-1.0, -0.5, 0.0, 0.5, 1.0) if self.edge else (0.0,):
            (x, low), (_, high) = (self.at(tick, end) for end in ends)
            (first, y), (last, _) = (self.at(end, tick) for end in ends)
            parts.append(
                f'<path class="grid" d="M{x:.1f} {low:.1f}V{high:.1f}M{first:.1f} {y:.1f}'
                f'H{last:.1f}"/>'
            )
            if self.edge:
                parts.append(lettering(signed(tick, 1), (x, low + 16), anchor="middle"))
                parts.append(lettering(signed(tick, 1), (first - 7, y + 4), anchor="end"))
        middle = self.at(0.0, 0.0)
        if across:
            parts.append(lettering(across, (middle[0], self.size - 6), anchor="middle"))
        if upwards:
            turned = f"translate(11 {middle[1]:.1f}) rotate(-90)"
            parts.append(
                f'<text text-anchor="middle" transform="{turned}">{escape(upwards)}</text>'
            )
        return parts

    def svg(self, parts: Sequence[str], alt: str) -> str:
        """Return the drawing; ``alt`` says what it shows."""
        return (
            f'<svg viewBox="0 0 {self.size:.0f} {self.size:.0f}" role="img" '
            f'aria-label="{escape(alt, quote=True)}" '
            f'style="max-width:{1.25 * self.size:.0f}px">{"".join(parts)}</svg>'
        )


def arrow(start: tuple[float, float], end: tuple[float, float], head: float = _HEAD) -> str:
    """Return the path of an arrow between two points of the drawing; a short one has no head.

    Example:
        >>> arrow((0, 0), (1, 0))
        'M0.0 0.0L1.0 0.0'
    """
    path = f"M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"
    long = math.dist(start, end)
    if long < 1.2 * head:
        return path
    x, y = (head * (a - b) / long for a, b in zip(start, end, strict=True))
    wings = [(end[0] + x + turn * y, end[1] + y - turn * x) for turn in (0.5, -0.5)]
    points = f"M{wings[0][0]:.1f} {wings[0][1]:.1f}L{end[0]:.1f} {end[1]:.1f}"
    return f"{path}{points}L{wings[1][0]:.1f} {wings[1][1]:.1f}"


def lettering(words: str, at: tuple[float, float], *, anchor: str = "start", kind: str = "") -> str:
    """Return words at a point of the drawing.

    Example:
        >>> lettering("a < b", (1, 2), anchor="end")
        '<text x="1.0" y="2.0" text-anchor="end">a &lt; b</text>'
    """
    named = f' class="{kind}"' if kind else ""
    place = f'x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}"'
    return f"<text{named} {place}>{escape(words)}</text>"
