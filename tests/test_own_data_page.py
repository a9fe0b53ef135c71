"""The page on own data: what it says to change makes a run of one's own, beside the studies'."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from affectrep.cli import app
from affectrep.config import load_config

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
PARTS = re.findall(r"Copy `(configs/\S+\.yaml)`.*?```yaml\n(.*?)```", PAGE, re.DOTALL)


def changed(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for key, value in new.items():
        inner = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = changed(merged[key], value) if inner else value
    return merged


def test_there_is_a_part_for_each_modality() -> None:
    assert [base.split("/")[1] for base, _ in PARTS] == ["fec_text", "fer_av", "ser_crosslingual"]


@pytest.mark.parametrize(("base", "words"), PARTS, ids=[base for base, _ in PARTS])
def test_the_changes_load_and_are_a_run_of_ones_own(base: str, words: str, tmp_path: Path) -> None:
    known = yaml.safe_load((ROOT / base).read_text(encoding="utf-8"))
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(changed(known, yaml.safe_load(words))), encoding="utf-8")
    config = load_config(mine, [])
    assert (config.name, config.recipe) == ("mine", None)
    assert config.data.root is not None
    assert config.data.root.startswith("path/to/")


FACES = PAGE.split("## Faces of your own")[1].split("\n## ")[0]
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```bash\n(.*?)```", FACES, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if not line.startswith("#")
]
SMALL = ("data.batch_size=4", "data.face.detector=none", "training.threads=1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of faces, the configuration that the page makes of it, and a tiny ViT's folder."""
    for name in ("PIL", "cv2", "torchvision"):
        pytest.importorskip(name)
    from tests.encoders.tiny_vision import tiny_vision
    from tests.tiny_faces import face_csv

    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    base, words = next(part for part in PARTS if "fer_av" in part[0])
    known = yaml.safe_load((ROOT / base).read_text(encoding="utf-8"))
    table = face_csv(tmp_path)
    mine = changed(known, yaml.safe_load(words.replace("path/to/faces.csv", str(table))))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").write_text(yaml.safe_dump(mine), encoding="utf-8")
    tiny_vision(tmp_path / "weights" / "vit")
    return tmp_path


def test_commands_about_faces_are_those_of_the_page() -> None:
    parts = (("torchvision:", "--dry-run"), ("tuning: lora", "--dry-run"), ("expression_weight",))
    assert len(COMMANDS) == len(parts)
    for command, named in zip(COMMANDS, parts, strict=True):
        assert all(word in " ".join(command) for word in named)


@pytest.mark.parametrize("command", COMMANDS, ids=["torchvision", "lora", "expressions"])
def test_a_command_about_faces_fits_weights_and_table(command: list[str], folder: Path) -> None:
    if "torchvision:" in " ".join(command):
        from torchvision.models import resnet18

        torch.save(resnet18().state_dict(), folder / "weights" / "resnet18.pth")
        command = [*command, "encoder.preprocess={size_px: 64, resize_px: 72}"]  # seconds
    dry = [word for word in command if word != "--dry-run"] + [*SMALL, "--dry-run"]
    shown = CliRunner().invoke(app, dry)
    assert shown.exit_code == 0, shown.output
    assert "The configuration and the data are in order." in shown.output
    assert not (folder / "runs").exists()


def test_a_pretrained_network_can_play_against_the_critic(folder: Path) -> None:
    command = next(words for words in COMMANDS if "tuning: lora" in " ".join(words))
    words = [word for word in command if word != "--dry-run"]
    caf = ["objective={name: caf}", "optimizer.adversary_lr=0.0005", "training.epochs=1"]
    shown = CliRunner().invoke(app, [*words, *SMALL, *caf])
    assert shown.exit_code == 0, shown.output
    stored = folder / "runs" / "mine-0" / "model" / "affectrep.json"  # it names its base
    assert str(folder / "weights" / "vit") in stored.read_text(encoding="utf-8")
