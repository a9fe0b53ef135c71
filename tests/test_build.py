"""From configuration to objects: what is refused, and what each value turns into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectrep import build
from affectrep.config import load_config
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
