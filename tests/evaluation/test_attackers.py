from __future__ import annotations

import numpy as np
import pytest
import torch

from affectrep.evaluation.attackers import Attacker, known_rows, utterance_split


def test_every_speaker_is_split_in_the_same_share():
    speakers = np.repeat(["a", "b", "c"], [20, 10, 5])
    held = utterance_split(speakers, share=0.2, seed=3)
    assert [int(held[speakers == name].sum()) for name in "abc"] == [4, 2, 1]
    assert (held == utterance_split(speakers, share=0.2, seed=3)).all()
    assert (held != utterance_split(speakers, share=0.2, seed=4)).any()


def test_a_speaker_keeps_and_gives_at_least_one_utterance():
    speakers = np.repeat(np.arange(30), 2)
    for share in (0.01, 0.99):
        held = utterance_split(speakers, share=share)
        assert (np.bincount(speakers[held], minlength=30) == 1).all()


def test_single_utterances_and_unknown_speakers_are_not_held_out():
    speakers = np.array([0, 1, 1, -1, -1, -1, 2])
    held = utterance_split(speakers, share=0.5)
    assert held.tolist()[0] is held.tolist()[6] is False
    assert held[1] != held[2]
    assert not held[3:6].any()
    names = ["x", None, "x", None, float("nan")]
    assert known_rows(names).tolist() == [True, False, True, False, False]
    assert utterance_split(names).sum() == 1


def test_mistakes_of_a_split_are_said_in_words():
    with pytest.raises(ValueError, match="no speaker among 3 rows has two"):
        utterance_split(["a", "b", None])
    with pytest.raises(ValueError, match=r"share in \(0, 1\), got 1"):
        utterance_split(["a", "a"], share=1)


def clouds(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    codes = np.repeat(np.arange(3), [60, 30, 15])
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(3, 6)) * 2
    return centres[codes] + rng.normal(size=(105, 6)), codes


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_posteriors_are_probabilities_and_say_more_than_the_prior(kind):
    points, codes = clouds()
    attack = Attacker(kind).train(points, codes, 3)
    log_posterior = attack.posterior(points)
    np.testing.assert_allclose(np.exp(log_posterior).sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(attack.prior, [60 / 105, 30 / 105, 15 / 105])
    fresh, truth = clouds(1)
    asked = attack.posterior(fresh)
    loss = -asked[np.arange(105), truth].mean()
    prior = -np.log(attack.prior)[truth].mean()
    assert loss < 0.5 * prior
    assert (attack.decide(asked) == truth).mean() > 0.85


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_scale_shift_and_constant_columns_do_not_matter(kind):
    points, codes = clouds()
    moved = np.concatenate([points * 1e3 + 50, np.full((105, 2), 1e6)], axis=1)
    found = [Attacker(kind).train(x, codes, 3) for x in (points, moved)]
    asked = clouds(1)[0]
    other = np.concatenate([asked * 1e3 + 50, np.full((105, 2), 1e6 + 0.01)], axis=1)
    if kind == "linear":  # a first layer of another width starts elsewhere
        expected = found[0].posterior(asked)
        np.testing.assert_allclose(found[1].posterior(other), expected, atol=1e-3)
    assert np.isfinite(found[1].posterior(other)).all()


def test_only_a_hidden_layer_solves_exclusive_or():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (400, 2))
    codes = (points[:, 0] * points[:, 1] > 0).astype(int)
    right = {}
    for kind in ("linear", "mlp"):
        attack = Attacker(kind).train(points[:300], codes[:300], 2)
        right[kind] = (attack.decide(attack.posterior(points[300:])) == codes[300:]).mean()
    assert right["linear"] < 0.65
    assert right["mlp"] > 0.85


def test_noise_makes_both_attackers_fall_silent():
    rng = np.random.default_rng(0)
    points, codes = rng.normal(size=(400, 20)), rng.choice(4, 400, p=[0.4, 0.3, 0.2, 0.1])
    for kind in ("linear", "mlp"):
        attack = Attacker(kind).train(points[:300], codes[:300], 4)
        loss = -attack.posterior(points[300:])[np.arange(100), codes[300:]].mean()
        prior = -np.log(attack.prior)[codes[300:]].mean()
        assert abs(loss - prior) < 0.06
        smallest = {"linear": ("c", 0.01), "mlp": ("steps", 5)}[kind]
        assert attack.chosen[smallest[0]] <= smallest[1]


def test_training_is_repeatable_and_leaves_the_random_state_alone():
    points, codes = clouds()
    before = torch.get_rng_state()
    attacker = Attacker("mlp", units=(16,), steps=40)
    one, two = (attacker.train(points, codes, 3) for _ in range(2))
    assert one.chosen == two.chosen
    assert (one.posterior(points) == two.posterior(points)).all()
    assert torch.get_rng_state().equal(before)


def test_settings_are_refused_in_words():
    with pytest.raises(ValueError, match="'forest', expected linear or mlp"):
        Attacker("forest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one strength"):
        Attacker(strengths=())
    with pytest.raises(ValueError, match="class 1 of 3 has no training row"):
        Attacker().train(np.zeros((4, 2)), np.array([0, 0, 2, 2]), 3)


def test_classes_of_one_row_get_the_first_setting():
    attack = Attacker().train(np.eye(3), np.arange(3), 3)
    assert attack.chosen == {"c": 1e-4}
    assert Attacker("mlp").train(np.eye(3), np.arange(3), 3).chosen["steps"] == 0
