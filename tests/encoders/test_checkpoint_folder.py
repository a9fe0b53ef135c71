from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from affectrep.encoders.checkpoint_folder import (
    digest_of,
    find_checkpoint,
    in_words,
    read_config,
    reference_to,
    require_same,
    write_config,
)


def test_folders_and_hub_ids_are_told_apart(tmp_path: Path) -> None:
    assert find_checkpoint("owner/model", needed=("a.json",)) == "owner/model"
    with pytest.raises(ValueError, match=r"has no a\.json: give a folder with a\.json and mo"):
        find_checkpoint(str(tmp_path), needed=("a.json",))
    (tmp_path / "a.json").touch()
    assert find_checkpoint(str(tmp_path), needed=("a.json",)) == str(tmp_path)
    for name in ("/no/folder", "./none", "a/b/c"):
        with pytest.raises(ValueError, match=f"encoder folder {name} does not exist"):
            find_checkpoint(name, needed=())


def test_a_folder_is_known_by_its_weights(tmp_path: Path) -> None:
    for name, content in (("2.safetensors", b"two"), ("1.safetensors", b"one"), ("x.bin", b"no")):
        (tmp_path / name).write_bytes(content)
    parts = b"".join(hashlib.sha256(part).digest() for part in (b"one", b"two"))
    expected = hashlib.sha256(parts).hexdigest()
    assert digest_of(tmp_path) == expected
    assert digest_of(tmp_path / "x.bin") == hashlib.sha256(b"no").hexdigest()
    reference = reference_to("some/name", str(tmp_path), None)
    assert reference == {"checkpoint": str(tmp_path.resolve()), "sha256": expected}
    require_same(reference, tmp_path)
    require_same({"checkpoint": "owner/model", "revision": "abc"}, tmp_path)
    assert reference_to("owner/model", "owner/model", None) == {"checkpoint": "owner/model"}
    (tmp_path / "1.safetensors").write_bytes(b"One")
    with pytest.raises(ValueError, match=f"SHA-256 {expected[:12]}…, and other weights are there"):
        require_same(reference, tmp_path)


def test_a_configuration_comes_back_without_the_folder_it_came_from(tmp_path: Path) -> None:
    write_config(tmp_path, {"model_type": "vit", "_name_or_path": "someone/else"})
    assert read_config(tmp_path) == {"model_type": "vit"}
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json cannot be read: the model folder is not"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (OSError("unreachable\nmuch more"), r"A folder \./model with a\.json and mo.*, or a cake$"),
        (ValueError("wrong\nmuch more"), "^encoder owner/model cannot be used: wrong$"),
        (ValueError(""), "cannot be used: no reason given"),
    ],
)
def test_faults_are_said_in_two_sentences(raised: Exception, message: str) -> None:
    words = in_words("owner/model", needed=("a.json",), other="a cake")
    with pytest.raises(ValueError, match=message), words:
        raise raised


def test_a_fault_in_a_folder_does_not_speak_of_the_hub(tmp_path: Path) -> None:
    words = in_words(str(tmp_path), needed=(), other="a cake")
    with pytest.raises(ValueError, match="cannot be used: torn"), words:
        raise OSError("torn")
