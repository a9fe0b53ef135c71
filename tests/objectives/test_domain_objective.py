"""Hidden domains wired to a task: values, gradients, micro-batches, processes, restart, effect."""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed, nn
from torch.nn import functional

from affectrep.batch import Batch
from affectrep.objectives.cdan import conditioned_embeddings
from affectrep.objectives.domain_adversary import (
    DomainClasses,
    class_balanced_weights,
    domain_cross_entropy_loss,
)
from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss
from affectrep.objectives.domain_objective import (
    DomainAdversarialObjective,
    domain_adversarial_objective,
)
from affectrep.objectives.domain_term import DomainOptions
from affectrep.objectives.gradient_reversal import ganin_lambda
from affectrep.objectives.joint import JointObjective
from affectrep.objectives.supcon import DomainWeight, supcon_loss
from tests.processes import free_port, together
from tests.training.test_steps import assert_same, runner
from tests.training.toys import ToyModel, cut, rows

SPEAKERS = torch.tensor([0, 1, -1, 3, 4, 2, 0, 3, 1, 4, -1, 0])
CORPORA = torch.tensor([0, 0, 0, 1, -1, 1, 0, 1, 1, 0, 1, 0])
LANGUAGES = (0, 0, 0, 1, 1)  # of speakers 0 to 4
ROWS = (3, 2, 1, 2, 2)
HEADS = ("reversal", "gate", "cdan", "confusion", "entropy")


def batch(seed: int = 0) -> Batch:
    known = {"speaker": SPEAKERS, "corpus": CORPORA, "language": (SPEAKERS > 2).long()}
    return replace(rows(seed=seed), domains=known)


def speaker(method: str, **options) -> dict:
    head = {"classes": 5, "method": method, "weight": 0.4, "hidden": 7, "dropout": 0.0}
    return {"speaker": head | options}


CRITIC = {"corpus": {"classes": 2, "method": "wasserstein", "hidden": 7, "critic_steps": 3}}
CASES = {
    **{name: speaker(name) for name in HEADS},
    **{f"{name} balanced": speaker(name, rows=ROWS) for name in ("reversal", "confusion")},
    **{
        f"{name} per language": speaker(name, rows=ROWS, groups=LANGUAGES, scope="per_language")
        for name in ("reversal", "gate", "entropy")
    },
    "wasserstein": CRITIC,
    "several": {**speaker("reversal"), **CRITIC},
}


def made(domains: dict, **options) -> tuple[ToyModel, DomainAdversarialObjective]:
    torch.manual_seed(4)
    model = ToyModel().double()
    objective = domain_adversarial_objective(domains=domains, dim=5, outputs=3, **options).double()
    objective.progress(0.5)
    return model, objective


def main_phase(objective, output, of):
    return objective.phases()[-1].loss(output, of, {})


def gradients(model, objective, of=None):
    """Return the loss of the main phase and its gradients to embeddings and to the players."""
    of = of or batch()
    output = model(of.inputs)
    output = replace(output, embeddings=output.embeddings.detach().requires_grad_())
    result = main_phase(objective, output, of)
    loss = sum(term.weight * term.value for term in result.terms)
    parameters = [p for player in objective.players().values() for p in player.parameters()]
    inputs = [output.embeddings, *parameters]
    slopes = torch.autograd.grad(loss, inputs, allow_unused=True)
    return loss.detach(), slopes[0], slopes[1:], output


@pytest.mark.parametrize("scope", ["global", "per_language"])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("method", ["reversal", "cdan"])
def test_head_gets_the_gradient_and_the_model_its_reversal(method, balanced, scope):
    options = {"rows": ROWS} if balanced else {}
    model, objective = made(speaker(method, groups=LANGUAGES, scope=scope, **options))
    loss, below, of_head, output = gradients(model, objective)
    points = output.embeddings.detach().requires_grad_()
    values = conditioned_embeddings(points, output.predictions) if method == "cdan" else points
    plain = domain_cross_entropy_loss(
        objective.terms["speaker"].head(values),
        SPEAKERS,
        class_weights=class_balanced_weights(torch.tensor(ROWS)).double() if balanced else None,
        class_groups=torch.tensor(LANGUAGES) if scope == "per_language" else None,
    )
    slopes = torch.autograd.grad(plain, [points, *objective.players()["speaker"].parameters()])
    task = functional.cross_entropy(output.predictions, batch().labels)
    torch.testing.assert_close(loss, (task + plain).detach())
    torch.testing.assert_close(below, -0.4 * ganin_lambda(0.5) * slopes[0])
    for found, expected in zip(of_head, slopes[1:], strict=True):
        torch.testing.assert_close(found, expected)
    assert below.abs().sum() > 0


@pytest.mark.parametrize("method", ["confusion", "entropy"])
def test_bounded_methods_learn_apart_and_hide_from_the_frozen_head(method):
    model, objective = made(speaker(method))
    own, main = objective.phases()
    assert (own.name, own.updates, own.optimizer) == ("speaker_head", ("speaker",), "speaker")
    assert not own.grad
    assert main.updates == ("encoder", "heads")
    output = model(batch().inputs)
    known = SPEAKERS >= 0
    logits = objective.terms["speaker"].head(output.embeddings)
    (learn,) = own.loss(output.detach(), batch(), {}).terms
    torch.testing.assert_close(
        learn.value, functional.cross_entropy(logits[known], SPEAKERS[known])
    )
    assert learn.count == 10
    hide = {term.name: term for term in main_phase(objective, output, batch()).terms}
    pure = domain_confusion_loss if method == "confusion" else domain_entropy_loss
    found = hide[f"speaker_{method}"]
    torch.testing.assert_close(found.value, pure(logits[known]))
    assert (found.count, found.weight) == (10, pytest.approx(0.4 * ganin_lambda(0.5)))


def test_the_critic_learns_some_steps_and_the_model_closes_the_distance():
    model, objective = made(CRITIC)
    own = objective.phases()[:-1]
    assert [phase.name for phase in own] == [f"corpus_critic_{i}" for i in (1, 2, 3)]
    assert {phase.optimizer for phase in own} == {"corpus"}
    output = model(batch().inputs)
    scores = objective.terms["corpus"].critic(output.embeddings)
    expected = scores[CORPORA == 0].mean() - scores[CORPORA == 1].mean()
    found = {term.name: term for term in main_phase(objective, output, batch()).terms}
    torch.testing.assert_close(found["corpus_wasserstein"].value, expected)
    assert found["corpus_wasserstein"].weight == pytest.approx(0.3 * ganin_lambda(0.5))
    first = own[0].loss(output.detach(), batch(), {}).terms[0].value
    second = own[1].loss(output.detach(), batch(), {}).terms[0].value
    assert first != second  # other random points
    log = runner(model, objective).step([batch()])
    assert model.forwards == 2  # one here, one for all phases of the step
    assert log.numbers["corpus_critic_3", "corpus"] < log.numbers["corpus_critic_1", "corpus"]


def test_the_sum_of_the_recipe_is_that_of_its_parts():
    contrast = {"weight": 1.0, "temperature": 0.07, "domain": "language", "domain_weight": 2.5}
    model, objective = made(speaker("reversal", weight=0.3), contrast=contrast)
    of = batch()
    loss, _, _, output = gradients(model, objective)
    expected = (
        functional.cross_entropy(output.predictions, of.labels)
        + supcon_loss(
            output.embeddings,
            of.labels,
            temperature=0.07,
            domain_weight=DomainWeight(of.domains["language"]),
        )
        + functional.cross_entropy(
            objective.terms["speaker"].head(output.embeddings), SPEAKERS, ignore_index=-1
        )
    )
    torch.testing.assert_close(loss, expected.detach())
    assert objective.targets.domains == ("language", "speaker")
    assert objective.targets.labels == "classes"


def test_accuracy_and_coefficient_are_logged():
    model, objective = made(speaker("reversal", groups=LANGUAGES, scope="per_language"))
    output = model(batch().inputs)
    logs = main_phase(objective, output, batch()).logs
    assert logs["speaker_coefficient"] == pytest.approx(0.4 * ganin_lambda(0.5))
    logits = objective.terms["speaker"].head(output.embeddings).tolist()
    right = []
    for row, label in zip(logits, SPEAKERS.tolist(), strict=True):
        if label >= 0:
            rivals = [c for c in range(5) if LANGUAGES[c] == LANGUAGES[label]]
            right.append(max(rivals, key=row.__getitem__) == label)
    assert logs["speaker_accuracy"] == pytest.approx(sum(right) / len(right))


@pytest.mark.parametrize("is_open", [True, False])
def test_the_gate(is_open):
    model, objective = made(speaker("gate", hidden=0))
    output, head = model(batch().inputs), objective.terms["speaker"].head
    known = SPEAKERS >= 0
    with torch.no_grad():  # towards the right class, or away from it
        wanted = functional.one_hot(SPEAKERS[known], 5).double() - 0.2
        head.weight.copy_((torch.linalg.pinv(output.embeddings[known]) @ wanted).T)
        head.weight.mul_(0.5 if is_open else -0.5)
        head.bias.zero_()
    _, below, of_head, _ = gradients(model, objective)
    reversal = made(speaker("reversal", hidden=0))[1]
    reversal.load_state_dict(objective.state_dict())
    _, expected, expected_head, _ = gradients(model, reversal)
    torch.testing.assert_close(below, expected if is_open else torch.zeros_like(expected))
    torch.testing.assert_close(of_head, expected_head)
    assert expected.abs().sum() > 0


def test_until_its_start_a_bounded_term_leaves_the_task_alone():
    late = {"schedule": {"kind": "linear", "start": 0.6, "end": 0.8}}
    model, objective = made(speaker("confusion", **late))
    terms = main_phase(objective, model(batch().inputs), batch()).terms
    assert [term.name for term in terms] == ["cross_entropy"]
    objective.progress(0.7)
    terms = main_phase(objective, model(batch().inputs), batch()).terms
    assert [term.weight for term in terms] == [1.0, pytest.approx(0.2)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("several", [False, True])
def test_a_batch_without_a_known_domain_trains_the_task_alone(name, several):
    model, objective = made(CASES[name])
    unknown = {key: torch.full((12,), -1) for key in batch().domains}
    of = replace(batch(), domains=unknown)
    bare, alone = made({})
    log = runner(model, objective).step(cut(of, (7, 5)) if several else [of])
    runner(bare, alone).step([of])
    assert_same(model, bare)
    own = [phase.name for phase in objective.phases()[:-1]]
    assert log.skipped == own
    assert not any(key.endswith("accuracy") for _, key in log.numbers)


def train(name: str, sizes: tuple[int, ...], steps: int = 2):
    model, objective = made(CASES[name])
    made_runner = runner(model, objective)
    for step in range(steps):
        objective.progress(0.3 + 0.1 * step)
        log = made_runner.step(cut(batch(step), sizes))
    return model, objective, log


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sizes", [(7, 1, 4), (2, 1, 9)])  # in the last, a part has no known row
def test_micro_batches_give_the_steps_of_the_whole_batch(name, sizes):
    whole, parts = train(name, (12,)), train(name, sizes)
    assert_same(whole[0], parts[0])
    assert_same(whole[1], parts[1])
    for key, value in whole[2].numbers.items():
        if not key[1].endswith("accuracy"):
            assert parts[2].numbers[key] == pytest.approx(value, rel=1e-9), key


@pytest.mark.parametrize("name", CASES)
def test_a_restart_makes_the_same_next_steps(name):
    model, objective = made(CASES[name])
    first = runner(model, objective)
    first.step([batch(0)])
    states = copy.deepcopy([model.state_dict(), objective.state_dict()])
    moments = copy.deepcopy({key: value.state_dict() for key, value in first.optimizers.items()})
    torch.manual_seed(99)  # a fresh process has other weights and another random state
    other = ToyModel().double()
    again = domain_adversarial_objective(domains=CASES[name], dim=5, outputs=3).double()
    other.load_state_dict(states[0])
    again.load_state_dict(states[1])
    second = runner(other, again)
    for key, value in second.optimizers.items():
        value.load_state_dict(moments[key])
        value.progress(0.5)
    for step in (1, 2):
        logs = [made_runner.step([batch(step)]).numbers for made_runner in (first, second)]
        assert logs[0] == logs[1]
    assert_same(model, other)
    assert_same(objective, again)


# rows of each process and the sizes of its micro-batches
SHARES = {
    "uneven": [(list(range(9)), [9]), (list(range(9, 12)), [3])],
    "one accumulates": [(list(range(8)), [5, 3]), (list(range(8, 12)), [4])],
    "no known row": [([0, 1, 3, 4, 5, 6, 7, 8, 9, 11], [10]), ([2, 10], [2])],
}


def work(rank: int, free: int, out: Path) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    found = {}
    for name in CASES:
        for kind, shares in SHARES.items():
            model, objective = made(CASES[name])
            made_runner = runner(model, objective)
            for step in range(2):
                own = batch(step).select(torch.tensor(shares[rank][0]))
                log = made_runner.step(cut(own, shares[rank][1]))
            found[name, kind] = (model.state_dict(), objective.state_dict(), log.numbers)
    torch.save(found, out / f"{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.processes
def test_two_processes_make_the_steps_of_one(tmp_path):
    together(work, free_port(), tmp_path, world=2)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in (0, 1)]
    for name in CASES:
        for kind, shares in SHARES.items():
            order = torch.tensor(shares[0][0] + shares[1][0])
            model, objective = made(CASES[name])
            made_runner = runner(model, objective)
            for step in range(2):
                log = made_runner.step([batch(step).select(order)])
            for part in parts:
                for module, state in zip((model, objective), part[name, kind], strict=False):
                    other = copy.deepcopy(module)
                    other.load_state_dict(state)
                    assert_same(module, other)
            for key, value in log.numbers.items():
                if not key[1].endswith(("grad_norm", "accuracy", "chance", "coefficient")):
                    total = sum(part[name, kind][2].get(key, 0.0) for part in parts)
                    assert total == pytest.approx(value, rel=1e-9), (name, kind, key)


def planted(seed: int, count: int = 400) -> Batch:
    """Rows whose class stands in the first three inputs and whose speaker in the fourth."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=generator)
    speakers = torch.randint(2, (count,), generator=generator)
    values = torch.randn(count, 6, generator=generator, dtype=torch.float64) * 0.5
    values[:, :3] += 2 * functional.one_hot(labels, 3)
    values[:, 3] += 3.0 * speakers - 1.5
    ids = [str(i) for i in range(count)]
    return Batch({"x": values}, labels, ids, {"speaker": speakers})


def probe(model: ToyModel) -> tuple[float, float]:
    """Return a fresh linear probe's accuracy on the speaker and the task's, on other rows."""
    sides = []
    for seed in (1000, 1001):
        with torch.no_grad():
            sides.append((planted(seed), model(planted(seed).inputs)))
    (seen, one), (unseen, other) = sides
    points = torch.cat([one.embeddings, torch.ones(400, 1).double()], dim=1)
    wanted = 2.0 * seen.domains["speaker"].double() - 1
    line = torch.linalg.lstsq(points, wanted[:, None]).solution[:, 0]
    found = other.embeddings @ line[:-1] + line[-1] > 0
    right = (found == unseen.domains["speaker"].bool()).double().mean()
    task = (other.predictions.argmax(dim=1) == unseen.labels).double().mean()
    return float(right), float(task)


def hidden_by(method: str, weight: float, *, seed: int = 0, steps: int = 500):
    """Train with learning rates that fall as in the trainer; return what the probe finds."""
    torch.manual_seed(seed)
    model = ToyModel()
    model.encoder = nn.Sequential(nn.Linear(6, 5))  # which forgets nothing by itself
    model = model.double()
    options = {"classes": 2, "method": method, "weight": weight, "hidden": 16, "dropout": 0.0}
    domains = {"speaker": options}
    objective = domain_adversarial_objective(domains=domains, dim=5, outputs=3).double()
    made_runner = runner(model, objective)
    for step in range(steps):
        objective.progress(step / steps)
        for optimizer in made_runner.optimizers.values():
            optimizer.progress(step / steps)
        made_runner.step([planted(step, 64)])
    return probe(model)


def test_reversal_removes_a_planted_speaker_and_keeps_the_task():
    """The game swings: other seeds of plain reversal end between 0.58 and 0.91, see the gate."""
    kept, *removed = (
        hidden_by(method, weight)
        for method, weight in (("reversal", 0.0), ("reversal", 1.0), ("gate", 1.0))
    )
    assert kept[0] > 0.95
    assert max(speaker_found for speaker_found, _ in removed) < 0.7
    assert min(task for _, task in (kept, *removed)) > 0.95


def test_a_bare_task_is_the_task():
    _, objective = made({})
    model = ToyModel().double()
    output = model(batch().inputs)
    (term,) = main_phase(objective, output, batch()).terms
    assert term.value == functional.cross_entropy(output.predictions, batch().labels)
    assert objective.players() == {}


def test_continuous_task_of_the_whole_batch():
    objective = domain_adversarial_objective(task="av_regression", domains=CRITIC, dim=5)
    assert objective.targets.labels == "continuous"
    assert objective.phases()[-1].span == "batch"
    assert objective.joint.task.gather


def test_a_memory_is_built_and_scheduled():
    options = {"memory": 6, "temperature": 0.3, "schedule": {"kind": "linear", "end": 0.5}}
    model, objective = made({}, contrast=options)
    runner(model, objective).step([batch()])
    assert int(objective.joint.losses["supcon"].filled) == 6
    objective.progress(0.25)
    terms = main_phase(objective, model(batch().inputs), batch()).terms
    assert terms[1].weight == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "guess"}, "as task, got 'guess'"),
        ({"domains": speaker("reversal")}, "expected dim"),
        ({"contrast": {"memory": 5}}, "expected dim"),
        ({"contrast": {"memory": 5, "domain": "language"}, "dim": 5}, "memory of embeddings"),
        ({"contrast": {"temprature": 1}}, "expected contrast among weight, .*, got temprature"),
        (
            {"task_options": {"weights": 1}},
            "expected task_options among class_weights, .*, got weights",
        ),
        ({"dim": 5, "domains": {"speaker": {}}}, "speaker: expected classes"),
        ({"dim": 5, "domains": speaker("loud")}, "as method, got 'loud'"),
        ({"dim": 5, "domains": speaker("cdan")}, "expected dim and outputs"),
        ({"dim": 5, "domains": speaker("reversal", scope="all")}, "as scope, got 'all'"),
        ({"dim": 5, "domains": speaker("gate", scope="per_language")}, "expected groups"),
        (
            {"dim": 5, "domains": speaker("reversal", factor=1)},
            "expected domains.speaker among .*factor",
        ),
        (
            {"dim": 5, "domains": speaker("reversal", schedule={"kin": 1})},
            "schedule among .*, got kin",
        ),
        ({"dim": 5, "domains": speaker("wasserstein")}, "two domains .* got 5"),
        ({"dim": 5, "domains": {"heads": {"classes": 2}}}, "not named as a player, got heads"),
        (
            {"dim": 5, "task": "av_regression", "domains": speaker("cdan"), "outputs": 2},
            "cross_entropy as task beside cdan",
        ),
        ({"dim": 5, "domains": speaker("reversal", critic_steps=0)}, "critic_steps >= 1"),
        ({"dim": 5, "domains": speaker("reversal", weight=-1)}, "weight of at least 0"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        domain_adversarial_objective(**options)


def test_wrong_labels_are_named():
    model, objective = made(speaker("reversal"))
    output = model(batch().inputs)
    with pytest.raises(ValueError, match=r"speaker: expected .*labels in -1...4"):
        main_phase(objective, output, replace(batch(), domains={"speaker": SPEAKERS + 1}))
    with pytest.raises(ValueError, match="domain speaker in the batch, got none"):
        main_phase(objective, output, replace(batch(), domains={}))


def test_objects_may_be_given_instead_of_plain_values():
    task = nn.CrossEntropyLoss()
    task.count = len
    joint = JointObjective(task, task_name="task")
    hidden = {"speaker": DomainOptions(DomainClasses(5), "confusion")}
    objective = DomainAdversarialObjective(joint, dim=5, domains=hidden).double()
    log = runner(ToyModel().double(), objective).step([batch()])
    assert set(log.numbers) >= {("main", "task"), ("speaker_head", "speaker")}
