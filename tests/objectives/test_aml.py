"""The phases of adversarial metric learning: who moves when, what is remembered, what is live."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from affectrep.batch import Batch, Output
from affectrep.objectives.aml import AMLObjective, aml_objective
from affectrep.objectives.aml_options import AMLOptions
from affectrep.objectives.hard_pairs import Mining
from affectrep.objectives.pair_history import row_numbers
from affectrep.training.divergence import DivergedError
from affectrep.training.optimizers import OptimizerSettings, build_optimizers
from affectrep.training.processes import Processes
from affectrep.training.steps import StepRunner

CLASSES, DIM = 6, 12
LEARNED = ("bounded", "free", "bilinear", "match")
SETTINGS = OptimizerSettings(encoder_lr=1e-2, head_lr=1e-2, adversary_lr=3e-3, weight_decay=0.0)


class Model(nn.Module):
    keep_features = False

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, DIM))
        self.head = nn.Linear(DIM, CLASSES)

    def forward(self, inputs):
        embeddings = self.encoder(inputs["x"])
        return Output(embeddings, self.head(embeddings))

    def players(self):
        return {"encoder": self.encoder, "heads": self.head}


def rows(seed: int, count: int = 48) -> Batch:
    """Six classes around their means, of which 0 and 1, and 2 and 3 lie together."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(CLASSES, 8, generator=torch.Generator().manual_seed(0)) * 2
    for twin in (1, 3):
        means[twin] = means[twin - 1] + 0.5 * means[twin] / means[twin].norm()
    labels = torch.arange(count) % CLASSES
    x = means[labels] + torch.randn(count, 8, generator=generator)
    return Batch({"x": x}, labels, [f"{seed}-{i}" for i in range(count)])


def built(**options):
    torch.manual_seed(0)
    model = Model()
    objective = aml_objective(classes=CLASSES, dim=DIM, **options)
    players = {**model.players(), **objective.players()}
    phases = objective.phases()
    optimizers = build_optimizers(phases, players, SETTINGS)
    runner = StepRunner(model, players, phases, optimizers=optimizers, processes=Processes())
    for optimizer in optimizers.values():
        optimizer.settings = OptimizerSettings(schedule="constant", warmup_fraction=0.0)
    return model, objective, runner


def weights(module: nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().flatten().clone() for value in module.parameters()])


@pytest.mark.parametrize("adversary", LEARNED)
def test_the_adversary_moves_the_metric_alone(adversary):
    model, objective, runner = built(adversary=adversary)
    objective.progress(0.6)
    runner.step([rows(0)])
    before = {name: weights(player) for name, player in objective.players().items()}
    encoder = weights(model)
    runner.groups = [type(group)(group.phases[:1]) for group in runner.groups]
    runner.step([rows(1)])
    assert torch.equal(weights(model), encoder)
    assert torch.equal(weights(objective.threshold), before["threshold"])
    assert not torch.equal(weights(objective.metric), before["metric"])


@pytest.mark.parametrize("adversary", LEARNED)
def test_the_model_moves_with_a_frozen_metric(adversary):
    model, objective, runner = built(adversary=adversary)
    objective.progress(0.6)
    runner.step([rows(0)])
    metric, encoder = weights(objective.metric), weights(model)
    group = runner.groups[0]
    runner.groups = [type(group)(group.phases[-1:])]
    runner.step([rows(1)])
    assert torch.equal(weights(objective.metric), metric)
    assert not torch.equal(weights(model), encoder)


def test_one_encoder_pass_a_step():
    model, objective, runner = built(steps=3)
    calls = []
    model.encoder.register_forward_hook(lambda *_: calls.append(1))
    objective.progress(0.6)
    log = runner.step([rows(0)])
    assert len(calls) == 1
    assert ("adversary_3", "hard_positive") in log.numbers


class Projecting(Model):
    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(DIM, 5)

    def forward(self, inputs):
        found = super().forward(inputs)
        return Output(found.embeddings, found.predictions, self.projection(found.embeddings))

    def players(self):
        return {"encoder": self.encoder, "heads": nn.ModuleList([self.head, self.projection])}


def test_pairs_are_parted_in_the_space_of_projections():
    torch.manual_seed(0)
    model = Projecting()
    objective = aml_objective(classes=CLASSES, dim=5, space="projections")
    players = {**model.players(), **objective.players()}
    optimizers = build_optimizers(objective.phases(), players, SETTINGS)
    runner = StepRunner(
        model, players, objective.phases(), optimizers=optimizers, processes=Processes()
    )
    objective.progress(0.6)
    projection = weights(model.projection)
    log = runner.step([rows(0)])
    assert log.numbers["main", "pair_positive"] > 0
    assert not torch.equal(weights(model.projection), projection)
    kept = objective.memory.rows().embeddings
    assert kept.shape == (48, 5)
    with pytest.raises(ValueError, match="no projection head"):
        objective._main(Output(torch.zeros(48, 5), torch.zeros(48, CLASSES)), rows(0), {})


def test_warm_up_is_the_task_and_contrast_alone():
    _, objective, runner = built()
    log = runner.step([rows(0)])
    names = {name for phase, name in log.numbers if phase == "main"}
    assert "pair_positive" not in names
    assert {"cross_entropy", "supcon"} <= names
    assert log.skipped == ["adversary"]
    assert len(objective.memory) == 48


@pytest.mark.parametrize("adversary", ["pointwise", "dro"])
def test_without_a_network_there_is_one_phase(adversary):
    _, objective, runner = built(adversary=adversary)
    assert [phase.name for phase in objective.phases()] == ["main"]
    objective.progress(1.0)
    log = runner.step([rows(0)])
    assert any(name.startswith("pair") for _, name in log.numbers)


def test_weight_and_region_are_ramped():
    objective = AMLObjective(CLASSES, DIM)
    factors = []
    for done in (0.0, 0.2, 0.22, 0.3, 0.4, 1.0):
        objective.progress(done)
        factors.append(objective.strength)
    assert factors[:2] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert factors == sorted(factors)
    assert factors[4] == pytest.approx(0.99991, abs=1e-5)


def test_the_pair_loss_reaches_the_encoder_through_the_learned_similarity():
    torch.manual_seed(0)
    objective = AMLObjective(CLASSES, DIM, options=AMLOptions(contrast=0.0)).double()
    objective.progress(1.0)
    batch = rows(0)
    embeddings = torch.randn(48, DIM, dtype=torch.float64, requires_grad=True)
    output = Output(embeddings, torch.zeros(48, CLASSES, dtype=torch.float64))
    result = objective.phases()[-1].loss(output, batch, {})
    pair = [term.value * term.weight for term in result.terms if term.name.startswith("pair")]
    assert len(pair) == 2
    (gradient,) = torch.autograd.grad(torch.stack(pair).sum(), embeddings)
    assert float(gradient.norm()) > 0


@pytest.mark.parametrize("adversary", [*LEARNED, "pointwise", "dro"])
def test_resuming_makes_the_same_steps(adversary):
    model, objective, runner = built(adversary=adversary)
    for step in range(3):
        objective.progress(0.5 + step / 10)
        runner.step([rows(step)])
    saved = copy.deepcopy((model.state_dict(), objective.state_dict(), torch.get_rng_state()))
    moments = {name: copy.deepcopy(o.state_dict()) for name, o in runner.optimizers.items()}
    objective.progress(0.9)
    first = runner.step([rows(9)]).numbers
    model, objective, runner = built(adversary=adversary)
    model.load_state_dict(saved[0])
    objective.load_state_dict(saved[1])
    torch.set_rng_state(saved[2])
    for name, optimizer in runner.optimizers.items():
        optimizer.load_state_dict(moments[name])
    objective.progress(0.9)
    assert runner.step([rows(9)]).numbers == first


def test_a_live_adversary_and_parted_twins():
    """After training the adversary answers against the labels, and its region is kept."""
    _, objective, runner = built(warmup=0.1, ramp=0.1, price={"validity": 0.5})
    alive = []
    for step in range(200):
        objective.progress(step / 200)
        numbers = runner.step([rows(step)]).numbers
        if step > 100:
            alive.append(
                (numbers[("adversary", "response_sd")], numbers[("adversary", "response_gap")])
            )
            assert numbers[("adversary", "violations")] == 0
            assert numbers[("adversary", "strength")] <= 1
    spread, gap = torch.tensor(alive).mean(dim=0).tolist()
    assert spread > 0.1
    assert gap > 0.2
    pairs = {tuple(pair) for pair in objective.sampling_hint()["confusable_pairs"].tolist()[:2]}
    assert pairs == {(0, 1), (2, 3)}
    mined = objective.findings()["mined_pairs"]
    found = zip(mined["class_a"].tolist(), mined["class_b"].tolist(), strict=True)
    assert set(list(found)[:2]) == {(0, 1), (2, 3)}
    for who in ("cosine", "learned"):  # the planted twins lead in what each metric mined
        assert set(mined[who].argsort(descending=True)[:2].tolist()) == {0, 1}


def test_the_overlap_is_measured_on_random_pairs():
    """Hard pairs are on the wrong side by choice; random ones tell whether a metric holds."""
    _, objective, runner = built(warmup=0.0, ramp=0.1)
    for step in range(40):
        objective.progress(0.2 + step / 50)
        numbers = runner.step([rows(step)]).numbers
    cosine = numbers[("main", "overlap_auc_cosine")]
    learned = numbers[("adversary", "overlap_auc_learned")]
    # the adversary lies on hard pairs and stays a similarity on the many others
    assert 0.8 < learned < 1.0
    assert 0.8 < cosine < 1.0
    assert numbers[("adversary", "moved")] > 0


@pytest.mark.parametrize("memory", [0, 4])
def test_recurring_rows_are_those_of_the_corpus(memory):
    _, objective, runner = built(memory=memory)
    objective.progress(0.6)
    for _ in range(2):
        runner.step([rows(0)])
    found = objective.findings()["recurring_positives"]
    assert set(found["row"].tolist()) <= set(row_numbers(rows(0).ids).tolist())
    assert int(found["times"].sum()) > 0


def test_micro_batches_give_the_step_of_the_whole():
    found = []
    for parts in (1, 3):
        model, objective, runner = built()
        objective.progress(0.6)
        batch = rows(0)
        split = torch.arange(48).chunk(parts)
        runner.step([batch.select(part) for part in split])
        found.append(weights(model))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("adversary", ["bounded", "dro"])
@pytest.mark.parametrize("done", [0.0, 0.6])
@pytest.mark.parametrize("player", ["head", "encoder"])
def test_a_run_that_diverges_ends_as_one(adversary, done, player):
    """Confusion and memory keep what they had, and the loss tells the runner."""
    model, objective, runner = built(adversary=adversary)
    objective.progress(done)
    runner.step([rows(0)])
    with torch.no_grad():
        next(getattr(model, player).parameters())[0] = torch.nan
    with pytest.raises(DivergedError, match=r"phase (main|adversary), term \w+ is nan"):
        runner.step([rows(1)])
    assert objective.memory.embeddings.isfinite().all()
    assert objective.confusion.matrix().isfinite().all()
    assert len(objective.memory) == 48


def test_rows_that_are_finite_are_remembered_beside_one_that_is_not():
    _, objective, _ = built()
    batch = rows(0)
    output = Output(torch.randn(48, DIM), torch.randn(48, CLASSES))
    output.predictions[3], output.embeddings[7] = torch.nan, torch.inf
    objective._main(output, batch, {})
    assert set(objective.memory.rows().ids.tolist()) == set(
        row_numbers([name for i, name in enumerate(batch.ids) if i not in (3, 7)]).tolist()
    )


def test_unknown_words_and_numbers_are_refused():
    with pytest.raises(ValueError, match="expected adversary"):
        AMLOptions(adversary="kind")
    with pytest.raises(ValueError, match="expected space"):
        AMLOptions(space="features")
    with pytest.raises(ValueError, match="ramp"):
        AMLOptions(ramp=0.0)
    with pytest.raises(ValueError, match=r"warmup \+ ramp of at most 1, got 0\.5 \+ 0\.6"):
        AMLOptions(warmup=0.5, ramp=0.6)
    assert AMLOptions(warmup=0.7, ramp=0.3).schedule().at(1.0) > 0.9999
    with pytest.raises(ValueError, match="at least 0"):
        AMLOptions(weight=-1.0)
    with pytest.raises(ValueError, match="prefilter"):
        AMLObjective(2, 2, options=AMLOptions(mining=Mining(prefilter=1)))
