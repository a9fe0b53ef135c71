"""Settings of a preprocess as JSON values: made of them, written, read, and turned into a key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

__all__ = ["StoredPreprocess"]

FILE = "preprocess.json"


@dataclass(frozen=True)
class StoredPreprocess:
    """What every preprocess of sounds and images can do with its settings.

    A subclass names its ``kind`` and adds fields; it counts ``version`` up whenever the same
    settings give other values than before, so that no stale cache is read. Two of one class are
    equal when their settings are.

    Example:
        >>> StoredPreprocess.from_settings({}).settings()
        {}
    """

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1

    @classmethod
    def from_settings(cls, settings: dict[str, Any] | None) -> Self:
        """Build one from JSON values; lists become tuples.

        Raises:
            ValueError: if a key is unknown or a value out of range.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(settings or {}) - set(known))
        if unknown:
            raise ValueError(
                f"unknown key encoder.preprocess.{unknown[0]}; there is {', '.join(known)}"
            )
        values: dict[str, Any] = dict(settings or {})
        values |= {key: tuple(v) for key, v in values.items() if isinstance(v, list)}
        return cls(**values)

    def settings(self) -> dict[str, Any]:
        """Return all settings as JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @property
    def key(self) -> str:
        """SHA-256 of kind, version and settings, in hexadecimal: same key, same values."""
        return hashlib.sha256(json.dumps(self._named(), sort_keys=True).encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write ``preprocess.json`` into an existing folder."""
        text = json.dumps(self._named(), indent=2, sort_keys=True)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: if the file is missing or damaged, or is of another kind or version.
        """
        path = folder / FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            found = (values.pop("kind"), values.pop("version"))
        except FileNotFoundError as error:
            raise ValueError(f"{path} is missing: the model folder is not complete") from error
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ValueError(f"{path} cannot be read: {error!r}") from error
        if found != (cls.kind, cls.version):
            expected = f"{cls.kind} version {cls.version}"
            raise ValueError(f"{path} is of {found[0]} version {found[1]}, expected {expected}")
        return cls.from_settings(values)

    def _named(self) -> dict[str, Any]:
        return {"kind": self.kind, "version": self.version, **self.settings()}
