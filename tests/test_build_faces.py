"""From configuration to faces: squares, rows, thresholds, batches and what a model is told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.build import (
    build_loader,
    build_manifest,
    build_model,
    build_objective,
    build_training_loader,
    strong_threshold,
)
from affectrep.build.face_rows import face_rows, strong_weak_sampler, with_boxes
from affectrep.config import Config
from affectrep.data.corpora import CORPORA
from affectrep.data.images import image_content, read_image, square_crop
from affectrep.data.manifest import Manifest
from affectrep.data.samplers import BatchSampler
from affectrep.data.strong_weak_sampler import StrongWeakSampler
from affectrep.encoders.image_preprocess import ImagePreprocess
from affectrep.objectives.grouping import Grouping, radius_threshold
from tests.data.pictures import manifest as manifest_of
from tests.data.pictures import noise, table, write

PREPROCESS = ImagePreprocess(size_px=8, resize_px=12)
RESNET = {"name": "resnet18", "width": 8, "preprocess": {"size_px": 8, "resize_px": 12}}


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def made(tmp_path: Path) -> Manifest:
    """Noise images of 12 px, four a split."""
    return manifest_of(table(tmp_path))


def settings(*, face: dict[str, Any] | None = None, **given: Any) -> Config:
    data = {"corpus": "face_table", "batch_size": 4, **given.pop("data", {}), "face": face or {}}
    values = {"name": "x", "task": "regression", "encoder": RESNET, **given}
    return Config(**values, data=data)


# --- squares


def test_the_corpora_of_faces_have_their_names() -> None:
    faces = {"affectnet", "affwild", "affwild2", "afew_va", "demo_faces", "face_table", "ferplus"}
    assert {*faces, "london"} <= set(CORPORA)


def test_no_detector_leaves_the_manifest_alone(made: Manifest) -> None:
    assert with_boxes(settings(), made) is made


def test_squares_that_a_corpus_gives_go_before_a_detector(made: Manifest) -> None:
    boxed = Manifest(made.rows.assign(box_left=1.0, box_top=2.0, box_side=8.0), made.info)
    assert with_boxes(settings(face={"detector": "cascade"}), boxed) is boxed


def test_lost_faces_are_named_up_to_twenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(tmp_path, each=10)
    (tmp_path / "0.png").write_bytes(b"")
    rows.loc[0, "content"] = ""
    with_face = {rows.loc[number, "content"] for number in (25, 26, 27)}

    def finder(detector: str) -> Any:
        return lambda pixels: [(1.0, 1.0, 9.0)] if image_content(pixels) in with_face else []

    monkeypatch.setattr("affectrep.data.face_boxes.faces_finder", finder)
    found = with_boxes(settings(face={"detector": "cascade"}), manifest_of(rows))
    # the file that cannot be read is for the checks to name
    assert found.rows["id"].tolist() == ["i0", "i25", "i26", "i27"]
    assert found.rows["box_side"].tolist()[1:] == [9.0] * 3
    assert found.info.dropped == {"no face found": 26}
    (note,) = found.info.notes
    assert note.startswith("No face was found by cascade in 26 images: i1, i2, ")
    assert note.endswith(", i20 ...")


def test_persons_are_counted_among_the_rows_that_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table(tmp_path, each=6).drop(columns=["content", "row"])
    rows["subject"] = [f"{split}/{number % 3}" for number, split in enumerate(rows["split"])]
    rows.to_csv(tmp_path / "own.csv", index=False)
    lost = {image_content(read_image(path)) for path in rows["path"][rows["subject"] == "test/1"]}

    def finder(detector: str) -> Any:
        return lambda pixels: [] if image_content(pixels) in lost else [(1.0, 1.0, 9.0)]

    monkeypatch.setattr("affectrep.data.face_boxes.faces_finder", finder)

    def said(**data: Any) -> list[str]:
        face = data.pop("face", None)
        config = settings(data={"root": str(tmp_path / "own.csv"), **data}, face=face)
        return [note for note in build_manifest(config).info.notes if "Persons" in note]

    assert said() == ["Persons are known: 3 in train, 3 in validation, 3 in test."]
    cascade = {"detector": "cascade"}
    assert said(face=cascade) == ["Persons are known: 3 in train, 3 in validation, 2 in test."]
    both = said(face=cascade, train_fraction=0.17)
    assert both == ["Persons are known: 1 in train, 3 in validation, 2 in test."]


def test_where_no_image_has_a_face_nothing_can_be_trained(made: Manifest) -> None:
    with pytest.raises(ValueError, match="no face was found by cascade in any of the 12 images"):
        with_boxes(settings(face={"detector": "cascade"}), made)


def test_the_square_and_its_margin_reach_the_pixels(tmp_path: Path) -> None:
    rows = table(tmp_path, side=40).assign(box_left=10.0, box_top=12.0, box_side=16.0)
    config = settings(face={"margin": 0.25, "cache": False, "flip": False})
    item = face_rows(config, manifest_of(rows), "test", PREPROCESS)[0]
    path = rows.loc[rows["split"] == "test", "path"].iloc[0]
    wanted = square_crop(read_image(path), (10.0, 12.0, 16.0), margin=0.25, side_px=12)
    np.testing.assert_array_equal(item["image"].permute(1, 2, 0), wanted)


# --- rows


def test_effects_are_of_training_alone(made: Manifest) -> None:
    pytest.importorskip("torchvision")
    config = settings(face={"randaugment": 9, "mixup": 0.4, "flip": True}, seed=3)
    train = face_rows(config, made, "train", PREPROCESS, training=True)
    chosen = train.settings
    assert (chosen.training, chosen.flip, chosen.randaugment) == (True, True, 9)
    assert (chosen.mixup, chosen.seed) == (0.4, 3)
    test = face_rows(config, made, "test", PREPROCESS).settings
    assert (test.training, test.randaugment, test.mixup) == (False, None, 0.0)
    batch = next(iter(build_loader(config, made, "test", PREPROCESS)))
    assert batch.inputs["pixels"].shape == (4, 3, 8, 8)
    np.testing.assert_allclose(batch.labels, made.targets("test"))


def test_crops_change_from_epoch_to_epoch_and_by_the_seed(made: Manifest) -> None:
    def seen(seed: int, epoch: int) -> dict[str, torch.Tensor]:
        loader = build_training_loader(settings(seed=seed), made, PREPROCESS)
        (micro,) = loader.epoch(epoch)
        return {
            name: image
            for batch in micro
            for name, image in zip(batch.ids, batch.inputs["pixels"], strict=True)
        }

    first = seen(0, 0)
    for name, image in seen(0, 0).items():
        assert torch.equal(image, first[name])
    assert any(not torch.equal(image, first[name]) for name, image in seen(0, 1).items())
    assert any(not torch.equal(image, first[name]) for name, image in seen(1, 0).items())


def test_decoded_faces_are_kept_where_asked(made: Manifest, tmp_path: Path) -> None:
    face_rows(settings(face={"cache": False}), made, "test", PREPROCESS)[0]
    assert not (tmp_path / "cache" / "faces").exists()
    face_rows(settings(), made, "test", PREPROCESS)[0]
    assert any((tmp_path / "cache" / "faces").rglob("*"))


def test_subjects_travel_with_the_batch(made: Manifest) -> None:
    (micro,) = build_training_loader(settings(), made, PREPROCESS).epoch(0)
    codes = dict(zip(micro[0].ids, micro[0].domains["subject"].tolist(), strict=True))
    assert codes == {"i0": 0, "i1": 1, "i2": 0, "i3": 1}
    batch = next(iter(build_loader(settings(), made, "test", PREPROCESS)))
    assert set(batch.domains["subject"].tolist()) == {-1}  # nobody of training


@pytest.mark.parametrize("key", ["max_batch_tokens", "max_batch_seconds"])
def test_budgets_of_texts_and_clips_are_refused(made: Manifest, key: str) -> None:
    with pytest.raises(ValueError, match=rf"data\.{key}=50, but .* set it to null"):
        build_training_loader(settings(data={key: 50}), made, PREPROCESS)


# --- thresholds and batches


def level(made: Manifest, radius: float) -> Manifest:
    """The manifest with labels of one strength."""
    return Manifest(made.rows.assign(valence=radius, arousal=-radius), made.info)


def test_the_threshold_is_that_of_the_objective(made: Manifest) -> None:
    labels = torch.as_tensor(made.targets("train"))
    otsu = radius_threshold(labels)
    assert strong_threshold(settings(), made) == otsu
    assert strong_threshold(settings(objective={"name": "caf"}), made) == otsu
    given = settings(objective={"name": "caf", "threshold": 0.33})
    assert strong_threshold(given, made) == 0.33
    kmeans = {"rule": "kmeans", "centres": 3}
    found = strong_threshold(settings(objective={"name": "caf", "grouping": kmeans}), made)
    default = settings(objective={"name": "caf", "grouping": {"rule": None}})
    assert strong_threshold(default, made) == otsu
    assert found == radius_threshold(labels, Grouping(**kmeans))
    code = settings(objective={"name": "caf", "grouping": {"rule": "code", "scope": "batch"}})
    assert strong_threshold(code, made) == otsu
    assert math.isnan(strong_threshold(settings(), level(made, 0.3)))


def test_the_threshold_of_the_objective_is_that_of_the_batches(made: Manifest) -> None:
    config = settings(objective={"name": "caf"})
    objective = build_objective(config, made, dim=64)
    assert float(objective.sampling_hint()["strong_radius"]) == pytest.approx(
        strong_threshold(config, made)
    )


def test_each_batch_has_strong_and_weak_rows_or_is_shuffled(tmp_path: Path) -> None:
    made = manifest_of(table(tmp_path, each=16))
    config = settings(data={"batch_size": 8}, face={"strong_weak": 2})
    sampler = strong_weak_sampler(config, made, 2)
    assert isinstance(sampler, StrongWeakSampler)
    radius = np.linalg.norm(made.targets("train"), axis=1)
    threshold = strong_threshold(config, made)
    for batch in sampler.epoch(0):
        strong = int((radius[batch] >= threshold).sum())
        assert strong == 2
    for other in (level(made, 0.3), level(made, 0.0)):
        plain = strong_weak_sampler(config, other, 3)
        assert isinstance(plain, BatchSampler)
        assert sorted(row for batch in plain.epoch(0) for row in batch) == list(range(16))
    above = settings(face={"strong_weak": 3}, objective={"name": "caf", "threshold": 1.2})
    assert isinstance(strong_weak_sampler(above, made, 3), BatchSampler)


def test_labels_of_one_strength_leave_plain_regression(made: Manifest) -> None:
    with pytest.warns(UserWarning, match="trains without the critic"):
        objective = build_objective(settings(objective={"name": "caf"}), level(made, 0.3), dim=64)
    assert [phase.name for phase in objective.phases()] == ["main"]
    assert objective.players() == {}


# --- what a model is told


def test_a_model_of_faces_knows_how_they_were_cut_out(made: Manifest, tmp_path: Path) -> None:
    model = build_model(settings(face={"detector": "cascade", "margin": 0.3}), made)
    kept = model.encoder.preprocess
    assert (kept.detector, kept.margin, kept.size_px, kept.resize_px) == ("cascade", 0.3, 8, 12)
    model.save_pretrained(tmp_path / "model")
    again = type(model).from_pretrained(str(tmp_path / "model"))
    assert again.encoder.preprocess == kept
    assert again.meta["corpus"] == "X"
    assert "stride" not in again.meta


def test_an_encoder_without_eyes_is_refused(made: Manifest) -> None:
    for encoder in ({"checkpoint": "bundled:minilm"}, {"name": "speech", "checkpoint": "x"}):
        with pytest.raises(ValueError, match=r"reads no images, but X holds faces: choose resnet"):
            build_model(settings(encoder=encoder), made)


def test_a_model_of_clips_knows_their_rate(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    rows = table(tmp_path)
    rows["video"], rows["frame"] = rows["split"], [0, 2, 4, 6] * 3
    rows["time_s"] = rows["frame"] / 10
    encoder = {"name": "video_resnet", "preprocess": {"size_px": 8, "resize_px": 12, "frames": 2}}
    config = settings(encoder=encoder, face={"stride": 2})
    model = build_model(config, manifest_of(rows))
    assert (model.meta["stride"], model.meta["fps"]) == (2, 5.0)
    unknown = build_model(config, manifest_of(rows.assign(time_s=math.nan)))
    assert "fps" not in unknown.meta
    alone = build_model(config, manifest_of(rows.drop(columns="video")))  # refused where clips are
    assert "fps" not in alone.meta
    batch = next(iter(build_loader(config, manifest_of(rows), "test", model.encoder.preprocess)))
    assert batch.inputs["pixels"].shape == (4, 3, 2, 8, 8)


def test_the_rate_of_clips_does_not_hang_on_the_order_of_rows(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    rows = pd.concat([table(tmp_path, each=30)] * 2, ignore_index=True)
    rows["id"], rows["video"] = rows.index.astype(str), ["a"] * 90 + ["b"] * 90
    rows["frame"] = [*range(90), *range(90)]
    rows["time_s"] = rows["frame"] / 25
    shuffled = rows.sample(frac=1, random_state=0).reset_index(drop=True)
    encoder = {"name": "video_resnet", "preprocess": {"size_px": 8, "resize_px": 12, "frames": 2}}
    for order in (rows, shuffled):
        assert build_model(settings(encoder=encoder), manifest_of(order)).meta["fps"] == 25.0


def test_clips_need_videos(made: Manifest) -> None:
    clips = ImagePreprocess(size_px=8, resize_px=12, frames=2)
    with pytest.raises(ValueError, match="clips of 2 frames need video and frame of every row"):
        build_loader(settings(), made, "test", clips)


def test_a_table_of_ones_own_becomes_a_manifest(tmp_path: Path) -> None:
    lines = []
    for number in range(12):
        write(tmp_path / f"{number}.png", noise(16, 16, number))
        lines.append({"file": f"{number}.png", "v": number / 12, "a": -number / 12})
    pd.DataFrame(lines).to_csv(tmp_path / "own.csv", index=False)
    columns = {"path": "file", "valence": "v", "arousal": "a"}
    data = {"root": str(tmp_path / "own.csv"), "columns": columns, "holdout": 0.25}
    manifest = build_manifest(settings(data=data))
    assert manifest.rows["split"].value_counts().to_dict() == {
        "train": 6,
        "validation": 3,
        "test": 3,
    }
    half = build_manifest(settings(data={**data, "train_fraction": 0.5}))
    assert len(half.split("train")) == 3
    with pytest.raises(ValueError, match="set data.label_noise.share=0"):
        build_manifest(settings(data={**data, "label_noise": {"share": 0.1}}))
