from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("PIL")

from affectrep.data.augment_image import draw_numbers, mixing_share
from affectrep.data.face import FaceRows, FaceSettings, collate_face, windows
from affectrep.data.images import image_content
from affectrep.data.loader import InOrder, StepLoader
from affectrep.data.samplers import BatchSampler
from tests.data.pictures import Plain, manifest, noise, table, write

TRAINING = FaceSettings(training=True)


@pytest.fixture
def corpus(tmp_path):
    return manifest(table(tmp_path))


def rows_of(corpus, split="train", settings=None, **options) -> FaceRows:
    preprocess = options.pop("preprocess", Plain())
    return FaceRows(
        corpus, split, corpus.domains(), preprocess=preprocess, settings=settings, **options
    )


def image(seed: int, side: int = 12) -> np.ndarray:
    return noise(side, side, seed).transpose(2, 0, 1)


def test_evaluation_gives_every_image_whole(corpus):
    rows = rows_of(corpus, "validation")
    assert len(rows) == 4
    for place, row in enumerate(rows[i] for i in range(4)):
        assert row["id"] == f"i{place + 4}"
        assert row["image"].dtype == torch.uint8
        assert np.array_equal(row["image"], image(place + 4))
        expected = corpus.rows[["valence", "arousal"]].to_numpy()[place + 4]
        assert row["label"].dtype == np.float32
        assert np.allclose(row["label"], expected)
        assert row["domains"] == {"subject": -1}  # not among the training subjects


def test_domains_are_codes_and_unknown_is_minus_one(corpus):
    rows = corpus.rows.copy()
    rows.loc[1, "subject"] = None
    rows["expression"] = "glad"
    found = FaceRows(
        manifest(rows),
        "train",
        {"subject": ["train/0", "train/1"], "expression": ["glad"], "absent": ["x"]},
        preprocess=Plain(),
    )
    codes = [row["domains"]["subject"] for row in (found[i] for i in range(4))]
    assert codes == [0, -1, 0, 1]
    assert found[0]["domains"] == {"subject": 0, "expression": 0, "absent": -1}


def test_training_crops_are_parts_of_the_image_and_cover_all_places(corpus):
    rows = rows_of(corpus, settings=TRAINING)
    whole = image(2)
    parts = {
        (turned[:, y : y + 8, x : x + 8].tobytes()): (y, x, side)
        for side, turned in enumerate((whole, whole[..., ::-1]))
        for y in range(5)
        for x in range(5)
    }
    seen = []
    for epoch in range(300):
        rows.set_epoch(epoch)
        seen.append(parts[rows[2]["image"].numpy().tobytes()])
    assert {place[:2] for place in seen} == {(y, x) for y in range(5) for x in range(5)}
    assert 0.4 < np.mean([place[2] for place in seen]) < 0.6


def test_without_flip_nothing_is_mirrored(corpus):
    rows = rows_of(corpus, settings=FaceSettings(training=True, flip=False))
    whole = image(0)
    parts = {whole[:, y : y + 8, x : x + 8].tobytes() for y in range(5) for x in range(5)}
    for epoch in range(50):
        rows.set_epoch(epoch)
        assert rows[0]["image"].numpy().tobytes() in parts


def test_an_input_as_large_as_the_image_is_only_mirrored(corpus):
    rows = rows_of(corpus, settings=TRAINING, preprocess=Plain(12, 12))
    found = set()
    for epoch in range(20):
        rows.set_epoch(epoch)
        found.add(rows[0]["image"].numpy().tobytes())
    assert found == {image(0).tobytes(), image(0)[..., ::-1].tobytes()}


@pytest.mark.parametrize("effects", [{}, {"randaugment": 9}, {"mixup": 0.4}])
def test_crops_and_effects_depend_on_seed_id_and_epoch_alone(corpus, effects):
    if "randaugment" in effects:
        pytest.importorskip("torchvision")
    one = rows_of(corpus, settings=FaceSettings(training=True, seed=1, **effects))
    other = rows_of(corpus, settings=FaceSettings(training=True, seed=1, **effects))
    seeded = rows_of(corpus, settings=FaceSettings(training=True, seed=2, **effects))
    differ = 0
    for epoch in (3, 0):
        for rows in (one, other, seeded):
            rows.set_epoch(epoch)
        forward = [one[i] for i in range(4)]
        torch.manual_seed(epoch)
        backward = [other[i] for i in (3, 2, 1, 0)][::-1]
        for first, second in zip(forward, backward, strict=True):
            assert torch.equal(first["image"], second["image"])
            assert np.array_equal(first["label"], second["label"])
            assert first["domains"] == second["domains"]
        differ += sum(not torch.equal(forward[i]["image"], seeded[i]["image"]) for i in range(4))
    assert differ > 4


def test_mixup_mixes_images_labels_and_domains(corpus):
    rows = rows_of(corpus, settings=FaceSettings(training=True, mixup=1.0))
    plain = rows_of(corpus, settings=TRAINING)
    targets = corpus.targets("train")
    mixed = 0
    for epoch in range(10):
        rows.set_epoch(epoch)
        plain.set_epoch(epoch)
        for place in range(4):
            names = (0, epoch, f"i{place}")
            other = int(draw_numbers(1, "partner", *names)[0] * 4)
            share = mixing_share(1.0, *names) if other != place else 1.0
            row = rows[place]
            own, its = (plain[i]["image"].numpy().astype(float) for i in (place, other))
            assert np.abs(row["image"].numpy() - (share * own + (1 - share) * its)).max() <= 0.51
            assert np.allclose(row["label"], share * targets[place] + (1 - share) * targets[other])
            assert row["label"].dtype == np.float32
            same = place % 2 == other % 2  # subjects alternate
            assert row["domains"] == {"subject": place % 2 if same else -1}
            assert row["id"] == f"i{place}"
            mixed += other != place
    assert mixed > 20
    assert np.array_equal(targets, corpus.targets("train"))


def test_boxes_and_margin_decide_what_is_seen(tmp_path):
    lines = table(tmp_path, side=30)
    lines["box_left"], lines["box_top"], lines["box_side"] = 10.0, 4.0, 8.0
    lines.loc[0, ["box_left", "box_top", "box_side"]] = np.nan
    rows = rows_of(manifest(lines), settings=FaceSettings(margin=0.25))
    assert np.array_equal(rows[1]["image"], image(1, 30)[:, 2:14, 8:20])
    assert rows[0]["image"].shape == (3, 12, 12)  # the whole image, scaled
    assert not np.array_equal(rows[0]["image"], image(0, 30)[:, 2:14, 8:20])
    lines["face_found"] = [False] + [True] * 11
    with pytest.raises(ValueError, match="no face was found in 1 rows, such as i0"):
        rows_of(manifest(lines))
    assert len(rows_of(manifest(lines), "test")) == 4


@pytest.mark.parametrize("settings", [None, TRAINING, FaceSettings(training=True, mixup=0.5)])
def test_a_cache_changes_nothing_but_the_time(tmp_path, settings):
    lines = table(tmp_path, side=20)
    lines["box_left"], lines["box_top"], lines["box_side"] = 3.5, 2.0, 14.0
    corpus = manifest(lines)
    cached = rows_of(corpus, settings=settings, cache=tmp_path / "cache")
    direct = rows_of(corpus, settings=settings)
    for place in range(4):
        assert torch.equal(cached[place]["image"], direct[place]["image"])
    for path in corpus.rows["path"][:4]:
        (tmp_path / path).unlink()
    again = rows_of(corpus, settings=settings, cache=tmp_path / "cache")
    assert torch.equal(again[3]["image"], cached[3]["image"])
    assert torch.equal(pickle.loads(pickle.dumps(again))[3]["image"], cached[3]["image"])
    # another margin is another file
    with pytest.raises(ValueError, match="4 images cannot be read"):
        rows_of(corpus, settings=FaceSettings(margin=0.2), cache=tmp_path / "cache")


def test_a_cache_needs_hashes_and_names_broken_files(tmp_path):
    lines = table(tmp_path)
    (tmp_path / "1.png").write_text("no image")
    with pytest.raises(ValueError, match=r"1 images cannot be read: .*1\.png: cannot be read"):
        rows_of(manifest(lines), cache=tmp_path / "cache")
    with pytest.raises(ValueError, match=r"1\.png: cannot be read"):
        rows_of(manifest(lines))[1]
    with pytest.raises(ValueError, match="no column content"):
        rows_of(manifest(lines.drop(columns="content")), cache=tmp_path / "cache")


def test_two_rows_of_one_image_share_its_square(tmp_path):
    lines = table(tmp_path)
    lines.loc[1, ["path", "content"]] = lines.loc[0, ["path", "content"]].to_list()
    rows = rows_of(manifest(lines), cache=tmp_path / "cache")
    assert torch.equal(rows[0]["image"], rows[1]["image"])


@pytest.mark.parametrize("cache", [False, True])
def test_clips_end_at_their_row_and_begin_with_repeats(tmp_path, cache):
    lines = table(tmp_path, each=6)
    lines["video"] = ["a", "b"] * 9
    lines["frame"] = [5, 0, 0, 1, 9, 2] * 3
    corpus = manifest(lines)
    rows = rows_of(
        corpus,
        settings=FaceSettings(frames=3, stride=1),
        cache=tmp_path / "cache" if cache else None,
    )
    # video a of train: frames 0, 5, 9 are rows 2, 0, 4
    expected = {2: [2, 2, 2], 0: [2, 2, 0], 4: [2, 0, 4], 1: [1, 1, 1], 5: [1, 3, 5]}
    for place, frames in expected.items():
        assert rows[place]["image"].shape == (3, 3, 12, 12)
        assert np.array_equal(rows[place]["image"], np.stack([image(f) for f in frames]))
    wide = rows_of(corpus, settings=FaceSettings(frames=2, stride=2))
    assert np.array_equal(wide[4]["image"], np.stack([image(2), image(4)]))


def test_the_frames_of_a_clip_are_cropped_alike(tmp_path):
    lines = table(tmp_path)
    for place in range(4):  # one picture in every frame
        write(tmp_path / f"{place}.png", noise())
    lines["content"] = image_content(noise())
    lines["video"], lines["frame"] = lines["split"], list(range(12))
    settings = FaceSettings(training=True, frames=3, mixup=0.3)
    rows = rows_of(manifest(lines), settings=settings)
    for epoch in range(4):
        rows.set_epoch(epoch)
        clip = rows[3]["image"]
        assert clip.shape == (3, 3, 8, 8)
        assert torch.equal(clip[0], clip[1])
        assert torch.equal(clip[0], clip[2])


def test_clips_need_videos():
    with pytest.raises(ValueError, match="clips of 4 frames need video and frame of every row"):
        windows(pd.DataFrame({"id": ["a"]}), 4, 1)
    with pytest.raises(ValueError, match="need video of every row"):
        windows(pd.DataFrame({"video": ["a", None], "frame": [0, 1]}), 2, 1)


def test_rows_are_collated_to_a_batch(corpus):
    rows, preprocess = rows_of(corpus, settings=TRAINING), Plain()
    batch = collate_face([rows[2], rows[1]], preprocess)
    assert batch.inputs["pixels"].shape == (2, 3, 8, 8)
    assert batch.labels.dtype == torch.float32
    assert batch.labels.tolist() == corpus.targets("train")[[2, 1]].tolist()
    assert batch.ids == ["i2", "i1"]
    assert batch.domains["subject"].tolist() == [0, 1]
    assert batch.lengths is None
    with pytest.raises(ValueError, match="at least one row"):
        collate_face([], preprocess)


def test_loaders_take_the_rows(corpus):
    preprocess = Plain()

    def collate(rows):
        return collate_face(rows, preprocess)

    test = InOrder(rows_of(corpus, "test"), collate, batch_size=3)
    assert [batch.ids for batch in test] == [["i8", "i9", "i10"], ["i11"]]
    rows = rows_of(corpus, settings=TRAINING)
    steps = StepLoader(rows, BatchSampler(None, 4, batch_size=2, seed=0), collate)
    first, second = list(steps.epoch(0)), list(steps.epoch(1))
    assert len(first) == len(second) == 2
    assert rows.epoch == 1


@pytest.mark.processes
def test_workers_give_the_same(corpus, tmp_path):
    preprocess = Plain()
    found = []
    for workers in (0, 2):
        rows = rows_of(corpus, settings=TRAINING, cache=tmp_path / "cache")
        steps = StepLoader(
            rows,
            BatchSampler(None, 4, batch_size=2, seed=0),
            _Collate(preprocess),
            workers=workers,
        )
        found.append(torch.cat([step[0].inputs["pixels"] for step in steps.epoch(3)]))
    assert torch.equal(*found)


class _Collate:
    def __init__(self, preprocess: Plain) -> None:
        self.preprocess = preprocess

    def __call__(self, rows):
        return collate_face(rows, self.preprocess)


def test_labels_only_decodes_nothing(corpus, tmp_path):
    rows = rows_of(corpus)
    for path in corpus.rows["path"]:
        (tmp_path / path).unlink()
    bare = rows.labels_only()
    assert len(bare) == 4
    assert bare[1]["image"].numel() == 0
    assert bare[1]["id"] == "i1"
    assert np.allclose(bare[1]["label"], corpus.targets("train")[1])
    assert bare[1]["domains"] == {"subject": 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 0}, "frames and stride"),
        ({"stride": 0}, "frames and stride"),
        ({"training": True, "randaugment": 31}, "randaugment in 0"),
        ({"training": True, "mixup": -1.0}, "mixup of at least 0"),
        ({"margin": -0.5}, "margin above -0.5"),
        ({"mixup": 0.2}, "in training only"),
        ({"randaugment": 9}, "in training only"),
    ],
)
def test_settings_out_of_range_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        FaceSettings(**options)


def test_rows_that_cannot_serve_are_refused(corpus):
    with pytest.raises(ValueError, match="resize_px of at least size_px, got 8 and 12"):
        rows_of(corpus, preprocess=Plain(12, 8))
    with pytest.raises(ValueError, match="there is no split"):
        rows_of(corpus, "dev")
