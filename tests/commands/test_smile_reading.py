"""``affectrep evaluate --smiles``: people neutral and smiling, read by a run of faces."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.commands import evaluate, report, train
from affectrep.config import load_config
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.results import read_results
from affectrep.evaluation.stored_run import StoredRun
from tests.tiny import tiny_config
from tests.tiny_faces import draw_face, face_config, face_csv, face_rows, london

PEOPLE = 6
FIGURES = {
    "smile_higher",
    "smile_order",
    "smile_shift_valence",
    "smile_shift_arousal",
    "smile_shift_sd_valence",
    "smile_shift_sd_arousal",
    "reidentified",
    "reidentified_rank",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFECTREP_CACHE", str(folder / "cache"))
        config = face_config(folder, face_csv(folder, face_rows(folder)))
        train.run(config, ["training.epochs=3"], output=folder / "runs")
    london(folder / "london", people=PEOPLE)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained / "runs" / "own-0", tmp_path / "runs" / "own-0"))


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_figures_are_those_of_the_stored_predictions(
    run: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = evaluate.run(run, smiles=trained / "london")
    assert set(card["metrics"]) == FIGURES
    assert (card["people"], card["n"], card["left_out"], card["split"]) == (6, 6, 0, "smiles")
    assert json.loads((run / "predictions" / "smiles.json").read_text()) == card
    table = pd.read_parquet(run / "predictions" / "smiles.parquet")
    assert len(table) == 2 * PEOPLE
    assert table[["valence", "arousal"]].isna().all(axis=None)
    by = table.pivot(index="subject", columns="expression", values="predicted_valence")
    shift = by["happiness"] - by["neutral"]
    values = {name: one["value"] for name, one in card["metrics"].items()}
    assert values["smile_shift_valence"] == pytest.approx(shift.mean(), abs=1e-6)
    assert values["smile_higher"] == pytest.approx((shift > 0).mean())
    assert (
        card["metrics"]["smile_higher"]["chance"],
        card["metrics"]["reidentified"]["chance"],
    ) == (
        0.5,
        pytest.approx(1 / 6),
    )
    assert np.isfinite(list(values.values())).all()
    said = printed(capsys)
    assert "6 people" in said
    assert "Smile above neutral, same person" in said


def test_the_reading_is_noted_apart_from_the_test_split(run: Path, trained: Path) -> None:
    evaluate.run(run, smiles=trained / "london")
    assert len(readings(run, "smiles")) == 1
    assert readings(run, "test") == []
    assert not (run / "predictions" / "test.json").exists()
    evaluate.run(run)
    assert len(readings(run, "test")) == 1
    assert StoredRun(run).scorecard("test")["n"] == 12
    # the report of the run stands on its test split; the photos do not disturb it
    assert "<html" in report.run([run], run / "report.html").read_text(encoding="utf-8")


def test_people_without_a_pair_are_left_out_and_counted(
    run: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(trained / "london", tmp_path / "london")
    draw_face(folder / "neutral_front" / "090_03.jpg", 0.0, 0.0, person=30, take=90)
    card = evaluate.run(run, smiles=folder)
    assert (card["people"], card["left_out"]) == (6, 1)
    assert "6 people, 1 without a pair left out" in printed(capsys)
    assert len(pd.read_parquet(run / "predictions" / "smiles.parquet")) == 13


def test_figures_have_a_table_of_their_own(run: Path, trained: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipes" / "fer_av"
    recipe.mkdir(parents=True)
    (recipe / "README.md").write_text("<!-- results:begin -->\n<!-- results:end -->\n")
    (tmp_path / "configs" / "fer_av").mkdir(parents=True)
    config = load_config(trained / "own.yaml", ["training.epochs=3"])
    text = (trained / "own.yaml").read_text().replace("epochs: 1", "epochs: 3")
    (tmp_path / "configs" / "fer_av" / "own.yaml").write_text(text)
    assert load_config(tmp_path / "configs" / "fer_av" / "own.yaml") == config
    evaluate.run(run)
    evaluate.run(run, smiles=trained / "london")
    found = read_results(recipe / "results.csv")
    assert set(found["split"]) == {"test", "smiles"}
    smiles = found[found["split"] == "smiles"]
    assert set(smiles["metric"]) == FIGURES
    assert set(smiles["n"]) == {PEOPLE}
    readme = (recipe / "README.md").read_text()
    first, second = [line for line in readme.splitlines() if line.startswith("| Configuration")]
    assert "| CCC " in first
    assert "Smile above neutral, same person" not in first
    assert "| Smile above neutral, same person |" in second
    assert "CCC" not in second


def test_margin_and_detector_are_those_of_training(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every face lost to the detector there is nobody to compare."""
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []

    def finder(detector: str):
        seen.append(detector)
        return lambda pixels: [(3.0, 2.0, 34.0)]

    monkeypatch.setattr("affectrep.data.face_boxes.faces_finder", finder)
    config = face_config(trained, trained / "faces.csv", name="found")
    train.run(config, ["data.face.detector=cascade", "data.face.margin=0.1"], output=tmp_path)
    seen.clear()
    card = evaluate.run(tmp_path / "found-0", smiles=trained / "london")
    assert seen == ["cascade"]
    assert card["people"] == PEOPLE


def test_what_reads_no_valence_or_no_such_folder_is_refused(
    run: Path, trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        evaluate.run(run, smiles=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is not London faces"):
        (tmp_path / "empty").mkdir()
        evaluate.run(run, smiles=tmp_path / "empty")
    assert readings(run, "smiles") == []
    words = tiny_config(tmp_path / "text")
    train.run(words, ["training.epochs=1"], output=tmp_path / "text")
    with pytest.raises(ValueError, match="--smiles reads valence, but the run has task classif"):
        evaluate.run(tmp_path / "text" / "tiny-0", smiles=trained / "london")


def test_one_person_is_not_enough(run: Path, tmp_path: Path) -> None:
    london(tmp_path / "one", people=1)
    with pytest.raises(ValueError, match="expected two people or more with a neutral and a happi"):
        evaluate.run(run, smiles=tmp_path / "one")
