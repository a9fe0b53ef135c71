"""What ``affectrep predict`` shows: one way out for texts, sounds, faces and videos."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectrep.commands.predict_inputs import is_file
from affectrep.data.whole_file import whole_file

if TYPE_CHECKING:
    from affectrep.inference.predictor import Predictor

__all__ = ["OutputOptions", "require_ending", "require_place", "show"]

BAR = 20
_BOX = ("box_left", "box_top", "box_side")
_ENDINGS = (".csv", ".json", ".jsonl")
_PLOTS = (".png", ".svg")
_NOUNS = {"text": "texts", "speech": "clips", "face": "faces"}


@dataclass(frozen=True)
class OutputOptions:
    """How predictions are shown.

    Args:
        top: classes shown per input in the table.
        output: file to write instead of printing: CSV, or JSON lines with ``as_json`` or a name
            in .json or .jsonl.
        as_json: one JSON object per prediction.
    """

    top: int = 3
    output: Path | None = None
    as_json: bool = False

    @property
    def is_table(self) -> bool:
        """Whether a table goes to the terminal."""
        return self.output is None and not self.as_json


def require_place(output: Path | None, inputs: Iterable[str]) -> None:
    """Pass where a file may be written without harm to what is predicted.

    Args:
        output: of the command; None writes no file.
        inputs: texts, and names of files and folders.

    Raises:
        ValueError: if it is a folder, or one of the inputs.

    Example:
        >>> require_place(Path("."), ["good morning"])
        Traceback (most recent call last):
        ...
        ValueError: --output . is a folder: name a file in it, such as predictions.csv
    """
    if output is None:
        return
    if output.is_dir():
        raise ValueError(
            f"--output {output} is a folder: name a file in it, such as predictions.csv"
        )
    if not output.is_file():
        return
    for given in inputs:
        if is_file(Path(given)) and output.samefile(given):
            raise ValueError(f"--output {output} is one of the inputs: name another file")


def require_ending(output: Path | None, *, plots: bool = False) -> None:
    """Pass where the ending of a file says what will be in it.

    Args:
        output: of the command; None writes no file.
        plots: True takes the endings of plots as well.

    Raises:
        ValueError: if it is another ending.

    Example:
        >>> require_ending(Path("face.jpg"))
        Traceback (most recent call last):
        ...
        ValueError: --output face.jpg: expected a name in .csv, .json or .jsonl
        >>> require_ending(Path("track.svg"), plots=True)
    """
    known = (*_ENDINGS, *(_PLOTS if plots else ()))
    if output is not None and output.suffix.lower() not in known:
        raise ValueError(
            f"--output {output}: expected a name in {', '.join(known[:-1])} or {known[-1]}"
        )


def show(
    predictor: Predictor,
    rows: list[dict[str, Any]],
    options: OutputOptions,
    *,
    summary: list[dict[str, Any]] | None = None,
    noun: str | None = None,
) -> None:
    """Print a table or JSON lines, or write a file; notes go to standard error.

    Args:
        predictor: that made the predictions.
        rows: of the predictions, as its functions return them.
        options: where they go.
        summary: what the table holds instead of the rows.
        noun: what a row is; None says texts, clips or faces.
    """
    if options.output is not None:
        lines = options.as_json or options.output.suffix.lower() in {".json", ".jsonl"}
        with whole_file(options.output) as partial:
            partial.write_bytes((_json_lines(rows) if lines else _csv(rows)).encode())
        what = noun or _NOUNS[predictor.modality]
        print(f"{options.output}: {len(rows)} {what}", file=sys.stderr)
    elif options.as_json:
        sys.stdout.write(_json_lines(rows))
    else:
        _print_table(rows if summary is None else summary, options.top)
    _print_notes(predictor, options)


def _json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(rows: list[dict[str, Any]]) -> str:
    flat = [_flat(row) for row in rows]
    # a frame without a face has fewer cells than the others
    names = list(dict.fromkeys(name for row in flat for name in row))
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, names, restval="")
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in row.items():
        if key == "probabilities":
            plain |= {f"p_{name}": f"{share:.6f}" for name, share in (value or {}).items()}
        elif key == "box":
            plain |= dict(zip(_BOX, value or ("", "", ""), strict=True))
        else:
            # as tables of one's own part several labels: a class may hold a space
            plain[key] = "|".join(value) if key == "labels" else value
    return plain


def _print_table(rows: list[dict[str, Any]], top: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    leading = _leading(rows)
    for name in leading:
        if name in {"text", "path"}:
            table.add_column(name, overflow="fold", max_width=60)
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for name, justify in _value_columns(rows[0]):
        table.add_column(name, justify="right" if justify else "left", no_wrap=True)
    for row in rows:
        shown = [_shown(row[name]) for name in leading]
        for cells in _cells(row, top):
            table.add_row(*(Text(cell) for cell in (*shown, *cells)))
            shown = [""] * len(leading)
    Console(highlight=False, markup=False).print(table)


def _leading(rows: list[dict[str, Any]]) -> list[str]:
    """Return the columns that say what was predicted: no more than tell the rows apart."""
    names = ["text" if "text" in rows[0] else "path"]
    if "time_s" in rows[0]:
        names = names * (len({row["path"] for row in rows}) > 1) + ["time_s"]
    if any(row.get("faces", 1) > 1 for row in rows):
        names += ["face"]
    return names + [name for name in ("box",) if any(row.get(name) for row in rows)]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(f"{part:.0f}" for part in value) if isinstance(value, tuple) else str(value)


def _value_columns(row: dict[str, Any]) -> list[tuple[str, bool]]:
    """Return names of the columns of `_cells`, and which stand at the right."""
    if "probabilities" in row:
        return [("emotion", False), ("p", True), ("", False)]
    quadrant = [("quadrant", False)] if "quadrant" in row else []
    return [("valence", True), ("arousal", True), *quadrant]


def _cells(row: dict[str, Any], top: int) -> list[list[str]]:
    if "probabilities" not in row:
        quadrant = [row["quadrant"] or "no face"] if "quadrant" in row else []
        return [[*(_signed(row[name]) for name in ("valence", "arousal")), *quadrant]]
    if not row["probabilities"]:
        return [["no face", "", ""]]
    ranked = sorted(row["probabilities"].items(), key=lambda item: -item[1])[:top]
    chosen = row.get("labels", [])
    return [
        [name + (" *" if name in chosen else ""), f"{value:.2f}", "█" * round(value * BAR)]
        for name, value in ranked
    ]


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"


def _print_notes(predictor: Predictor, options: OutputOptions) -> None:
    if predictor.model.task == "multilabel" and options.output is None:
        print(f"* from probability {predictor.threshold:g} on", file=sys.stderr)
    if predictor.model.meta.get("generated"):
        print(
            "Note: this model was trained on a generated corpus. It shows that the machinery "
            "works; it does not know real feelings.",
            file=sys.stderr,
        )
