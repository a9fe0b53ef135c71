"""From configuration to objects: what is refused, and what each value turns into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectrep import build
from affectrep.config import load_config
from affectrep.data.label_noise import flipped_rows
from affectrep.evaluation.families import Families
from affectrep.objectives import OBJECTIVES, Targets
from tests.tiny import tiny_config


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tiny_config(tmp_path_factory.mktemp("tiny"))


def manifest_of(file: Path, *overrides: str):
    return build.build_manifest(load_config(file, overrides))


def test_train_fraction_leaves_validation_and_test_whole(file):
    whole, part = manifest_of(file), manifest_of(file, "data.train_fraction=0.5")
    sizes = [{name: f["rows"] for name, f in m.fingerprint().items()} for m in (whole, part)]
    assert sizes[1] == {**sizes[0], "train": sizes[0]["train"] // 2}


def test_accepting_leaks_gives_the_reason_to_the_manifest(file):
    assert manifest_of(file, "data.accept_leaks=because").info.accept_leaks == "because"


TRAINING_TARGETS = "1a87a77ed779657aae96a4844ee240781d683354e123343bf047dd943555ec20"


def test_without_label_noise_the_fingerprint_is_what_it_was(file):
    values = load_config(file).data.model_dump()["label_noise"]
    assert values == {"share": 0.0, "kind": "uniform", "seed": 0, "families": None}
    assert manifest_of(file).fingerprint()["train"]["targets"] == TRAINING_TARGETS
    off = "data.label_noise={share: 0, kind: neighbours, families: nowhere.json, seed: 3}"
    assert manifest_of(file, off).fingerprint() == manifest_of(file).fingerprint()


def test_label_noise_is_of_the_training_rows_that_are_left(file):
    fraction, noise = "data.train_fraction=0.5", "data.label_noise.share=0.2"
    clean, noisy = manifest_of(file, fraction), manifest_of(file, fraction, noise)
    assert len(clean.split("train")) == 27
    assert len(flipped_rows(noisy)) == 5
    assert set(flipped_rows(noisy)["id"]) <= set(clean.split("train")["id"])
    before, after = clean.fingerprint(), noisy.fingerprint()
    assert before["train"]["targets"] != after["train"]["targets"]
    assert all(before[split] == after[split] for split in ("validation", "test"))
    other = manifest_of(file, fraction, noise, "data.label_noise.seed=1")
    assert set(flipped_rows(other)["id"]) != set(flipped_rows(noisy)["id"])


def test_label_noise_among_neighbours_reads_the_families(file, tmp_path):
    path = tmp_path / "families.json"
    Families([["anger", "fear"]], ["joy", "fear", "anger"]).save(path)
    noise = "data.label_noise={share: 0.3, kind: neighbours, families: %s}"
    flipped = flipped_rows(manifest_of(file, noise % path))
    assert len(flipped) == 16
    assert {*flipped["label"], *flipped["clean_label"]} == {"anger", "fear"}
    Families([["anger", "sad"]], ["joy", "sad", "anger"]).save(path)
    with pytest.raises(ValueError, match="made for other classes; they differ in fear, sad"):
        manifest_of(file, noise % path)
    with pytest.raises(FileNotFoundError, match="no such families file"):
        manifest_of(file, noise % (tmp_path / "none.json"))
    with pytest.raises(ValueError, match=r"label_noise.families is null: name a families file"):
        manifest_of(file, noise % "null")


def test_label_noise_on_several_labels_is_refused(file, tmp_path):
    table = tmp_path / "several.csv"
    rows = [f"i feel so {word} {i},{word}|x" for i, word in enumerate(["a", "b"] * 20)]
    table.write_text("text,labels\n" + "\n".join(rows) + "\n")
    noise = [f"data.root={table}", "task=multilabel", "data.label_noise.share=0.1"]
    with pytest.raises(ValueError, match=r"are for multilabel: set data.label_noise.share=0"):
        manifest_of(file, *noise)


@pytest.mark.parametrize("share", ["1", "-0.1", "much"])
def test_a_share_of_noise_outside_its_range_is_refused(file, share):
    with pytest.raises(ValueError, match=r"data\.label_noise\.share="):
        load_config(file, [f"data.label_noise.share={share}"])


@pytest.mark.parametrize(("weighting", "power"), [("none", None), ("balanced", 1.0), ("sqrt", 0.5)])
def test_class_weights(file, weighting, power):
    config = load_config(
        file,
        [
            "objective.name=cross_entropy",
            f"objective.class_weights={weighting}",
            "data.train_fraction=0.8",
        ],
    )
    manifest = build.build_manifest(config)
    weights = build.build_objective(config, manifest).task.class_weights
    if power is None:
        assert weights is None
        return
    counts = np.bincount(manifest.targets("train"), minlength=3)
    np.testing.assert_allclose(weights.numpy(), (counts.sum() / (3 * counts)) ** power, rtol=1e-6)


def test_an_objective_whose_labels_are_not_there_is_refused(file, tmp_path):
    table = tmp_path / "several.csv"
    rows = [f"i feel so {word} {i},{word}|x" for i, word in enumerate(["a", "b"] * 20)]
    table.write_text("text,labels\n" + "\n".join(rows) + "\n")
    overrides = [f"data.root={table}", "task=multilabel", "objective.name=supcon"]
    config = load_config(file, overrides)
    with pytest.raises(ValueError, match="supcon needs classes as labels, but task=multilabel"):
        build.build_objective(config, build.build_manifest(config))
    plain = load_config(file, overrides[:2])
    assert build.build_objective(plain, build.build_manifest(plain)).targets.labels == "multilabel"


def test_an_objective_whose_domain_is_not_there_is_refused(file, monkeypatch):
    class NeedsSpeakers:
        targets = Targets(domains=("speaker",))

    monkeypatch.setitem(OBJECTIVES, "cross_entropy", lambda **_: NeedsSpeakers())
    config = load_config(file)
    with pytest.raises(ValueError, match="needs the column speaker"):
        build.build_objective(config, build.build_manifest(config))


def test_supcon_values_reach_the_loss(file):
    config = load_config(file, ["objective.name=supcon", "objective.temperature=0.2"])
    objective = build.build_objective(config, build.build_manifest(config))
    assert objective.losses["supcon"].temperature == 0.2
    assert [other.weight for other in objective.others] == [0.5]


def test_loaders_hold_every_row_once(file):
    config = load_config(file, ["data.max_batch_tokens=64"])
    manifest = build.build_manifest(config)
    model = build.build_model(config, manifest)
    steps = build.build_training_loader(config, manifest, model.encoder.preprocess)
    seen = [row for micro in steps.epoch(0) for batch in micro for row in batch.ids]
    assert sorted(seen) == sorted(manifest.split("train")["id"])
    assert any(len(micro) > 1 for micro in steps.epoch(0))
    test = build.build_loader(config, manifest, "test", model.encoder.preprocess)
    assert sorted(row for batch in test for row in batch.ids) == sorted(
        manifest.split("test")["id"]
    )


def test_texts_have_no_seconds(file):
    config = load_config(file, ["data.max_batch_seconds=30"])
    manifest = build.build_manifest(config)
    preprocess = build.build_model(config, manifest).encoder.preprocess
    with pytest.raises(ValueError, match="max_batch_seconds=30, but the corpus holds no sound"):
        build.build_training_loader(config, manifest, preprocess)
