from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.evaluate import Predictions, score
from affectrep.evaluation.predictions import (
    predictions_table,
    read_predictions,
    table_probabilities,
    table_statistics,
    table_targets,
    write_predictions,
)
from tests.evaluation.invented import CLASSES, predictions_of, table_of


def test_classification_survives_the_file(tmp_path: Path) -> None:
    found = predictions_of(60, 0, 0.6)
    path = tmp_path / "predictions" / "test.parquet"
    write_predictions(path, table_of(60))
    table = read_predictions(path)
    assert table.attrs == {"task": "classification", "classes": CLASSES, "threshold": None}
    y, said = table_targets(table)
    assert np.array_equal(y, found.labels)
    assert np.array_equal(said, found.scores.argmax(1))
    assert np.allclose(table_probabilities(table), found.probabilities("classification"))
    assert table["speaker"].iloc[3] == "s3"
    before = score(found, "classification", CLASSES)
    after = table_statistics(table).values()
    assert after == pytest.approx({name: before[name] for name in after}, abs=1e-12)
    assert [file.name for file in path.parent.iterdir()] == ["test.parquet"]


def test_multilabel_survives_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((30, 3)) < 0.4).astype(np.float32)
    found = Predictions([str(i) for i in range(30)], labels, rng.normal(0, 2, (30, 3)))
    table = predictions_table(found, "multilabel", ["x", "y", "z"], threshold=0.35)
    write_predictions(tmp_path / "test.parquet", table)
    again = read_predictions(tmp_path / "test.parquet")
    assert again.attrs["threshold"] == 0.35
    y, said = table_targets(again)
    assert np.array_equal(y, labels)
    assert np.array_equal(said, found.probabilities("multilabel") >= 0.35)
    expected = score(found, "multilabel", ["x", "y", "z"], threshold=0.35)
    assert table_statistics(again).values()["macro_f1"] == pytest.approx(expected["macro_f1"])


def test_regression_survives_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 0.3, (20, 2)).astype(np.float32)
    found = Predictions([str(i) for i in range(20)], values, values + np.float32(0.1))
    write_predictions(tmp_path / "test.parquet", predictions_table(found, "regression"))
    again = read_predictions(tmp_path / "test.parquet")
    assert list(again.columns) == [
        "id", "valence", "predicted_valence", "arousal", "predicted_arousal",
    ]  # fmt: skip
    found_again = table_statistics(again).values()
    assert found_again["rmse"] == pytest.approx(0.1, abs=1e-6)
    assert found_again["ccc"] == pytest.approx(score(found, "regression")["ccc"], abs=1e-9)


def test_bad_files_are_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="affectrep evaluate .* --split test"):
        read_predictions(tmp_path / "predictions" / "test.parquet")
    with pytest.raises(FileNotFoundError, match=r"evaluate '.*/runs ü' --split test` first"):
        read_predictions(tmp_path / "runs ü" / "predictions" / "test.parquet")
    with pytest.raises(ValueError, match="--split foo: expected train, validation, test"):
        read_predictions(tmp_path / "predictions" / "foo.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(ValueError, match=r"not a readable Parquet file: .* --force` reads"):
        read_predictions(tmp_path / "broken.parquet")
    pd.DataFrame({"id": ["a"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="not a predictions table"):
        read_predictions(tmp_path / "other.parquet")


def test_a_full_disk_is_said_with_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(OSError, match=r"test\.parquet cannot be written: No space left"):
        write_predictions(tmp_path / "test.parquet", pd.DataFrame({"id": ["a"]}))
