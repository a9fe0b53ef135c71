"""Texts to token tensors: the tokenizer of an encoder, cut at a length, picklable."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

__all__ = ["TextPreprocess"]

SETTINGS = "tokenizer_settings.json"


class TextPreprocess:
    """Turn texts into ``input_ids`` and ``attention_mask``, padded on the right to the longest.

    Two of them are equal when tokenizer, pad token and length are; pickling keeps all three.

    Args:
        tokenizer: from the library tokenizers; a copy is made.
        max_tokens: longer texts are cut, special tokens included.
        pad_id: id of the padding token.

    Example:
        >>> from tokenizers import models
        >>> words = Tokenizer(models.WordLevel({"[PAD]": 0, "so": 1}, unk_token="[PAD]"))
        >>> TextPreprocess(words, max_tokens=4)(["so"])["input_ids"].tolist()
        [[1]]
    """

    def __init__(self, tokenizer: Tokenizer, *, max_tokens: int = 128, pad_id: int = 0) -> None:
        if max_tokens < 1:
            raise ValueError(f"max_tokens is {max_tokens}, expected at least 1")
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_length=max_tokens)
        self.max_tokens = max_tokens
        self.pad_id = pad_id

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Return int64 ``input_ids`` and ``attention_mask``, each ``(texts, longest)``.

        Raises:
            ValueError: if there is no text, or one is not a string or cannot be UTF-8.
        """
        if not texts:
            raise ValueError("expected at least one text")
        rows = [encoding.ids for encoding in self._encode(texts)]
        width = max(1, *(len(row) for row in rows))
        ids = [row + [self.pad_id] * (width - len(row)) for row in rows]
        mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text after it was cut, special tokens included."""
        return [len(encoding.ids) for encoding in self._encode(texts)]

    def count_truncated(self, texts: Sequence[str]) -> int:
        """Return how many of the texts are longer than ``max_tokens`` and lose their end."""
        return sum(1 for encoding in self._encode(texts) if encoding.overflowing)

    def _encode(self, texts: Sequence[str]) -> list[Encoding]:
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise ValueError(f"text {position} is a {type(text).__name__}, expected a string")
        try:
            return list(self.tokenizer.encode_batch_fast(list(texts)))
        except TypeError:  # only half of a character, as a shell makes of bytes that are not UTF-8
            _refuse_surrogates(texts)
            raise

    def save_settings(self, folder: Path) -> None:
        """Write the length and the pad id alone, for a tokenizer that is found elsewhere."""
        settings = {"max_tokens": self.max_tokens, "pad_id": self.pad_id}
        (folder / SETTINGS).write_text(json.dumps(settings) + "\n", encoding="utf-8")

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` with the length; the pad id is that of its padding."""
        copy = Tokenizer.from_str(self.tokenizer.to_str())
        token = copy.id_to_token(self.pad_id) or "[PAD]"
        copy.enable_padding(pad_id=self.pad_id, pad_token=token)
        copy.save(str(folder / "tokenizer.json"))

    @classmethod
    def load(cls, folder: Path, *, base: Path | None = None) -> TextPreprocess:
        """Read what `save` wrote, or what `save_settings` wrote with the tokenizer of ``base``.

        Raises:
            ValueError: if there is no readable ``tokenizer.json``.
        """
        alone = base is not None and (folder / SETTINGS).is_file()
        path = (base if base is not None and alone else folder) / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises a bare Exception
            raise ValueError(f"{path} is not a tokenizer: {error}") from error
        if alone:
            return cls(tokenizer, **json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
        if tokenizer.truncation is None or tokenizer.padding is None:
            raise ValueError(f"{path} names no length or padding: save the model again")
        return cls(
            tokenizer,
            max_tokens=tokenizer.truncation["max_length"],
            pad_id=tokenizer.padding["pad_id"],
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TextPreprocess):
            return NotImplemented
        return (self.max_tokens, self.pad_id, self.tokenizer.to_str()) == (
            other.max_tokens,
            other.pad_id,
            other.tokenizer.to_str(),
        )

    __hash__ = None  # type: ignore[assignment]  # equality is by content


def _refuse_surrogates(texts: Sequence[str]) -> None:
    for position, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"text {position} is not UTF-8: character {error.start + 1} is "
                f"{text[error.start]!a}. Give it in UTF-8."
            ) from None
