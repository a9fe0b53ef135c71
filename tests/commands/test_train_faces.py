"""``affectrep train`` on tiny faces: what is refused before it, resuming, frozen backbones."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from PIL import Image

from affectrep.build import build_training_loader, loaders
from affectrep.commands import evaluate, prepare, train
from affectrep.data import face_boxes
from affectrep.data.images import Box, read_image
from affectrep.data.loader import StepLoader
from affectrep.evaluation.embeddings import read_embeddings
from affectrep.model import AffectModel
from tests import tiny_faces
from tests.encoders.tiny_vision import tiny_vision
from tests.tiny_faces import CONFIGS, RESNET, SMALL, face_config, face_csv, face_rows

CAF = "objective: {name: caf}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rows(folder: Path) -> pd.DataFrame:
    return face_rows(folder)


def run(folder: Path, rows: pd.DataFrame, *overrides: str, lines: tuple[str, ...] = ()) -> Path:
    config = face_config(folder, face_csv(folder, rows), *lines)
    train.run(config, list(overrides), output=folder / "runs")
    return folder / "runs" / "own-0"


def refused(folder: Path, rows: pd.DataFrame, *overrides: str, **more: Any) -> list[str]:
    """Return the lines of a refusal, which must come before anything is written."""
    with pytest.raises(ValueError, match=r".") as caught:
        run(folder, rows, *overrides, **more)
    assert not (folder / "runs").exists()
    return str(caught.value).splitlines()


# --- bad input


@pytest.mark.parametrize("detector", ["none", "cascade"])
def test_each_file_that_cannot_be_read_is_one_line(
    folder: Path, rows: pd.DataFrame, detector: str
) -> None:
    (folder / "images" / "003.png").write_bytes(b"")
    (folder / "images" / "005.png").write_text("no image")
    (folder / "images" / "040.png").unlink()
    lines = refused(folder, rows, f"data.face.detector={detector}")
    assert lines[0] == "the data has 3 problems:"
    assert len(lines) == 4
    assert "003.png: is empty (0 bytes)" in lines[1]
    assert "005.png: cannot be read as an image" in lines[2]
    assert "040.png: does not exist" in lines[3]


def blank(folder: Path, *numbers: int) -> None:
    for number in numbers:
        plain = Image.new("RGB", (40, 40), (number, 9, 9))
        plain.save(folder / "images" / f"{number:03d}.png")


def test_no_face_at_all_is_refused(folder: Path, rows: pd.DataFrame) -> None:
    blank(folder, *range(60))
    (line,) = refused(folder, rows, "data.face.detector=cascade")
    assert line == (
        "no face was found by cascade in any of the 60 images of faces.csv: set "
        "data.face.detector=none if they are ready crops"
    )


def test_images_without_a_face_are_kept_out_counted_and_listed(
    folder: Path,
    rows: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The cascade finds no face on a blank picture; on the drawn ones a stand-in is sure to."""
    cascade = face_boxes.faces_finder("cascade")
    blank(folder, 2, 59)

    def finder(detector: str) -> face_boxes.FindFaces:
        assert detector == "cascade"

        def find(pixels: Any) -> list[Box]:
            return [(4.0, 3.0, 30.0)] if pixels.std(axis=(0, 1)).max() > 1 else cascade(pixels)

        return find

    monkeypatch.setattr(face_boxes, "faces_finder", finder)
    place = run(folder, rows, "data.face.detector=cascade", "data.face.margin=0.2")
    said = "note: No face was found by cascade in 2 images: images/002.png, images/059.png"
    assert said in capsys.readouterr().err
    info = json.loads((place / "data.json").read_text())
    assert info["info"]["dropped"] == {"no face found": 2}
    assert [info["fingerprint"][split]["rows"] for split in ("train", "test")] == [35, 11]
    kept = AffectModel.from_pretrained(str(place / "model")).encoder.preprocess
    assert (kept.detector, kept.margin) == ("cascade", 0.2)
    evaluate.run(place)
    assert "images/059.png" not in set(pd.read_parquet(place / "predictions/test.parquet")["id"])
    prepare.run(folder / "own.yaml", ["data.face.detector=cascade"])
    told = capsys.readouterr().out
    assert "left out: 2 rows, no face found" in told
    assert said in told


def find_at(
    left: float, folder: Path, monkeypatch: pytest.MonkeyPatch, *, but: str | None = None
) -> None:
    """Let a new detector, which remembers nothing, find every face there; not that of one file."""
    monkeypatch.setenv("AFFECTREP_CACHE", str(folder / f"cache {left} {but}"))
    none = None if but is None else read_image(folder / "images" / but)

    def find(pixels: Any) -> list[Box]:
        return [] if np.array_equal(pixels, none) else [(left, 3.0, 30.0)]

    monkeypatch.setattr(face_boxes, "faces_finder", lambda detector: find)


def test_boxes_of_another_version_of_the_detector_are_noticed(
    folder: Path,
    rows: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find_at(4.0, folder, monkeypatch)
    place = run(folder, rows, "data.face.detector=cascade")
    known = json.loads((place / "data.json").read_text())
    assert set(known["boxes"]) == {"train", "validation", "test"}
    evaluate.run(place)
    assert "boxes" not in capsys.readouterr().out
    find_at(5.0, folder, monkeypatch)
    evaluate.run(place, force=True)
    assert (
        "warning: the detector finds (its version may be another) other face boxes in train, "
        "validation, test than when this run was trained" in capsys.readouterr().out
    )
    environment = json.loads((place / "environment.json").read_text())
    (place / "environment.json").write_text(json.dumps({**environment, "finished": False}))
    with pytest.raises(ValueError, match="the face boxes of train, validation, test are not"):
        run(folder, rows, "data.face.detector=cascade")
    (place / "environment.json").write_text(json.dumps(environment))
    older = {key: value for key, value in known.items() if key != "boxes"}
    (place / "data.json").write_text(json.dumps(older))
    evaluate.run(place, force=True)
    assert "boxes" not in capsys.readouterr().out
    find_at(4.0, folder, monkeypatch, but="059.png")
    with pytest.raises(ValueError, match=r"the test rows are not .*11 now.*version of the detecto"):
        evaluate.run(place)


def test_pictures_that_are_no_crops_are_said_before_training(
    folder: Path, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(9):
        Image.new("RGB", (60, 40), (number, 9, 9)).save(folder / "images" / f"{number:03d}.png")
    run(folder, rows)
    prepare.run(folder / "own.yaml")
    printed = capsys.readouterr()
    for said in (printed.err, printed.out):
        assert "warning: 9 of 36 training pictures are not near square" in said
        assert said.count("data.face.detector=cascade") == 1


def test_whole_pictures_have_no_boxes_to_remember(folder: Path, rows: pd.DataFrame) -> None:
    place = run(folder, rows)
    assert set(json.loads((place / "data.json").read_text())) == {"fingerprint", "info"}


@pytest.mark.parametrize("objective", ["av_regression", "caf"])
def test_labels_out_of_range_or_missing_are_named_by_row(
    folder: Path, rows: pd.DataFrame, objective: str
) -> None:
    rows.loc[2, "valence"], rows.loc[7, "arousal"] = 1.4, float("nan")
    assert refused(folder, rows, f"objective.name={objective}") == [
        "the data has 2 problems:",
        "- valence is missing or not in [-1, 1]: rescale or remove the rows (row 4)",
        "- arousal is missing or not in [-1, 1]: rescale or remove the rows (row 9)",
    ]


@pytest.mark.parametrize("objective", ["av_regression", "caf"])
def test_faces_without_labels_are_nothing_to_train_on(
    folder: Path, rows: pd.DataFrame, objective: str
) -> None:
    bare = rows.assign(valence=None, arousal=None)
    lines = refused(folder, bare, f"objective.name={objective}")
    assert lines[1:] == ["- no row has a valence or arousal: there is nothing to train on"]


def test_a_subject_in_two_splits_is_refused_until_it_is_accepted(
    folder: Path, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.loc[59, "subject"] = "p0"
    (_, line) = refused(folder, rows)
    assert line.startswith("- 1 row of test shares its subject with train (p0): remove it, or")
    assert line.endswith("(row 61 = 2)")
    place = run(folder, rows, "data.accept_leaks=one person twice")
    assert "accepted: one person twice" in capsys.readouterr().err
    card = evaluate.run(place)
    assert not card["persons"]["independent"]
    assert "1 of the 3 people of this split (1 of 12 rows) occurs" in card["persons"]["sentence"]
    assert card["without_leaks"]["n"] == 11


def test_constant_labels_are_refused_in_training_and_a_warning_elsewhere(
    folder: Path, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = refused(folder, rows.assign(valence=0.3, arousal=0.1))
    assert lines[1] == (
        "- all 36 rows of train have valence 0.3 and arousal 0.1: there is nothing to learn"
    )
    capsys.readouterr()
    rows.loc[rows["split"] == "test", ["valence", "arousal"]] = 0.3, 0.1
    run(folder, rows)
    assert "warning: all 12 rows of test have valence 0.3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "override", "words"),
    [
        ([0.8, 0.2], "objective.threshold=1.3", "all 36 rows are weak (radius below 1.3)"),
        ([0.8, 0.2], "objective.threshold=0.1", "none of 36 rows is weak (radius below 0.1)"),
        ([0.1, -0.1], "objective.critic=caf", "all 36 rows have one strength, a radius of 0.141"),
    ],
)
def test_labels_that_cannot_be_grouped_train_without_the_critic(
    folder: Path,
    rows: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
    labels: list[float],
    override: str,
    words: str,
) -> None:
    if labels == [0.1, -0.1]:
        rows = rows.assign(valence=labels * 30, arousal=labels * 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the objective, which warns in Python, has nothing to add
        place = run(folder, rows, override, lines=(CAF,))
    sentence = f"grouping is impossible: {words}; CAF trains without the critic"
    said = capsys.readouterr().err
    assert said.count(f"warning: {sentence}\n") == said.count("without the critic") == 1
    environment = json.loads((place / "environment.json").read_text())
    assert environment["remarks"] == [sentence]
    prepare.run(folder / "own.yaml", [override])
    told = capsys.readouterr().out
    assert told.count(f"warning: {sentence}\n") == told.count("without the critic") == 1
    phases = {json.loads(line)["phase"] for line in (place / "metrics.jsonl").open()}
    assert phases == {"main", "validation"}


def test_plain_regression_says_nothing_of_groups(
    folder: Path, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows.assign(valence=[0.1, -0.1] * 30, arousal=[0.1, -0.1] * 30)
    run(folder, rows)
    prepare.run(folder / "own.yaml")
    printed = capsys.readouterr()
    assert "grouping" not in printed.err + printed.out


def test_annotations_shorter_than_their_video_are_said_before_training(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny_faces.affwild(folder / "corpus")
    for axis in ("valence", "arousal"):
        file = root / "annotations" / "train" / axis / "101.txt"
        file.write_text("\n".join(file.read_text().splitlines()[:7]) + "\n")
    overrides = [*SMALL, *RESNET, f"data.root={root}", "data.protocol=fps=10"]
    overrides.append("data.face.detector=none")  # the drawn videos show no face
    train.run(CONFIGS / "affwild_resnet_caf.yaml", overrides, output=folder / "runs")
    said = capsys.readouterr().err
    line = "note: 101: 7 annotated frames, 12 in the video: the first 7 are used."
    assert 0 <= said.index(line) < said.index("epoch 1/1")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("encoder={checkpoint: 'bundled:minilm'}", "encoder.name=text reads no images"),
        ("data.max_batch_tokens=50", "images have no tokens"),
        ("data.max_batch_seconds=50", "the corpus holds no sound"),
        ("task=classification", "are for regression: set task=regression"),
        ("data.face.detector=yunet", "expected none, cascade or yunet:<model file>"),
        ("data.face.detector=yunet:none.onnx", "none.onnx"),
        ("encoder.preprocess.size_px=64", "encoder.preprocess.resize_px is 32, expected"),
        ("objective.margns={}", "did you mean objective.margins?"),
        ("data.face.strong_weak=5", "expected batches of at least 10 rows"),
    ],
)
def test_a_setting_that_does_not_fit_faces_is_refused_in_words(
    folder: Path, rows: pd.DataFrame, override: str, words: str
) -> None:
    lines = (CAF,) if "margns" in override else ()
    assert words in " ".join(refused(folder, rows, override, lines=lines))


# --- resuming


class StopError(Exception):
    pass


class KilledLoader:
    """Steps of an epoch that end with an exception before the step of a number."""

    def __init__(self, steps: StepLoader, at: int) -> None:
        self.steps, self.at = steps, at

    def __len__(self) -> int:
        return len(self.steps)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
        for step, micro in enumerate(self.steps.epoch(epoch, start), start):
            if epoch * len(self.steps) + step == self.at:
                raise StopError
            yield micro


@pytest.mark.parametrize("at", [3, 7])
def test_a_killed_caf_run_ends_with_the_same_predictions(
    folder: Path, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Crops, flips, mixing, dropout and the critic's state go on where they were."""
    config = face_config(folder, face_csv(folder, rows), CAF)
    words = ["training.epochs=2", "training.checkpoint_steps=1", "data.face.mixup=0.2"]
    train.run(config, words, output=folder / "whole")
    made = train.build_training_loader

    def killed(*given: Any, **named: Any) -> KilledLoader:
        return KilledLoader(made(*given, **named), at)

    with monkeypatch.context() as patch:
        patch.setattr(train, "build_training_loader", killed)
        with pytest.raises(StopError):
            train.run(config, words, output=folder / "cut")
    torch.rand(5)  # another process starts with another random state
    train.run(config, words, output=folder / "cut")
    places = [folder / name / "own-0" for name in ("whole", "cut")]
    said = [(place / "metrics.jsonl").read_text() for place in places]
    assert said[0] == said[1]
    assert '"critic"' in said[0]
    for place in places:
        evaluate.run(place)
    whole, cut = (pd.read_parquet(place / "predictions/test.parquet") for place in places)
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)


# --- composed batches


def strengths(folder: Path, rows: pd.DataFrame, *overrides: str) -> list[int]:
    """Return how many strong rows each batch of the first epoch has."""
    config = train.load_config(
        face_config(folder, face_csv(folder, rows), CAF), ["data.face.cache=false", *overrides]
    )
    manifest = train.build_manifest(config)
    preprocess = train.build_model(config, manifest).encoder.preprocess
    steps = build_training_loader(config, manifest, preprocess)
    batches = [micro for parts in steps.epoch(0) for micro in parts]
    assert sorted(name for batch in batches for name in batch.ids) == sorted(
        manifest.split("train")["id"]
    )
    return [int((batch.labels.norm(dim=1) > 0.5).sum()) for batch in batches]


def test_batches_hold_strong_and_weak_rows_where_asked(folder: Path, rows: pd.DataFrame) -> None:
    rows.loc[rows.index % 6 != 0, ["valence", "arousal"]] *= 0.1  # few strong ones: 6 of 36
    chance = strengths(folder, rows, "data.batch_size=12")
    dealt = strengths(folder, rows, "data.batch_size=12", "data.face.strong_weak=2")
    assert sum(chance) == sum(dealt) == 6
    assert min(dealt) == 2
    assert chance != dealt


def test_labels_of_one_strength_are_shuffled_instead(
    folder: Path, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain: list[int] = []
    monkeypatch.setattr(
        "affectrep.build.face_rows.BatchSampler",
        lambda *given, **named: plain.append(1) or loaders.BatchSampler(*given, **named),
    )
    same = rows.assign(valence=[0.1, -0.1] * 30, arousal=[0.1, 0.1, -0.1, -0.1] * 15)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert strengths(folder, same, "data.face.strong_weak=2") == [0] * 5
        run(folder, same, "data.face.strong_weak=2", lines=(CAF,))
    assert len(plain) == 2


# --- frozen backbones


@pytest.mark.parametrize(
    ("altered", "kept"),
    [
        (("data.face.flip=true",), False),
        (("data.face.flip=false", "encoder.preprocess.resize_px=36"), False),
        (("data.face.flip=false", "data.face.mixup=0.3"), False),
        (("data.face.flip=false", "data.face.randaugment=5"), False),
        (("data.face.flip=false", "training.cache_embeddings=false"), False),
        (("data.face.flip=false",), True),
    ],
)
def test_embeddings_of_a_frozen_backbone_are_kept_while_nothing_alters_the_faces(
    folder: Path, rows: pd.DataFrame, altered: tuple[str, ...], kept: bool
) -> None:
    pytest.importorskip("torchvision")
    checkpoint = tiny_vision(folder / "vit")
    encoder = f"encoder: {{name: vision, checkpoint: {checkpoint}, tuning: frozen}}"
    place = run(folder, rows, *altered, lines=(encoder,))
    files = list((folder / "runs" / ".cache" / "embeddings").glob("*.safetensors"))
    assert len(files) == (2 if kept else 0)
    card = evaluate.run(place)
    assert card["n"] == 12
    before = AffectModel.from_pretrained(str(place / "model")).encoder.state_dict()
    assert before  # the backbone is found again


def test_kept_embeddings_train_the_same_heads(folder: Path, rows: pd.DataFrame) -> None:
    pytest.importorskip("torchvision")
    checkpoint = tiny_vision(folder / "vit")
    encoder = f"encoder: {{name: vision, checkpoint: {checkpoint}, tuning: frozen}}"
    config = face_config(folder, face_csv(folder, rows), encoder)
    for name in ("true", "false"):
        words = ["data.face.flip=false", f"training.cache_embeddings={name}"]
        train.run(config, words, output=folder / name)
    lines = [
        [json.loads(line) for line in (folder / name / "own-0" / "metrics.jsonl").open()]
        for name in ("true", "false")
    ]
    for one, other in zip(*lines, strict=True):
        assert one["value"] == pytest.approx(other["value"], abs=1e-4), one


@pytest.mark.parametrize("flip", ["true", "false"])
def test_a_frozen_backbone_cannot_play_against_a_critic(
    folder: Path, rows: pd.DataFrame, flip: str
) -> None:
    pytest.importorskip("torchvision")
    encoder = f"encoder: {{name: vision, checkpoint: {tiny_vision(folder / 'vit')}}}"
    words = ["encoder.tuning=frozen", f"data.face.flip={flip}"]
    (line,) = refused(folder, rows, *words, lines=(CAF, encoder))
    assert line.startswith(
        "phase adversarial of objective.name=caf moves encoder alone, of which no weight is "
        "trained: set encoder.tuning=full or lora"
    )
    place = run(folder, rows, "encoder.tuning=lora", "encoder.lora.rank=2", lines=(CAF, encoder))
    assert json.loads((place / "environment.json").read_text())["finished"]


# --- runs that end early, a second head


def test_the_printed_equation_diverges_and_says_so(folder: Path, rows: pd.DataFrame) -> None:
    """Rates so high that it takes a few steps; the best epoch's weights are kept without NaN."""
    rates = ["optimizer.adversary_lr=0.05", "training.epochs=30"]
    overrides = [*SMALL, *RESNET, *rates, "data.corpus=face_table", f"data.root={folder}/faces.csv"]
    face_csv(folder, rows)
    with pytest.raises(
        ValueError, match=r"training diverged in step \d+ .* phase critic"
    ) as caught:
        train.run(CONFIGS / "ferplus_caf_unhinged.yaml", overrides, output=folder / "runs")
    assert "Set objective.contrast.hinge=true" in str(caught.value)
    place = folder / "runs" / "ferplus_caf_unhinged-0"
    environment = json.loads((place / "environment.json").read_text())
    assert not environment["finished"]
    assert environment["diverged"] == str(caught.value)
    kept = AffectModel.from_pretrained(str(place / "model")).state_dict()
    assert all(value.isfinite().all() for value in kept.values())


def test_thresholds_of_batches_are_not_judged_on_all_rows(
    folder: Path, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signed labels of all rows would make every row strong; each batch has its own threshold."""
    overrides = [*SMALL, *RESNET, "data.corpus=face_table", f"data.root={folder}/faces.csv"]
    face_csv(folder, rows)
    train.run(CONFIGS / "ferplus_caf_literal.yaml", overrides, output=folder / "runs")
    assert "grouping is impossible" not in capsys.readouterr().err
    place = folder / "runs" / "ferplus_caf_literal-0"
    phases = {json.loads(line)["phase"] for line in (place / "metrics.jsonl").open()}
    assert "critic" in phases


@pytest.mark.parametrize("line", [CAF, "objective: {name: av_regression}"])
def test_a_second_head_says_the_expression(folder: Path, rows: pd.DataFrame, line: str) -> None:
    rows.loc[[50, 51], "expression"] = None
    place = run(folder, rows, "objective.expression_weight=0.5", lines=(line,))
    card = evaluate.run(place)
    assert {one["n"] for one in card["expression"]["metrics"].values()} == {10}
    table = pd.read_parquet(place / "predictions" / "test.parquet")
    assert set(table["predicted_expression"]) <= {"happiness", "sadness"}
    known = table.dropna(subset=["expression"])
    right = (known["expression"] == known["predicted_expression"]).mean()
    assert card["expression"]["metrics"]["expression_accuracy"]["value"] == pytest.approx(right)
    names = [json.loads(line)["name"] for line in (place / "metrics.jsonl").open()]
    assert "expression" in names


def test_before_training_is_the_encoder_that_training_began_with(
    folder: Path, rows: pd.DataFrame
) -> None:
    # no normalisation whose statistics move, weights that hardly do
    encoder = "encoder: {name: alexnet_tuned, preprocess: {size_px: 64, resize_px: 66}}"
    still = ("optimizer.encoder_lr=1e-9", "optimizer.head_lr=1e-9", "seed=3")
    config = face_config(folder, face_csv(folder, rows), encoder)
    train.run(config, [*SMALL, *still], output=folder / "runs")
    run = folder / "runs" / "own-3"
    found = evaluate.run(run, representation=True, before=True)["representation"]
    assert set(found["metrics"]) == set(found["before"]["metrics"])
    after, then = (
        read_embeddings(run / "predictions" / f"test{when}.embeddings.safetensors").values
        for when in ("", ".before")
    )
    np.testing.assert_allclose(after, then, rtol=2e-3, atol=1e-3 * np.abs(then).max())
