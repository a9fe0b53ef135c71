"""What a run of published settings needs and does not find: corpora, pretrained encoders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["missing_checkpoints", "missing_corpora"]

_FILES = ("config.json", "preprocessor_config.json")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_SECONDS = 5.0


def missing_corpora(folders: Mapping[str, str]) -> dict[str, str]:
    """Return corpus -> why it cannot be read; the readers judge their own layout.

    A folder that is there is read whole, as training would; durations and hashes are remembered,
    so that the next reading is quick.

    Args:
        folders: corpus -> folder of its official download.
    """
    problems = {}
    for name, folder in folders.items():
        if not Path(folder).is_dir():
            problems[name] = f"there is no folder {folder}"
            continue
        # only this modality needs its packages
        from affectrep.data.corpora.speech_set import READERS

        try:
            READERS[name](folder)
        except (ValueError, OSError, ImportError) as error:
            problems[name] = str(error)
    return problems


def missing_checkpoints(checkpoints: Iterable[str]) -> dict[str, str]:
    """Return checkpoint -> why it cannot be had: neither a folder, nor cached, nor on the hub.

    The hub is asked for a name at most, nothing is fetched.

    Args:
        checkpoints: hub ids or local folders.
    """
    from huggingface_hub import constants

    problems, unreachable = {}, "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else ""
    for checkpoint in checkpoints:
        folder = Path(checkpoint).expanduser()
        if folder.is_dir():
            absent = [name for name in _FILES if not (folder / name).is_file()]
            if absent or not any((folder / name).is_file() for name in _WEIGHTS):
                problems[checkpoint] = f"the folder has no {(absent or _WEIGHTS)[0]}"
            continue
        if _is_cached(checkpoint):
            continue
        reason = unreachable or _ask_hub(checkpoint)
        if reason.startswith("the hub cannot be reached"):
            unreachable = reason  # the others would wait in vain, too
        if reason:
            problems[checkpoint] = f"not in the local Hugging Face cache, and {reason}"
    return problems


def _is_cached(checkpoint: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = {
            name: isinstance(try_to_load_from_cache(checkpoint, name), str)
            for name in (*_FILES, *_WEIGHTS)
        }
    except HFValidationError:  # the path of a folder that is not there
        return False
    return all(found[name] for name in _FILES) and any(found[name] for name in _WEIGHTS)


def _ask_hub(checkpoint: str) -> str:
    """Return why the hub does not give a model; empty where it does."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        HfApi().model_info(checkpoint, timeout=_SECONDS)
    except RepositoryNotFoundError:
        return "the hub has no such model"
    except HFValidationError:
        return "it is neither a folder nor a name on the hub"
    except Exception as error:  # the client raises a dozen unrelated types without a network
        return f"the hub cannot be reached ({type(error).__name__})"
    return ""
