from __future__ import annotations

import numpy as np
import pytest

from affectrep.evaluation.attackers import Attacker
from affectrep.evaluation.probes import (
    Probe,
    compare_probes,
    leakage,
    mean_probe,
    probe,
    probe_within,
    utterance_split,
)

KINDS = ["linear", "mlp"]
SPEAKERS = np.repeat(np.arange(8), [40, 40, 30, 30, 20, 20, 20, 20])
LANGUAGES = np.where(SPEAKERS < 4, "de", "fr")
HELD = utterance_split(SPEAKERS)


def noise(dim: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(SPEAKERS), dim))


def leaking(strength: float, seed: int = 0) -> np.ndarray:
    """Noise with the speaker's one-hot code added to it."""
    points = noise(seed=seed)
    points[:, :8] += strength * np.eye(8)[SPEAKERS]
    return points


@pytest.mark.parametrize("kind", KINDS)
def test_independent_embeddings_leak_nothing(kind):
    found = leakage(probe(noise(), SPEAKERS, HELD, attacker=Attacker(kind)))
    assert abs(found["above_chance"].value) < 0.12
    assert found["above_chance"].low < 0 < found["above_chance"].high + 0.03
    assert -0.05 < found["information"].value < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_a_one_hot_speaker_leaks_everything(kind):
    one = probe(np.eye(8)[SPEAKERS], SPEAKERS, HELD, attacker=Attacker(kind))
    assert one.values["balanced_accuracy"] == 1
    assert one.values["above_chance"] == pytest.approx(7 / 8)
    shares = np.bincount(SPEAKERS[HELD]) / HELD.sum()
    entropy = -(shares * np.log(shares)).sum()
    assert 0.9 * entropy < one.values["information"] <= entropy
    assert one.rows.tolist() == np.flatnonzero(HELD).tolist()
    assert one.labels.tolist() == SPEAKERS[HELD].tolist()


def test_more_leaks_more():
    found = [probe(leaking(s), SPEAKERS, HELD).values for s in (0.0, 1.5, 3.0, 8.0)]
    for name in ("balanced_accuracy", "information"):
        values = [one[name] for one in found]
        assert values == sorted(values)
        assert values[3] - values[0] > 0.7


def test_figures_agree_with_loops():
    one = probe(leaking(2.0), SPEAKERS, HELD)
    attack = Attacker().train(leaking(2.0)[~HELD], SPEAKERS[~HELD], 8)
    log_posterior = attack.posterior(leaking(2.0)[HELD])
    truth = SPEAKERS[HELD]
    prior = [np.mean(SPEAKERS[~HELD] == name) for name in range(8)]
    said = [int(np.argmax([row[k] - np.log(prior[k]) for k in range(8)])) for row in log_posterior]
    recalls = [
        np.mean([s == t for s, t in zip(said, truth, strict=True) if t == name])
        for name in range(8)
    ]
    shares = [np.mean(truth == name) for name in range(8)]
    entropy = -sum(share * np.log(share) for share in shares)
    loss = -np.mean([row[t] for row, t in zip(log_posterior, truth, strict=True)])
    assert one.values["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert one.values["above_chance"] == pytest.approx(np.mean(recalls) - 1 / 8)
    assert one.values["information"] == pytest.approx(entropy - loss)


def test_an_attacker_that_is_sure_and_wrong_gives_a_finite_loss():
    points = np.eye(2)[np.repeat([0, 1], 50)]
    held = utterance_split(np.repeat([0, 1], 50))
    labels = np.repeat(["a", "b"], 50)
    points[held] = points[held][:, ::-1]
    found = probe(points, labels, held, attacker=Attacker(strengths=(1e8,))).values
    assert found["balanced_accuracy"] == 0
    assert -30 < found["information"] < -1


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_held_out_rows_reaches_the_attacker(kind):
    """Other embeddings and other names there: the same settings and the same posterior."""
    one = probe(leaking(2.0), SPEAKERS, HELD, attacker=Attacker(kind))
    points, labels = leaking(2.0), SPEAKERS.copy()
    points[HELD] = 1e3 * noise(seed=5)[HELD]
    labels[HELD] = np.random.default_rng(0).permutation(labels[HELD])
    other = probe(points, labels, HELD, attacker=Attacker(kind))
    assert one.chosen == other.chosen
    points[HELD], labels[HELD] = leaking(2.0)[HELD], SPEAKERS[HELD]
    again = probe(points, labels, HELD, attacker=Attacker(kind))
    assert again.values == one.values


def test_rows_that_cannot_be_asked_about_are_left_out_and_counted():
    labels = SPEAKERS.astype(object)
    labels[:3] = None
    labels[-1] = "alone"
    one = probe(leaking(3.0), labels, HELD)
    assert one.left_out == 4
    assert one.chance == 1 / 8
    assert not set(one.rows.tolist()) & {0, 1, 2, len(SPEAKERS) - 1}


def test_speakers_within_a_language_are_not_told_by_the_language():
    points = np.where(LANGUAGES == "de", 1.0, -1.0)[:, None] * np.ones(3) + 0.1 * noise(3)
    everything = probe(points, SPEAKERS, HELD)
    inside = probe_within(points, SPEAKERS, HELD, within=LANGUAGES)
    assert everything.values["information"] > 0.5
    assert list(inside) == ["de", "fr"]
    for name, one in inside.items():
        assert one.chance == 1 / 4
        assert one.values["above_chance"] < 0.1
        assert one.values["information"] < 0.05
        assert set(LANGUAGES[one.rows]) == {name}
        assert HELD[one.rows].all()


def test_a_language_with_one_speaker_is_left_out():
    languages = np.where(SPEAKERS == 7, "xx", LANGUAGES)
    assert list(probe_within(leaking(2), SPEAKERS, HELD, within=languages)) == ["de", "fr"]
    with pytest.raises(ValueError, match="no group has two names"):
        probe_within(leaking(2), SPEAKERS, HELD, within=SPEAKERS)


def test_the_mean_over_languages_has_an_interval():
    parts = probe_within(leaking(1.5), SPEAKERS, HELD, within=LANGUAGES)
    mean = mean_probe(parts)
    for name in ("balanced_accuracy", "above_chance", "information"):
        values = [one.values[name] for one in parts.values()]
        assert mean.values[name] == pytest.approx(np.mean(values))
        found = leakage(mean)[name]
        assert found.low < found.value < found.high
    widths = [leakage(one)["information"] for one in (mean, *parts.values())]
    widths = [one.high - one.low for one in widths]
    assert widths[0] < min(widths[1:])
    assert len(mean.rows) == HELD.sum()
    assert set(mean.chosen) == {"de", "fr"}


def test_intervals_cover_the_value_of_many_fresh_rows():
    """The attacker stays; 95 % intervals from 200 rows against its value on 20,000."""
    rng = np.random.default_rng(0)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        codes = rng.integers(0, 3, rows)
        return np.eye(3)[codes] * 1.5 + rng.normal(size=(rows, 3)), codes

    train, trained = draw(300)
    attacker = Attacker(strengths=(0.1,))

    def ask(rows: int) -> Probe:
        points, codes = draw(rows)
        held = np.arange(300 + rows) >= 300
        labels = np.concatenate([trained, codes])
        return probe(np.concatenate([train, points]), labels, held, attacker=attacker)

    truth = ask(20_000).values
    hits = dict.fromkeys(truth, 0)
    for _ in range(60):
        for name, found in leakage(ask(200), resamples=300).items():
            hits[name] += found.low <= truth[name] <= found.high
    assert min(hits.values()) >= 51


def test_two_encoders_are_compared_over_the_same_rows():
    sides = [[probe(leaking(s, seed), SPEAKERS, HELD) for seed in (0, 1)] for s in (1.0, 3.0)]
    found = compare_probes(*sides, resamples=500)
    for name in ("above_chance", "information"):
        assert found[name].effect == pytest.approx(
            np.mean([one.values[name] for one in sides[0]])
            - np.mean([one.values[name] for one in sides[1]])
        )
        assert found[name].high < 0
        assert found[name].seeds == 2
    same = compare_probes(sides[0][:1], sides[0][:1], resamples=100)
    assert same["information"].effect == 0


def test_a_paired_interval_is_narrower_than_two_apart():
    points = leaking(2.0)
    pair = [probe(x, SPEAKERS, HELD) for x in (points, points + 0.3 * noise(seed=3))]
    paired = compare_probes(pair[:1], pair[1:], resamples=500)["information"]
    apart = [leakage(one, resamples=500)["information"] for one in pair]
    assert paired.high - paired.low < max(one.high - one.low for one in apart)


def test_probes_of_other_rows_cannot_be_compared():
    one = probe(noise(), SPEAKERS, HELD)
    for labels, held in ((SPEAKERS, utterance_split(SPEAKERS, seed=1)), (LANGUAGES, HELD)):
        with pytest.raises(ValueError, match="different rows or names"):
            compare_probes([one], [probe(noise(), labels, held)])


def test_an_emotion_probe_takes_the_same_path():
    emotions = np.random.default_rng(2).choice(["angry", "sad"], len(SPEAKERS))
    points = noise(4)
    points[:, 0] += np.where(emotions == "sad", 2.0, -2.0)
    found = probe(points, emotions, HELD)
    assert found.chance == 0.5
    assert found.values["balanced_accuracy"] > 0.9


def test_mistakes_are_said_in_words():
    with pytest.raises(ValueError, match=r"expected embeddings \(rows, dim\)"):
        probe(noise()[:5], SPEAKERS, HELD)
    with pytest.raises(ValueError, match="finite embeddings"):
        probe(noise() * np.nan, SPEAKERS, HELD)
    with pytest.raises(ValueError, match="two names that occur in both parts, found 1"):
        probe(noise(), np.zeros(len(SPEAKERS), dtype=int), HELD)
    with pytest.raises(ValueError, match="one group per row"):
        probe_within(noise(), SPEAKERS, HELD, within=["de"])
    with pytest.raises(ValueError, match="at least one probe"):
        mean_probe({})
    with pytest.raises(ValueError, match="as many runs"):
        compare_probes([], [])
