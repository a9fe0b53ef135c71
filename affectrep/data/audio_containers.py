"""Whether a WAV or OGG file holds as much as it says: a download that broke off does not.

Decoders take what is there of such a file for all of it. (FLAC and MP3 decoders notice by
themselves.)
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["breaks_off"]

_ORDERS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">"}
_WIDE = 0xFFFFFFFF  # RF64: the size stands in the chunk ds64; RIFF: written as a stream
_STREAMED = 0x7FFFF000  # from here on: what eSpeak, sox and arecord write into a pipe
_SLACK = 64  # bytes: some writers count their header as sound
_PAGE = 27 + 255 + 255 * 255  # bytes of an OGG page at most
_LAST_PAGE = 4


def breaks_off(path: Path | str) -> bool:
    """Return whether a file ends before its sound does.

    A WAV file does where its data chunk states more bytes than there are; a stream, which states 0
    or a size no file has, does not. An OGG file does where its last page is cut or is not marked
    as the last one. Of other files nothing is known, and they do not.

    Args:
        path: of a file.

    Raises:
        OSError: if it cannot be opened.
    """
    with Path(path).open("rb") as file:
        length = file.seek(0, 2)
        file.seek(0)
        order = _ORDERS.get(mark := file.read(4))
        if order is not None:
            return _lacks_data(file, order, length)
        return mark == b"OggS" and _lacks_pages(file, length)


def _lacks_data(file: BinaryIO, order: str, length: int) -> bool:
    wide = 0
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, size = head[:4], struct.unpack(f"{order}I", head[4:])[0]
        start = file.tell()
        if name == b"ds64":
            wide = int.from_bytes(file.read(16)[8:], "little")
        if name == b"data":
            stated = wide if size == _WIDE else size if size < _STREAMED else 0
            return length - start < stated - _SLACK
        file.seek(start + size + size % 2)
    return False


def _lacks_pages(file: BinaryIO, length: int) -> bool:
    file.seek(max(0, length - _PAGE))
    end = file.read()
    place = end.rfind(b"OggS")
    while place >= 0:
        page = end[place:]
        if page[4:5] in (b"", b"\0"):  # the version; else these letters are a part of the sound
            return not _is_last(page)
        place = end.rfind(b"OggS", 0, place)
    return True


def _is_last(page: bytes) -> bool:
    """Whether a page is whole and marked as the last; its sizes stand behind 27 bytes."""
    if len(page) < 27 or not page[5] & _LAST_PAGE:
        return False
    sizes = page[27 : 27 + page[26]]
    return len(sizes) == page[26] and len(page) >= 27 + len(sizes) + sum(sizes)
