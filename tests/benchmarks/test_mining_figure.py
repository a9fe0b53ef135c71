"""The mining figure and its table from hand-made records."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.records import write_record
from tests.benchmarks.mining_figure import main, read, table

CLASSES = [f"c{i:02d}" for i in range(8)]
PAIRS = list(combinations(CLASSES, 2))  # 28


def make_record(folder: Path, seed: int, *, name: str = "aml", findings: bool = True) -> Path:
    """40 rows, 20 wrong; the two worst are c00 for c01 and c06 for c07, of margins .9 and .8.

    The learned metric ranks (c00, c01) first and (c06, c07) eleventh; the cosine (c00, c01) first
    and (c06, c07) last. Seeds differ in nothing but a row that is right with the odd ones.
    """
    run = folder / "runs" / f"{name}-{seed}"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(f"name: {name}\nseed: {seed}\n")
    if findings:
        (run / "findings").mkdir()
        mined = pd.DataFrame(PAIRS, columns=["class_a", "class_b"])
        mined["cosine"] = mined["learned"] = np.arange(100.0, 100 - len(PAIRS), -1)
        mined.loc[PAIRS.index(("c06", "c07")), "learned"] = 90.5
        mined["confusion"] = np.linspace(0, 1, len(PAIRS))
        mined.to_csv(run / "findings" / "mined_pairs.csv", index=False)
    true = np.arange(40) % 8
    said, margin = true.copy(), np.zeros(40)
    said[:20], margin[:20] = (true[:20] + 1) % 8, 0.1
    margin[0], margin[6] = 0.9, 0.8
    if seed % 2:
        said[19], margin[19] = true[19], 0
    shares = np.zeros((40, 8))
    shares[np.arange(40), true] = 0.5 - margin / 2
    shares[np.arange(40), said] += 0.5 + margin / 2
    rows = pd.DataFrame({"id": [f"r{i}" for i in range(40)]})
    rows["label"], rows["predicted"] = (np.array(CLASSES)[side] for side in (true, said))
    rows = rows.join(pd.DataFrame(shares, columns=[f"prob_{i}" for i in range(8)]))
    rows.attrs = {"task": "classification", "classes": CLASSES, "split": "test"}
    return write_record(run, "test", rows, folder / "records")


def test_the_table_of_hand_made_records(tmp_path: Path) -> None:
    records = [make_record(tmp_path, seed) for seed in range(3)]
    lines = table(read(records, "test"), resamples=200).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][:2] == ["Pairs of classes", "Learned metric"]
    assert [row[0] for row in cells[2:]] == ["10", "25"]  # of 28 pairs
    # of two worst errors a metric finds one among 10; among 25 the learned metric finds both;
    # the confusions rank the last pair first, and the first last
    assert cells[2][1:6] == ["50.0", "50.0", "50.0", "35.7", "+0.0"]
    assert cells[3][1:6] == ["100.0", "50.0", "50.0", "89.3", "+50.0"]
    assert len({len(row) for row in cells}) == 1


def test_the_figure_is_a_file_of_its_own(tmp_path: Path, capsys) -> None:
    records = [make_record(tmp_path, seed) for seed in range(2)]
    output = tmp_path / "new" / "mining.svg"
    main([*map(str, records), "--split", "test", "--output", str(output)])
    root = ET.parse(output).getroot()
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"learned metric", "cosine", "confusion", "chance"} <= set(texts)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 2 * 3 + 4
    said = capsys.readouterr().out
    assert "on test, 2 rows a seed, 2 seeds" in said
    assert said.count("\n| ---: |") == 1


def test_runs_that_do_not_go_together_are_named(tmp_path: Path) -> None:
    one, bare = make_record(tmp_path, 0), make_record(tmp_path, 1, findings=False)
    other = make_record(tmp_path, 0, name="dro")
    with pytest.raises(ValueError, match=r"got none for seeds \[1\]"):
        read([one, bare], "test")
    with pytest.raises(ValueError, match=r"got none for seeds \[0\]"):
        read([one], "validation")
    with pytest.raises(ValueError, match="one configuration, got aml, dro"):
        read([one, other], "test")
    with pytest.raises(ValueError, match="each seed once"):
        read([one, one], "test")
