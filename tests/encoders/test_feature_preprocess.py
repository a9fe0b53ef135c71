from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from affectrep.encoders.egemaps import EgemapsPreprocess
from affectrep.encoders.feature_preprocess import FeaturePreprocess, collate_features
from affectrep.encoders.functionals import FunctionalsPreprocess
from affectrep.encoders.logmel import LogMelPreprocess

OTHERS: dict[type[FeaturePreprocess], dict[str, object]] = {
    LogMelPreprocess: {"bins": 40, "centring": "bins"},
    FunctionalsPreprocess: {"groups": ["pitch", "timing"], "level_free": False},
    EgemapsPreprocess: {"loudness": False},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_settings_survive_pickle_save_and_load(
    kind: type[FeaturePreprocess], tmp_path: Path
) -> None:
    preprocess = kind.from_settings({**OTHERS[kind], "level": "peak", "target_dbfs": -3.0})
    preprocess.save(tmp_path)
    for copy in (
        kind.load(tmp_path),
        pickle.loads(pickle.dumps(preprocess)),
        kind.from_settings(preprocess.settings()),
    ):
        assert copy == preprocess
        assert copy.key == preprocess.key
    assert preprocess != kind()


def test_each_setting_and_kind_has_its_own_key() -> None:
    found = [kind().key for kind in OTHERS]
    for kind, settings in OTHERS.items():
        common = {"remove_dc": False, "level": "none", "target_dbfs": -20.0}
        found += [kind.from_settings({k: v}).key for k, v in {**settings, **common}.items()]
    assert len(set(found)) == len(found)
    assert all(len(key) == 64 for key in found)


def test_whole_numbers_of_a_yaml_file_are_the_same_settings() -> None:
    whole = LogMelPreprocess.from_settings({"target_dbfs": -26, "low_hz": 50})
    assert whole == LogMelPreprocess()
    assert whole.key == LogMelPreprocess().key


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"preprocess\.json is missing"):
        LogMelPreprocess.load(tmp_path)
    (tmp_path / "preprocess.json").write_text("[]")
    with pytest.raises(ValueError, match="cannot be read"):
        LogMelPreprocess.load(tmp_path)
    EgemapsPreprocess().save(tmp_path)
    with pytest.raises(ValueError, match="is of egemaps version 1, expected logmel"):
        LogMelPreprocess.load(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_rate": 8000}, "unknown key encoder.preprocess.sample_rate; there is sample_rate"),
        ({"sample_rate_hz": 800}, "expected at least 8000"),
        ({"level": "loud"}, "expected one of none, rms, peak"),
        ({"target_dbfs": 1.0}, "at most 0"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    for kind in OTHERS:
        with pytest.raises(ValueError, match=message):
            kind.from_settings(settings)


def test_collate_pads_with_zeros_and_counts() -> None:
    items = [np.full((length, 2), length, dtype=np.float32) for length in (3, 1)]
    batch = collate_features(items)
    assert batch["features"].tolist() == [[[3, 3]] * 3, [[1, 1], [0, 0], [0, 0]]]
    assert batch["lengths"].tolist() == [3, 1]
    waves = collate_features([np.ones(2, "f"), np.ones(3, "f")])
    assert waves["features"].tolist() == [[1, 1, 0], [1, 1, 1]]


def test_collate_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        collate_features([])
    with pytest.raises(ValueError, match="of one kind"):
        collate_features([np.ones((2, 3), "f"), np.ones((2, 4), "f")])
    with pytest.raises(ValueError, match="vectors of one size"):
        EgemapsPreprocess().collate([np.ones(88, "f"), np.ones(77, "f")])


def test_vectors_have_length_one() -> None:
    batch = EgemapsPreprocess().collate([np.ones(88, "f")] * 2)
    assert batch["lengths"].tolist() == [1, 1]
    assert batch["features"].shape == (2, 88)
