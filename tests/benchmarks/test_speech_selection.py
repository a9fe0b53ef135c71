"""The rule that chooses classical speech systems, and the levers it chooses among."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import speech_levers as lever
from tests.benchmarks import speech_selection
from tests.benchmarks.speech_levers import Rows
from tests.benchmarks.speech_selection import (
    LANGUAGES,
    REFERENCE,
    Speech,
    choose,
    load,
    score_pair,
    write_features,
)

OWN = ["pitch.f0.mean", "loudness.db.sd", "mfcc.mfcc1.mean", "logmel.logmel1.mean"]
RAW = ["F0semitone", "jitter", "loudness_sma3_mean", "equivalentSoundLevel_dBp"]


def invented(seed: int = 0, each: int = 3) -> Speech:
    """Five languages of three speakers; the class moves all values, speakers and languages too."""
    random = np.random.default_rng(seed)
    codes = np.tile(np.arange(4), 5 * 3 * each)
    place = np.arange(len(codes)) // (4 * each)
    speaker, language = place.astype(str), np.array(LANGUAGES)[place // 3]
    effect = random.normal(size=(4, 4)) * 2
    shift = random.normal(size=(15, 4))[place]
    tables = []
    for _ in range(2):
        x = effect[codes] + shift + random.normal(size=(len(codes), 4))
        tables.append({"rms": x, "own": 3 * x + 1, "raw": x / 2})
    del tables[1]["raw"]
    rows = Rows(np.zeros((len(codes), 0)), codes, language, speaker)
    return Speech(tables, {"raw": RAW, "own": OWN}, rows)


def test_features_are_what_their_names_say():
    speech = invented()
    widths = {name: speech.features(name).shape[1] for name in ("egemaps", "egemaps_quiet")}
    assert widths == {"egemaps": 4, "egemaps_quiet": 2}
    assert speech.features("joined_small", 1).shape[1] == 4
    joined = speech.features("joined_stable")
    parts = [speech.features("egemaps_quiet"), speech.features("functionals")]
    np.testing.assert_array_equal(joined, np.concatenate(parts, axis=1))


@pytest.mark.parametrize("condition", ["strict", "speaker"])
def test_a_pair_is_scored_by_models_of_the_other_languages(monkeypatch, condition):
    monkeypatch.setattr(speech_selection, "FEATURES", ("egemaps", "joined_stable"))
    monkeypatch.setattr(speech_selection, "CS", (0.05,))
    monkeypatch.setattr(speech_selection, "WHITE_CS", (0.01,))
    speech = invented()
    found = score_pair(speech, ("en", "pl"), condition)
    assert max(min(one) for one in found.values()) > 0.6
    # labels of the two languages left out decide the scores, and nothing else
    y = speech.rows.y.copy()
    y[speech.rows.corpus == "en"] = (y[speech.rows.corpus == "en"] + 1) % 4
    rows = Rows(speech.rows.x, y, speech.rows.corpus, speech.rows.speaker)
    other = score_pair(Speech(speech.blocks, speech.names, rows), ("en", "pl"), condition)
    assert other.keys() == found.keys()
    assert all(other[key][1] == found[key][1] for key in found)
    assert any(other[key][0] != found[key][0] for key in found)
    if condition == "strict":
        assert next(iter(found)) == " | ".join(REFERENCE)


def test_the_rule_takes_the_best_inner_mean_and_of_equals_the_first():
    pairs = [f"{a} {b}" for i, a in enumerate(LANGUAGES) for b in LANGUAGES[i + 1 :]]
    names = [" | ".join((one, *REFERENCE[1:])) for one in ("x", "y", "z")]
    scores = {pair: {name: [0.5, 0.5] for name in names} for pair in pairs}
    for pair in pairs:
        first, second = pair.split()
        # y is better wherever en is the target; its scores on en itself must not count there
        if "en" in (first, second):
            scores[pair][names[1]] = [0.0, 0.9] if first == "en" else [0.9, 0.0]
    found = choose(scores, "strict")
    assert found["en"]["candidate"] == names[1]
    assert found["en"]["score"] == pytest.approx(0.9)
    assert sorted(found["en"]["languages"]) == sorted(LANGUAGES[1:])
    # elsewhere y has 0 on en: the others are equal, and the first is taken
    assert {found[one]["candidate"] for one in LANGUAGES[1:]} == {names[0]}


def rows_of(speech: Speech) -> Rows:
    return speech.rows.with_x(speech.features("functionals"))


def test_lines_fold_their_whitening_back():
    rows = rows_of(invented())
    weight = lever.weights_of(rows, "corpus")
    assert weight.mean() == pytest.approx(1)
    for line in lever.whitened_path(rows, weight, (10.0,), 0.0):
        assert (line(rows.x).argmax(1) == rows.y).mean() > 0.6
    (line,) = lever.discriminants(rows, weight, (1.0,))
    # wholly shrunk, the discriminant takes the nearest mean
    means = np.stack(
        [np.average(rows.x[m], axis=0, weights=weight[m]) for m in lever.groups(rows.y)]
    )
    nearest = ((rows.x[:, None] - means) ** 2).sum(2).argmin(1)
    assert (line(rows.x).argmax(1) == nearest).all()


@pytest.mark.parametrize("kind", ["corpus", "quantile", "coral", "speaker", "speaker_shrunk"])
def test_own_standardisation_has_mean_zero_in_its_group(kind):
    rows = rows_of(invented())
    x = lever.own_standardised(rows, kind)
    by = rows.speaker if kind == "speaker" else rows.corpus
    for mask in lever.groups(by):
        np.testing.assert_allclose(x[mask].mean(0), 0, atol=1e-9)


@pytest.mark.parametrize("kind", ["pooled", "corpus", "speaker"])
def test_source_standardisation_moves_every_target_row_alike(kind):
    rows = rows_of(invented())
    target = np.random.default_rng(3).normal(size=(6, 4))
    sources, (moved,) = lever.source_standardised(rows, [rows.x], [target], kind)
    np.testing.assert_array_equal(sources[0], sources[1])
    ratio = (moved[1:] - moved[0]) / (target[1:] - target[0])
    np.testing.assert_allclose(ratio, ratio[:1].repeat(5, axis=0))


def test_features_of_clips_and_of_altered_copies_are_written_and_read(tmp_path):
    for package in ("soundfile", "torchaudio", "opensmile"):
        pytest.importorskip(package)
    from tests.tiny_speech_set import tiny_speech_set

    root = tiny_speech_set(tmp_path / "set")
    for copy in (None, 0):
        write_features(root, tmp_path, copy)
    found = load(tmp_path)
    assert len(found.rows.y) == 24
    assert found.features("joined").shape == (24, 77 + 227)
    assert found.features("reference").shape == (24, 88)
    # half of the effects are drawn: hardly any copy is its clip
    altered = (found.features("joined") != found.features("joined", 1)).any(axis=1)
    assert altered.mean() > 0.5
