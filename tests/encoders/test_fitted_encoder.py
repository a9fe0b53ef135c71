"""What all encoders without a checkpoint owe: statistics, save, restore, take over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from affectrep.encoders.crnn import CrnnEncoder
from affectrep.encoders.fitted_encoder import FittedEncoder
from affectrep.encoders.vector_encoder import EgemapsEncoder, FunctionalsEncoder
from affectrep.encoders.weights import read_weights

SETTINGS: dict[str, tuple[type[FittedEncoder], dict[str, Any]]] = {
    "functionals": (
        FunctionalsEncoder,
        {"preprocess": {"groups": ["pitch", "timing"]}, "layers": 1, "width": 8, "clip": 4.0},
    ),
    "plain": (FunctionalsEncoder, {"layers": 0}),
    "egemaps": (
        EgemapsEncoder,
        {"preprocess": {"loudness": False}, "layers": 2, "width": 8, "layer_norm": True},
    ),
    "crnn": (
        CrnnEncoder,
        {"preprocess": {"bins": 20}, "channels": [8, 8, 8, 8], "recurrent": 4},
    ),
    "crnn_group": (
        CrnnEncoder,
        {"channels": [8, 16, 8, 8], "recurrent": 4, "norm": "group", "spec_augment": False},
    ),
}
Build = Callable[[], FittedEncoder]


def inputs_of(encoder: FittedEncoder) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    width = encoder.preprocess.dim
    if encoder.preprocess.is_vector:
        features = torch.randn(6, width, generator=generator)
        return {"features": features * 5 + 3, "lengths": torch.ones(6, dtype=torch.long)}
    lengths = torch.tensor([23, 9, 17])
    features = torch.randn(3, 23, width, generator=generator) * 5 - 20
    inside = torch.arange(23) < lengths[:, None]
    return {"features": features * inside[..., None], "lengths": lengths}


@pytest.fixture(params=SETTINGS)
def build(request: pytest.FixtureRequest) -> Build:
    def fitted() -> FittedEncoder:
        kind, settings = SETTINGS[request.param]
        torch.manual_seed(0)
        encoder = kind(**settings)
        encoder.fit(inputs_of(encoder)["features"].flatten(0, -2))
        return encoder.eval()

    fitted.name = request.param  # type: ignore[attr-defined]
    return fitted


def restored(
    encoder: FittedEncoder, folder: Path, name: str, *, inference: bool = False
) -> FittedEncoder:
    from safetensors.torch import save_file

    encoder.save(folder)
    save_file(encoder.weights(), folder / "weights.safetensors")
    # through JSON, with a key of another encoder, as the model's description has them
    settings = json.loads(json.dumps({**SETTINGS[name][1], "tuning": "full"}))
    return (
        type(encoder)
        .restore(
            folder,
            read_weights(folder / "weights.safetensors"),
            settings=settings,
            reference=encoder.stored_reference(),
            inference=inference,
        )
        .eval()
    )


@pytest.mark.parametrize("inference", [False, True])
def test_saved_and_restored_is_equal(build: Build, tmp_path: Path, inference: bool) -> None:
    encoder = build()
    copy = restored(encoder, tmp_path, build.name, inference=inference)  # type: ignore[attr-defined]
    inputs = inputs_of(encoder)
    assert copy(inputs).embeddings.equal(encoder(inputs).embeddings)
    assert copy.preprocess == encoder.preprocess
    assert copy.standardise.mean.equal(encoder.standardise.mean)
    assert copy.standardise.mean.abs().sum() > 0
    assert not (inference and any(p.requires_grad for p in copy.parameters()))


def test_embeddings_have_the_promised_width(build: Build) -> None:
    encoder = build()
    inputs = inputs_of(encoder)
    output = encoder(inputs)
    assert output.embeddings.shape == (len(inputs["lengths"]), encoder.dim)
    assert output.embeddings.isfinite().all()
    assert (output.features is None) == encoder.preprocess.is_vector


def test_every_weight_gets_a_gradient(build: Build) -> None:
    encoder = build().train()
    inputs = inputs_of(encoder)
    for parameter in encoder.parameters():  # the last layer of the pooling starts at zero
        torch.nn.init.normal_(parameter, std=0.2)
    points = encoder(inputs).embeddings
    assert points.requires_grad != encoder.is_fixed
    if points.requires_grad:
        points.square().sum().backward()
    missing = [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []
    assert encoder.is_fixed == (not list(encoder.parameters()))


def test_half_precision_is_near_full(build: Build) -> None:
    encoder = build()
    inputs = inputs_of(encoder)
    expected = encoder(inputs).embeddings
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = encoder(inputs).embeddings
    assert (found.float() - expected).norm() < 0.05 * expected.norm()


def test_rows_do_not_know_one_another(build: Build) -> None:
    encoder = build()
    inputs = inputs_of(encoder)
    together = encoder(inputs).embeddings
    for row, length in enumerate(inputs["lengths"].tolist()):
        features = inputs["features"][row : row + 1]
        alone = features if encoder.preprocess.is_vector else features[:, :length]
        found = encoder({"features": alone, "lengths": torch.tensor([length])}).embeddings
        torch.testing.assert_close(found[0], together[row], atol=1e-5, rtol=1e-5)


def test_takes_over_an_equal_one_only(build: Build) -> None:
    other, encoder = build(), build()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter)
    encoder.standardise.mean.zero_()
    encoder.take_over(other.requires_grad_(False))
    inputs = inputs_of(encoder)
    assert encoder(inputs).embeddings.equal(other(inputs).embeddings)
    with pytest.raises(ValueError, match="computes other features"):
        encoder.take_over(FunctionalsEncoder(preprocess={"groups": ["voice"]}))


def test_incomplete_folders_and_weights_are_named(build: Build, tmp_path: Path) -> None:
    encoder = build()
    settings = SETTINGS[build.name][1]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"preprocess\.json is missing"):
        type(encoder).restore(tmp_path, encoder.weights(), settings=settings)
    encoder.save(tmp_path)
    less = {k: v for k, v in encoder.weights().items() if k != "standardise.sd"}
    with pytest.raises(ValueError, match=r"lack standardise\.sd"):
        type(encoder).restore(tmp_path, less, settings=settings)


def test_statistics_are_buffers(build: Build) -> None:
    encoder = build()
    assert {"standardise.mean", "standardise.sd"} <= set(encoder.weights())
    assert not {n for n, _ in encoder.named_parameters() if n.startswith("standardise")}


def test_unknown_settings_of_the_preprocess_are_named(build: Build) -> None:
    kind, settings = SETTINGS[build.name]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"unknown key encoder\.preprocess\.octaves"):
        kind(**{**settings, "preprocess": {"octaves": 3}})
