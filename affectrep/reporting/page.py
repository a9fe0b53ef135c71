"""The HTML page around the report's sections: one file, no script, no external address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from affectrep.reporting.plots import line_sample

__all__ = ["document", "facts", "figure", "legend", "notice", "section", "table"]


def document(heading: str, eyebrow: str, lead: str, banners: Sequence[str], body: str) -> str:
    """Return the whole page; ``body`` is HTML, everything else plain text."""
    css = files("affectrep.reporting").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(heading)} · affectrep</title><style>{css}</style></head><body><main>"
        f'<header><p class="eyebrow">{escape(eyebrow)}</p><h1>{escape(heading)}</h1>'
        f'<p class="lead">{escape(lead)}</p>{"".join(map(notice, banners))}</header>{body}'
        "<footer>Written by affectrep. How intervals are made: docs/evaluation.md; "
        "figures of shares are in per cent.</footer></main></body></html>\n"
    )


def section(name: str, heading: str, words: str, *parts: str) -> str:
    """Return a section that the navigation can reach; empty where no part has content."""
    inside = "".join(parts)
    if not inside:
        return ""
    said = f"<p>{escape(words)}</p>" if words else ""
    return f'<section id="{name}"><h2>{escape(heading)}</h2>{said}{inside}</section>'


def figure(caption: str, svg: str, below: str = "") -> str:
    """Return a plot in a panel."""
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="panel">{words}<div class="scroll">{svg}</div>{below}</figure>'


def legend(names: Sequence[str]) -> str:
    """Return a legend in the colours and the dashes of the curves."""
    items = "".join(f"<li>{line_sample(i)}{escape(name)}</li>" for i, name in enumerate(names))
    return f'<ul class="legend">{items}</ul>'


def notice(words: str) -> str:
    """Return a sentence that must be seen."""
    return f'<p class="notice">{escape(words)}</p>'


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1, own: int | None = None
) -> str:
    """Return a table; the first ``words`` columns are text, the others numbers.

    Args:
        header: of the columns.
        rows: of plain text.
        words: number of text columns.
        own: row that is set off.
    """
    number, bold = ' class="n"', ' class="own"'

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{'' if i < words else number}>{escape(str(cell))}</{tag}>"
            for i, cell in enumerate(row)
        )

    body = "".join(
        f"<tr{bold if place == own else ''}>{cells('td', row)}</tr>"
        for place, row in enumerate(rows)
    )
    return (
        f'<div class="panel scroll"><table><thead><tr>{cells("th", header)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def facts(values: Mapping[str, str]) -> str:
    """Return names and values, without those that are empty."""
    rows = "".join(
        f'<tr><td class="key">{escape(key)}</td><td>{escape(value)}</td></tr>'
        for key, value in values.items()
        if value
    )
    return f'<div class="panel scroll"><table><tbody>{rows}</tbody></table></div>'
