"""Speech rows of a configuration: what decides their features, and what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.build.speech_rows import alters_clips, reading_settings, speech_rows
from affectrep.config import Config
from affectrep.data.manifest import Manifest
from tests.data.sound import Frames, Vector, corpus, noise, write

EFFECTS = {"gain_db": {"probability": 1.0, "low": -6.0, "high": 0.0}}
SPEAKER = {"standardise": "transductive_speaker"}


@pytest.fixture
def made(tmp_path: Path) -> Manifest:
    """Twelve noises of 0.5 s, four a split."""
    return corpus(tmp_path)


def settings(encoder: dict[str, Any] | None = None, **speech: Any) -> Config:
    return Config(
        name="x",
        data={"corpus": "table", "speech": {"cache": False, **speech}},
        encoder=encoder or {"name": "functionals"},
    )


def changed(made: Manifest, **columns: Any) -> Manifest:
    return Manifest(made.rows.assign(**columns), made.info)


def test_what_is_read_otherwise_has_other_settings(made: Manifest) -> None:
    ways = [
        settings(),
        settings(max_seconds=2.0),
        settings({"name": "speech", "checkpoint": "x", "max_seconds": 1.0}, max_seconds=2.0),
        settings(standardise="transductive_corpus"),
        settings(standardise="transductive_corpus", mapping="quantile"),
        settings(**SPEAKER),
        settings(**SPEAKER, mapping="shrunk"),
    ]
    found = [str(reading_settings(config, made)) for config in ways]
    assert len(set(found)) == len(ways)


def test_every_row_counts_where_it_moves_the_statistics_and_none_under_strict(
    made: Manifest,
) -> None:
    tested = made.rows["split"] == "test"
    fewer = Manifest(made.rows.drop(index=made.rows[tested].index[0]), made.info)
    renamed = changed(made, speaker=made.rows["speaker"].mask(tested, "en/other"))
    for other in (fewer, renamed):
        assert reading_settings(settings(), other) == reading_settings(settings(), made)
        config = settings(**SPEAKER)
        assert reading_settings(config, other) != reading_settings(config, made)


def test_clips_are_altered_by_effects_and_by_crops(made: Manifest) -> None:
    assert not alters_clips(settings(), made)
    assert not alters_clips(settings(max_seconds=0.5), made)
    assert alters_clips(settings(max_seconds=0.4), made)
    assert alters_clips(settings(augment=EFFECTS), made)
    bare = Manifest(made.rows.drop(columns="duration_s"), made.info)
    assert alters_clips(settings(max_seconds=9.0), bare)
    unknown = changed(made, duration_s=None)
    assert alters_clips(settings(max_seconds=9.0), unknown)
    assert not alters_clips(settings(), unknown)


@pytest.mark.parametrize(
    ("encoder", "speech", "message"),
    [
        (
            {"name": "speech", "checkpoint": "x"},
            {"standardise": "transductive_corpus"},
            "data.speech.standardise=transductive_corpus needs encoder.name=functionals, egemaps "
            "or crnn; speech reads what its checkpoint was trained on: set it to strict",
        ),
        (
            {"name": "crnn"},
            {"standardise": "transductive_corpus", "mapping": "quantile"},
            "data.speech.mapping=quantile needs one vector a clip, and crnn reads frames: set it",
        ),
        (
            {"name": "crnn"},
            {**SPEAKER, "mapping": "shrunk"},
            "data.speech.mapping=shrunk needs one vector a clip, and crnn reads frames: set it to",
        ),
    ],
)
def test_what_does_not_fit_the_encoder_is_refused_before_a_clip_is_read(
    made: Manifest, encoder: dict[str, Any], speech: dict[str, Any], message: str
) -> None:
    for path in made.rows["path"]:
        Path(path).unlink()
    with pytest.raises(ValueError, match="data.speech") as caught:
        speech_rows(settings(encoder, **speech), made, "train", Frames())
    assert str(caught.value).startswith(message)


def test_frames_and_vectors_can_be_standardised(made: Manifest) -> None:
    for encoder, preprocess in (("crnn", Frames()), ("functionals", Vector())):
        rows = speech_rows(settings({"name": encoder}, **SPEAKER), made, "train", preprocess)
        assert rows.settings.statistics is not None
    ranked = settings(standardise="transductive_corpus", mapping="quantile")
    assert speech_rows(ranked, made, "train", Vector()).settings.statistics is not None


def test_a_speaker_with_one_long_clip_has_one_clip(made: Manifest) -> None:
    write(Path(made.rows["path"][0]), noise(2.0))
    speakers, seconds = list(made.rows["speaker"]), list(made.rows["duration_s"])
    speakers[0], seconds[0] = "en/alone", 2.0
    made = changed(made, speaker=speakers, duration_s=seconds)
    config = settings(**SPEAKER, max_seconds=0.5)
    found = speech_rows(config, made, "train", Vector()).settings.statistics
    assert found.fallbacks == ("en/alone", "en/train")
