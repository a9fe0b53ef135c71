import hashlib
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from affectrep.data.audio import audio_hash, read_audio
from affectrep.data.checks import check_manifest
from affectrep.data.corpora import demo_speech, demo_speech_espeak
from affectrep.data.corpora.demo_speech_languages import (
    CLASSES,
    CORE,
    DIMENSIONS,
    INTENSITY,
    LANGUAGES,
    SPREAD,
)
from affectrep.data.corpora.demo_speech_texts import HELD_OUT_TEXTS, TEXTS
from affectrep.data.corpora.demo_speech_voices import (
    draw_utterances,
    emotion_model,
    planted_recall,
    posterior,
    speakers,
)
from affectrep.data.manifest import SPLITS, Manifest

FROZEN = "84e527729ebfe3fa34b91a20f057f5c29c247560d2cd9624483c8c0e5850bf94"
RATE_HZ = 16000
MARGIN = 800
VOICES = [voice for language in LANGUAGES for voice in speakers(language)]


@pytest.fixture(scope="module")
def drawn():
    return draw_utterances()


@pytest.fixture(scope="module")
def thin(drawn):
    """One utterance of every speaker in every emotion."""
    return drawn[::10]


@pytest.fixture(scope="module")
def espeak():
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("soundfile")


@pytest.fixture(scope="module")
def spoken(espeak, thin, tmp_path_factory):
    """The thin corpus, prepared: root, manifest, CPU seconds."""
    root = tmp_path_factory.mktemp("demo_speech")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_speech, "draw_utterances", lambda seed: thin)
        start = time.process_time()
        manifest = demo_speech.prepare(root)
        return root, manifest, time.process_time() - start


@pytest.fixture
def prepare(spoken, thin, monkeypatch):
    """Prepare the thin corpus again, under other arguments."""
    monkeypatch.setattr(demo_speech, "draw_utterances", lambda seed: thin)
    return lambda **given: demo_speech.prepare(spoken[0], **given)


def sound(utterance):
    from affectrep.data.corpora.demo_speech_channel import record

    return record(*demo_speech_espeak.speak(utterance), utterance)


def mean_f0(clip):
    """Mean F0 in Hz by the first high peak of the autocorrelation, where there is one."""
    clip = clip / 32768.0
    size, found = 1024, []
    for start in range(0, len(clip) - size, 160):
        frame = clip[start : start + size]
        if np.sqrt(np.mean(frame**2)) < 0.5 * np.sqrt(np.mean(clip**2)):
            continue
        spectrum = np.fft.rfft(frame - frame.mean(), 2 * size)
        lags = np.fft.irfft(np.abs(spectrum) ** 2)[:size] * size / np.arange(size, 0, -1)
        lags /= lags[0]
        shortest, longest = RATE_HZ // 450, RATE_HZ // 55
        peak = lags[shortest:longest].max()
        if peak < 0.6:
            continue
        lag = shortest + int(np.argmax(lags[shortest:longest] > 0.9 * peak))
        while lag + 1 < longest and lags[lag + 1] > lags[lag]:
            lag += 1
        found.append(RATE_HZ / lag)
    return float(np.median(found)) if len(found) > 5 else float("nan")


def level_dbfs(clip):
    speech = clip[MARGIN:-MARGIN] / 32768.0
    return 20 * np.log10(np.sqrt(np.mean(speech**2)))


def typical(speaker, emotion, text):
    """The utterance that an emotion gives a speaker on average."""
    one = next(u for u in draw_utterances() if u.speaker == speaker and u.emotion == emotion)
    mean = emotion_model(speaker.language)[0][CLASSES.index(emotion)]
    prosody = np.sum([speaker.shift, LANGUAGES[speaker.language].shift, mean], axis=0)
    return replace(one, text=text, prosody=tuple(prosody.tolist()))


# --- the draw


def test_every_speaker_says_every_emotion_equally_often(drawn):
    counts = {}
    for utterance in drawn:
        key = (utterance.speaker.language, utterance.speaker.name, utterance.emotion)
        counts[key] = counts.get(key, 0) + 1
    assert set(counts.values()) == {10}
    assert len(counts) == 5 * 10 * 4
    assert len({utterance.name for utterance in drawn}) == len(drawn) == 2000
    assert len({utterance.noise_seed for utterance in drawn}) == len(drawn)


def test_voices_are_disjoint():
    assert len({voice.name for voice in VOICES}) == 50
    heard = np.array([(v.shift[0], v.shift[6], *v.formants) for v in VOICES])
    assert min(np.abs(a - b).max() for a, b in combinations(heard, 2)) > 1.0


def test_texts_are_disjoint_between_languages_and_from_held_out_speakers(drawn):
    texts = [text for own in TEXTS.values() for text in own]
    assert len(set(texts)) == len(texts) == 60
    for language in LANGUAGES:
        own = [u for u in drawn if u.speaker.language == language]
        held = {u.text_id for u in own if u.speaker.held_out}
        rest = {u.text_id for u in own if not u.speaker.held_out}
        assert len(held) == HELD_OUT_TEXTS
        assert len(rest) == len(TEXTS[language]) - HELD_OUT_TEXTS
        assert not held & rest
        assert {u.text for u in own} == set(TEXTS[language])


def test_text_does_not_give_the_emotion_away(drawn):
    table = np.zeros((len(TEXTS["en"]), 4))
    for utterance in drawn:
        table[int(utterance.text_id[-2:]) - 1, CLASSES.index(utterance.emotion)] += 1
    share = table / table.sum(axis=1, keepdims=True)
    assert share.max() < 0.36


def test_seed_0_is_frozen(drawn):
    digest = hashlib.sha256()
    for utterance in drawn:
        words = [utterance.name, utterance.text, utterance.noise_seed]
        digest.update(repr([*words, *(f"{n:.6f}" for n in utterance.prosody)]).encode())
    assert digest.hexdigest() == FROZEN


def test_same_seed_same_draw_and_other_seed_another(drawn):
    assert draw_utterances(0) == drawn
    other = draw_utterances(1)
    assert [u.prosody for u in other] != [u.prosody for u in drawn]
    assert [u.speaker for u in other] == [u.speaker for u in drawn]


def test_the_rate_and_pitch_of_every_utterance_are_ones_that_espeak_can_speak():
    for utterance in (u for seed in range(3) for u in draw_utterances(seed)):
        lowest, highest = map(int, demo_speech_espeak.voice_settings(utterance)["pitch"].split())
        assert demo_speech_espeak.LOWEST_HZ <= lowest < highest < 800
        rate = demo_speech_espeak.speaking_parameters(utterance)[1]
        assert demo_speech_espeak.SLOWEST < rate < demo_speech_espeak.FASTEST


# --- the planted story


def test_core_follows_the_published_directions():
    core = {name: dict(zip(DIMENSIONS, row, strict=True)) for name, row in CORE.items()}
    for name in ("pitch_st", "range_octaves", "rate_octaves", "level_dbfs", "tilt_db"):
        assert core["sad"][name] < core["neutral"][name] < core["happy"][name], name
        assert core["neutral"][name] < core["angry"][name], name
    assert core["sad"]["pause_octaves"] > core["neutral"]["pause_octaves"]
    assert core["angry"]["level_dbfs"] > core["happy"]["level_dbfs"]


def test_every_language_keeps_the_order_of_pitch_and_level():
    for language in LANGUAGES:
        angry, happy, neutral, sad = emotion_model(language)[0][:, [0, 3]]
        assert (np.minimum(angry, happy) > neutral).all()
        assert (neutral > sad).all()


def test_emotion_model_is_that_of_the_draws():
    drawn = [u for seed in range(12) for u in draw_utterances(seed)]
    for language, place in LANGUAGES.items():
        means, covariances = emotion_model(language)
        for index, emotion in enumerate(CLASSES):
            rows = np.array(
                [
                    np.subtract(u.prosody, np.add(u.speaker.shift, place.shift))
                    for u in drawn
                    if u.speaker.language == language and u.emotion == emotion
                ]
            )
            spread = np.sqrt(np.diag(covariances[index]))
            assert np.abs(rows.mean(0) - means[index]).max() < 5 * spread.max() / len(rows) ** 0.5
            scaled = np.cov(rows.T) / np.outer(spread, spread)
            np.testing.assert_allclose(
                scaled, covariances[index] / np.outer(spread, spread), atol=0.16
            )


def test_posterior_is_bayes_rule_written_out(drawn):
    voices = [speakers("zh")[3], speakers("ur")[1]]
    rows = np.array([u.prosody for u in drawn[::97]])
    joint = np.zeros((len(rows), 4))
    for voice in voices:
        place = LANGUAGES[voice.language]
        for index, emotion in enumerate(CLASSES):
            mean = np.array(CORE[emotion]) * place.gains + place.manners.get(emotion, (0.0,) * 7)
            covariance = np.diag(np.square(SPREAD)) + INTENSITY**2 * np.outer(mean, mean)
            centre = np.array(voice.shift) + place.shift + mean
            joint[:, index] += multivariate_normal(centre, covariance).pdf(rows)
    found = posterior(rows, voices)
    some = joint.sum(axis=1) > 1e-200
    assert some.sum() >= 10
    expected = joint[some] / joint[some].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[some], expected, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_posterior_is_calibrated():
    drawn = [u for seed in range(5) for u in draw_utterances(seed)]
    right, sure = [], []
    for voice in VOICES[::3]:
        own = [u for u in drawn if u.speaker == voice]
        likely = posterior(np.array([u.prosody for u in own]), [voice])
        right += [CLASSES[row.argmax()] == u.emotion for row, u in zip(likely, own, strict=True)]
        sure += likely.max(axis=1).tolist()
    assert abs(np.mean(right) - np.mean(sure)) < 0.025


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_way_from_other_languages_is_a_real_problem(drawn, language):
    known = planted_recall(drawn, language, knows="speaker")
    assert 0.75 < known < 0.9, "emotions overlap"
    assert planted_recall(drawn, language, knows="language") < known
    transferred = planted_recall(drawn, language, knows="sources")
    assert 0.45 < transferred < known - 0.15


def test_wrong_arguments_are_refused(drawn):
    with pytest.raises(ValueError, match="knows=speaker, language or sources"):
        planted_recall(drawn, "de", knows="all")
    with pytest.raises(ValueError, match="no language 'it'; expected en, zh, de, fr, ur"):
        speakers("it")
    with pytest.raises(ValueError, match=r"expected prosody \(rows, 7\), got \(7,\)"):
        posterior(np.zeros(7), VOICES)
    with pytest.raises(ValueError, match="at least one voice"):
        posterior(np.zeros((1, 7)), [])
    with pytest.raises(ValueError, match="must be 0 or more, not -1"):
        draw_utterances(-1)


# --- the sound


def test_an_utterance_sounds_the_same_twice_and_in_a_fresh_process(espeak, drawn):
    chosen = drawn[123::500]
    first = [hashlib.sha256(sound(utterance)).hexdigest() for utterance in chosen]
    sound(drawn[7])
    again = [hashlib.sha256(sound(utterance)).hexdigest() for utterance in reversed(chosen)]
    assert again[::-1] == first
    program = (
        "import hashlib\n"
        "from affectrep.data.corpora.demo_speech_channel import record\n"
        "from affectrep.data.corpora.demo_speech_espeak import speak\n"
        "from affectrep.data.corpora.demo_speech_voices import draw_utterances\n"
        "for u in draw_utterances()[123::500]:\n"
        "    print(hashlib.sha256(record(*speak(u), u)).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == first, done.stderr


def test_the_noise_seed_alone_changes_the_samples(espeak, drawn):
    other = replace(drawn[0], noise_seed=drawn[0].noise_seed ^ 1)
    one, two = sound(drawn[0]), sound(other)
    assert len(one) == len(two)
    assert (one != two).any()
    assert abs(level_dbfs(one) - level_dbfs(two)) < 0.1


@pytest.mark.parametrize("language", LANGUAGES)
def test_within_a_speaker_the_emotions_have_their_order(espeak, language):
    means = emotion_model(language)[0]
    for speaker in speakers(language)[2:4]:
        clips = [sound(typical(speaker, emotion, TEXTS[language][2])) for emotion in CLASSES]
        angry, happy, neutral, sad = (12 * np.log2(mean_f0(clip)) for clip in clips)
        assert min(angry, happy) > neutral > sad
        assert level_dbfs(clips[0]) > level_dbfs(clips[1]) > level_dbfs(clips[2])
        assert level_dbfs(clips[2]) > level_dbfs(clips[3])
        seconds = [len(clip) / RATE_HZ for clip in clips]
        assert seconds[3] > seconds[2]
        for faster, slower in combinations(range(4), 2):
            gap = means[faster, 2] - means[slower, 2]
            if abs(gap) > 0.12:  # less is within what pauses and eSpeak's own timing move
                assert (seconds[faster] < seconds[slower]) == (gap > 0)


def test_the_clips_follow_what_was_drawn(spoken):
    rows = spoken[1].rows[::2].reset_index(drop=True)
    clips = [(read_audio(path)[0][:, 0] * 32768).astype(np.int16) for path in rows["path"]]
    f0 = 12 * np.log2(np.array([mean_f0(clip) for clip in clips]) / 100)
    found = ~np.isnan(f0)
    assert found.mean() > 0.95
    assert np.corrcoef(f0[found], rows["pitch_st"][found])[0, 1] > 0.93
    assert np.median(np.abs(f0[found] - rows["pitch_st"][found])) < 1.5
    whole = np.array([np.abs(clip.astype(int)).max() < 32767 for clip in clips])
    assert whole.mean() > 0.97
    level = np.array([level_dbfs(clip) for clip in clips])
    # the background adds to the quietest clips
    assert np.abs(level - rows["level_dbfs"])[whole].max() < 1.0
    length = np.log2(rows["duration_s"])
    for _, part in rows.groupby("language"):
        assert np.corrcoef(length[part.index], part["rate_octaves"])[0, 1] < -0.4


def test_size_and_time(spoken):
    _, manifest, seconds = spoken
    rows = manifest.rows
    assert len(rows) == 200
    assert seconds * 2000 / len(rows) < 60
    size = sum(Path(path).stat().st_size for path in rows["path"])
    assert size * 2000 / len(rows) < 100e6
    assert 1.4 < rows["duration_s"].mean() < 2.1
    assert rows["duration_s"].between(0.8, 3.6).all()


# --- the manifest


def test_manifest(spoken):
    _, manifest, _ = spoken
    rows, info = manifest.rows, manifest.info
    assert info.generated
    assert info.classes == list(CLASSES)
    assert rows["generated"].all()
    assert any("no benchmark" in note for note in info.notes)
    assert "GPL" in info.licence
    assert [problem for problem in check_manifest(manifest) if problem.severity == "error"] == []
    assert set(rows["corpus"]) == {"demo_speech"}
    assert set(rows["language"]) == {"en", "zh", "de", "fr", "ur"}
    for path, content, seconds in zip(
        rows["path"], rows["content"], rows["duration_s"], strict=True
    ):
        samples, rate = read_audio(path)
        assert rate == RATE_HZ
        assert audio_hash(samples, rate) == content
        assert len(samples) / rate == pytest.approx(seconds)
    assert rows["content"].is_unique


def test_posterior_of_the_manifest_knows_the_speaker(spoken, thin):
    rows = spoken[1].rows
    voices = {voice.name: voice for voice in VOICES}
    for index in (0, 77, 199):
        row = rows.loc[index]
        prosody = np.array([[row[name] for name in DIMENSIONS]])
        assert tuple(prosody[0]) == thin[index].prosody
        expected = posterior(prosody, [voices[row["speaker"]]])[0]
        np.testing.assert_allclose(row["posterior"], expected, atol=1e-12)


def test_default_splits_share_neither_voice_nor_text_nor_target(spoken):
    rows = spoken[1].rows
    assert set(rows.loc[rows["split"] == "test", "language"]) == {"de"}
    for column in ("speaker", "text_id", "content"):
        by_split = [set(rows.loc[rows["split"] == name, column]) for name in SPLITS]
        assert all(not a & b for a, b in combinations(by_split, 2)), column
    seen = rows[rows["split"] != "test"]
    assert set(seen["language"]) == {"en", "zh", "fr", "ur"}
    assert rows.groupby("split")["speaker"].nunique().to_dict() == {
        "test": 10,
        "train": 32,
        "validation": 8,
    }


def test_other_protocols(prepare):
    single = prepare(protocol="source_to_target sources=en target=fr")
    languages = single.rows.groupby("split")["language"].unique().map(list).to_dict()
    assert languages == {"train": ["en"], "validation": ["en"], "test": ["fr"]}
    assert list(single.info.dropped.values()) == [120]
    tested = []
    for fold in range(5):
        rows = prepare(protocol=f"folds target=zh fold={fold}", holdout=0.2).rows
        assert set(rows["language"]) == {"zh"}
        tested += sorted(set(rows.loc[rows["split"] == "test", "speaker"]))
    assert sorted(tested) == [voice.name for voice in speakers("zh")]


def test_manifest_survives_save_and_load(spoken, tmp_path):
    manifest = spoken[1]
    loaded = Manifest.load(manifest.save(tmp_path))
    assert loaded.fingerprint() == manifest.fingerprint()
    assert loaded.rows["posterior"].tolist() == manifest.rows["posterior"].tolist()


def test_clips_are_spoken_once_and_again_where_one_is_gone(espeak, drawn, monkeypatch, tmp_path):
    some = drawn[:4]
    first = demo_speech.write_clips(tmp_path, some)

    def refuse(*_):
        raise AssertionError("spoken again")

    with monkeypatch.context() as patch:
        patch.setattr(demo_speech, "_speak_one", refuse)
        assert demo_speech.write_clips(tmp_path, some).equals(first)
        with pytest.raises(AssertionError, match="spoken again"):
            demo_speech.write_clips(tmp_path, drawn[:3])
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    Path(first["path"][1]).unlink()
    assert demo_speech.write_clips(tmp_path, some).equals(first)
    assert all(Path(path).is_file() for path in first["path"])


# --- what goes wrong


def test_a_missing_library_is_a_clear_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(ValueError, match=r"eSpeak NG \(GPLv3.*pip install 'affectrep\[espeak\]'"):
        demo_speech.prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_soundfile_is_a_clear_sentence(espeak, thin, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ValueError, match=r"pip install 'affectrep\[speech\]'"):
        demo_speech.write_clips(tmp_path, thin)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_written_is_a_clear_sentence(espeak, thin, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ValueError, match="Speaking demo_speech: the files cannot be written: .*file"
    ):
        demo_speech.write_clips(tmp_path / "file", thin)


def test_a_long_path_is_refused_because_espeak_would_cut_it(espeak, drawn, monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(ValueError, match="paths of at most 59 bytes.*set TMPDIR"):
        demo_speech_espeak.speak(drawn[0])
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"columns": {"a": "b"}}, "data.columns"),
        ({"labels": {"a": "b"}}, "data.labels"),
        ({"holdout": 0.3}, "data.holdout"),
        ({"protocol": "de"}, "unknown"),
        ({"protocol": "leave_language_out target=it"}, "no row has the target it"),
    ],
)
def test_arguments_without_use_are_refused(prepare, given, words):
    with pytest.raises(ValueError, match=words):
        prepare(**given)
