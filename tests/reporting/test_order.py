"""The systems of a report, best first."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from affectrep.reporting.order import in_order, order_table
from affectrep.reporting.subject import gather
from tests.evaluation.invented import make_run


def shown(table: object) -> str:
    page = StringIO()
    Console(width=140, file=page).print(table)
    return page.getvalue()


def with_value(run: Path, value: float, leak: float | None = None) -> Path:
    path = run / "predictions" / "test.json"
    card = json.loads(path.read_text())
    for name in card["metrics"]:
        card["metrics"][name] = {"value": value, "low": value - 0.1, "high": value + 0.1}
    if leak is not None:
        card["leakage"] = {"metrics": {"eer_unseen": {"value": leak, "low": 0.0, "high": 1.0}}}
    path.write_text(json.dumps(card))
    return run


def test_the_best_system_stands_first_whatever_was_given_first(tmp_path: Path) -> None:
    low = with_value(make_run(tmp_path, "low", rows=60), 0.4)
    high = with_value(make_run(tmp_path, "high", rows=60), 0.7, leak=0.444)
    for runs in ([low, high], [high, low]):
        subjects = gather(runs)
        assert [one.name for one in in_order(subjects)] == ["high", "low"]
        text = shown(order_table(subjects))
        assert text.index("high") < text.index("low")
        assert "70.0 [60.0, 80.0]" in text
        assert "44.4" in text


def test_one_system_has_no_order(tmp_path: Path) -> None:
    assert order_table(gather([make_run(tmp_path, rows=60)])) is None
