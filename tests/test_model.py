from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from affectrep.encoders.checkpoint import load_pretrained
from affectrep.encoders.text import TextEncoder
from affectrep.heads import HEAD_DEFAULTS, KernelClassifier
from affectrep.model import AffectModel, model_folder, shipped_models
from tests.encoders.test_bundled import needs_package
from tests.encoders.tiny import TEXTS, tiny_checkpoint

os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch.set_num_threads(1)
CLASSES = ["joy", "anger", "fear"]
HEADS = {"hidden": 6, "projection_dim": 4}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "bert"))


def spec(tiny: Path, **changes: Any) -> dict[str, Any]:
    return {"name": "text", "checkpoint": str(tiny), "max_tokens": 16, **changes}


def make(tiny: Path, *, referenced: bool = False, **changes: Any) -> AffectModel:
    """A model with drawn adapters; ``referenced`` treats its base as one of the hub."""
    built = None
    if referenced:
        found = load_pretrained(str(tiny), max_tokens=16)
        found.reference = {"checkpoint": str(tiny)}
        built = TextEncoder(found, **changes)
    encoder = spec(tiny, **changes)
    model = AffectModel(encoder=encoder, heads=HEADS, classes=CLASSES, built=built)
    for name, value in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value)
    return model.eval()


def outputs(model: AffectModel) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return model(model.encoder.preprocess(TEXTS)).tensors()


def test_forward_gives_what_is_asked_for(tiny: Path) -> None:
    model = make(tiny)
    found = outputs(model)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "embeddings": (3, 16),
        "predictions": (3, 3),
        "projections": (3, 4),
    }
    model.keep_features = True
    assert outputs(model)["features"].shape == (3, 12, 16)
    cached = model({"embeddings": found["embeddings"]})
    torch.testing.assert_close(cached.predictions, found["predictions"])
    assert set(model.players()) == {"encoder", "heads"}
    heads = sum(value.numel() for value in model.players()["heads"].parameters())
    encoder = sum(value.numel() for value in model.encoder.parameters())
    assert heads + encoder == sum(value.numel() for value in model.parameters())


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("referenced", [False, True])
@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_a_saved_model_says_the_same(
    tiny: Path, tmp_path: Path, tuning: str, pooling: str, referenced: bool, inference: bool
) -> None:
    model = make(tiny, tuning=tuning, pooling=pooling, referenced=referenced)
    folder = model.save_pretrained(tmp_path / "model")
    again = AffectModel.from_pretrained(folder, inference=inference)
    assert not again.training
    for name, value in outputs(model).items():
        torch.testing.assert_close(outputs(again)[name], value, atol=1e-5, rtol=1e-4)
    assert again.encoder.preprocess == model.encoder.preprocess
    assert (again.classes, again.task) == (CLASSES, "classification")
    trained = {name for name, value in again.named_parameters() if value.requires_grad}
    expected = {name for name, value in model.named_parameters() if value.requires_grad}
    assert trained == (set() if inference else expected)
    resaved = AffectModel.from_pretrained(again.save_pretrained(tmp_path / "again"))
    torch.testing.assert_close(
        outputs(resaved)["predictions"], outputs(model)["predictions"], atol=1e-5, rtol=1e-4
    )


def test_a_referenced_base_is_not_stored(tiny: Path, tmp_path: Path) -> None:
    sizes = {}
    for tuning in ("full", "lora", "frozen"):
        model = make(tiny, tuning=tuning, lora={"rank": 1}, referenced=True)
        folder = model.save_pretrained(tmp_path / tuning)
        sizes[tuning] = (folder / "model.safetensors").stat().st_size
        base = json.loads((folder / "affectrep.json").read_text())["base"]
        assert base == (None if tuning == "full" else {"checkpoint": str(tiny)})
    assert sizes["frozen"] < sizes["lora"] < sizes["full"]


def test_a_base_that_was_changed_is_stored(tiny: Path, tmp_path: Path) -> None:
    model = make(tiny, tuning="frozen", referenced=True)
    with torch.no_grad():
        model.encoder.backbone.embeddings.LayerNorm.weight.mul_(2)
    folder = model.save_pretrained(tmp_path / "model")
    assert json.loads((folder / "affectrep.json").read_text())["base"] is None
    again = AffectModel.from_pretrained(folder)
    assert outputs(again)["predictions"].equal(outputs(model)["predictions"])


def test_the_checkpoint_folder_is_not_needed_afterwards(tmp_path: Path) -> None:
    source = Path(tiny_checkpoint(tmp_path / "source"))
    folder = make(source, tuning="lora").save_pretrained(tmp_path / "model")
    source.rename(tmp_path / "elsewhere")
    assert len(outputs(AffectModel.from_pretrained(folder))["predictions"]) == 3


def test_an_architecture_without_a_fast_form(tmp_path: Path) -> None:
    source = Path(tiny_checkpoint(tmp_path / "source", model_type="roberta"))
    model = make(source, tuning="lora")
    again = AffectModel.from_pretrained(model.save_pretrained(tmp_path / "model"), inference=True)
    torch.testing.assert_close(
        outputs(again)["predictions"], outputs(model)["predictions"], atol=1e-5, rtol=1e-4
    )


def test_tasks(tiny: Path) -> None:
    scores = torch.tensor([[0.0, 1.0]])
    regression = AffectModel(encoder=spec(tiny), task="regression")
    assert regression.outputs == ["valence", "arousal"]
    assert regression.classifier.last.out_features == 2
    assert regression.probabilities(scores).equal(scores)
    several = AffectModel(encoder=spec(tiny), task="multilabel", classes=["a", "b"])
    assert several.probabilities(scores).equal(scores.sigmoid())
    one = AffectModel(encoder=spec(tiny), classes=["a", "b"])
    assert one.probabilities(scores).sum().item() == pytest.approx(1)


def test_a_model_with_a_kernel_head_is_stored_whole(tiny: Path, tmp_path: Path) -> None:
    model = AffectModel(encoder=spec(tiny, tuning="frozen"), classes=CLASSES)
    head = KernelClassifier(16, 3, vectors=7)
    for value in head.buffers():
        value.uniform_()
    model.take_kernel(head)
    again = AffectModel.from_pretrained(model.save_pretrained(tmp_path / "model"))
    assert again.settings["heads"] == {**HEAD_DEFAULTS, "kind": "kernel", "vectors": 7}
    points = torch.randn(4, 16)
    assert again.classifier(points).equal(head(points))


def test_a_folder_from_before_kernel_heads_still_loads(tiny: Path, tmp_path: Path) -> None:
    model = make(tiny)
    folder = model.save_pretrained(tmp_path / "model")
    saved = json.loads((folder / "affectrep.json").read_text())
    del saved["heads"]["kind"], saved["heads"]["vectors"]
    (folder / "affectrep.json").write_text(json.dumps(saved))
    again = AffectModel.from_pretrained(folder)
    torch.testing.assert_close(outputs(again), outputs(model))
    assert again.settings["heads"]["kind"] == "linear"


def test_settings_that_do_not_fit(tiny: Path) -> None:
    with pytest.raises(ValueError, match="task is 'ranking', expected one of"):
        AffectModel(encoder=spec(tiny), task="ranking", classes=["a"])
    with pytest.raises(ValueError, match="regression has no classes"):
        AffectModel(encoder=spec(tiny), task="classification")
    with pytest.raises(ValueError, match="different names"):
        AffectModel(encoder=spec(tiny), classes=["a", "a"])
    with pytest.raises(ValueError, match=r"unknown key heads\.width; there are hidden"):
        AffectModel(encoder=spec(tiny), classes=["a"], heads={"width": 3})


def test_meta_and_card_travel(tiny: Path, tmp_path: Path) -> None:
    meta = {"name": "toy", "corpus": "an invented one", "generated": True, "test": {"uar": 0.5}}
    model = AffectModel(encoder=spec(tiny), classes=CLASSES, meta=meta)
    folder = model.save_pretrained(tmp_path / "model")
    assert AffectModel.from_pretrained(folder).meta == meta
    card = (folder / "README.md").read_text()
    assert card.startswith("# toy\n")
    assert "- **corpus**: an invented one" in card
    assert '{"uar": 0.5}' in card


def test_saving_is_all_or_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(tiny)
    folder = model.save_pretrained(tmp_path / "run" / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model.encoder, "save", full)
    with pytest.raises(OSError, match="No space left on device. An earlier one is untouched"):
        model.save_pretrained(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_saving_replaces_a_model_but_nothing_else(tiny: Path, tmp_path: Path) -> None:
    first, second = make(tiny), make(tiny)
    first.save_pretrained(tmp_path / "model")
    second.save_pretrained(tmp_path / "model")
    found = AffectModel.from_pretrained(tmp_path / "model")
    assert outputs(found)["predictions"].equal(outputs(second)["predictions"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("words")
    with pytest.raises(ValueError, match="holds other files than a model"):
        first.save_pretrained(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_a_saved_model_may_be_read_as_the_umask_says(tiny: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        folder = make(tiny).save_pretrained(tmp_path / "model")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()}
    assert modes == dict.fromkeys(("affectrep.json", "model.safetensors", "README.md"), 0o640)


def test_a_link_to_a_model_folder_stays_one(tiny: Path, tmp_path: Path) -> None:
    for name in ("real", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "real" / "model").mkdir()
    link = tmp_path / "run" / "model"
    link.symlink_to(tmp_path / "real" / "model")
    for _ in range(3):
        make(tiny).save_pretrained(link)
        assert link.is_symlink()
        assert len(AffectModel.from_pretrained(tmp_path / "run").outputs) == 3
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["model"]
        assert [path.name for path in (tmp_path / "real").iterdir()] == ["model"]


def test_a_folder_whose_link_was_moved_aside_is_saved_again(tiny: Path, tmp_path: Path) -> None:
    folder = make(tiny).save_pretrained(tmp_path / "run" / "model")
    (tmp_path / "real").mkdir()
    folder.with_name(".model.previous").symlink_to(tmp_path / "real")
    make(tiny).save_pretrained(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("damaged", [b"[1]", b"{cut", b"\xff", b""])
def test_a_damaged_configuration_of_the_encoder_is_named(
    tiny: Path, tmp_path: Path, damaged: bytes
) -> None:
    folder = make(tiny).save_pretrained(tmp_path / "model")
    (folder / "encoder" / "config.json").write_bytes(damaged)
    for inference in (True, False):
        with pytest.raises(ValueError, match=r"encoder/config\.json is not"):
            AffectModel.from_pretrained(folder, inference=inference)


def test_killed_between_the_two_renames(tiny: Path, tmp_path: Path) -> None:
    folder = make(tiny).save_pretrained(tmp_path / "run" / "model")
    folder.rename(folder.with_name(".model.previous"))
    assert len(AffectModel.from_pretrained(folder).outputs) == 3
    assert len(AffectModel.from_pretrained(tmp_path / "run").outputs) == 3
    make(tiny).save_pretrained(folder)
    assert model_folder(tmp_path / "run") == folder


def test_damaged_folders_are_named(tiny: Path, tmp_path: Path) -> None:
    folder = make(tiny).save_pretrained(tmp_path / "model")
    described = json.loads((folder / "affectrep.json").read_text())
    (folder / "affectrep.json").write_text(json.dumps({**described, "format": 99}))
    with pytest.raises(ValueError, match="install a newer affectrep"):
        AffectModel.from_pretrained(folder)
    described.pop("heads")
    (folder / "affectrep.json").write_text(json.dumps(described))
    with pytest.raises(ValueError, match="lacks the key heads"):
        AffectModel.from_pretrained(folder)
    (folder / "affectrep.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        AffectModel.from_pretrained(folder)
    folder = make(tiny).save_pretrained(tmp_path / "other")
    (folder / "encoder" / "config.json").unlink()
    with pytest.raises(ValueError, match=r"config\.json is missing"):
        AffectModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"model\.safetensors is missing"):
        AffectModel.from_pretrained(folder)


def test_models_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected affectrep\.json, model\.safetensors"):
        AffectModel.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="there is no model runs/x"):
        AffectModel.from_pretrained("runs/x")
    with pytest.raises(ValueError, match=r"local folder \./nobody/affect with affectrep\.json"):
        AffectModel.from_pretrained("nobody/affect")


def test_shipped_models_and_folders_of_the_same_name(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tiny).save_pretrained(tmp_path / "shipped" / "toy")
    monkeypatch.setattr("affectrep.model.SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    assert shipped_models() == ["toy"]
    assert model_folder("toy") == tmp_path / "shipped" / "toy"
    make(tiny).save_pretrained(tmp_path / "toy")
    assert model_folder("toy") == Path("toy")
    with pytest.raises(ValueError, match=r"a shipped model \(toy\)"):
        model_folder("toys")


@pytest.mark.parametrize("source", ["full", "lora"])
@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
def test_warm_start_with_other_classes(
    tiny: Path, tmp_path: Path, source: str, tuning: str
) -> None:
    earlier = make(tiny, tuning=source)
    with torch.no_grad():
        earlier.encoder.backbone.embeddings.LayerNorm.weight.mul_(2)
    folder = earlier.save_pretrained(tmp_path / "runs" / "a" / "model")
    model = make(tiny, tuning=tuning, referenced=True)
    fresh = AffectModel(
        encoder=spec(tiny, tuning=tuning),
        heads=HEADS,
        classes=["awe", "joy", "fear", "calm"],
        built=model.encoder,
    ).eval()
    for name, value in fresh.named_parameters():
        if "lora_B" in name:
            torch.nn.init.zeros_(value)
    notes = fresh.warm_start(folder.parent)
    assert notes[1:] == ["2 of 4 outputs keep weights", "the projection head keeps its weights"]
    ours, theirs = outputs(fresh), outputs(earlier)
    for name in ("embeddings", "projections"):
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        ours["predictions"][:, [1, 2]], theirs["predictions"][:, [0, 2]], atol=1e-5, rtol=1e-4
    )
    again = AffectModel.from_pretrained(fresh.save_pretrained(tmp_path / "b"))
    torch.testing.assert_close(outputs(again)["predictions"], ours["predictions"])


def test_warm_start_from_another_encoder(tiny: Path, tmp_path: Path) -> None:
    other = Path(tiny_checkpoint(tmp_path / "wide", hidden_size=32))
    folder = make(other).save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match=r"use the same encoder\.checkpoint"):
        make(tiny).warm_start(folder)


@pytest.mark.processes
def test_import_is_light() -> None:
    code = (
        "import sys, affectrep; assert 'torch' not in sys.modules; affectrep.AffectModel; "
        "assert 'torch' in sys.modules; assert 'peft' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        import affectrep

        _ = affectrep.Nothing


def test_push_to_hub_uploads_the_whole_folder(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    class Place:
        repo_id = "me/toy"

    class Hub:
        def __init__(self, **_: object) -> None:
            pass

        def create_repo(self, name: str, **options: object) -> Place:
            seen.update(name=name, **options)
            return Place()

        def upload_folder(self, *, repo_id: str, folder_path: Path) -> str:
            seen["files"] = sorted(path.name for path in folder_path.iterdir())
            return f"https://example.org/{repo_id}"

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    assert make(tiny).push_to_hub("me/toy") == "https://example.org/me/toy"
    assert seen["private"] is True
    assert seen["files"] == ["README.md", "affectrep.json", "encoder", "model.safetensors"]


@needs_package
def test_a_lora_model_on_minilm_is_small_and_checks_its_base(tmp_path: Path) -> None:
    encoder = {"checkpoint": "bundled:minilm", "tuning": "lora", "lora": {"rank": 4}}
    model = AffectModel(encoder=encoder, classes=CLASSES).eval()
    folder = model.save_pretrained(tmp_path / "model")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 2_000_000
    described = json.loads((folder / "affectrep.json").read_text())
    assert described["base"]["checkpoint"] == "bundled:minilm"
    described["base"]["sha256"] = "0" * 64
    (folder / "affectrep.json").write_text(json.dumps(described))
    with pytest.raises(ValueError, match="SHA-256 000000000000"):
        AffectModel.from_pretrained(folder, inference=True)
