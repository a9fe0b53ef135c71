"""Read an encoder back from a model folder, for training or for prediction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from affectrep.encoders.adapters import fold_lora
from affectrep.encoders.bert import InferenceBert
from affectrep.encoders.bundled import BUNDLED, PREFIX
from affectrep.encoders.checkpoint import (
    NEEDED,
    OTHER,
    Pretrained,
    config_of,
    empty_backbone,
    locate,
    quiet,
    read_weights,
)
from affectrep.encoders.checkpoint_folder import in_words
from affectrep.encoders.preprocess import TextPreprocess
from affectrep.encoders.weights import load_weights

__all__ = ["folded_checkpoint", "stored_checkpoint"]


def stored_checkpoint(folder: Path, reference: dict[str, str] | None) -> Pretrained:
    """Return a checkpoint for training: with base weights if there is a reference, else empty.

    Raises:
        ValueError: if a file is missing or the base cannot be found.
    """
    values = _read_config(folder)
    config = config_of(values)
    backbone = empty_backbone(config) if reference is None else _base(config, reference)
    return Pretrained(backbone, _preprocess(folder, reference), values, reference)


def folded_checkpoint(
    folder: Path,
    weights: dict[str, Tensor],
    reference: dict[str, str] | None,
    lora: dict[str, Any] | None,
) -> Pretrained:
    """Return a checkpoint for prediction with its weights in place and adapters folded in.

    A plain BERT is computed by `InferenceBert`, so that transformers is not imported.

    Args:
        folder: with config.json and tokenizer.json.
        weights: of the backbone, from the model folder.
        reference: where the base weights are, None when ``weights`` has all.
        lora: the adapters' settings, None when there are none.

    Raises:
        ValueError: if a file is missing, the base cannot be found or weights do not fit.
    """
    values = _read_config(folder)
    plain = InferenceBert.fits(values)
    state = _base_state(values, reference) if reference else {}
    state = {**state, **weights}
    if lora is not None:
        state = fold_lora(state, lora)
    if plain:
        backbone: nn.Module = InferenceBert(values)
    else:
        backbone = empty_backbone(config_of(values))
    if reference is not None:  # the base may bring a pooler
        wanted = set(backbone.state_dict())
        state = {key: value for key, value in state.items() if key in wanted}
    load_weights(backbone, state, assign=plain)
    return Pretrained(backbone, _preprocess(folder, reference), values, None)


def _preprocess(folder: Path, reference: dict[str, str] | None) -> TextPreprocess:
    checkpoint = (reference or {}).get("checkpoint", "")
    base = Path(locate(checkpoint)) if checkpoint.startswith(PREFIX) else None
    return TextPreprocess.load(folder, base=base)


def _base_state(values: dict[str, Any], reference: dict[str, str]) -> dict[str, Tensor]:
    if InferenceBert.fits(values) and reference["checkpoint"].startswith(PREFIX):
        from safetensors.torch import load_file

        _require_same_base(reference)
        return load_file(Path(locate(reference["checkpoint"])) / "model.safetensors")
    return _base(config_of(values), reference).state_dict()


def _base(config: Any, reference: dict[str, str]) -> nn.Module:
    _require_same_base(reference)
    location = locate(reference["checkpoint"])
    with in_words(reference["checkpoint"], needed=NEEDED, other=OTHER), quiet():
        return read_weights(location, config, reference.get("revision"))


def _require_same_base(reference: dict[str, str]) -> None:
    bundle = BUNDLED.get(reference["checkpoint"].removeprefix(PREFIX))
    if "sha256" in reference and (bundle is None or bundle.sha256 != reference["sha256"]):
        raise ValueError(
            f"the model was trained on {reference['checkpoint']} with SHA-256 "
            f"{reference['sha256'][:12]}…, which this version of affectrep does not know"
        )


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path} is missing: the model folder is not complete") from error
    except ValueError as error:  # UnicodeDecodeError is one, too
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a configuration: expected keys and values")
    return values
