from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from affectrep.evaluation.embeddings import Embeddings, read_embeddings, write_embeddings


def some(scale: float = 1.0) -> Embeddings:
    values = scale * np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    return Embeddings(["b", "a", "ä|,", "7", "x y"], values, "validation", "c0ffee")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "validation.embeddings.safetensors"
    write_embeddings(path, some())
    found = read_embeddings(path)
    assert (found.ids, found.split, found.model) == (some().ids, "validation", "c0ffee")
    assert found.values.dtype == np.float32
    np.testing.assert_allclose(found.values, some().values, rtol=1e-3)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_half_precision_unless_a_value_is_too_large_for_it(tmp_path: Path) -> None:
    for scale, dtype in ((1.0, "F16"), (1e5, "F32")):
        write_embeddings(tmp_path / "e", some(scale))
        with safe_open(tmp_path / "e", framework="numpy") as file:
            assert file.get_slice("embeddings").get_dtype() == dtype
        np.testing.assert_allclose(read_embeddings(tmp_path / "e").values, some(scale).values, 1e-3)


def test_rows_by_id_in_the_order_asked_for() -> None:
    values = some().of(["x y", "b"])
    np.testing.assert_array_equal(values, some().values[[4, 0]])
    with pytest.raises(ValueError, match=r"1 of 2 rows have no stored embedding, such as none"):
        some().of(["a", "none"])


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="with 2 rows, one per id, got shape"):
        Embeddings(["a", "b"], np.zeros((3, 4)), "test", "")
    with pytest.raises(ValueError, match="each id once"):
        Embeddings(["a", "a"], np.zeros((2, 4)), "test", "")
    with pytest.raises(ValueError, match="row b is not finite"):
        Embeddings(["a", "b"], np.array([[0.0], [np.nan]]), "test", "")


def test_bad_files_are_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--representation"):
        read_embeddings(tmp_path / "none")
    (tmp_path / "text").write_text("not a tensor")
    with pytest.raises(ValueError, match=r"text is not a file of embeddings: .* with --force"):
        read_embeddings(tmp_path / "text")
    save_file({"embeddings": np.zeros((1, 2))}, tmp_path / "ids", metadata={"ids": "[cut"})
    with pytest.raises(ValueError, match="ids is not a file of embeddings"):
        read_embeddings(tmp_path / "ids")
    save_file({"weight": np.zeros(2)}, tmp_path / "other")
    with pytest.raises(ValueError, match="not a file of embeddings"):
        read_embeddings(tmp_path / "other")
    save_file({"embeddings": np.zeros((1, 2))}, tmp_path / "bare")
    with pytest.raises(ValueError, match="not a file of embeddings"):
        read_embeddings(tmp_path / "bare")


@pytest.mark.parametrize("umask", [0o022, 0o007])
def test_a_file_may_be_read_as_the_umask_says(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_embeddings(tmp_path / "e", some())
    finally:
        os.umask(before)
    assert (tmp_path / "e").stat().st_mode & 0o777 == 0o666 & ~umask
