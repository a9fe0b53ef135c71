"""Find a pretrained text encoder and read it: hub id, local folder or ``bundled:<name>``."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from affectrep.encoders.bundled import BUNDLED, PREFIX, bundled_folder
from affectrep.encoders.checkpoint_folder import in_words
from affectrep.encoders.preprocess import TextPreprocess

__all__ = [
    "Pretrained",
    "commit_of",
    "config_of",
    "empty_backbone",
    "hidden_size",
    "load_preprocess",
    "load_pretrained",
    "locate",
    "read_weights",
]

NEEDED = ("config.json", "tokenizer.json")
OTHER = "bundled:minilm"
DROPOUTS = ("hidden_dropout_prob", "dropout", "dropout_rate", "hidden_dropout", "resid_pdrop")
ATTENTION_DROPOUTS = (
    "attention_probs_dropout_prob",
    "attention_dropout",
    "attn_pdrop",
    "attn_dropout",
)


@dataclass
class Pretrained:
    """A checkpoint in memory.

    Args:
        backbone: maps ``input_ids`` and ``attention_mask`` to ``last_hidden_state``.
        preprocess: the checkpoint's tokenizer.
        config: the Hugging Face configuration as JSON values, for the model folder.
        reference: how the weights are found again (``checkpoint`` and ``sha256`` or ``revision``),
            None when they have to be stored with the model.
    """

    backbone: nn.Module
    preprocess: TextPreprocess
    config: dict[str, Any]
    reference: dict[str, str] | None = None


def locate(checkpoint: str) -> str:
    """Return what transformers can open: a folder, or a hub id as it came.

    Raises:
        ValueError: if it looks like a folder that is not there, or the bundled package is absent.

    Example:
        >>> locate("google-bert/bert-base-uncased")
        'google-bert/bert-base-uncased'
    """
    if checkpoint.startswith(PREFIX):
        return str(bundled_folder(checkpoint))
    path = Path(checkpoint).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ValueError(
                f"encoder {checkpoint} has no config.json: give a folder with config.json, "
                "model.safetensors and tokenizer.json"
            )
        return str(path)
    if checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1:
        raise ValueError(f"encoder folder {checkpoint} does not exist")
    return checkpoint


def load_pretrained(
    checkpoint: str,
    *,
    max_tokens: int = 128,
    dropout: float | None = None,
    attention_dropout: float | None = None,
    revision: str | None = None,
) -> Pretrained:
    """Read configuration, weights (as float32, without a pooler) and tokenizer.

    Raises:
        ValueError: if the checkpoint cannot be found or read, lacks weights of its encoder, or
            takes fewer tokens than asked for.
    """
    location = locate(checkpoint)
    with in_words(checkpoint, needed=NEEDED, other=OTHER), quiet():
        commit = commit_of(location, revision)
        pinned = commit or revision or "main"  # all files of one state of the repository
        config, tokenizer = _settings(location, revision=pinned)
        set_dropout(config, DROPOUTS, dropout)
        set_dropout(config, ATTENTION_DROPOUTS, attention_dropout)
        backbone = read_weights(location, config, pinned)
    preprocess = _preprocess(tokenizer, config, max_tokens)
    values = json.loads(config.to_json_string(use_diff=False))
    return Pretrained(backbone, preprocess, values, _reference(checkpoint, commit))


def load_preprocess(
    checkpoint: str, *, max_tokens: int = 128, download: bool = True
) -> TextPreprocess:
    """Read the tokenizer alone, without weights.

    Args:
        checkpoint: as for `load_pretrained`.
        max_tokens: longer texts are cut.
        download: False reads a hub id from the cache only.

    Raises:
        ValueError: as `load_pretrained`, or if the files are not there.
    """
    location = locate(checkpoint)
    with in_words(checkpoint, needed=NEEDED, other=OTHER), quiet():
        config, tokenizer = _settings(location, local_files_only=not download)
    return _preprocess(tokenizer, config, max_tokens)


def _settings(location: str, **options: Any) -> tuple[Any, Any]:
    """Return the configuration and the tokenizer of a folder or hub id."""
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(location, **options)
    return config, AutoTokenizer.from_pretrained(location, **options)


def commit_of(location: str, revision: str | None = None) -> str | None:
    """Return the commit that a hub id's branch or tag stands at now, None for a folder.

    The file's place in the hub's cache tells it; configurations do not carry it any more.

    Raises:
        OSError: if the repository cannot be reached and is not in the cache.
    """
    if Path(location).is_dir():
        return None
    from transformers.utils.hub import cached_file, extract_commit_hash

    found = cached_file(location, "config.json", revision=revision or "main")
    commit: str | None = extract_commit_hash(found, None)
    return commit


def hidden_size(config: dict[str, Any]) -> int:
    """Return the width of an encoder's features from the JSON values of its configuration.

    Example:
        >>> hidden_size({"model_type": "distilbert", "dim": 768})
        768
    """
    for name in ("hidden_size", "d_model", "dim", "n_embd", "emb_dim"):
        if config.get(name):
            return int(config[name])
    raise ValueError(f"the width of a {config.get('model_type')} encoder is not known")


def set_dropout(config: Any, names: tuple[str, ...], value: float | None) -> None:
    """Set a dropout under the name that this architecture uses; None leaves it.

    Raises:
        ValueError: if the architecture has no such dropout.
    """
    if value is None:
        return
    present = [name for name in names if hasattr(config, name)]
    if not present:
        raise ValueError(
            f"a {config.model_type} encoder has no setting such as {names[0]}: leave it at null"
        )
    setattr(config, present[0], value)


def encoder_class(config: Any) -> Any:
    """Return the transformers class that reads text for a configuration, its encoder alone."""
    from transformers.models.auto import modeling_auto

    for mapping in (modeling_auto.MODEL_FOR_TEXT_ENCODING_MAPPING, modeling_auto.MODEL_MAPPING):
        if type(config) in mapping:
            found = mapping[type(config)]
            return found[0] if isinstance(found, tuple) else found
    raise ValueError(f"transformers has no encoder for model type {config.model_type}")


def attention() -> str:
    """Return the attention implementation: eager on a CPU, PyTorch's fused one beside a GPU.

    Both give the same outputs to rounding. On a CPU with bfloat16 and short texts the plain one
    trains faster (0.88 against 0.95 s for 64 texts on 2 cores).
    """
    return "sdpa" if torch.cuda.is_available() else "eager"


def pooler_arguments(model_class: Any) -> dict[str, bool]:
    """Return the argument that leaves the pooler out, where the class knows it."""
    known = inspect.signature(model_class.__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in known else {}


def read_weights(location: str, config: Any, revision: str | None = None) -> nn.Module:
    """Read the weights of a folder or hub id into the class that its configuration names.

    Raises:
        ValueError: if the class is unknown or weights are absent.
    """
    model_class = encoder_class(config)
    arguments: dict[str, Any] = {
        "config": config,
        "revision": revision or "main",
        "dtype": torch.float32,
        "output_loading_info": True,
        **pooler_arguments(model_class),
    }
    try:
        loaded = model_class.from_pretrained(location, attn_implementation=attention(), **arguments)
    except ValueError as error:
        if "attention" not in str(error):
            raise
        loaded = model_class.from_pretrained(location, **arguments)
    backbone, report = loaded
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing:
        raise ValueError(f"its weights lack {', '.join(missing[:3])} of {model_class.__name__}")
    assert isinstance(backbone, nn.Module)
    return backbone


def config_of(values: dict[str, Any]) -> Any:
    """Return the transformers configuration of its JSON values, with this machine's attention."""
    from transformers import AutoConfig

    rest = {key: value for key, value in values.items() if key != "model_type"}
    config = AutoConfig.for_model(values["model_type"], **rest)
    config._attn_implementation = attention()
    return config


def empty_backbone(config: Any) -> nn.Module:
    """Build the class that a configuration names without reading or drawing weights."""
    from transformers.initialization import no_init_weights

    model_class = encoder_class(config)
    with no_init_weights():
        backbone = model_class(config, **pooler_arguments(model_class))
    assert isinstance(backbone, nn.Module)
    return backbone


def _preprocess(tokenizer: Any, config: Any, max_tokens: int) -> TextPreprocess:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ValueError(
            f"the tokenizer of {config.model_type} has no tokenizer.json form: "
            "give an encoder.checkpoint that has one"
        )
    limit = min(
        getattr(config, "max_position_embeddings", None) or max_tokens,
        tokenizer.model_max_length or max_tokens,
    )
    if max_tokens > limit > 0:
        raise ValueError(
            f"encoder.max_tokens is {max_tokens}, but the encoder reads at most {limit} tokens"
        )
    pad = next(
        (
            i
            for i in (tokenizer.pad_token_id, getattr(config, "pad_token_id", None))
            if i is not None
        ),
        0,
    )
    return TextPreprocess(backend, max_tokens=max_tokens, pad_id=pad)


def _reference(checkpoint: str, commit: str | None) -> dict[str, str] | None:
    if checkpoint.startswith(PREFIX):
        digest = BUNDLED[checkpoint.removeprefix(PREFIX)].sha256
        return {"checkpoint": checkpoint, "sha256": digest}
    if Path(checkpoint).expanduser().is_dir():
        return None
    return {"checkpoint": checkpoint} | ({"revision": commit} if commit else {})


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers and the hub's client from printing reports, progress and retries."""
    from huggingface_hub.utils import logging as hub
    from transformers.utils import logging

    levels, bars = (logging.get_verbosity(), hub.get_verbosity()), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    hub.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(levels[0])
        hub.set_verbosity(levels[1])
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
