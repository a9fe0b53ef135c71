from __future__ import annotations

import json
import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from affectrep.encoders import encoder_class
from affectrep.encoders.crnn import CrnnEncoder
from affectrep.encoders.image_encoder import ImageEncoder
from affectrep.encoders.image_preprocess import ImagePreprocess
from affectrep.model import AffectModel
from tests.encoders.tiny_vision import faces

KINDS: dict[str, dict[str, Any]] = {
    "resnet18": {"width": 8, "stem": "small", "preprocess": {"size_px": 16, "resize_px": 20}},
    "alexnet_tuned": {"preprocess": {"size_px": 64, "margin": 0.2}},
    "video_resnet": {"kind": "r3d_18", "preprocess": {"size_px": 16, "frames": 3}},
}


def build(name: str, **changes: Any) -> ImageEncoder:
    if name == "video_resnet":
        pytest.importorskip("torchvision")
    torch.manual_seed(0)
    encoder = encoder_class(name)(**{**KINDS[name], **changes})
    assert isinstance(encoder, ImageEncoder)
    return encoder


def inputs(encoder: ImageEncoder, count: int = 2) -> dict[str, torch.Tensor]:
    preprocess = encoder.preprocess
    return preprocess(faces(count, preprocess.resize_px, frames=preprocess.frames))


def step(encoder: ImageEncoder) -> None:
    """Move weights and running statistics."""
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.01)
    encoder.train()(inputs(encoder)).embeddings.square().mean().backward()
    optimizer.step()
    encoder.eval()


@pytest.mark.parametrize("name", KINDS)
def test_every_weight_has_a_gradient_and_eval_is_deterministic(name: str) -> None:
    encoder = build(name)
    output = encoder(inputs(encoder))
    assert output.embeddings.shape == (2, encoder.dim)
    output.embeddings.square().sum().backward()
    assert all(value.grad is not None for value in encoder.parameters())
    assert not encoder.is_fixed
    encoder.eval()
    batch = inputs(encoder, 3)
    together = encoder(batch).embeddings
    assert together.equal(encoder(batch).embeddings)
    alone = encoder({"pixels": batch["pixels"][1:2]}).embeddings[0]
    torch.testing.assert_close(alone, together[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_a_model_folder_gives_identical_outputs(name: str, tmp_path: Path) -> None:
    encoder = build(name)
    step(encoder)
    description = {"name": name, **KINDS[name]}
    heads = {"hidden": [8, 4], "activation": "relu", "dropout": 0.5}
    model = AffectModel(encoder=description, heads=heads, task="regression", built=encoder).eval()
    batch = inputs(encoder)
    expected = model(batch).predictions
    assert expected.shape == (2, 2)
    model.save_pretrained(tmp_path / "model")
    for inference in (False, True):
        again = AffectModel.from_pretrained(tmp_path / "model", inference=inference)
        assert again(batch).predictions.equal(expected)
        assert again.encoder.preprocess == encoder.preprocess
        assert again.encoder.is_fixed == inference
    again.save_pretrained(tmp_path / "alone")  # the folded model, once more
    assert AffectModel.from_pretrained(tmp_path / "alone")(batch).predictions.equal(expected)
    assert encoder.stored_reference() is None
    assert set(encoder.weights()) == set(encoder.state_dict())


def test_a_model_that_was_saved_before_heads_had_an_activation(tmp_path: Path) -> None:
    encoder = build("resnet18").eval()
    description = {"name": "resnet18", **KINDS["resnet18"]}
    model = AffectModel(
        encoder=description, heads={"hidden": 4}, task="regression", built=encoder
    ).eval()
    model.save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "affectrep.json"
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert saved["heads"].pop("activation") == "gelu"
    path.write_text(json.dumps(saved), encoding="utf-8")
    batch = inputs(encoder)
    again = AffectModel.from_pretrained(tmp_path / "model")
    assert again(batch).predictions.equal(model(batch).predictions)


def test_a_warm_start_takes_weights_over_whatever_the_size() -> None:
    first, second = build("resnet18"), build("resnet18", preprocess={"size_px": 24})
    step(first)
    second.eval().take_over(first)
    batch = inputs(first)
    assert second(batch).embeddings.equal(first(batch).embeddings)
    with pytest.raises(ValueError, match=r"use the same encoder\.name and settings \(the weights"):
        build("resnet18", width=16).take_over(first)
    with pytest.raises(ValueError, match="has other weights than this one's"):
        build("resnet18").take_over(CrnnEncoder())
    with pytest.raises(ValueError, match="normalises images otherwise"):
        build("resnet18", preprocess={"size_px": 16, "mean": [0, 0, 0]}).take_over(first)


def test_copies_and_preprocesses_travel() -> None:
    encoder = build("resnet18").eval()
    assert pickle.loads(pickle.dumps(encoder.preprocess)) == encoder.preprocess
    batch = inputs(encoder)
    before, copy = encoder(batch).embeddings, deepcopy(encoder)
    step(copy)
    assert not copy(batch).embeddings.allclose(before)
    assert encoder(batch).embeddings.equal(before)


def test_a_folder_that_is_not_complete(tmp_path: Path) -> None:
    encoder = build("resnet18")
    with pytest.raises(ValueError, match="preprocess.json is missing"):
        type(encoder).restore(tmp_path, encoder.weights(), settings={})
    encoder.save(tmp_path)
    assert ImagePreprocess.load(tmp_path) == encoder.preprocess
    weights = encoder.weights()
    weights.pop("conv1.weight")
    with pytest.raises(ValueError, match=r"lack conv1\.weight"):
        type(encoder).restore(tmp_path, weights, settings=KINDS["resnet18"])
