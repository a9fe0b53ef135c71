from __future__ import annotations

import pickle
from multiprocessing import get_context
from pathlib import Path

import pytest

from affectrep.encoders.preprocess import TextPreprocess
from tests.encoders.tiny import TEXTS, tiny_tokenizer


def preprocess(max_tokens: int = 8, pad_id: int = 0) -> TextPreprocess:
    return TextPreprocess(tiny_tokenizer(), max_tokens=max_tokens, pad_id=pad_id)


def test_rows_are_padded_on_the_right_to_the_longest() -> None:
    inputs = preprocess()(["what a day", "day"])
    assert inputs["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert inputs["input_ids"][1].tolist()[3:] == [0, 0]
    assert preprocess(pad_id=9)(["what a day", "day"])["input_ids"][1].tolist()[3:] == [9, 9]


def test_long_texts_are_cut_and_counted() -> None:
    short = preprocess(max_tokens=6)
    assert short.lengths(TEXTS) == [6, 5, 6]
    assert short.count_truncated(TEXTS) == 1
    assert short(TEXTS)["input_ids"].shape == (3, 6)
    assert short(TEXTS)["input_ids"][2, -1] == 3  # the closing token stays
    assert preprocess(max_tokens=20).count_truncated(TEXTS) == 0


def test_padding_and_length_of_the_source_are_forgotten() -> None:
    source = tiny_tokenizer()
    source.enable_padding(length=30)
    source.enable_truncation(max_length=3)
    assert TextPreprocess(source, max_tokens=8)(["what a day"])["input_ids"].shape == (1, 5)
    assert source.truncation["max_length"] == 3  # the caller's own is as it was


def test_equal_after_pickling_and_saving(tmp_path: Path) -> None:
    first = preprocess(pad_id=1)
    again = pickle.loads(pickle.dumps(first))
    first.save(tmp_path)
    stored = TextPreprocess.load(tmp_path)
    for other in (again, stored):
        assert other == first
        assert other(TEXTS)["input_ids"].equal(first(TEXTS)["input_ids"])
    assert first != preprocess(max_tokens=9, pad_id=1)
    assert first != preprocess(pad_id=0)
    assert first != "tokenizer"


@pytest.mark.processes
def test_a_spawned_process_can_use_it() -> None:
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply(preprocess().lengths, (TEXTS,)) == [6, 5, 8]


def test_half_a_character_is_refused_in_words() -> None:
    """A shell hands over bytes that are not UTF-8 as such halves."""
    with pytest.raises(ValueError, match=r"text 1 is not UTF-8: character 3 is '\\udcff'\. Give"):
        preprocess().lengths(["day", "a \udcff day"])


def test_an_empty_text_keeps_a_row() -> None:
    plain = tiny_tokenizer()
    plain.post_processor = None
    assert TextPreprocess(plain)([""])["input_ids"].shape == (1, 1)


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one text"):
        preprocess()([])
    with pytest.raises(ValueError, match="text 1 is a NoneType"):
        preprocess()(["day", None])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="max_tokens is 0"):
        preprocess(max_tokens=0)
    with pytest.raises(ValueError, match=r"tokenizer\.json is not a tokenizer"):
        TextPreprocess.load(tmp_path)
    tiny_tokenizer().save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="no length or padding"):
        TextPreprocess.load(tmp_path)
