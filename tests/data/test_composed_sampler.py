from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from affectrep.data.composed_sampler import ComposedSampler, Composition


def corpus(sizes: dict[tuple[int, int], int], speakers: int = 6) -> dict[str, list[int]]:
    """Rows of the cells in a mixed order; speakers belong to one language, in equal shares."""
    rows = [
        (language, emotion, 100 * language + place % speakers)
        for (language, emotion), size in sizes.items()
        for place in range(size)
    ]
    order = np.random.default_rng(5).permutation(len(rows))
    columns = zip(*(rows[i] for i in order), strict=True)
    return dict(zip(("languages", "labels", "speakers"), map(list, columns), strict=True))


def even(languages: int, emotions: int, size: int) -> dict[tuple[int, int], int]:
    return {(i, j): size for i in range(languages) for j in range(emotions)}


def sampler_of(data: dict[str, list[int]], seed: int = 0, **numbers) -> ComposedSampler:
    return ComposedSampler(**data, composition=Composition(**numbers), seed=seed)


def cells_of(data: dict[str, list[int]], batch: list[int]) -> Counter[tuple[int, int]]:
    return Counter((data["languages"][row], data["labels"][row]) for row in batch)


@pytest.mark.parametrize("numbers", [(3, 4, 3), (2, 4, 3), (1, 4, 5), (3, 2, 2), (2, 3, 1)])
def test_batches_have_the_composition_that_was_asked_for(numbers):
    data = corpus({**even(3, 4, 20), (1, 2): 33, (2, 0): 7})
    languages, emotions, utterances = numbers
    sampler = sampler_of(data, languages=languages, emotions=emotions, utterances=utterances)
    batches = sampler.epoch(2)
    assert len(batches) == len(sampler) > 5
    for batch in batches:
        assert len(batch) == len(set(batch)) == languages * emotions * utterances
        cells = cells_of(data, batch)
        assert set(cells.values()) == {utterances}
        assert len({cell[0] for cell in cells}) == languages
        assert len({cell[1] for cell in cells}) == emotions
        assert len(cells) == languages * emotions
    assert sampler.borrowed(2) == 0
    assert sampler.short_cells == {}


def test_an_epoch_holds_every_row_of_the_largest_cell():
    data = corpus({**even(3, 4, 12), (1, 2): 34})
    sampler = sampler_of(data)
    assert len(sampler) == 12  # 34 rows in draws of 3
    seen = Counter(row for batch in sampler.epoch(0) for row in batch)
    largest = [row for row in range(len(data["labels"])) if cells_of(data, [row]) == {(1, 2): 1}]
    counts = [seen[row] for row in largest]
    assert min(counts) == 1
    assert sum(counts) == 36
    others = [seen[row] for row in range(len(data["labels"])) if row not in largest]
    assert set(others) == {3}  # 36 draws from 12 rows, each as often as the next


@pytest.mark.parametrize("languages", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_languages_that_take_turns_leave_no_row_of_the_largest_cell_out(languages, seed):
    data = corpus({**even(5, 2, 8), (3, 1): 31})
    sampler = sampler_of(data, seed, languages=languages, emotions=2, utterances=3)
    seen = {row for batch in sampler.epoch(seed) for row in batch}
    assert len(sampler) == -(-11 * 5 // languages)
    assert {
        row
        for row, pair in enumerate(zip(data["languages"], data["labels"], strict=True))
        if pair == (3, 1)
    } <= seen
    dealt = Counter(cell[0] for batch in sampler.epoch(seed) for cell in cells_of(data, batch))
    assert max(dealt.values()) - min(dealt.values()) <= 2


def test_a_stated_number_of_steps():
    sampler = sampler_of(corpus(even(3, 4, 20)), steps=4)
    assert len(sampler) == len(sampler.epoch(0)) == 4


def test_the_plan_depends_on_seed_and_epoch_only():
    data = corpus(even(3, 4, 20))
    sampler = sampler_of(data)
    later = [sampler.epoch(epoch) for epoch in (4, 1, 4)]
    assert later[0] == later[2] == sampler_of(data).epoch(4)
    assert later[1] == sampler_of(data).epoch(1) != later[0] != sampler_of(data, 1).epoch(4)


def test_the_plan_stays_as_it_is_over_versions():
    data = {"languages": [0, 0, 0, 1, 1, 1], "labels": [0, 1, 0, 1, 0, 0]}
    sampler = sampler_of(data, languages=2, emotions=2, utterances=1)
    assert sampler.epoch(0) == [[2, 1, 4, 3], [0, 1, 5, 3]]


def test_a_missing_cell_is_borrowed_from_other_languages_and_counted():
    data = corpus({cell: n for cell, n in even(3, 4, 20).items() if cell != (0, 1)} | {(2, 3): 2})
    sampler = sampler_of(data)
    assert sampler.short_cells == {(0, 1): 0, (2, 3): 2}
    for batch in sampler.epoch(0):
        assert len(set(batch)) == 36
        assert Counter(data["labels"][row] for row in batch) == dict.fromkeys(range(4), 9)
        cells = cells_of(data, batch)
        assert cells[(0, 1)] == 0
        assert cells[(1, 1)] + cells[(2, 1)] == 9
        assert cells[(2, 3)] == 2  # what it has, and one from elsewhere
    assert sampler.borrowed(0) == len(sampler) * (3 + 1)


def test_borrowing_reaches_languages_that_are_not_in_the_batch():
    data = corpus({(0, 0): 1, (0, 1): 4, (1, 0): 1, (1, 1): 4, (2, 0): 6, (2, 1): 4})
    sampler = sampler_of(data, languages=2, emotions=2, utterances=2)
    for batch in sampler.epoch(0) + sampler.epoch(1):
        assert len(set(batch)) == 8
        assert Counter(data["labels"][row] for row in batch) == {0: 4, 1: 4}


def test_an_empty_cell_can_be_refused():
    data = corpus({cell: n for cell, n in even(3, 4, 20).items() if cell != (0, 1)})
    with pytest.raises(ValueError, match="1 cells .* language 0, emotion 1 with 0"):
        sampler_of(data, empty="refuse")
    assert len(sampler_of(corpus(even(3, 4, 3)), empty="refuse")) == 1


def test_utterances_of_a_cell_come_from_different_speakers():
    data = corpus(even(3, 4, 24), speakers=6)

    def repeats(data: dict[str, list[int]], speakers: list[int]) -> int:
        found = 0
        for epoch in range(5):
            for batch in sampler_of(data).epoch(epoch):
                for start in range(0, 36, 3):
                    heard = [speakers[row] for row in batch[start : start + 3]]
                    found += len(heard) - len(set(heard))
        return found

    blind = {key: data[key] for key in ("languages", "labels")}
    assert repeats(data, data["speakers"]) == 0
    assert repeats(blind, data["speakers"]) > 50


def test_one_speaker_with_most_rows_is_spread_over_the_epoch():
    """30 of 40 rows are of one speaker: the others must not come first and leave her the rest."""
    data = {"languages": [0] * 40, "labels": [0] * 40, "speakers": [0] * 30 + list(range(1, 11))}
    sampler = sampler_of(data, languages=1, emotions=1, utterances=4)
    others = [sum(data["speakers"][row] > 0 for row in batch) for batch in sampler.epoch(0)]
    assert sum(others) == 10
    assert sum(others[:5]) <= 7
    assert sum(others[5:]) >= 3


def test_unknown_speakers_are_not_taken_for_one():
    data = {"languages": [0] * 6, "labels": [0] * 6, "speakers": [-1, -1, -1, 7, 7, 7]}
    sampler = sampler_of(data, languages=1, emotions=1, utterances=3)
    for batch in sampler.epoch(0):
        assert sum(data["speakers"][row] == 7 for row in batch) <= 2


def test_bucketing_inside_cells_saves_padding_and_keeps_every_row():
    data = corpus({**even(3, 4, 60), (0, 0): 90})
    rng = np.random.default_rng(0)
    lengths = (rng.gamma(3, 1, 750) * (1 + np.array(data["languages"]))).tolist()

    def padded(bucket: bool) -> float:
        sampler = ComposedSampler(
            **data, composition=Composition(bucket_by_length=bucket), seed=0, lengths=lengths
        )
        batches = sampler.epoch(0)
        assert {row for batch in batches for row in batch} == set(range(750))
        assert all(set(cells_of(data, batch).values()) == {3} for batch in batches)
        used = sum(lengths[row] for batch in batches for row in batch)
        return sum(len(batch) * max(lengths[row] for row in batch) for batch in batches) / used

    assert padded(True) < 0.75 * padded(False)


def test_batches_of_buckets_are_in_no_order_of_length():
    data = corpus(even(3, 4, 150))
    lengths = np.random.default_rng(0).gamma(3, 1, 1800).tolist()
    sampler = ComposedSampler(
        **data, composition=Composition(bucket_by_length=True), seed=0, lengths=lengths
    )
    means = [np.mean([lengths[row] for row in batch]) for batch in sampler.epoch(0)]
    assert np.std(means) > 0.5
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.35


def test_rows_of_unknown_language_are_left_out_and_counted():
    data = corpus(even(2, 2, 6))
    data["languages"][0] = -1
    data["labels"][1] = -1
    sampler = sampler_of(data, languages=2, emotions=2, utterances=2)
    assert sampler.left_out == 2
    assert not {0, 1} & {row for batch in sampler.epoch(0) for row in batch}


def test_mistakes_are_said_in_words():
    data = corpus(even(2, 4, 20))
    with pytest.raises(ValueError, match="needs 3 languages, the training rows have 2"):
        sampler_of(data)
    with pytest.raises(ValueError, match="needs 5 emotions, the training rows have 4"):
        sampler_of(data, languages=2, emotions=5)
    with pytest.raises(ValueError, match="emotion 0 has 5 rows, a batch needs 6"):
        sampler_of(corpus({(0, 0): 2, (1, 0): 3}), languages=2, emotions=1)
    with pytest.raises(ValueError, match="expected 160 labels, got 2"):
        ComposedSampler(data["languages"], [0, 1], composition=Composition(), seed=0)
    with pytest.raises(ValueError, match="needs lengths"):
        sampler_of(data, languages=2, bucket_by_length=True)
    with pytest.raises(ValueError, match="at least 1"):
        Composition(utterances=0)
    with pytest.raises(ValueError, match="expected borrow or refuse"):
        Composition(empty="skip")  # type: ignore[arg-type]
