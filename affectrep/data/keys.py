"""What makes two rows the same: normalised text, and a hash of the decoded content."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

import pandas as pd

__all__ = ["content_hash", "content_hashes", "digest", "normalise_text", "text_keys"]


def normalise_text(text: str) -> str:
    r"""Return the form under which two texts count as the same one.

    Compatibility characters are unified, case is folded, runs of whitespace become one space.
    Punctuation stays: texts that differ in it are different texts.

    Example:
        >>> normalise_text("  I AM\n so\u00a0glad! ")
        'i am so glad!'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_keys(texts: Iterable[object]) -> list[str]:
    """Return the normalised form of each text; what is no text becomes an empty key."""
    return [normalise_text(text) if isinstance(text, str) else "" for text in texts]


def content_hash(text: str) -> str:
    """Return the SHA-256 of a decoded text, 64 hexadecimal digits, whatever its file's encoding.

    Example:
        >>> content_hash("abc")[:8]
        'ba7816bf'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def content_hashes(rows: pd.DataFrame) -> list[str]:
    """Return one content hash per row.

    A column ``content`` (hashes of decoded audio or images) is taken as it is; otherwise the text
    is hashed, and a row without text by its path.
    """
    if "content" in rows:
        return [str(value) for value in rows["content"]]
    column = "text" if "text" in rows else "path"
    return [content_hash(value if isinstance(value, str) else "") for value in rows[column]]


def digest(values: Iterable[str]) -> str:
    """Return the SHA-256 of a sequence of strings; their order counts.

    Example:
        >>> digest(["a", "b"]) == digest(["b", "a"])
        False
    """
    return hashlib.sha256("\n".join(values).encode("utf-8", "surrogatepass")).hexdigest()
