from __future__ import annotations

import pickle
from functools import partial

import pytest
import torch
from torch.utils.data import DataLoader

from affectrep.data.samplers import BatchSampler
from affectrep.data.text import TextRows, collate_text
from tests.data.rows import manifest, table


def letters(texts: list[str]) -> dict[str, torch.Tensor]:
    """Tokens are letters; padded with 0 to the longest."""
    width = max(map(len, texts))
    codes = [[ord(letter) for letter in text] + [0] * (width - len(text)) for text in texts]
    inputs = torch.tensor(codes)
    return {"input_ids": inputs, "attention_mask": (inputs > 0).long()}


def test_a_row_has_id_text_target_and_domain_codes():
    rows = table().assign(speaker=["bo", "al", None, "cy", "bo", "al", None, "zo", "al"])
    made = manifest(rows)
    test = TextRows(made, "test", made.domains())
    assert len(test) == 3
    assert test[0] == {
        "id": "r6",
        "text": "still water in test",
        "label": 0,
        "domains": {"speaker": -1},
    }
    assert [test[row]["domains"]["speaker"] for row in range(3)] == [-1, -1, 0]
    assert [TextRows(made, "test", {"author": ["al"]})[0]["domains"]["author"]] == [-1]


def test_a_batch_carries_everything():
    rows = table().assign(speaker=["bo", "al", "bo"] * 3)
    made = manifest(rows)
    train = TextRows(made, "train", made.domains())
    batch = collate_text([train[0], train[2]], letters)
    assert batch.ids == ["r0", "r2"]
    assert batch.labels.tolist() == [0, 2]
    assert batch.labels.dtype == torch.int64
    assert batch.domains["speaker"].tolist() == [1, 1]
    assert batch.domains["speaker"].dtype == torch.int64
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [len(train.texts[0]), len(train.texts[2])]
    assert batch.inputs["input_ids"].shape == (2, max(batch.lengths.tolist()))


def test_labels_of_the_other_tasks_are_float():
    several = manifest(
        table().assign(labels=[["sad", "calm"], ["glad"], []] * 3), task="multilabel"
    )
    rows = TextRows(several, "train", {})
    batch = collate_text([rows[0], rows[1], rows[2]], letters)
    assert batch.labels.dtype == torch.float32
    assert batch.labels.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    plane = manifest(table().assign(valence=0.5, arousal=-0.5), task="regression", classes=None)
    rows = TextRows(plane, "train", {})
    assert collate_text([rows[0]], letters).labels.tolist() == [[0.5, -0.5]]


def test_lengths_come_from_the_preprocessing():
    rows = TextRows(manifest(), "train", {})
    assert rows.lengths(letters) == [len(text) for text in rows.texts]

    class Known:
        def lengths(self, texts: list[str]) -> list[int]:
            return [7] * len(texts)

    assert rows.lengths(Known()) == [7, 7, 7]


def test_rows_travel_to_worker_processes_and_through_a_loader():
    made = manifest()
    rows = pickle.loads(pickle.dumps(TextRows(made, "train", made.domains())))
    collate = pickle.loads(pickle.dumps(partial(collate_text, preprocess=letters)))
    plan = BatchSampler(None, 3, batch_size=2, seed=0).epoch(0)
    batches = list(DataLoader(rows, batch_sampler=plan, collate_fn=collate))
    assert [batch.ids for batch in batches] == [[f"r{row}" for row in part] for part in plan]


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        collate_text([], letters)
    media = table().rename(columns={"text": "path"})
    with pytest.raises(ValueError, match="Tiny has no column text"):
        TextRows(manifest(media), "train", {})
