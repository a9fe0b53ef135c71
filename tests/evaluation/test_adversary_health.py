from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
import yaml

from affectrep.batch import Batch, Output
from affectrep.evaluation.adversary_health import (
    LEAST_GAP,
    LEAST_SD,
    adversary_sentences,
    adversary_traces,
    domain_sentences,
    metric_sentence,
)
from affectrep.evaluation.stored_run import StoredRun
from affectrep.objectives import MetricLiveness, aml_objective, domain_adversarial_objective

Figures = Mapping[tuple[str, str], Sequence[float]]


def logged(folder: Path, figures: Figures, objective: Mapping[str, object]) -> StoredRun:
    """A run with two logged steps an epoch; a figure has one value an epoch."""
    folder.mkdir(exist_ok=True)
    config = {"name": "run", "objective": dict(objective)}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    lines = [
        {"step": 20 * epoch + step, "epoch": epoch, "phase": phase, "name": name, "value": value}
        for (phase, name), values in figures.items()
        for epoch, value in enumerate(values)
        for step in (10, 20)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return StoredRun(folder)


def aml(folder: Path, sd: Sequence[float], gap: Sequence[float], **more: object) -> StoredRun:
    figures = {("adversary", "response_sd"): sd, ("adversary", "response_gap"): gap}
    figures |= {("adversary", name): [value] * len(sd) for name, value in more.items()}
    figures = {key: [float(value) for value in values] for key, values in figures.items()}
    return logged(folder, figures, {"name": "aml", "adversary": "bounded"})


def hidden(folder: Path, figures: Figures, **options: object) -> StoredRun:
    options = {"method": "reversal", "weight": 0.3, **options}
    objective = {"name": "domain_adversarial", "domains": {"speaker": options}}
    return logged(folder, {**figures, ("main", "cross_entropy"): [1.0] * 4}, objective)


def head(right: Sequence[float], phase: str = "main", chance: float = 0.1) -> Figures:
    named = [right, [chance] * len(right)]
    return {
        (phase, f"speaker_{name}"): values
        for name, values in zip(("accuracy", "chance"), named, strict=True)
    }


def test_a_learned_metric_that_lived(tmp_path: Path) -> None:
    run = aml(tmp_path, [0.01, 0.5, 0.44], [0.0, 0.9, 0.85])
    assert metric_sentence(run) == (
        "The learned metric lived: after its first epoch the sd of its answers to hard pairs was "
        "never below .440, and they were never less than .850 higher on negatives than on "
        "positives."
    )
    assert adversary_sentences(run) == [metric_sentence(run)]


def test_a_learned_metric_that_answers_one_constant(tmp_path: Path) -> None:
    said = metric_sentence(aml(tmp_path, [0.4, 0.4, 0.01], [0.8, 0.8, 0.01]))
    assert said is not None
    assert said.startswith("The learned metric died after step 40 (epoch 2): its answers to hard")
    assert said.endswith("hardly differ (sd .010), so from there on this run has no adversary.")


def test_a_learned_metric_that_goes_with_the_labels(tmp_path: Path) -> None:
    said = metric_sentence(aml(tmp_path, [0.4, 0.4], [-0.3, -0.3]))
    assert said is not None
    assert "never lived: its answers do not go against the labels" in said


def test_answers_at_their_limit_are_told(tmp_path: Path) -> None:
    said = metric_sentence(aml(tmp_path, [0.9, 0.9], [1.8, 1.8], saturation=0.93))
    assert said is not None
    assert "93 % of its answers lay at their limit" in said
    assert "at their limit" not in str(
        metric_sentence(aml(tmp_path / "b", [0.9, 0.9], [1.8, 1.8], saturation=0.5))
    )


@pytest.mark.parametrize("form", ["bilinear", "match"])
def test_forms_without_a_threshold_are_not_judged(tmp_path: Path, form: str) -> None:
    run = aml(tmp_path, [0.0, 0.0], [0.0, 0.0], moved=0.031)
    config = run.path / "config.yaml"
    config.write_text(config.read_text().replace("bounded", form))
    said = metric_sentence(StoredRun(run.path))
    assert said is not None
    assert said.startswith(f"The learned metric ({form})")
    assert ".031 further up" in said
    assert "lived" not in said


def test_the_limits_are_those_of_the_objective() -> None:
    above = (LEAST_SD + 1e-6, LEAST_GAP + 1e-6, 0.0, 0.0, 0.0)
    assert MetricLiveness(*above).alive
    assert not MetricLiveness(LEAST_SD, *above[1:]).alive
    assert not MetricLiveness(above[0], LEAST_GAP, *above[2:]).alive


def test_the_names_are_those_that_the_objectives_log() -> None:
    torch.manual_seed(0)
    labels, rows = torch.arange(12) % 3, torch.randn(12, 4)
    speakers = {"speaker": torch.arange(12) % 4}
    batch = Batch({}, labels, [str(i) for i in range(12)], domains=speakers)
    output = Output(rows, predictions=torch.randn(12, 3))
    objective = aml_objective(classes=3, dim=4, warmup=0.0, memory=0)
    objective.progress(1.0)
    logs = objective.phases()[0].loss(output, batch, {}).logs
    assert {"response_sd", "response_gap", "saturation", "moved", "strength"} <= set(logs)
    for method, phase in (("reversal", "main"), ("confusion", "speaker_head")):
        options = {"classes": 4, "method": method}
        objective = domain_adversarial_objective(dim=4, domains={"speaker": options})
        first = objective.phases()[0]
        assert first.name == phase
        logs = first.loss(output, batch, {}).logs
        assert logs["speaker_chance"] == pytest.approx(1 / 4)
        assert "speaker_accuracy" in logs


@pytest.mark.parametrize("phase", ["main", "speaker_head"])
def test_a_head_that_knows_something(tmp_path: Path, phase: str) -> None:
    run = hidden(tmp_path, head([0.2, 0.3, 0.32, 0.3], phase))
    (said,) = domain_sentences(run)
    assert said == (
        "The head that tells speakers apart named 31.0 % of rows right in the second half of "
        "training, an even guess names 10.0 %: it stayed above chance, so the model had something "
        "to work against. What a fresh probe finds is under leakage."
    )


def test_a_head_that_fell_to_chance(tmp_path: Path) -> None:
    (said,) = domain_sentences(hidden(tmp_path, head([0.3, 0.28, 0.09, 0.11])))
    assert "it began above chance and fell to it." in said


def test_a_head_that_never_knew(tmp_path: Path) -> None:
    (said,) = domain_sentences(hidden(tmp_path, head([0.1, 0.09, 0.09, 0.11])))
    assert "it was not told from chance, so it had little to teach the model." in said


def test_a_head_of_weight_0_only_watched(tmp_path: Path) -> None:
    (said,) = domain_sentences(hidden(tmp_path, head([0.3, 0.3, 0.4, 0.4]), weight=0))
    assert "it stayed above chance, and only watched." in said


def test_a_run_of_before_chance_was_logged(tmp_path: Path) -> None:
    figures = {key: values for key, values in head([0.3] * 4).items() if "chance" not in key[1]}
    (said,) = domain_sentences(hidden(tmp_path, figures))
    assert said.endswith(
        "30.0 % of rows right in the second half of training; the run did not log "
        "what a guess would reach."
    )


@pytest.mark.parametrize(("loss", "words"), [(-1.5, "told them apart"), (0.2, "did not tell them")])
def test_a_critic_of_two_domains_is_told_by_its_distance(
    tmp_path: Path, loss: float, words: str
) -> None:
    figures = {
        ("speaker_critic_1", "speaker"): [9.0] * 4,
        ("speaker_critic_10", "speaker"): [loss] * 4,
    }
    run = hidden(tmp_path, figures, method="wasserstein")
    assert adversary_traces(run)["speaker_distance"].tolist() == [-loss] * 8
    (said,) = domain_sentences(run)
    assert words in said


def test_a_run_without_an_adversary(tmp_path: Path) -> None:
    run = logged(tmp_path, {("main", "cross_entropy"): [1.0]}, {"name": "supcon"})
    assert adversary_sentences(run) == []
    assert adversary_traces(run).empty
