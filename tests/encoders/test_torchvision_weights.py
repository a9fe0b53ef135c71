from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from affectrep.encoders.torchvision_weights import build_backbone, load_backbone, split_name

models = pytest.importorskip("torchvision.models")


def test_names() -> None:
    assert split_name("torchvision:vit_b_16:/a/b:c.pth") == ("vit_b_16", Path("/a/b:c.pth"))
    with pytest.raises(ValueError, match="torchvision has no resnet51; it has resnet"):
        build_backbone("resnet51", size_px=32)
    with pytest.raises(ValueError, match="squeezenet1_0 ends in no linear layer"):
        build_backbone("squeezenet1_0", size_px=32)


@pytest.mark.parametrize(
    ("name", "dim"), [("shufflenet_v2_x0_5", 1024), ("mnasnet0_5", 1280), ("googlenet", 1024)]
)
def test_the_classifier_lets_its_input_through(name: str, dim: int) -> None:
    network = build_backbone(name, size_px=64).eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, dim)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(("name", "size_px"), [("shufflenet_v2_x0_5", 64), ("googlenet", 64)])
def test_published_files_fit(name: str, size_px: int, suffix: str, tmp_path: Path) -> None:
    options = {"init_weights": False} if name == "googlenet" else {}
    state = models.get_model(name, weights=None, **options).state_dict()  # with its classifiers
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    network = build_backbone(name, size_px=size_px)
    load_backbone(network, name, path)
    loaded = network.state_dict()
    assert loaded
    assert all(value.equal(state[key]) for key, value in loaded.items())


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    network = build_backbone("shufflenet_v2_x0_5", size_px=32)
    path = tmp_path / "weights.pth"
    torch.save({"layer.weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="does not hold the weights of shufflenet_v2_x0_5"):
        load_backbone(network, "shufflenet_v2_x0_5", path)
    for content in (b"torn", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read as PyTorch weights"):
            load_backbone(network, "shufflenet_v2_x0_5", path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match="cannot be read as PyTorch weights"):
        load_backbone(network, "shufflenet_v2_x0_5", path)
