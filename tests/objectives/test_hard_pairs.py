"""The miner against a naive loop, planted cases and the edges."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from affectrep.objectives.class_confusion import ClassConfusion
from affectrep.objectives.class_memory import ClassMemory, MemoryRows
from affectrep.objectives.hard_pairs import HardPairMiner, Mining

MATRIX = torch.randn(8, 8, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def learned(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return a symmetric similarity that ranks quite unlike the cosine."""
    matrix = (MATRIX + MATRIX.T).to(left)
    left, right = functional.normalize(left, dim=1), functional.normalize(right, dim=1)
    return ((left @ matrix) * right).sum(dim=1)


def sample(seed: int, *, batch: int = 14, stored: int = 40, classes: int = 5):
    g = torch.Generator().manual_seed(seed)
    points = torch.randn(batch, 8, generator=g, dtype=torch.float64)
    labels = torch.randint(-1, classes, (batch,), generator=g)
    memory = MemoryRows(
        torch.randn(stored, 8, generator=g, dtype=torch.float64),
        torch.randint(0, classes, (stored,), generator=g),
        torch.randint(0, 30, (stored,), generator=g),
        torch.ones(stored, dtype=torch.long),
    )
    ids = torch.randint(-1, 30, (batch,), generator=g)
    confusion = ClassConfusion(classes).double()
    confusion.update(
        torch.rand(50, classes, generator=g, dtype=torch.float64),
        torch.randint(0, classes, (50,), generator=g),
    )
    return points, labels, memory, ids, confusion


def as_sets(labels: torch.Tensor) -> list[set[int]]:
    if labels.ndim == 1:
        return [{int(x)} if x >= 0 else set() for x in labels]
    return [set(row.nonzero()[:, 0].tolist()) for row in labels]


def naive_groups(i, sets, ids, partners) -> tuple[list[int], list[int]]:
    positives, negatives = [], []
    for j in range(len(sets)):
        if i == j or not sets[i] or not sets[j] or (ids[i] == ids[j] and ids[i] >= 0):
            continue
        if sets[i] & sets[j]:
            positives.append(j)
        elif partners is None or any(c in partners[a] for a in sets[i] for c in sets[j]):
            negatives.append(j)
    return positives, negatives


def naive_bonus(first, second, confusion, weight) -> float:
    if confusion is None:
        return 0.0
    values = [float(confusion.matrix()[a, c]) for a in first for c in second]
    return weight * math.log(sum(values) / len(values) + 1e-6)


def naive_choices(group, count, skip_share, mining, hardness) -> dict[int, list[int]]:
    cosine, score = hardness
    near = sorted(group, key=cosine, reverse=True)[: mining.prefilter]
    skip = min(round(skip_share * len(group)), max(len(near) - count, 0))
    orders = {1: near}
    if score is not None:
        orders[2] = sorted(near, key=score, reverse=True)
        if mining.source != "both":
            del orders[1 if mining.source == "learned" else 2]
    return {bit: order[skip : skip + count] for bit, order in orders.items()}


def naive(points, labels, memory, ids, confusion, mining, score):
    """Return {unordered pair: bits of who found it}, and {positive pair: bits of its anchors}."""
    rows = torch.cat([points, memory.embeddings])
    sets = as_sets(torch.cat([labels, memory.labels.to(labels)]))
    ids = [*ids.tolist(), *memory.ids.tolist()]
    partners = confusion.partners(mining.partners).tolist() if confusion else None
    found = ({}, {}, {})

    def hardness(i, metric, sign):
        if metric is None:
            return None
        weight = mining.confusion_weight
        return lambda j: (
            sign * float(metric(rows[i : i + 1], rows[j : j + 1]))
            + (naive_bonus(sets[i], sets[j], confusion, weight) if sign > 0 else 0.0)
        )

    for i in range(len(points)):
        positives, negatives = naive_groups(i, sets, ids, partners)
        for pairs, group, count, sign, skip in (
            (found[0], positives, mining.positives, -1, mining.skip_lowest),
            (found[1], negatives, mining.negatives, 1, 0.0),
        ):
            metrics = [hardness(i, by, sign) for by in (functional.cosine_similarity, score)]
            for bit, chosen in naive_choices(group, count, skip, mining, metrics).items():
                for j in chosen:
                    pair = (min(i, j), max(i, j))
                    pairs[pair] = pairs.get(pair, 0) | bit
                    if sign < 0:
                        found[2][pair] = found[2].get(pair, 0) | (1 if i < j else 2)
    return found


def as_dict(pairs, found):
    return {tuple(pair): bits for pair, bits in zip(pairs.tolist(), found.tolist(), strict=True)}


def check_easy(pairs, points, labels, memory, ids):
    sets = as_sets(torch.cat([labels, memory.labels.to(labels)]))
    for same, easy, hard in (
        (True, pairs.easy_positive, pairs.positive),
        (False, pairs.easy_negative, pairs.negative),
    ):
        found = {tuple(pair) for pair in easy.tolist()}
        assert len(found) == len(easy)
        assert not found & {tuple(pair) for pair in hard.tolist()}
        for left, right in found:
            assert left < right
            assert left < len(points)
            assert bool(sets[left] & sets[right]) is same


OPTIONS = {
    "default": Mining(),
    "tight": Mining(prefilter=4, partners=2),
    "skip": Mining(prefilter=6, skip_lowest=0.2, partners=1),
    "skip all": Mining(prefilter=4, skip_lowest=0.9),
    "learned": Mining(prefilter=7, source="learned", confusion_weight=1.0),
    "cosine": Mining(source="cosine", positives=1, negatives=1),
}


@pytest.mark.parametrize("mining", OPTIONS.values(), ids=OPTIONS.keys())
@pytest.mark.parametrize("confused", [True, False])
@pytest.mark.parametrize("score", [learned, None])
def test_equals_the_naive_loop(mining, confused, score):
    for seed in range(3):
        points, labels, memory, ids, confusion = sample(seed)
        confusion = confusion if confused else None
        pairs = HardPairMiner(mining).mine(
            points, labels, score=score, confusion=confusion, memory=memory, ids=ids
        )
        expected = naive(points, labels, memory, ids, confusion, mining, score)
        assert as_dict(pairs.positive, pairs.positive_found) == expected[0]
        assert as_dict(pairs.positive, pairs.positive_anchor) == expected[2]
        assert as_dict(pairs.negative, pairs.negative_found) == expected[1]
        assert len(expected[0]) > 5
        assert len(expected[1]) > 5
        check_easy(pairs, points, labels, memory, ids)
        assert len(pairs.easy_negative) == len(pairs.negative)


@pytest.mark.parametrize("confused", [True, False])
def test_multilabel_equals_the_naive_loop(confused):
    mining = Mining(prefilter=5, partners=1)
    for seed in range(3):
        points, _, memory, ids, confusion = sample(seed)
        g = torch.Generator().manual_seed(seed)
        labels = (torch.rand(len(points), 5, generator=g) < 0.3).float()
        labels[0] = 0  # no label: in no pair
        sets = (torch.rand(len(memory.ids), 5, generator=g) < 0.3).float()
        memory = memory._replace(labels=sets)
        confusion = confusion if confused else None
        pairs = HardPairMiner(mining).mine(
            points, labels, score=learned, confusion=confusion, memory=memory, ids=ids
        )
        expected = naive(points, labels, memory, ids, confusion, mining, learned)
        assert as_dict(pairs.positive, pairs.positive_found) == expected[0]
        assert as_dict(pairs.negative, pairs.negative_found) == expected[1]
        assert min(len(expected[0]), len(expected[1])) > 5
        assert not (torch.cat([pairs.positive, pairs.negative]) == 0).any()
        check_easy(pairs, points, labels, memory, ids)


def planted():
    """Four classes on four axes; 0 and 1 are confusable, 2 and 3 far from all."""
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(32) % 4
    centres = torch.eye(6)[[0, 0, 2, 3]] + 0.3 * torch.eye(6)[[1, 4, 5, 5]]
    points = centres[labels] + 0.02 * torch.randn(32, 6, generator=g)
    return points, labels


def test_the_planted_confusable_classes_are_mined():
    points, labels = planted()
    pairs = HardPairMiner(Mining(positives=1, negatives=1)).mine(points, labels)
    classes = labels[pairs.negative].sort(dim=1).values.tolist()
    from_first = [pair for pair in classes if pair[0] in (0, 1)]
    assert from_first.count([0, 1]) >= 8
    assert [0, 2] not in classes


def test_the_confusion_matrix_names_the_classes_to_mine():
    points, labels = planted()
    # each class has one partner, against what the embeddings say
    probabilities = torch.full((4, 4), 0.01)
    for a, c in ((0, 2), (2, 0), (1, 3), (3, 1)):
        probabilities[a, c] = 0.5
    confusion = ClassConfusion(4)
    confusion.update(probabilities, torch.arange(4))
    pairs = HardPairMiner(Mining(partners=1)).mine(points, labels, confusion=confusion)
    kinds = {tuple(sorted(pair)) for pair in labels[pairs.negative].tolist()}
    assert kinds == {(0, 2), (1, 3)}
    assert {tuple(pair) for pair in confusion.confusable_pairs(2).tolist()} == kinds
    # a large weight has the same effect on all partners as on one
    strong = Mining(partners=3, prefilter=8, confusion_weight=10.0)
    pairs = HardPairMiner(strong).mine(points, labels, confusion=confusion)
    assert {tuple(sorted(pair)) for pair in labels[pairs.negative].tolist()} == kinds


def test_only_the_learned_metric_finds_a_hidden_confusion():
    # 0 and 1 differ in the first axis alone, which the learned metric does not see
    points = torch.tensor([[1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [0.5, 0.9, 0.5], [0.5, -0.9, 0.5]])
    labels = torch.tensor([0, 1, 2, 3])

    def blind(left, right):
        return functional.cosine_similarity(left[:, 1:], right[:, 1:])

    mining = Mining(positives=1, negatives=1, prefilter=3)
    pairs = HardPairMiner(mining).mine(points, labels, score=blind)
    assert as_dict(pairs.negative, pairs.negative_found)[(0, 1)] == 2
    assert [0, 1] not in HardPairMiner(mining).mine(points, labels).negative.tolist()
    logs = pairs.logs()
    assert logs["hard_negative_pairs"] == len(pairs.negative)
    shares = [logs[f"hard_negative_{who}"] for who in ("cosine_only", "learned_only", "both")]
    assert sum(shares) == pytest.approx(1)
    assert shares[1] > 0
    assert logs["hard_positive_pairs"] == logs["hard_positive_both"] == 0


def test_the_cosine_as_learned_metric_adds_nothing():
    points, labels, memory, _, confusion = sample(1)
    pairs = HardPairMiner().mine(
        points, labels, score=functional.cosine_similarity, confusion=confusion, memory=memory
    )
    assert (torch.cat([pairs.positive_found, pairs.negative_found]) == 3).all()


@pytest.mark.parametrize("score", [learned, None])
def test_a_permuted_batch_gives_the_same_pairs(score):
    points, labels, memory, ids, confusion = sample(3)
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(1))
    origin = torch.cat([order, torch.arange(len(points), len(points) + len(memory.ids))])

    def mined(rows):
        return HardPairMiner(Mining(prefilter=6)).mine(
            points[rows],
            labels[rows],
            score=score,
            confusion=confusion,
            memory=memory,
            ids=ids[rows],
        )

    first, second = mined(torch.arange(len(points))), mined(order)
    for name in ("positive", "negative"):
        pairs = origin[getattr(second, name)].sort(dim=1).values
        again = as_dict(pairs, getattr(second, f"{name}_found"))
        assert again == as_dict(getattr(first, name), getattr(first, f"{name}_found"))


def test_skipping_leaves_out_the_lowest_positive():
    points = torch.tensor([[1.0, 0.0], [-1.0, 0.1], [0.0, 1.0], [0.5, 1.0], [1.0, 0.1]])
    labels = torch.tensor([0, 0, 0, 0, 0])
    without = HardPairMiner(Mining(positives=1, negatives=1)).mine(points, labels)
    skipped = HardPairMiner(Mining(positives=1, skip_lowest=0.25)).mine(points, labels)
    assert [0, 1] in without.positive.tolist()
    assert [0, 1] not in skipped.positive.tolist()
    assert [0, 2] in skipped.positive.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1.0, 6e4])
def test_edges_give_valid_pairs(dtype, scale):
    g = torch.Generator().manual_seed(4)
    random = torch.randn(12, 8, generator=g).clamp(-1, 1)
    for points in (random, torch.ones(12, 8), random[:1]):
        points = (points * scale).to(dtype)  # noqa: PLW2901
        for labels in (
            torch.zeros(12),
            torch.arange(12),
            torch.arange(12) % 3,
            torch.full((12,), -1),
        ):
            labels = labels.long()[: len(points)]  # noqa: PLW2901
            pairs = HardPairMiner().mine(points, labels, score=learned)
            positive = labels[pairs.positive]
            negative = labels[pairs.negative]
            assert (positive[:, 0] == positive[:, 1]).all()
            assert (negative[:, 0] != negative[:, 1]).all()
            known, kinds = len(points) > 1 and labels[0] >= 0, len(labels.unique())
            assert bool(len(positive)) == bool(known and kinds < len(points))
            assert bool(len(negative)) == bool(known and kinds > 1)
            assert all(math.isfinite(value) for value in pairs.logs().values())


def test_half_precision_finds_what_float32_finds():
    points, labels, memory, _, _ = sample(5)
    half = points.half()
    stored = memory._replace(embeddings=memory.embeddings.half())
    wide = memory._replace(embeddings=stored.embeddings.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        first = HardPairMiner().mine(half, labels, memory=stored)
    second = HardPairMiner().mine(half.float(), labels, memory=wide)
    assert torch.equal(first.positive, second.positive)
    assert torch.equal(first.negative, second.negative)


def test_huge_values_and_zero_rows_are_finite():
    points, labels, memory, _, _ = sample(6)
    expected = HardPairMiner().mine(points.float(), labels, memory=memory)
    huge = points.float() * 1e37
    pairs = HardPairMiner().mine(huge, labels, memory=memory)
    assert huge.isfinite().all()
    assert torch.equal(pairs.negative, expected.negative)
    assert torch.equal(pairs.positive, expected.positive)
    points[0] = 0
    assert len(HardPairMiner().mine(points, labels, memory=memory).negative) > 0


def test_an_anchor_without_positive_has_negatives_only():
    points, labels = planted()
    labels = labels.clone()
    labels[0] = 9
    pairs = HardPairMiner().mine(points, labels)
    assert 0 not in pairs.positive
    assert 0 in pairs.negative


def test_the_memory_serves_the_miner():
    points, labels = planted()
    memory = ClassMemory(4, 6, per_class=4)
    memory.push(points, labels, torch.arange(32))
    rows = memory.rows()
    batch = points[28:], labels[28:]  # in memory as well
    pairs = HardPairMiner().mine(*batch, memory=rows, ids=torch.arange(28, 32))
    ids = torch.cat([torch.arange(28, 32), rows.ids])
    assert (ids[pairs.positive[:, 0]] != ids[pairs.positive[:, 1]]).all()
    assert (pairs.positive[:, 1] >= 4).all()  # four rows of four classes: all positives are stored
    assert len(pairs.positive) == 8
    blind = HardPairMiner(Mining(positives=4)).mine(*batch, memory=rows)
    assert len(blind.positive) == 16  # without ids a row meets its own copy
    empty = HardPairMiner().mine(*batch, memory=ClassMemory(4, 6).rows())
    alone = HardPairMiner().mine(*batch)
    assert torch.equal(empty.negative, alone.negative)


def test_easy_pairs_are_reproducible():
    points, labels, memory, ids, _ = sample(2)

    def easy(generator=None):
        miner = HardPairMiner(generator=generator)
        pairs = miner.mine(points, labels, memory=memory, ids=ids)
        return pairs.easy_negative.tolist()

    def seeded():
        return easy(torch.Generator().manual_seed(5))

    assert seeded() == seeded()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = easy()
    assert first != easy()
    torch.set_rng_state(state)
    assert first == easy()


def test_easy_positives_are_as_many_as_there_are():
    points, labels = planted()
    memory = ClassMemory(4, 6)
    memory.push(points, labels)
    pairs = HardPairMiner().mine(points, labels, memory=memory.rows())
    assert len(pairs.easy_positive) == len(pairs.positive) > 0
    few = HardPairMiner().mine(points[:8], labels[:8])
    assert len(few.positive) == 4
    assert len(few.easy_positive) == 0


def test_no_gradient_reaches_the_embeddings_or_the_metric():
    points, labels = planted()
    metric = torch.nn.Linear(6, 6)
    seen = []

    def score(left, right):
        seen.append((len(left), torch.is_grad_enabled(), left.requires_grad))
        return (metric(left) * right).sum(dim=1)

    HardPairMiner().mine(points.requires_grad_(), labels, score=score)
    assert seen
    assert not any(graph or needs for _, graph, needs in seen)


def test_the_score_sees_the_prefilter_only():
    points, labels, memory, _, _ = sample(0, stored=200)
    labels = labels.clamp_min(0)
    seen = []

    def score(left, right):
        seen.append(len(left))
        return learned(left, right)

    HardPairMiner(Mining(prefilter=5)).mine(points, labels, score=score, memory=memory)
    assert seen == [14 * 5, 14 * 5]


@pytest.mark.parametrize(
    ("points", "labels", "other", "message"),
    [
        (torch.zeros(2, 3, 4), torch.zeros(2), {}, "embeddings"),
        (torch.zeros(2, 3), torch.zeros(3), {}, "labels"),
        (torch.zeros(0, 3), torch.zeros(0), {}, "at least one row"),
        (torch.zeros(2, 3), torch.zeros(2), {"ids": torch.zeros(3)}, "ids"),
        (torch.zeros(2, 3), torch.zeros(2), {"memory": ClassMemory(2, 4).rows()}, "memory rows"),
        (torch.zeros(2, 3), torch.zeros(2, 2), {"memory": ClassMemory(2, 3).rows()}, "memory rows"),
        (torch.zeros(2, 3), torch.tensor([0, 2]), {"confusion": ClassConfusion(2)}, "2 classes"),
        (torch.zeros(2, 3), torch.zeros(2, 4), {"confusion": ClassConfusion(2)}, "2 classes"),
    ],
)
def test_wrong_input_is_refused(points, labels, other, message):
    with pytest.raises(ValueError, match=message):
        HardPairMiner().mine(points, labels, **other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positives": 0}, "at least 1"),
        ({"partners": 0}, "at least 1"),
        ({"prefilter": 3}, "prefilter"),
        ({"skip_lowest": 1.0}, "skip_lowest"),
        ({"source": "euclid"}, "source"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Mining(**options)


def test_overlap_pairs_are_random_ones_of_both_kinds_near_by():
    points, labels, memory, ids, confusion = sample(3)
    mining = Mining(partners=2)
    pairs = HardPairMiner(mining).mine(
        points, labels, confusion=confusion, memory=memory, ids=ids, score=learned
    )
    every = torch.cat([labels, memory.labels])
    partners = confusion.partner_mask(2)
    for i, j in pairs.overlap_positive.tolist():
        assert every[i] == every[j] >= 0
    for i, j in pairs.overlap_negative.tolist():
        assert partners[every[i], every[j]] or partners[every[j], every[i]]
    hard = {tuple(pair) for pair in pairs.negative.tolist()}
    overlap = {tuple(pair) for pair in pairs.overlap_negative.tolist()}
    assert hard <= overlap  # there are fewer than the limit here, so all of them are drawn
    assert len(overlap) > len(hard)
