"""A model of a few thousand weights and a table of a few dozen texts, made by the tests."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

WORDS = {
    "anger": ["furious", "angry", "livid", "mad"],
    "joy": ["happy", "glad", "merry", "cheerful"],
    "fear": ["afraid", "scared", "anxious", "nervous"],
}
FILLERS = ["today", "i", "feel", "so", "very", "about", "this", "work", "my", "friend", "really"]


def tiny_checkpoint(folder: Path) -> Path:
    """Save a two-layer BERT with a tokenizer of our own words; return its folder."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLERS]
    vocabulary += [word for words in WORDS.values() for word in words]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def tiny_table(path: Path, rows: int = 90) -> Path:
    """Write a CSV with columns text, label, split; no text stands in two splits."""
    names = list(WORDS)
    lines = ["text,label,split"]
    for i in range(rows):
        label = names[i % 3]
        words = [FILLERS[(i * k + k) % len(FILLERS)] for k in range(1, 3 + i % 5)]
        word = WORDS[label][(i // 3) % 4]
        split = ["train", "train", "train", "validation", "test"][(i // 3) % 5]
        lines.append(f"{' '.join(words)} {word} {i},{label},{split}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tiny_config(folder: Path, *, name: str = "tiny") -> Path:
    """Write checkpoint, table and configuration below ``folder``; return the configuration."""
    checkpoint, table = tiny_checkpoint(folder / "bert"), tiny_table(folder / "table.csv")
    path = folder / f"{name}.yaml"
    path.write_text(
        f"name: {name}\n"
        f"data: {{corpus: table, root: {table}, batch_size: 8}}\n"
        f"encoder: {{checkpoint: {checkpoint}, max_tokens: 16}}\n"
        "optimizer: {encoder_lr: 0.001, head_lr: 0.01}\n"
        "training: {epochs: 2, threads: 1}\n",
        encoding="utf-8",
    )
    return path
