"""``affectrep report``: one HTML file about runs."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from affectrep.commands.predict_output import require_place
from affectrep.evaluation.given_runs import given_runs
from affectrep.evaluation.record_cards import write_record_cards
from affectrep.evaluation.record_sets import is_record
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.order import order_table
from affectrep.reporting.report import write_report
from affectrep.reporting.subject import by_corpus, gather, one_of_each

__all__ = ["run"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_ENDINGS = (".html", ".htm")


def run(runs: list[Path], output: Path = Path("report.html")) -> Path:
    """Write the report of some run folders to ``output`` and say where it is.

    Several systems are also listed, best first. What is no run and no record, folds beside their
    pooled run, and a seed that is there already, are left out and named. Records are scored from
    their stored predictions.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if ``output`` is a folder, a record or no name of a page, or nothing given is a
            run.
    """
    _require_page(output, runs)
    runs, notes = given_runs(runs)
    runs, more = one_of_each(runs)
    for note in [*notes, *more]:
        console.print(note)
    for one in runs:
        write_record_cards(StoredRun(one))
    path = write_report(runs, output)
    for subjects in by_corpus(gather(runs)).values():
        order = order_table(subjects)
        if order is not None:
            console.print(order)
    console.print(f"Report: {path} ({path.stat().st_size / 1024:.0f} KiB, opens without network)")
    return path


def _require_page(output: Path, runs: list[Path]) -> None:
    """Pass where a page may be written; no file of a run has the ending of one."""
    if output.is_dir():
        raise ValueError(f"{output} is a folder; give a file such as {output / 'report.html'}.")
    for name in (output, output.resolve()):  # a link to a file is written through
        if name.suffix.lower() not in _ENDINGS:
            raise ValueError(f"--output {name}: expected a name in .html or .htm")
    require_place(output, [str(path) for path in runs if path.is_file() and is_record(path)])
