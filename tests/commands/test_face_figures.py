"""``affectrep evaluate`` on runs of faces: persons, strength, pictures, leakage, results."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from PIL import Image

from affectrep.commands import compare, evaluate, report, train
from affectrep.commands.face_figures import add_face_figures, face_tables, write_examples
from affectrep.data.corpora import demo_faces
from affectrep.data.images import read_image, square_crop
from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.metrics import regression_metrics
from affectrep.evaluation.results import read_results
from affectrep.evaluation.scorecard import Resampling
from affectrep.objectives.grouping import radius_threshold
from tests.tiny_faces import face_config, face_csv, face_rows

CAF = "objective: {name: caf}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs on a table with subjects, and one on a table without."""
    folder = tmp_path_factory.mktemp("faces")
    rows = face_rows(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFECTREP_CACHE", str(folder / "cache"))
        known = face_csv(folder, rows).rename(folder / "known.csv")
        for name, line in (("plain", "objective: {name: av_regression}"), ("caf", CAF)):
            config = face_config(folder, known, line, name=name)
            train.run(config, [], output=folder / "runs")
        unknown = face_csv(folder, rows.drop(columns=["subject", "expression"]))
        train.run(face_config(folder, unknown, name="nobody"), [], output=folder / "runs")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs, which a test may evaluate; the current folder is there."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.setenv("AFFECTREP_CACHE", str(trained / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_the_table_knows_who_what_and_both_axes(folder: Path) -> None:
    evaluate.run(folder / "runs" / "caf-0")
    table = pd.read_parquet(folder / "runs/caf-0/predictions/test.parquet")
    axes = ["valence", "arousal", "predicted_valence", "predicted_arousal"]
    assert {"id", *axes, "subject", "expression"} <= set(table)
    assert set(table["subject"]) == {"p8", "p9"}
    assert set(table["expression"]) == {"happiness", "sadness"}
    assert table[axes].abs().to_numpy().max() < 2
    assert not {"video", "frame"} & set(table)


def test_figures_by_person(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "runs" / "plain-0"
    card = evaluate.run(run)
    persons = card["persons"]
    assert persons["independent"]
    assert persons["sentence"] == (
        "Person-independent: none of the 2 people of this split occurs in training."
    )
    assert (persons["persons"], persons["unknown_rows"]) == (2, 0)
    table = pd.read_parquet(run / "predictions" / "test.parquet")
    error = table["predicted_valence"] - table["valence"]
    means = error.groupby(table["subject"]).mean()
    biases = {line["subject"]: line["bias_valence"] for line in persons["table"]}
    assert biases == pytest.approx(means.to_dict(), abs=1e-6)
    assert 0 <= persons["metrics"]["person_share_valence"]["value"] <= 1
    said = printed(capsys)
    assert "By person: 2 people" in said
    assert persons["sentence"] in said


def test_nobody_known_is_said_and_still_has_a_map(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = folder / "runs" / "nobody-0"
    card = evaluate.run(run)
    assert not card["persons"]["independent"]
    words = "Not person-independent: no row of this split names its subject."
    assert card["persons"]["sentence"] == words
    assert set(card["persons"]) == {"independent", "sentence", "warnings"}
    assert words in printed(capsys)
    assert "leakage" not in card
    found = pd.read_parquet(run / "predictions" / "test.map.parquet")
    assert set(found["split"]) == {"test"}  # validation is there for its other persons
    assert len(found) == 12
    assert {"valence", "arousal", "predicted_valence", "predicted_arousal"} <= set(found)
    with pytest.raises(ValueError, match="needs rows with a speaker or a subject"):
        evaluate.run(run, leakage=True)
    assert words in report.run([run], folder / "r.html").read_text(encoding="utf-8")


def test_two_runs_are_compared_on_strong_and_weak_rows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [folder / "runs" / name for name in ("caf-0", "plain-0")]
    cards = [evaluate.run(run) for run in runs]
    found = compare.run(runs[:1], [runs[1:]], metric="weak_ccc", resamples=50)["plain"]
    values = [card["strong_weak"]["metrics"]["weak_ccc"]["value"] for card in cards]
    assert found["weak_ccc"].effect == pytest.approx(values[0] - values[1], abs=1e-9)
    assert "person_share" not in found  # two people
    assert "CCC, weak rows" in printed(capsys)


def test_strong_and_weak_rows_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "runs" / "plain-0"  # also without a critic, by Otsu's threshold
    card = evaluate.run(run)
    part = card["strong_weak"]
    table = pd.read_parquet(run / "predictions" / "test.parquet")
    radius = np.hypot(table["valence"], table["arousal"])
    assert part["threshold"] == pytest.approx(0.55, abs=0.25)
    strong = (radius >= part["threshold"]).to_numpy()
    assert part["rows"] == {"strong": int(strong.sum()), "weak": int((~strong).sum())}
    for name, mask in (("strong", strong), ("weak", ~strong)):
        each = [
            regression_metrics(table[axis][mask], table[f"predicted_{axis}"][mask])["ccc"]
            for axis in ("valence", "arousal")
        ]
        assert part["metrics"][f"{name}_ccc"]["value"] == pytest.approx(np.mean(each), abs=1e-6)
    both = evaluate.run(folder / "runs" / "caf-0")["strong_weak"]
    assert both["threshold"] == part["threshold"]
    assert "strong and 6 weak rows, radius" in printed(capsys)


def test_pictures_are_of_the_rows(folder: Path, trained: Path) -> None:
    run = folder / "runs" / "plain-0"
    evaluate.run(run)
    found = json.loads((run / "predictions" / "test.faces.json").read_text())
    table = pd.read_parquet(run / "predictions" / "test.parquet")
    assert {one["id"] for one in found} <= set(table["id"])
    assert {one["kind"] for one in found} == {"best", "worst", "typical"}
    assert len({one["id"] for one in found}) == len(found)
    for one in found:
        start, _, data = one["image"].partition(",")
        assert start == "data:image/jpeg;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        assert (picture.format, picture.size, picture.mode) == ("JPEG", (96, 96), "RGB")
        wanted = square_crop(read_image(trained / one["id"]), None, margin=0.0, side_px=96)
        assert np.abs(np.asarray(picture, dtype=float) - wanted).mean() < 12
    page = report.run([run], folder / "report.html").read_text(encoding="utf-8")
    assert all(one["image"] in page for one in found[:3])


def test_leakage_of_persons(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    run = folder / "runs" / "caf-0"
    card = evaluate.run(run, leakage=True)
    about = card["leakage"]["about"]
    assert about["identity"] == "subject"
    assert {"subject_linear", "subject_mlp", "quadrant_probe"} <= set(card["leakage"]["metrics"])
    # two people are too few for an equal error rate, which is said
    assert about["left_out"].keys() == {"eer_unseen_subjects"}
    folder_ = run / "predictions"
    assert (folder_ / "test.leakage.parquet").is_file()
    found = pd.read_parquet(folder_ / "test.map.parquet")
    assert {"subject", "expression", "valence"} <= set(found)
    assert "test identities verified" in printed(capsys)
    # the test split was read once, and the known rows for the probes
    assert len(readings(run, "test")) == 1
    assert len(readings(run, "train")) == 1
    with pytest.raises(ValueError, match="give --split validation or test"):
        evaluate.run(run, split="train", leakage=True)
    page = report.run([run], folder / "report.html").read_text(encoding="utf-8")
    assert "leakage" in page.lower()


def test_reading_again_gives_the_same_card_without_a_reading(folder: Path) -> None:
    run = folder / "runs" / "caf-0"
    first = evaluate.run(run)
    assert evaluate.run(run) == first
    assert len(readings(run, "test")) == 1
    assert evaluate.run(run, force=True)["metrics"] == first["metrics"]
    assert len(readings(run, "test")) == 2
    other = evaluate.run(run, split="validation")
    assert other["persons"]["persons"] == 2
    assert (run / "predictions" / "validation.faces.json").is_file()


def test_intervals_can_follow_persons(folder: Path) -> None:
    run = folder / "runs" / "plain-0"
    text = (run / "config.yaml").read_text().replace("cluster: null", "cluster: subject")
    (run / "config.yaml").write_text(text)
    card = evaluate.run(run)
    assert card["resampling"]["cluster"] == "subject"
    nobody = folder / "runs" / "nobody-0"
    text = (nobody / "config.yaml").read_text().replace("cluster: null", "cluster: subject")
    (nobody / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"evaluation\.cluster=subject, but faces\.csv leaves"):
        evaluate.run(nobody)


def test_figures_reach_results_readme_and_records(folder: Path, trained: Path) -> None:
    recipe = folder / "recipes" / "fer_av"
    recipe.mkdir(parents=True)
    (recipe / "README.md").write_text("<!-- results:begin -->\n<!-- results:end -->\n")
    (folder / "configs" / "fer_av").mkdir(parents=True)
    for name in ("plain", "caf"):
        shutil.copyfile(trained / f"{name}.yaml", folder / "configs" / "fer_av" / f"{name}.yaml")
        evaluate.run(folder / "runs" / f"{name}-0")
    evaluate.run(folder / "runs" / "nobody-0")  # a configuration without a file: no result
    found = read_results(recipe / "results.csv")
    assert set(found["config"]) == {"plain", "caf"}
    rows = found[found["config"] == "caf"].set_index("metric")
    card = json.loads((folder / "runs/caf-0/predictions/test.json").read_text())
    for part in (card, card["strong_weak"], card["persons"]):
        for name, one in part["metrics"].items():
            assert rows.loc[name, "value"] == pytest.approx(one["value"], rel=1e-4, abs=1e-6)
    assert rows.loc["ccc", "n"] == 12
    assert rows.loc["person_share_valence", "n"] == 2
    readme = (recipe / "README.md").read_text()
    (heading,) = [line for line in readme.splitlines() if line.startswith("| Configuration")]
    for title in ("CCC", "RMSE", "SAGR", "CCC, strong rows", "CCC, weak rows"):
        assert f"| {title} " in heading
    assert "| caf | 1 |" in readme
    assert "| plain | 1 |" in readme
    assert any((recipe / "records").rglob("*"))


def test_frames_of_videos_keep_their_place(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    rows = face_rows(tmp_path)
    rows["video"], rows["frame"] = rows["subject"].str.replace("p", "v"), [0, 1, 2, 3, 4, 5] * 10
    rows["time_s"] = rows["frame"] / 5
    train.run(face_config(tmp_path, face_csv(tmp_path, rows)), [], output=tmp_path)
    card = evaluate.run(tmp_path / "own-0")
    table = pd.read_parquet(tmp_path / "own-0" / "predictions" / "test.parquet")
    assert table[["video", "frame"]].drop_duplicates().shape == (12, 2)
    assert sorted(table.loc[table["video"] == "v9", "time_s"]) == pytest.approx(
        [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    )
    assert any("frames of videos" in warning for warning in card["persons"]["warnings"])


def test_drawn_faces_from_their_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The embedded default on a sixteenth of its pictures."""
    scenes = demo_faces.draw_pictures(0)[::16]
    monkeypatch.setattr(demo_faces, "draw_pictures", lambda seed: scenes)
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    config = Path(__file__).parents[2] / "configs" / "fer_av" / "demo_caf.yaml"
    monkeypatch.chdir(tmp_path)
    words = ["training.epochs=1", "training.threads=1", "evaluation.resamples=100"]
    small = ["encoder.width=8", "encoder.preprocess.size_px=30", "encoder.preprocess.resize_px=32"]
    train.run(config, [*words, *small], output=tmp_path)
    card = evaluate.run(tmp_path / "demo_caf-0", leakage=True)
    assert card["persons"]["persons"] == 30
    assert card["persons"]["independent"]
    assert card["resampling"]["cluster"] == "subject"
    assert 0 <= card["leakage"]["metrics"]["eer_unseen_subjects"]["value"] <= 1
    assert "This corpus is generated: the figures are not a benchmark." in printed(capsys)
    page = report.run([tmp_path / "demo_caf-0"], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "not a benchmark" in page


# --- the parts by themselves


def invented(radius: list[float]) -> tuple[pd.DataFrame, Manifest]:
    info = CorpusInfo("x", "X", "face", "regression", None, "own", "invented")
    count = len(radius)
    rows = pd.DataFrame({"id": [f"i{n}" for n in range(3 * count)], "path": "none.png"})
    rows["split"] = np.repeat(["train", "validation", "test"], count)
    rows["valence"], rows["arousal"] = radius * 3, 0.0
    table = rows[rows["split"] == "test"][["id", "valence", "arousal"]].reset_index(drop=True)
    table["predicted_valence"], table["predicted_arousal"] = table["valence"] / 2, 0.01
    table.attrs = {"task": "regression", "classes": [], "split": "test"}
    return table, Manifest(rows, info)


def test_the_threshold_is_otsus_on_training_labels_whatever_the_objective() -> None:
    import torch

    table, manifest = invented([0.1, -0.1, 0.9, -0.9, 0.1, 0.8])
    card: dict[str, Any] = {"resampling": {"confidence": 0.95}}
    add_face_figures(card, table, manifest, Resampling(100, 0.95, None))
    wanted = radius_threshold(torch.as_tensor(manifest.targets("train")))
    assert card["strong_weak"]["threshold"] == wanted
    assert card["strong_weak"]["rows"] == {"strong": 3, "weak": 3}
    assert [shown.title for shown in face_tables(card)] == [
        f"3 strong and 3 weak rows, radius {wanted:.2f}"
    ]


def test_labels_of_one_strength_have_no_such_part() -> None:
    table, manifest = invented([0.5, -0.5, 0.5, -0.5])
    card: dict[str, Any] = {"resampling": {"confidence": 0.95}}
    add_face_figures(card, table, manifest, Resampling(100, 0.95, None))
    assert "strong_weak" not in card
    assert face_tables(card) == []


def test_pictures_are_cut_as_in_training(tmp_path: Path) -> None:
    pixels = np.zeros((60, 80, 3), dtype=np.uint8)
    pixels[20:40, 30:50] = (200, 40, 40)  # the face
    Image.fromarray(pixels).save(tmp_path / "a.png")
    rows = pd.DataFrame({"id": ["a"], "path": [str(tmp_path / "a.png")]})
    rows["box_left"], rows["box_top"], rows["box_side"] = 30.0, 20.0, 20.0
    table = pd.DataFrame({"id": ["a"], "valence": [0.1], "arousal": [0.2]})
    table["predicted_valence"], table["predicted_arousal"] = 0.1, 0.1
    table.attrs = {"task": "regression", "classes": []}

    def red(margin: float) -> float:
        write_examples(tmp_path / "x.json", table, rows, margin=margin)
        (one,) = json.loads((tmp_path / "x.json").read_text())
        data = base64.b64decode(one["image"].partition(",")[2])
        return float((np.asarray(Image.open(io.BytesIO(data)))[..., 0] > 100).mean())

    assert red(0.0) > 0.97
    assert red(0.5) == pytest.approx(0.25, abs=0.03)
