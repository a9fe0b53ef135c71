from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from affectrep.encoders.vision import VisionEncoder
from affectrep.model import AffectModel
from tests.encoders.tiny_vision import KINDS, faces, stir, tiny_vision

pytest.importorskip("torchvision")  # image processors need it

LORA = {"rank": 2, "alpha": 4.0}
WIDTHS = {"convnext": 24, "resnet": 16}


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_vision(tmp_path_factory.mktemp("vit"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_an_embedding(kind: str, tmp_path: Path) -> None:
    encoder = VisionEncoder(tiny_vision(tmp_path, kind)).eval()
    assert encoder.dim == WIDTHS.get(kind, 16)
    output = encoder(encoder.preprocess(faces()))
    assert output.embeddings.shape == (3, encoder.dim)
    assert output.features is not None
    assert output.features.shape[0] == 3
    again = encoder(encoder.preprocess(faces()[1:2])).embeddings[0]
    torch.testing.assert_close(again, output.embeddings[1], atol=1e-5, rtol=1e-4)
    assert (output.embeddings[0] - output.embeddings[1]).abs().max() > 1e-3


def test_it_agrees_with_transformers(vit: str) -> None:
    from transformers import AutoImageProcessor, AutoModel

    encoder = VisionEncoder(vit, pooling="cls").eval()
    processor = AutoImageProcessor.from_pretrained(vit)
    images = faces()
    pixels = processor([image.numpy() for image in images], return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(encoder.preprocess(images)["pixels"], pixels, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        expected = AutoModel.from_pretrained(vit).eval()(pixel_values=pixels).last_hidden_state
    found = encoder(encoder.preprocess(images))
    torch.testing.assert_close(found.features, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.embeddings, expected[:, 0], atol=1e-4, rtol=1e-4)
    mean = VisionEncoder(vit).eval()(encoder.preprocess(images)).embeddings
    torch.testing.assert_close(mean, expected.mean(dim=1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
def test_training_changes_the_promised_weights_alone(vit: str, tuning: str) -> None:
    encoder = VisionEncoder(vit, tuning=tuning, lora=LORA).train()
    before = deepcopy(encoder.state_dict())
    trained = {name for name, value in encoder.named_parameters() if value.requires_grad}
    assert encoder.is_fixed == (tuning == "frozen")
    if tuning != "frozen":
        weights = [value for value in encoder.parameters() if value.requires_grad]
        optimizer = torch.optim.SGD(weights, lr=0.1)
        inputs, direction = encoder.preprocess(faces()), torch.randn(16)
        for _ in range(3):  # LoRA's A has no gradient before B has moved
            optimizer.zero_grad()
            (encoder(inputs).embeddings @ direction).square().sum().backward()
            optimizer.step()
    changed = {key for key, value in encoder.state_dict().items() if not value.equal(before[key])}
    assert changed <= trained
    if tuning == "lora":
        assert all(".lora_" in name for name in trained)
        assert len(trained) == 2 * 4 * 2  # layers, targets, A and B
        assert changed == trained
    if tuning == "full":
        assert trained == set(dict(encoder.named_parameters()))


@pytest.mark.parametrize("kind", ["vit", "dinov2", "clip_vision_model", "swin", "convnext"])
@pytest.mark.parametrize("target", ["q", "out", "ff_in", "ff_out"])
def test_every_target_of_lora_has_effect_and_gradient(
    kind: str, target: str, tmp_path: Path
) -> None:
    folder = tiny_vision(tmp_path, kind)
    options: Any = {"tuning": "lora", "lora": {**LORA, "targets": [target]}}
    if kind == "convnext" and target in ("q", "out"):
        with pytest.raises(ValueError, match="name no layer of this encoder; it has pwconv1"):
            VisionEncoder(folder, **options)
        return
    encoder = VisionEncoder(folder, **options).eval()
    inputs = encoder.preprocess(faces())
    plain = encoder(inputs).embeddings
    stir(encoder)
    moved = encoder(inputs).embeddings
    assert (moved - plain).abs().max() > 0
    moved.square().sum().backward()
    grads = [value.grad for value in encoder.parameters() if value.requires_grad]
    assert all(grad is not None and grad.abs().max() > 0 for grad in grads)


@pytest.mark.parametrize("kind", ["vit", "swin", "convnext"])
@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
def test_a_model_folder_and_its_self_contained_copy(kind: str, tuning: str, tmp_path: Path) -> None:
    folder = tiny_vision(tmp_path / "checkpoint", kind)
    targets = ["ff_in", "ff_out"] if kind == "convnext" else ["q", "v"]
    description: Any = {"name": "vision", "checkpoint": folder, "tuning": tuning}
    description |= {"lora": {**LORA, "targets": targets}, "preprocess": {"resize_px": 36}}
    model = AffectModel(encoder=description, task="regression").eval()
    encoder = model.encoder
    stir(encoder)
    inputs = encoder.preprocess(faces(side=36))
    expected = model(inputs).predictions
    model.save_pretrained(tmp_path / "model")
    stored, reference = encoder.weights(), encoder.stored_reference()
    if tuning == "full":
        assert reference is None
        assert set(stored) == set(encoder.state_dict())
    else:
        assert reference is not None
        assert reference["checkpoint"] == str(Path(folder).resolve())
        assert set(stored) == {n for n, v in encoder.named_parameters() if v.requires_grad}
    again = AffectModel.from_pretrained(tmp_path / "model")
    assert again(inputs).predictions.equal(expected)
    assert again.encoder.preprocess == encoder.preprocess
    assert again.encoder.preprocess.resize_px == 36
    merged = AffectModel.from_pretrained(tmp_path / "model", inference=True)
    torch.testing.assert_close(merged(inputs).predictions, expected, atol=1e-5, rtol=1e-5)
    assert not any(".lora_" in key for key in merged.state_dict())
    assert merged.encoder.is_fixed
    merged.save_pretrained(tmp_path / "alone")
    (Path(folder) / "config.json").unlink()
    for inference in (False, True):
        alone = AffectModel.from_pretrained(tmp_path / "alone", inference=inference)
        torch.testing.assert_close(alone(inputs).predictions, expected, atol=1e-5, rtol=1e-5)
    if tuning != "full":
        with pytest.raises(ValueError, match=r"has no config\.json"):
            AffectModel.from_pretrained(tmp_path / "model")


def test_another_model_starts_from_a_merged_one(vit: str, tmp_path: Path) -> None:
    settings: Any = {"tuning": "lora", "lora": LORA}
    first = VisionEncoder(vit, **settings).eval()
    stir(first)
    first.save(tmp_path)
    merged = VisionEncoder.restore(
        tmp_path,
        first.weights(),
        settings=settings,
        reference=first.stored_reference(),
        inference=True,
    )
    second = VisionEncoder(vit, **settings).eval()
    second.take_over(merged)
    inputs = first.preprocess(faces())
    torch.testing.assert_close(
        second(inputs).embeddings, first(inputs).embeddings, atol=1e-5, rtol=1e-5
    )
    assert second.stored_reference() is None  # its base is no longer the checkpoint's


def test_other_sizes_than_the_checkpoints(vit: str, tmp_path: Path) -> None:
    for folder in (vit, tiny_vision(tmp_path, "dinov2")):
        encoder = VisionEncoder(folder, preprocess={"size_px": 48}).eval()
        output = encoder(encoder.preprocess(faces(side=48)))
        assert output.features is not None
        assert output.features.shape == (3, 1 + 36, 16)


def test_a_frozen_backbone_stays_in_eval(vit: str) -> None:
    frozen = VisionEncoder(vit, tuning="frozen").train()
    assert frozen.training
    assert not frozen.backbone.training


@pytest.mark.parametrize(("name", "dim"), [("resnet18", 512), ("mobilenet_v3_small", 1024)])
def test_torchvision_backbones(name: str, dim: int, tmp_path: Path) -> None:
    description: Any = {"name": "vision", "checkpoint": f"torchvision:{name}"}
    description |= {"preprocess": {"size_px": 32}}
    torch.manual_seed(0)
    model = AffectModel(encoder=description, task="regression").eval()
    assert model.encoder.dim == dim
    inputs = model.encoder.preprocess(faces())
    expected = model(inputs).predictions
    model.save_pretrained(tmp_path / "model")
    for inference in (False, True):
        again = AffectModel.from_pretrained(tmp_path / "model", inference=inference)
        assert again(inputs).predictions.equal(expected)


def test_a_vision_transformer_of_torchvision_is_built_for_the_size() -> None:
    encoder = VisionEncoder("torchvision:vit_b_16", preprocess={"size_px": 32}).eval()
    assert encoder(encoder.preprocess(faces(1))).embeddings.shape == (1, encoder.dim) == (1, 768)


def test_frozen_torchvision_weights_stay_in_their_file(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.manual_seed(0)
    network = resnet18(num_classes=7).eval()
    path = tmp_path / "faces.pth"
    torch.save(network.state_dict(), path)
    settings: Any = {"tuning": "frozen", "preprocess": {"size_px": 32}}
    encoder = VisionEncoder(f"torchvision:resnet18:{path}", **settings).eval()
    network.fc = torch.nn.Identity()
    inputs = encoder.preprocess(faces())
    expected = encoder(inputs).embeddings
    torch.testing.assert_close(expected, network(inputs["pixels"]))
    assert encoder.weights() == {}
    encoder.save(tmp_path)
    reference = encoder.stored_reference()
    assert reference is not None
    for inference in (False, True):
        again = VisionEncoder.restore(
            tmp_path, {}, settings=settings, reference=reference, inference=inference
        )
        assert again.eval()(inputs).embeddings.equal(expected)
    torch.save(resnet18(num_classes=7).state_dict(), path)
    with pytest.raises(ValueError, match="other weights are there now"):
        VisionEncoder.restore(tmp_path, {}, settings=settings, reference=reference)
    path.unlink()
    with pytest.raises(ValueError, match=r"faces\.pth of torchvision:resnet18 does not exist"):
        VisionEncoder.restore(tmp_path, {}, settings=settings, reference=reference)


def test_running_statistics_that_moved_are_stored(tmp_path: Path) -> None:
    encoder = VisionEncoder(tiny_vision(tmp_path, "resnet"), tuning="frozen")
    assert encoder.stored_reference() is not None
    encoder.backbone.train()(pixel_values=torch.randn(4, 3, 32, 32))
    assert encoder.stored_reference() is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "max"}, r"encoder\.pooling is 'max', expected one of mean, cls"),
        ({"tuning": "half"}, r"tuning is 'half', expected one of full, frozen, lora"),
        ({"lora": {"targets": ["query"]}}, r"targets \['query'\]: expected some of q, k, v"),
        ({"lora": {"ranks": 2}}, r"unknown key encoder\.lora\.ranks"),
        ({"preprocess": {"frames": 4}}, "vision reads single images"),
    ],
)
def test_settings_are_checked(vit: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VisionEncoder(vit, **settings)


def test_what_does_not_fit_together_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this backbone has no such token"):
        VisionEncoder(tiny_vision(tmp_path, "swin"), pooling="cls")
    with pytest.raises(ValueError, match="lora needs a checkpoint of Hugging Face"):
        VisionEncoder("torchvision:resnet18", tuning="lora")
    with pytest.raises(ValueError, match="cannot be built for images of 30 px: .*patch size"):
        VisionEncoder("torchvision:vit_b_16", preprocess={"size_px": 30})
