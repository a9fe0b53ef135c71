"""Load data sets of the Hugging Face hub, and say what would serve where it cannot be reached."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import pandas as pd

from affectrep.data.sources import frames

__all__ = ["is_hub_id", "load_hub"]

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


def is_hub_id(root: Path | str) -> bool:
    """Return whether a root that does not exist here reads as ``owner/name`` of the hub."""
    return _HUB_ID.fullmatch(str(root)) is not None and not Path(root).exists()


def load_hub(
    name: str, config: str | None = None, *, instead: str, revision: str | None = None
) -> dict[str, pd.DataFrame]:
    """Load a data set of the Hugging Face hub through `datasets`; split -> rows.

    Args:
        name: ``owner/name``.
        config: the data set's configuration, where it has several.
        instead: which local folder would serve, and where to get it; ends the error message.
        revision: branch, where it is not the main one.

    Raises:
        ValueError: if the hub cannot be reached, has no such data set, or that has no split.
    """
    from datasets import load_dataset

    try:
        with _brief():
            loaded = load_dataset(name, config, revision=revision)
    except Exception as error:  # the client raises a dozen unrelated types when it has no network
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"the Hugging Face hub did not give {name} ({reason[:160]}), and there is no such "
            f"folder here. {instead}"
        ) from None
    found = frames(loaded)
    if not found:
        raise ValueError(f"{name} has the splits {', '.join(loaded)}, no train or test. {instead}")
    return found


@contextmanager
def _brief() -> Iterator[None]:
    """Without a network go straight to the hub's cache, instead of half a minute of retries."""
    import datasets
    from huggingface_hub import constants

    logger = logging.getLogger("huggingface_hub")
    before = (constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE, logger.level)
    host = urlsplit(constants.ENDPOINT).hostname or ""
    if not getproxies() and not _resolves(host):
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before[:2]
        logger.setLevel(before[2])


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True
