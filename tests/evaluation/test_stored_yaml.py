from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.evaluation.stored_yaml import read_configuration


def test_the_values_of_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: x\nseed: 3\n")
    assert read_configuration(tmp_path / "config.yaml") == {"name": "x", "seed": 3}


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (b"name: [x", "is not readable as YAML: while parsing a flow sequence"),
        (b"name: \xff", "is not readable as YAML: 'utf-8' codec"),
        (b"", "expected a configuration with a name"),
        (b"- name", "expected a configuration with a name"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, damaged: bytes, words: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(damaged)
    with pytest.raises(ValueError, match=words) as error:
        read_configuration(file)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)
