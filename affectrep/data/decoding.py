"""Read a text file as UTF-8, and say what it is where it is something else."""

from __future__ import annotations

from pathlib import Path

__all__ = ["decode", "guess_encoding"]

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def decode(path: Path) -> str:
    """Return the text of a UTF-8 file, without a byte order mark.

    Raises:
        ValueError: if the file is not UTF-8; the message names the line and the likely encoding.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = guess_encoding(data)
        raise ValueError(
            f"{path} is not UTF-8: line {line} holds the byte 0x{data[error.start]:02x}. "
            f"It looks like {found}: convert it with "
            f"`iconv -f {found} -t utf-8 {path.name} > {path.stem}-utf8{path.suffix}`."
        ) from None
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise ValueError(
            f"{path} holds a NUL character in line {line}: it looks like {guess_encoding(data)}, "
            "save it as UTF-8 text."
        )
    return text


def guess_encoding(data: bytes) -> str:
    r"""Return the likely encoding of bytes that are not UTF-8.

    The package charset-normalizer decides where it is installed. Without it a byte order mark or
    many zero bytes mean UTF-16 or UTF-32, and anything else is taken for windows-1252 or, where
    that has no such byte, for iso-8859-1; other code pages cannot be told from these two.

    Example:
        >>> guess_encoding("d\u00e9j\u00e0".encode("utf-16"))
        'utf-16'
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    if data.count(0) > len(data) // 4:
        return "utf-16-le" if data[1::2].count(0) > data[0::2].count(0) else "utf-16-be"
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return _guess_western(data)
    best = from_bytes(data).best()
    return best.encoding.replace("_", "-") if best is not None else _guess_western(data)


def _guess_western(data: bytes) -> str:
    try:
        data.decode("windows-1252")
    except UnicodeDecodeError:
        return "iso-8859-1"
    return "windows-1252"
