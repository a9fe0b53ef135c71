from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectrep.data.speaker_draw import deal_speakers, draw_speakers

# what makes URDU hard: most speakers have one class, and one gives most of a class
URDU = {
    "f1": {"happy": 12},
    "f9": {"neutral": 4},
    "f10": {"sad": 2},
    "m1": {"angry": 22},
    "m2": {"angry": 28},
    "m3": {"angry": 2, "happy": 2, "neutral": 8},
    "m4": {"angry": 48},
    "m5": {"happy": 8, "neutral": 72},
    "m6": {"happy": 10, "sad": 4},
    "m7": {"happy": 28},
    "m20": {"neutral": 10},
    "m24": {"sad": 38},
    "m25": {"sad": 40},
}
CLASSES = {"angry", "happy", "neutral", "sad"}


def spread(counts):
    cells = [(who, label, n) for who, found in counts.items() for label, n in found.items()]
    speakers = [who for who, _, n in cells for _ in range(n)]
    return speakers, [label for _, label, n in cells for _ in range(n)]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_every_class_stays_on_both_sides_where_speakers_have_one_class(seed, share):
    speakers, labels = spread(URDU)
    held = draw_speakers(speakers, labels, share=share, seed=seed)
    inside = [label for who, label in zip(speakers, labels, strict=True) if who in held]
    outside = [label for who, label in zip(speakers, labels, strict=True) if who not in held]
    assert set(inside) == set(outside) == CLASSES
    assert 0.4 * share <= len(inside) / len(labels) <= 1.6 * share


def test_balanced_speakers_are_drawn_differently_by_seed_and_near_the_share():
    speakers, labels = spread({f"s{n:02d}": {"a": 4, "b": 6} for n in range(20)})
    drawn = [frozenset(draw_speakers(speakers, labels, share=0.1, seed=n)) for n in range(30)]
    assert {len(held) for held in drawn} == {2}
    assert len(set(drawn)) > 20


def test_few_speakers_give_one():
    speakers, labels = spread({f"s{n}": {"a": 5, "b": 5} for n in range(6)})
    drawn = [draw_speakers(speakers, labels, share=0.1, seed=seed) for seed in range(40)]
    assert {len(held) for held in drawn} == {1}
    assert len({min(held) for held in drawn}) == 6


def test_a_class_of_one_speaker_stays_in_training():
    speakers, labels = spread({"a": {"x": 4, "y": 4}, "b": {"x": 4}, "c": {"x": 4}})
    for seed in range(20):
        assert "a" not in draw_speakers(speakers, labels, share=0.3, seed=seed)


def test_one_speaker_is_never_held_out():
    assert draw_speakers(["a", "a"], ["x", "y"], share=0.5, seed=0) == set()


def test_the_order_of_rows_does_not_count():
    speakers, labels = spread(URDU)
    turned = draw_speakers(speakers[::-1], labels[::-1], share=0.2, seed=3)
    assert turned == draw_speakers(speakers, labels, share=0.2, seed=3)


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        draw_speakers(["a", "b"], ["x", "x"], share=share, seed=0)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_have_every_speaker_once_and_near_equal_classes(folds):
    speakers, labels = spread({f"s{n:02d}": {"a": 3 + n % 3, "b": 6} for n in range(15)})
    dealt = deal_speakers(speakers, labels, folds=folds, seed=0)
    assert set(dealt) == set(speakers)
    assert set(dealt.values()) == set(range(folds))
    for label in "ab":
        rows = Counter(
            dealt[who] for who, name in zip(speakers, labels, strict=True) if name == label
        )
        assert max(rows.values()) - min(rows.values()) <= 6


def test_single_class_speakers_are_spread_over_the_folds():
    speakers, labels = spread(URDU)
    dealt = deal_speakers(speakers, labels, folds=4, seed=0)
    for fold in range(4):
        # four speakers have angry clips, so that each of four folds can have one
        assert any(dealt[who] == fold and "angry" in URDU[who] for who in URDU)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(any), min_size=2, max_size=9
    ),
    seed=st.integers(0, 5),
)
def test_any_speakers(counts, seed):
    speakers, labels = spread({f"s{n}": {"x": x, "y": y} for n, (x, y) in enumerate(counts)})
    held = draw_speakers(speakers, labels, share=0.3, seed=seed)
    assert held < set(speakers)
    assert held
    for folds in range(2, len(counts) + 1):
        dealt = deal_speakers(speakers, labels, folds=folds, seed=seed)
        assert set(dealt.values()) == set(range(folds))


@pytest.mark.parametrize("folds", [1, 4])
def test_a_number_of_folds_that_cannot_be_is_refused(folds):
    with pytest.raises(ValueError, match="expected 2 to 3 folds for 3 speakers"):
        deal_speakers(["a", "b", "c"], ["x", "x", "x"], folds=folds, seed=0)
