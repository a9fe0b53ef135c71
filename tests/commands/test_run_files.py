"""What ``affectrep train`` writes beside the model, and what it says of a damaged configuration."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from affectrep.build import build_manifest
from affectrep.commands import run_files
from affectrep.commands.run_files import refuse_other_config, write_inputs
from affectrep.config import load_config, to_yaml
from affectrep.training.run_folder import RunFolder
from tests.tiny import tiny_config


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_config(tmp_path_factory.mktemp("tiny"))


def test_a_run_that_goes_on_leaves_its_configuration_alone(config: Path, tmp_path: Path) -> None:
    settings, folder = load_config(config), RunFolder(tmp_path / "run")
    manifest = build_manifest(settings)
    write_inputs(folder, settings, manifest)
    assert folder.config.read_text() == to_yaml(settings)
    before = folder.config.stat()
    write_inputs(folder, settings, manifest)
    assert folder.config.stat().st_ino == before.st_ino
    assert folder.config.stat().st_mtime_ns == before.st_mtime_ns
    other = load_config(config, ["seed=4"])
    write_inputs(folder, other, manifest)
    assert folder.config.read_text() == to_yaml(other)


def test_replaced_labels_are_listed_whole_or_not_at_all(
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings, folder = load_config(config, ["data.label_noise.share=0.3"]), RunFolder(tmp_path)
    folder = RunFolder(tmp_path / "p[old]")
    manifest = build_manifest(settings)
    write_inputs(folder, settings, manifest)
    assert f"{folder.path / 'label_noise.csv'} names them" in capsys.readouterr().err
    before = (folder.path / "label_noise.csv").read_text()

    def torn(table: pd.DataFrame, path: Path, **_: object) -> None:
        Path(path).write_text("id,la")
        raise KeyboardInterrupt

    monkeypatch.setattr(run_files.flipped_rows(manifest).__class__, "to_csv", torn)
    with pytest.raises(KeyboardInterrupt):
        write_inputs(folder, settings, manifest)
    assert (folder.path / "label_noise.csv").read_text() == before


def test_an_empty_configuration_is_refused_with_the_mend(config: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.config.write_text("")
    with pytest.raises(ValueError, match=r"config\.yaml: expected keys .*with --show-config, or"):
        refuse_other_config(folder, load_config(config))
    folder.config.write_text(to_yaml(load_config(config)))
    refuse_other_config(folder, load_config(config))
