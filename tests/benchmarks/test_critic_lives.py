"""The lines of a critic's life, their table and the charts of the paper's Figure 2."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest

from affectrep.evaluation.record_sets import expand_records
from affectrep.evaluation.stored_run import StoredRun
from tests.benchmarks.critic_lives import COLUMNS, charts, collect, lines, main, table

ROOT = Path(__file__).parents[2]
RECIPE, PAGE, IMAGES = ROOT / "recipes/fer_av", ROOT / "docs/caf.md", ROOT / "docs/images"


def run_of(folder: Path, name: str, *, auc: list[float], mi: bool = True) -> Path:
    """Two steps an epoch; the margin falls from 1.5 by .25 a step, .2 of it is Delta.

    Without ``mi`` the information is 0, as a run logs a part that it leaves out.
    """
    path = folder / f"{name}-0"
    path.mkdir()
    (path / "config.yaml").write_text(f"name: {name}\nseed: 0\n")
    log, step = [], 0
    for epoch, held in enumerate(auc):
        for _ in range(2):
            step += 1
            alpha = 1.75 - 0.25 * step
            told = {"alpha": alpha, "inside": 0.6 - 0.05 * step, "spread": 0.1, "auc": 0.9}
            told |= {"delta": 0.2, "information": alpha - 0.2 if mi else 0.0}
            log += [
                {"step": step, "epoch": epoch, "phase": "critic", "name": key, "value": value}
                for key, value in told.items()
            ]
        for key, value in {"critic_auc": held, "critic_spread": 0.05}.items():
            one = {"step": step, "epoch": epoch, "phase": "validation", "name": key}
            log.append(one | {"value": value})
    (path / "metrics.jsonl").write_text("\n".join(json.dumps(one) for one in log) + "\n")
    return path


def test_a_line_an_epoch_holds_medians(tmp_path: Path) -> None:
    found = lines(StoredRun(run_of(tmp_path, "ferplus_caf", auc=[0.5, 0.75])))
    assert tuple(found) == COLUMNS
    assert found["alpha"].tolist() == [1.375, 0.875]  # of 1.5, 1.25 and of 1.0, .75
    assert found["held_out_auc"].tolist() == [0.5, 0.75]
    assert found["k"].isna().all()


def test_the_table_counts_epochs_without_a_sign_of_life(tmp_path: Path) -> None:
    runs = [
        run_of(tmp_path, "ferplus_caf", auc=[0.5, 0.75, 0.59]),
        run_of(tmp_path, "ferplus_caf_mi", auc=[0.5, 0.75]),
    ]
    made = table(collect(tmp_path, runs)).splitlines()
    assert made[2].startswith("| `ferplus_caf` | 0 | 3 | 1 of 2 | 0.59 | 0.050 | 0.59 | 0.050 |")
    assert made[3].startswith("| `ferplus_caf_mi` | 0 | 2 | 0 of 1 | 0.75 |")
    assert made[2].endswith("| 1.38, 0.38 | 0.53, 0.33 |")


def test_a_run_that_comes_again_replaces_its_lines(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    collect(tmp_path, [run_of(first, "ferplus_caf", auc=[0.5, 0.75, 0.7])])
    known = collect(tmp_path, [run_of(second, "ferplus_caf", auc=[0.5, 0.8])])
    assert known["held_out_auc"].tolist() == [0.5, 0.8]


def test_a_run_without_a_critic_is_named(tmp_path: Path) -> None:
    run = tmp_path / "plain-0"
    run.mkdir()
    (run / "config.yaml").write_text("name: plain\nseed: 0\n")
    log = {"step": 1, "epoch": 0, "phase": "main", "name": "regression", "value": 1.0}
    (run / "metrics.jsonl").write_text(json.dumps(log) + "\n")
    with pytest.raises(ValueError, match="plain-0: no critic"):
        lines(StoredRun(run))


def test_a_system_without_a_part_keeps_its_colour_and_has_no_curve(tmp_path: Path) -> None:
    runs = [
        run_of(tmp_path, "ferplus_caf", auc=[0.5, 0.7]),
        run_of(tmp_path, "ferplus_caf_mi", auc=[0.5, 0.7]),
        run_of(tmp_path, "ferplus_caf_delta", auc=[0.5, 0.7], mi=False),
    ]
    found = charts(collect(tmp_path, runs))
    assert set(found) == {"alpha", "mi", "inside"}  # Delta never moves here
    curves = {
        sign: list(ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}polyline"))
        for sign, svg in found.items()
    }
    assert [len(curves[sign]) for sign in ("alpha", "mi")] == [3, 2]


def test_the_page_and_the_charts_are_those_of_the_file(tmp_path: Path) -> None:
    copy = tmp_path / "page.md"
    text = PAGE.read_text(encoding="utf-8")
    copy.write_text(text, encoding="utf-8")
    main(["table", str(RECIPE), "--page", str(copy)])
    assert copy.read_text(encoding="utf-8") == text
    main(["draw", str(RECIPE), "--output", str(tmp_path)])
    drawn = sorted(path.name for path in tmp_path.glob("critic_*.svg"))
    assert drawn == sorted(path.name for path in IMAGES.glob("critic_*.svg"))
    for name in drawn:
        assert (tmp_path / name).read_bytes() == (IMAGES / name).read_bytes()


def test_the_file_agrees_with_the_records_that_hold_signs_of_life() -> None:
    known = pd.read_csv(RECIPE / "critics.csv").set_index(["config", "seed"])
    compared = 0
    for run in map(StoredRun, expand_records(sorted((RECIPE / "records").glob("*.csv")))):
        path = run.path / "findings" / "adversary.csv"
        if not path.is_file() or (run.name, run.seed) not in known.index:
            continue
        kept = pd.read_csv(path).pivot(index="epoch", columns="name", values="median")
        mine = known.loc[(run.name, run.seed)].set_index("epoch")
        for name in set(kept) & set(mine):
            assert mine[name].tolist() == pytest.approx(kept[name].tolist(), rel=1e-3, nan_ok=True)
        compared += 1
    assert compared
