"""Speak one utterance of the generated speech corpus with eSpeak NG.

eSpeak NG (https://github.com/espeak-ng/espeak-ng) is under the GPL, version 3 or later. It is no
part of this project: the optional package ``espeakng-loader`` brings its library and data, and the
library is called through ctypes.

The library keeps the phase of its oscillators and of its flutter from one call to the next, so a
second call with the same words gives other samples, even after a new `espeak_Initialize`. It is
therefore loaded afresh for every clip (about 1 ms); a clip then depends on its utterance alone. No
other thread may use eSpeak NG meanwhile.
"""

from __future__ import annotations

import _ctypes
import ctypes
import functools
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.corpora.demo_speech_languages import DIMENSIONS, LANGUAGES
from affectrep.data.corpora.demo_speech_voices import Utterance

__all__ = ["require_espeak", "speak", "speaking_parameters", "voice_settings"]

LANGUAGE_FILES = {
    "en": "gmw/en",
    "zh": "sit/cmn",
    "de": "gmw/de",
    "fr": "roa/fr",
    "ur": "inc/ur",
}
VOLUME = 60
"""Below eSpeak's usual 100, at which loud voices are clipped inside the library."""
SLOWEST, FASTEST, LONGEST_GAP = 80, 450, 25
LOWEST_HZ = 15
"""Floor of eSpeak's F0 range; a range that goes deeper is narrowed (1 clip in 100)."""
_RATE, _VOLUME, _PITCH, _RANGE, _GAP = 1, 2, 3, 4, 7
_SYNCHRONOUS, _DONT_EXIT, _UTF8 = 2, 0x8000, 1
_LONGEST_PATH = 59
_FLOOR_HZ = 9

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def require_espeak() -> tuple[str, str]:
    """Return the paths of eSpeak NG's library and of its data.

    Raises:
        ValueError: if the package espeakng-loader is not installed or has no library for this
            machine.
    """
    try:
        loader = importlib.import_module("espeakng_loader")
    except ImportError:
        raise ValueError(
            "the corpus demo_speech is spoken by eSpeak NG (GPLv3, an optional extra), which is "
            "not installed: pip install 'affectrep[espeak]'"
        ) from None
    library, data = Path(loader.get_library_path()), Path(loader.get_data_path())
    if not library.is_file():
        raise ValueError(f"espeakng-loader brings no eSpeak NG for this machine: {library} is gone")
    return str(library), str(data)


def speak(utterance: Utterance) -> tuple[NDArray[np.int16], int]:
    """Speak an utterance as eSpeak NG gives it, before `demo_speech_channel` records it.

    Pitch, its range, rate, pauses and formants of the utterance are heard here; breath and
    roughness follow its tilt. The level is eSpeak's own.

    Returns:
        ``(samples,)`` 16-bit mono with silence at both ends, and the rate in Hz.

    Raises:
        ValueError: if eSpeak NG is not installed, does not start or gives no sound.
    """
    pieces: list[NDArray[np.int16]] = []

    def keep(samples: Any, count: int, events: int | None) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _Callback(keep)  # named, so that it lives as long as eSpeak may call it
    with _fresh_library() as (library, rate), _voice_file(utterance) as path:
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(ctypes.c_long(utterance.noise_seed))
        status = library.espeak_SetVoiceByFile(os.fsencode(path))
        if status:
            raise ValueError(f"eSpeak NG refuses the voice of {utterance.name}: status {status}")
        for parameter, value in speaking_parameters(utterance).items():
            library.espeak_SetParameter(parameter, value, 0)
        text = utterance.text.encode() + b"\0"
        library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 1, 0, _UTF8, None, None)
    if not pieces:
        raise ValueError(f"eSpeak NG gave no sound for {utterance.name}: {utterance.text}")
    return np.concatenate(pieces), rate


def voice_settings(utterance: Utterance) -> dict[str, str]:
    """Return the lines that the utterance adds to eSpeak's voice file of its language.

    Example:
        >>> from affectrep.data.corpora.demo_speech_voices import draw_utterances
        >>> sorted(voice_settings(draw_utterances()[0]))[:4]
        ['breath', 'consonants', 'flutter', 'formant 0']
    """
    speaker = utterance.speaker
    said = dict(zip(DIMENSIONS, utterance.prosody, strict=True))
    mean = 100.0 * 2.0 ** (said["pitch_st"] / 12.0)
    width = 0.5 * mean * 2.0 ** said["range_octaves"]
    lift = LANGUAGES[speaker.language].pitch_lift
    width = min(width, (mean + _FLOOR_HZ - LOWEST_HZ) / lift)
    lowest = mean + _FLOOR_HZ - lift * width
    breath = max(0, round(speaker.breath / 2 + 8 - 2.5 * said["tilt_db"]))
    scale = 1.0 + said["formants_percent"] / 100.0
    places = [round(scale * place) for place in (100.0, *speaker.formants)]
    return {
        "pitch": f"{round(lowest)} {round(lowest + width)}",
        "flutter": str(speaker.flutter),
        "breath": "0" + f" {min(breath, 40)}" * 4,
        "roughness": str(min(max(round((said["tilt_db"] - 2.0) / 2.5), 0), 4)),
        "consonants": str(speaker.consonants),
        **{f"formant {number}": f"{place} 100 100" for number, place in enumerate(places)},
    }


def speaking_parameters(utterance: Utterance) -> dict[int, int]:
    """Return the values of eSpeak's parameters by their number: 1 is the rate, words per minute.

    Example:
        >>> from affectrep.data.corpora.demo_speech_voices import draw_utterances
        >>> sorted(speaking_parameters(draw_utterances()[0]))
        [1, 2, 3, 4, 7]
    """
    said = dict(zip(DIMENSIONS, utterance.prosody, strict=True))
    usual = LANGUAGES[utterance.speaker.language].words_per_minute
    rate = round(usual * 2.0 ** said["rate_octaves"])
    gap = round(2.0 * 2.0 ** said["pause_octaves"])  # in 10 ms at the usual rate
    return {
        _RATE: min(max(rate, SLOWEST), FASTEST),
        _VOLUME: VOLUME,
        _PITCH: 50,
        _RANGE: 50,
        _GAP: min(gap, LONGEST_GAP),
    }


@contextmanager
def _fresh_library() -> Iterator[tuple[Any, int]]:
    """Load the library as if for the first time, and start it."""
    path, data = require_espeak()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ValueError(f"eSpeak NG does not load on this machine: {error}") from None
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), _DONT_EXIT)
        if rate <= 0:
            raise ValueError(
                f"eSpeak NG does not start with the data in {data}: "
                "install espeakng-loader again, into a folder with a shorter path"
            )
        yield library, int(rate)
        library.espeak_Terminate()
    finally:
        _unload(library)


def _unload(library: ctypes.CDLL) -> None:
    if sys.platform == "win32":
        _ctypes.FreeLibrary(library._handle)
    else:
        _ctypes.dlclose(library._handle)


@contextmanager
def _voice_file(utterance: Utterance) -> Iterator[str]:
    """Write eSpeak's voice of the language with the utterance's settings; later lines win."""
    lines = [f"{key} {value}" for key, value in voice_settings(utterance).items()]
    text = _language_lines(utterance.speaker.language) + "\n".join(["", *lines, ""]).encode()
    handle, path = tempfile.mkstemp(prefix="v")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        if len(os.fsencode(path)) > _LONGEST_PATH:
            raise ValueError(
                f"eSpeak NG reads paths of at most {_LONGEST_PATH} bytes, not {path}: "
                "set TMPDIR to a folder with a shorter path"
            )
        yield path
    finally:
        os.unlink(path)


@functools.cache
def _language_lines(language: str) -> bytes:
    return (Path(require_espeak()[1]) / "lang" / LANGUAGE_FILES[language]).read_bytes()
