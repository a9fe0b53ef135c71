"""What the inputs of ``affectrep predict`` hold by their endings, files of folders, a pipe."""

from __future__ import annotations

import sys
from pathlib import Path

from affectrep.data import folder_walk

__all__ = [
    "PICTURES",
    "SOUNDS",
    "TABLES",
    "VIDEOS",
    "decode",
    "files_below",
    "is_file",
    "is_folder",
    "kind_of",
    "lines_of",
    "shortened",
    "standard_input",
    "suit",
]

TABLES = (".csv", ".tsv")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")

_KINDS = {
    **dict.fromkeys((*TABLES, ".txt"), "text"),
    **dict.fromkeys(SOUNDS, "sound"),
    **dict.fromkeys(PICTURES, "picture"),
    **dict.fromkeys(VIDEOS, "video"),
}
_HOLDS = {
    "text": "holds text",
    "sound": "is a sound file",
    "picture": "is a picture",
    "video": "is a video",
}
_SUITED = {"text": "text", "sound": "speech", "picture": "face", "video": "face"}
_READS = {
    "text": "this model reads text",
    "speech": "this model hears speech",
    "face": "this model sees faces",
}
_MODEL_OF = {"text": "text", "speech": "speech", "face": "faces"}
_GIVE = {"text": "texts", "speech": "sound files", "face": "pictures, folders of them or videos"}


def kind_of(path: Path) -> str | None:
    """Return text, sound, picture or video after the ending of a file; None for another.

    Example:
        >>> kind_of(Path("face.JPG")), kind_of(Path("notes"))
        ('picture', None)
    """
    return _KINDS.get(path.suffix.lower())


def suit(given: str, modality: str) -> None:
    """Refuse a file that another kind of model reads; the ending decides.

    Args:
        given: the name of a file.
        modality: text, speech or face, what the model reads.

    Raises:
        ValueError: that names what the file holds, what the model reads, and the mend.

    Example:
        >>> suit("face.jpg", "speech")
        Traceback (most recent call last):
        ...
        ValueError: face.jpg is a picture, and this model hears speech: use a model of faces for
        it, or give sound files
    """
    kind = kind_of(Path(given))
    if kind is not None and _SUITED[kind] != modality:
        raise ValueError(
            f"{given} {_HOLDS[kind]}, and {_READS[modality]}: use a model of "
            f"{_MODEL_OF[_SUITED[kind]]} for it, or give {_GIVE[modality]}"
        )


def files_below(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    """Return the files of these endings in a folder and below it, sorted; hidden ones left out.

    Linked folders are entered, each once.
    """
    return [str(file) for file in folder_walk.files_below(folder, suffixes=suffixes)]


def standard_input() -> list[str]:
    """Return the lines of standard input that are not empty.

    Raises:
        ValueError: if they are not UTF-8.
    """
    return lines_of(decode(sys.stdin.buffer.read(), "standard input"))


def lines_of(content: str) -> list[str]:
    r"""Return the lines that are not empty; only line ends of files part them.

    Example:
        >>> lines_of("one\u2028still one\r\n\ntwo")
        ['one\u2028still one', 'two']
    """
    # str.splitlines would also part a text at the separators that Unicode has inside paragraphs
    lines = content.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line for line in lines if line.strip()]


def decode(content: bytes, name: str) -> str:
    """Return bytes as text, a byte order mark left out.

    Raises:
        ValueError: if they are not UTF-8; it names the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{name}, line {line}, is not UTF-8: save the file as UTF-8") from error


def is_file(path: Path) -> bool:
    """Return whether a path is a file; a text that is too long for a name is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; a text that is too long for a name is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def shortened(given: str) -> str:
    """Return what a message shows of an argument: 60 characters at most."""
    return given if len(given) <= 60 else given[:57] + "..."
