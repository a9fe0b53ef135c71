"""``affectrep report``: one HTML file about runs."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from affectrep.evaluation.given_runs import given_runs
from affectrep.evaluation.record_cards import write_record_cards
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.order import order_table
from affectrep.reporting.report import write_report
from affectrep.reporting.subject import by_corpus, gather

__all__ = ["run"]

console = Console(soft_wrap=True, markup=False, highlight=False)


def run(runs: list[Path], output: Path = Path("report.html")) -> Path:
    """Write the report of some run folders to ``output`` and say where it is.

    Several systems are also listed, best first. What is no run and no record, and folds beside
    their pooled run, are left out and named. Records are scored from their stored predictions.

    Raises:
        FileNotFoundError: if a path does not exist.
        ValueError: if ``output`` is a folder, or nothing given is a run.
    """
    if output.is_dir():
        raise ValueError(f"{output} is a folder; give a file such as {output / 'report.html'}.")
    runs, notes = given_runs(runs)
    for note in notes:
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
