"""A BERT of a few thousand weights with a tokenizer of invented words, written to a folder."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

TEXTS = ["so happy for you", "what a day", "i am not angry at all they did this again"]
WORDS = sorted({word for text in TEXTS for word in text.split()})


def tiny_tokenizer() -> Tokenizer:
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def tiny_config(**changes: object) -> dict[str, object]:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    return {
        **sizes,
        "intermediate_size": 24,
        "vocab_size": 32,
        "max_position_embeddings": 32,
        **changes,
    }


def tiny_checkpoint(folder: Path, *, model_type: str = "bert", **changes: object) -> str:
    """Write a checkpoint with drawn weights as a hub repository would hold it."""
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **tiny_config(**changes))
    AutoModel.from_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    ).save_pretrained(folder)
    return str(folder)
