"""Which training texts are longer than the encoder reads, before anything is trained."""

from __future__ import annotations

from contextlib import suppress

from affectrep.config import Config
from affectrep.config.encoders import TextEncoderConfig
from affectrep.data.manifest import Manifest
from affectrep.data.problems import Problem

__all__ = ["cut_texts"]

_COUNTED = 20_000
"""Training texts that are counted; of more, so many evenly spaced ones are."""


def cut_texts(config: Config, manifest: Manifest, *, download: bool = True) -> list[Problem]:
    """Return a note that counts the training texts which lose their end; none where none does.

    An encoder that cannot be read gives no note: training says why.

    Args:
        config: its ``encoder``, of texts.
        manifest: of its corpus.
        download: False reads an encoder of the hub from the cache only.
    """
    section, rows = config.encoder, manifest.rows
    if not isinstance(section, TextEncoderConfig) or "text" not in rows:
        return []
    texts = [text for text in rows.loc[rows["split"] == "train", "text"] if isinstance(text, str)]
    counted = texts[:: -(-len(texts) // _COUNTED)] if texts else []
    cut = 0
    with suppress(ValueError):
        # the tokenizers' package is slow to import
        from affectrep.encoders.checkpoint import load_preprocess

        preprocess = load_preprocess(
            section.checkpoint, max_tokens=section.max_tokens, download=download
        )
        cut = preprocess.count_truncated(counted)
    if not cut:
        return []
    of = "training texts" if len(counted) == len(texts) else "training texts looked at"
    verb = "is longer than" if cut == 1 else "are longer than"
    own = "loses its end" if cut == 1 else "lose their end"
    message = (
        f"{cut:,} of {len(counted):,} {of} {verb} {section.max_tokens} tokens and {own}: raise "
        "encoder.max_tokens if the ends matter and the encoder reads more"
    )
    return [Problem("cut_texts", message, severity="note")]
