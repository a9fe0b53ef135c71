"""Findings of an objective become files with names of classes and rows."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from affectrep.objectives.pair_history import row_numbers
from affectrep.training.findings import findings_table, write_findings
from affectrep.training.run_folder import RunFolder

CLASSES, IDS = ["calm", "angry", "sad"], ["r1", "r2"]


def test_files_hold_names(tmp_path):
    tables = {
        "mined_pairs": {"class_a": torch.tensor([0, 1]), "cosine": torch.tensor([5, 2])},
        "recurring": {"row": row_numbers(["r2", "gone"]), "times": torch.tensor([9, 3])},
    }
    folder = RunFolder(tmp_path / "run")
    write_findings(folder, tables, classes=CLASSES, ids=IDS)
    mined = pd.read_csv(folder.findings / "mined_pairs.csv")
    assert mined.to_dict("list") == {"class_a": ["calm", "angry"], "cosine": [5, 2]}
    recurring = pd.read_csv(folder.findings / "recurring.csv", keep_default_na=False)
    assert recurring.to_dict("list") == {"id": ["r2", ""], "times": [9, 3]}
    assert not list(folder.findings.glob(".*"))


def test_tensorboard_shows_them(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = RunFolder(tmp_path / "run")
    table = {"mined_pairs": {"class_a": torch.tensor([2]), "cosine": torch.tensor([5])}}
    write_findings(folder, table, classes=CLASSES, ids=IDS)
    read = events.EventAccumulator(str(folder.tensorboard))
    read.Reload()
    text = read.Tensors("mined_pairs/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| sad | 5 |" in text


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="one length"):
        findings_table({"a": torch.zeros(1), "b": torch.zeros(2)}, classes=CLASSES, ids=IDS)
    with pytest.raises(ValueError, match="classes below 3"):
        findings_table({"class": torch.tensor([3])}, classes=CLASSES, ids=IDS)
