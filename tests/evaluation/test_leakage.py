from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation import leakage as module
from affectrep.evaluation.attackers import Attacker, utterance_split
from affectrep.evaluation.leakage import ATTACKERS, EER, Leakage, compare_leakage, measure_leakage
from affectrep.evaluation.probes import (
    compare_probes,
    leakage,
    mean_probe,
    probe,
    probe_within,
)
from affectrep.evaluation.verification import compare_verification, verify_speakers

EMOTIONS = ["angry", "calm"]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Attackers with fewer settings to choose from: what they reach is not asked here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ATTACKERS, "linear", Attacker(strengths=(0.1, 1.0)))
        patch.setitem(ATTACKERS, "mlp", Attacker("mlp", units=(8,), decays=(1.0,), steps=40))
        yield


def rows(names: str, *, each: int = 20, split: str = "train") -> pd.DataFrame:
    """Speakers ``<language><letter>``, three to a language."""
    who = np.repeat([f"{language}{letter}" for language in names for letter in "abc"], each)
    table = pd.DataFrame({"id": [f"{split}-{i}" for i in range(len(who))], "speaker": who})
    table["language"] = [name[0] for name in who]
    table["label"] = [EMOTIONS[i % 2] for i in range(len(who))]
    return table.assign(split=split)


def embedded(table: pd.DataFrame, *, speaker: float = 3.0, seed: int = 0) -> np.ndarray:
    """Emotion in the first column, language in the next two, the speaker in the others."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(table), 12))
    values[:, 0] += 3.0 * (table["label"] == "calm")
    values[:, 1] += 4.0 * (table["language"] == "x")
    for name in sorted(set(table["speaker"])):
        place = 3 + "abc".index(name[1])
        values[:, place] += speaker * (table["speaker"] == name)
    return values


def measured(*, speaker: float = 3.0, seed: int = 0) -> Leakage:
    known, unseen = rows("xy"), rows("z", split="test")
    return measure_leakage(
        (embedded(known, speaker=speaker, seed=seed), known),
        (embedded(unseen, speaker=speaker, seed=seed + 1), unseen),
    )


@pytest.fixture(scope="module")
def found(quick: None) -> Leakage:
    return measured()


def test_figures_are_those_of_the_probes(found: Leakage) -> None:
    known = rows("xy")
    values, held = embedded(known), utterance_split(known["speaker"])
    figures = found.figures()
    for name in ("linear", "mlp"):
        parts = probe_within(
            values,
            known["speaker"],
            held,
            within=known["language"],
            attacker=ATTACKERS[name],
        )
        direct = leakage(mean_probe(parts))
        for suffix, metric in (("", "above_chance"), ("_nats", "information")):
            one = figures[f"speaker_{name}{suffix}"]
            assert one["value"] == pytest.approx(direct[metric].value)
            assert one["low"] == pytest.approx(direct[metric].low)
            assert one["n"] == held.sum()
    linear = ATTACKERS["linear"]
    direct = leakage(probe(values, known["language"], held, attacker=linear))
    assert figures["language_linear"]["value"] == pytest.approx(direct["above_chance"].value)
    direct = leakage(probe(values, known["label"], held, attacker=linear))
    assert figures["emotion_probe"]["value"] == pytest.approx(direct["above_chance"].value)
    assert found.about["probes"]["speaker_mlp"]["chance"] == pytest.approx(1 / 3)
    assert found.about["probes"]["speaker_mlp"]["groups"] == ["x", "y"]
    assert found.about["left_out"] == {}


def test_the_error_rate_is_of_the_unseen(found: Leakage) -> None:
    unseen = rows("z", split="test")
    direct = verify_speakers(
        embedded(unseen, seed=1), unseen["speaker"], within=unseen["language"], per_speaker=500
    )
    assert found.figures()[EER]["value"] == pytest.approx(direct.rate.value)
    assert found.figures()[EER]["n"] == len(unseen)


def test_speakers_seen_in_training_are_not_verified() -> None:
    known, unseen = rows("xy"), rows("xz", split="test")
    one = measure_leakage((embedded(known), known), (embedded(unseen), unseen))
    assert one.verification is not None
    assert one.verification.speakers == ["za", "zb", "zc"]
    assert one.about["verification"]["seen_left_out"] == 60
    both = measure_leakage((embedded(known), known), (embedded(known), known))
    assert both.verification is None
    assert both.about["left_out"][EER] == "all speakers of the split were seen in training"
    assert EER not in both.figures()


def test_validation_speakers_may_be_verified() -> None:
    known = pd.concat([rows("xy"), rows("z", split="validation")], ignore_index=True)
    values = embedded(known)
    held = (known["split"] == "validation").to_numpy()
    one = measure_leakage((values, known), (values[held], known[held]))
    assert one.verification is not None
    assert one.about["verification"]["rows"] == held.sum()


def test_saved_answers_give_the_same_figures(tmp_path: Path, found: Leakage) -> None:
    found.save(tmp_path / "x" / "a.parquet", model="c0ffee", split="test")
    again = Leakage.load(tmp_path / "x" / "a.parquet")
    assert again.figures() == found.figures()
    assert again.about == found.about
    with pytest.raises(FileNotFoundError, match="--leakage"):
        Leakage.load(tmp_path / "b.parquet")


def test_comparison_is_that_of_the_probes(found: Leakage) -> None:
    other = measured(speaker=0.0, seed=5)
    differences = compare_leakage([other], [found])
    known = rows("xy")
    held = utterance_split(known["speaker"])
    sides = [
        probe_within(
            embedded(known, speaker=strength, seed=seed),
            known["speaker"],
            held,
            within=known["language"],
            attacker=ATTACKERS["linear"],
        )
        for strength, seed in ((0.0, 5), (3.0, 0))
    ]
    direct = compare_probes(*([mean_probe(side)] for side in sides), resamples=2000)
    one = differences["speaker_linear"]
    assert one.value == pytest.approx(direct["above_chance"].effect)
    assert one.low == pytest.approx(direct["above_chance"].low, abs=0.02)
    assert one.high < 0
    assert other.verification is not None
    assert found.verification is not None
    assert differences[EER] == compare_verification(other.verification, found.verification)
    assert differences[EER].value > 0


def test_seeds_are_averaged(found: Leakage) -> None:
    seeds = [found, measured(seed=3)]
    differences = compare_leakage(seeds, [found, found])
    second = compare_leakage(seeds[1:], [found])
    for name in ("speaker_mlp", EER):
        assert differences[name].value == pytest.approx(second[name].value / 2)
    same = compare_leakage(seeds, seeds)
    assert {one.value for one in same.values()} == {0.0}


def test_other_rows_are_not_compared(found: Leakage) -> None:
    known, unseen = rows("xw"), rows("z", split="test")
    other = measure_leakage((embedded(known), known), (embedded(unseen), unseen))
    with pytest.raises(ValueError, match="different rows"):
        compare_leakage([found], [other])
    with pytest.raises(ValueError, match="as many runs"):
        compare_leakage([found], [])


def test_what_cannot_be_asked_is_said() -> None:
    known, unseen = rows("x").drop(columns="label"), rows("z", split="test")
    one = measure_leakage((embedded(rows("x")), known), (embedded(unseen), unseen))
    assert set(one.about["left_out"]) == {"language_linear", "language_mlp", "emotion_probe"}
    assert "two names" in one.about["left_out"]["language_mlp"]
    assert one.about["left_out"]["emotion_probe"] == "the rows name no single emotion"
    assert {"speaker_linear", "speaker_mlp", EER} < set(one.figures())


def test_two_unseen_speakers_have_no_interval() -> None:
    known, unseen = rows("xy"), rows("z", split="test")
    two = (unseen["speaker"] != "zc").to_numpy()
    one = measure_leakage((embedded(known), known), (embedded(unseen)[two], unseen[two]))
    assert "needs 3" in one.about["left_out"][EER]
    nobody = unseen.assign(speaker=None)
    one = measure_leakage((embedded(known), known), (embedded(unseen), nobody))
    assert EER in one.about["left_out"]


def test_nothing_to_name_and_nothing_finite_are_refused() -> None:
    known = rows("xy")
    for odd in (known.drop(columns="speaker"), known.assign(speaker=None)):
        with pytest.raises(ValueError, match="name none"):
            measure_leakage((embedded(known), odd), (embedded(known), known))
    values = embedded(known)
    values[3, 3] = np.nan
    with pytest.raises(ValueError, match="finite"):
        measure_leakage((values, known), (embedded(known), known))


def test_large_splits_are_thinned_by_speaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROBED", 60)
    known, unseen = rows("xy", each=20), rows("z", split="test")
    one = measure_leakage((embedded(known), known), (embedded(unseen), unseen))
    assert one.about["rows"] == 60  # 10 of each of 6 speakers
    again = measure_leakage((embedded(known), known), (embedded(unseen), unseen))
    assert one.figures() == again.figures()


def faces(split: str, people: int = 6, *, each: int = 16, first: int = 0) -> pd.DataFrame:
    """Rows of people with valence and arousal instead of a label, and no language."""
    who = np.repeat(np.arange(first, first + people), each)
    table = pd.DataFrame({"id": [f"{split}-{i}" for i in range(len(who))]})
    table["subject"] = [f"p{i}" for i in who]
    places = np.array([(0.6, 0.4), (-0.6, 0.4), (-0.5, -0.4), (0.5, -0.4)])
    table[["valence", "arousal"]] = places[np.arange(len(who)) % 4]
    return table.assign(split=split)


def seen(table: pd.DataFrame, *, identity: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, len(table)])
    values = rng.normal(size=(len(table), 14))
    values[:, :2] += 6 * table[["valence", "arousal"]].to_numpy()
    codes = np.unique(table["subject"], return_inverse=True)[1]
    values[np.arange(len(table)), 2 + codes % 12] += identity
    return values


def of_faces(identity: float, seed: int = 0) -> Leakage:
    known, unseen = faces("train"), faces("test", 5, first=20)
    return measure_leakage(
        (seen(known, identity=identity, seed=seed), known),
        (seen(unseen, identity=identity, seed=seed), unseen),
    )


def test_faces_are_asked_by_subject_and_quadrant(tmp_path: Path) -> None:
    open_, hidden = of_faces(5.0), of_faces(0.0)
    rate = "eer_unseen_subjects"
    names = {"subject_linear", "subject_mlp", "quadrant_probe"}
    figures = open_.figures()
    assert set(figures) == names | {f"{name}_nats" for name in names} | {rate}
    assert figures["subject_linear"]["value"] > 0.6
    assert hidden.figures()["subject_linear"]["value"] < 0.3
    assert figures["quadrant_probe"]["value"] > 0.5  # the emotion is there in both
    assert hidden.figures()["quadrant_probe"]["value"] > 0.5
    assert figures[rate]["value"] < hidden.figures()[rate]["value"]
    assert open_.about["identity"] == "subject"
    assert open_.about["probes"]["quadrant_probe"]["chance"] == 0.25
    assert open_.about["verification"]["identities"] == 5
    assert "speakers" not in open_.about["verification"]
    assert open_.about["left_out"] == {}
    open_.save(tmp_path / "a.parquet")
    assert Leakage.load(tmp_path / "a.parquet").figures() == figures
    less = compare_leakage([hidden], [open_])
    assert set(less) == set(figures)
    assert less["subject_mlp"].high < 0
    assert less[rate].value > 0
    known = faces("train")
    direct = probe(
        seen(known, identity=5.0),
        known["subject"],
        utterance_split(known["subject"]),
        attacker=ATTACKERS["linear"],
    )
    assert figures["subject_linear"]["value"] == pytest.approx(direct.values["above_chance"])


def test_faces_without_quadrants_or_with_labels() -> None:
    known, unseen = faces("train"), faces("test", 5, first=20)
    values = seen(known, identity=3.0), seen(unseen, identity=3.0)
    labelled = known.assign(label=np.where(known["valence"] > 0, "glad", "sad"))
    found = measure_leakage((values[0], labelled), (values[1], unseen))
    assert "emotion_probe" in found.probes
    assert "quadrant_probe" not in found.probes
    some = known.assign(valence=known["valence"].where(known.index % 3 > 0))
    found = measure_leakage((values[0], some), (values[1], unseen))
    assert found.about["probes"]["quadrant_probe"]["left_out"] > 0
    plain = known.drop(columns=["valence", "arousal"])
    found = measure_leakage((values[0], plain), (values[1], unseen))
    assert found.about["left_out"] == {"emotion_probe": "the rows name no single emotion"}


def test_what_is_said_of_faces_names_identities() -> None:
    known = faces("train")
    values = seen(known, identity=3.0)
    found = measure_leakage((values, known), (values, known))
    said = found.about["left_out"]["eer_unseen_subjects"]
    assert said == "all identities of the split were seen in training"
    single = known.drop_duplicates("subject")
    with pytest.raises(ValueError, match="no identity among 6 rows has two images"):
        measure_leakage((values[single.index], single), (values, known))


def test_speakers_and_subjects_are_not_compared(found: Leakage) -> None:
    with pytest.raises(ValueError, match="one was verified on speakers"):
        compare_leakage([found], [of_faces(1.0)])
