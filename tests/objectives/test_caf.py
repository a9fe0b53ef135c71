"""CAF's phases: values, players, skipped batches, restarts, life and death of the critic."""

from __future__ import annotations

import copy
import math
import os
import warnings

import pytest
import torch
from torch import Tensor, distributed, nn

from affectrep.batch import Batch, Output
from affectrep.objectives.adaptive_margin import adaptive_margin
from affectrep.objectives.av_regression import av_regression_loss
from affectrep.objectives.caf import CAFObjective
from affectrep.objectives.caf_objective import caf_objective
from affectrep.objectives.caf_steps import CAFSteps
from affectrep.objectives.contrastive_critic import (
    contrastive_adversarial_loss,
    contrastive_critic_loss,
    critic_liveness,
)
from affectrep.objectives.critic_head import CriticHead
from affectrep.objectives.critic_watch import CriticWatch
from affectrep.objectives.grouping import strong_weak_groups
from affectrep.training.optimizers import OptimizerSettings, build_optimizers
from affectrep.training.processes import Processes
from affectrep.training.steps import StepLog, StepRunner
from tests.processes import free_port, together
from tests.training.toys import cut

DIM, WIDTH, THRESHOLD = 20, 8, 0.5
KINDS = ("caf", "fisher", "sphere", "gram")


class FaceModel(nn.Module):
    """20 numbers to an embedding, a map for the critic, valence and arousal."""

    def __init__(self, *, dropout: float = 0.0, norm: bool = False) -> None:
        super().__init__()
        middle = nn.BatchNorm1d(32) if norm else nn.Identity()
        last = nn.Dropout(dropout)
        self.encoder = nn.Sequential(
            nn.Linear(DIM, 32), middle, nn.ReLU(), nn.Linear(32, WIDTH), last
        )
        self.head = nn.Linear(WIDTH, 2)
        self.forwards = 0

    def forward(self, inputs: dict[str, Tensor]) -> Output:
        self.forwards += 1
        points = self.encoder(inputs["x"])
        maps = points.reshape(len(points), 2, 2, 2)
        return Output(points, self.head(points), features=maps)

    def players(self) -> dict[str, nn.Module]:
        return {"encoder": self.encoder, "heads": self.head}


def faces(size: int = 24, *, seed: int = 0, noise: bool = False) -> Batch:
    """Rows whose valence and arousal follow two directions of the inputs, or nothing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, DIM, generator=generator, dtype=torch.float64)
    shown = torch.randn(size, 2, generator=generator, dtype=torch.float64) if noise else x[:, :2]
    return Batch({"x": x}, torch.tanh(0.7 * shown), [str(i) for i in range(size)])


def weak_only(size: int = 6, strong: int = 0) -> Batch:
    batch = faces(size)
    labels = 0.1 * batch.labels
    labels[:strong] = 0.8
    return Batch(batch.inputs, labels, batch.ids)


def caf(**options) -> CAFObjective:
    torch.manual_seed(7)
    values = {"dim": WIDTH, "threshold": THRESHOLD, "network": {"dropout": 0.0}, **options}
    return caf_objective(**values).double()


def runner(
    model: nn.Module, objective: CAFObjective, *, rate: float = 0.01, only: str | None = None
) -> StepRunner:
    settings = OptimizerSettings(
        encoder_lr=rate,
        head_lr=rate,
        adversary_lr=rate,
        weight_decay=0.0,
        schedule="constant",
        warmup_fraction=0.0,
        max_grad_norm=None,
    )
    phases = [phase for phase in objective.phases() if only in (None, phase.name)]
    players = {**model.players(), **objective.players()}
    optimizers = build_optimizers(phases, players, settings)
    if "adversarial" in optimizers:
        made = optimizers["adversarial"]
        made.peaks = [0.1 * peak for peak in made.peaks]
    for optimizer in optimizers.values():
        optimizer.progress(0.5)
    return StepRunner(model, players, phases, optimizers=optimizers, processes=Processes())


def model_of(**options) -> FaceModel:
    torch.manual_seed(3)
    return FaceModel(**options).double()


def terms(objective: CAFObjective, output: Output, batch: Batch) -> dict[str, Tensor]:
    carry, found = {}, {}
    for phase in objective.phases():
        result = phase.loss(output if phase.grad else output.detach(), batch, carry)
        carry.update(result.carry)
        found |= {term.name: term.value for term in result.terms if term.count > 0}
    return found


# ---- values ------------------------------------------------------------------------------------


def test_terms_are_the_functions_composed_by_hand():
    objective, model, batch = caf(), model_of(), faces()
    output = model(batch.inputs)
    found = terms(objective, output, batch)
    groups = strong_weak_groups(batch.labels, threshold=THRESHOLD)
    points = objective.head(output.embeddings)
    strong, weak = points[groups.strong], points[groups.weak]
    margins = adaptive_margin(strong.detach(), weak.detach())
    expected = {
        "critic": contrastive_critic_loss(strong, weak, margins),
        "adversarial": ((weak - strong.detach().mean(dim=0)) ** 2).mean(),
        "regression": av_regression_loss(output.predictions, batch.labels),
    }
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value.item(), abs=1e-12), name


def test_gradients_reach_whom_they_should():
    objective, model, batch = caf(), model_of(), faces()
    output = model(batch.inputs)
    groups = strong_weak_groups(batch.labels, threshold=THRESHOLD)
    found = terms(objective, output, batch)
    with pytest.raises(RuntimeError):  # the critic's loss has no way to the encoder
        torch.autograd.grad(found["critic"], output.embeddings)
    (grad,) = torch.autograd.grad(found["adversarial"], output.embeddings, retain_graph=True)
    assert not grad[groups.strong].any()
    assert (grad[groups.weak] != 0).any(dim=1).all()


def test_feature_maps_are_read_where_there_is_a_grid():
    objective = caf(dim=2, network={"dropout": 0.0, "grid": 2})
    assert [phase.reads for phase in objective.phases()] == ["features", "features", "predictions"]
    model, batch = model_of(), faces()
    output = model(batch.inputs)
    points = objective.head(output.features)
    groups = strong_weak_groups(batch.labels, threshold=THRESHOLD)
    expected = contrastive_adversarial_loss(points[groups.strong], points[groups.weak])
    assert terms(objective, output, batch)["adversarial"].item() == pytest.approx(expected.item())
    with pytest.raises(ValueError, match="expected features for the critic"):
        terms(objective, Output(output.embeddings, output.predictions), batch)


@pytest.mark.parametrize("kind", [*KINDS, "none"])
def test_the_order_of_rows_does_not_matter(kind):
    model, batch = model_of(), faces()
    turned = torch.randperm(len(batch), generator=torch.Generator().manual_seed(1))
    one, other = caf(critic=kind), caf(critic=kind)
    before = terms(one, model(batch.inputs), batch)
    after = terms(other, model(batch.select(turned).inputs), batch.select(turned))
    assert set(before) == set(after)
    for name, value in before.items():
        assert after[name].item() == pytest.approx(value.item(), rel=1e-9, abs=1e-11), name


def test_the_critics_dropout_is_off_when_the_encoder_is_moved():
    objective, model, batch = caf(network={"dropout": 0.5}), model_of(), faces()
    output = model(batch.inputs)
    first, again = terms(objective, output, batch), terms(objective, output, batch)
    assert first["critic"].item() != again["critic"].item()
    assert first["adversarial"].item() == again["adversarial"].item()
    assert objective.head.training


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("value", [None, 0.0, 1.0, 100.0])
@pytest.mark.parametrize("kind", KINDS)
def test_terms_and_gradients_are_finite(kind, value, dtype):
    objective, batch = caf(critic=kind).to(dtype), weak_only(6, strong=3)
    points = torch.randn(6, WIDTH) if value is None else torch.full((6, WIDTH), value)
    points = points.to(dtype).requires_grad_()
    found = terms(objective, Output(points, points[:, :2]), batch)
    assert set(found) == {"critic", "adversarial", "regression"}
    torch.stack([term.double() for term in found.values()]).sum().backward()
    grads = [points.grad, *(parameter.grad for parameter in objective.parameters())]
    assert all(term.isfinite() for term in found.values())
    assert all(grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize("kind", ["caf", "fisher", "sphere"])  # GramNet detaches its bandwidths
def test_gradcheck_of_the_encoders_terms(kind):
    objective, batch = caf(critic=kind), weak_only(6, strong=3)
    objective.eval()
    points = torch.randn(6, WIDTH, dtype=torch.float64)
    strong, weak = points[:3], points[3:].clone().requires_grad_()
    for name in ("adversarial", "regression"):

        def loss(weak: Tensor, name: str = name) -> Tensor:
            values = torch.cat([strong, weak])
            return terms(objective, Output(values, values[:, :2]), batch)[name]

        assert torch.autograd.gradcheck(loss, weak)


# ---- configuration -----------------------------------------------------------------------------


def test_it_is_built_without_arguments():
    objective = caf_objective()
    assert [phase.name for phase in objective.phases()] == ["critic", "adversarial", "main"]
    assert objective.targets.labels == "continuous"
    with pytest.raises(ValueError, match="fit"):
        objective.phases()[0].loss(
            Output(torch.zeros(4, 512), torch.zeros(4, 2)),
            Batch({}, torch.zeros(4, 2), list("abcd")),
            {},
        )


def test_fit_takes_the_threshold_from_labels():
    objective = caf(threshold=None)
    assert objective.sampling_hint() == {}
    labels = torch.tensor([[0.1, 0.1], [0.2, 0.1], [0.8, 0.7], [0.9, 0.8]])
    objective.fit(labels)
    assert 0.2 < float(objective.sampling_hint()["strong_radius"]) < 1.06
    each = caf(threshold=None, grouping={"scope": "batch"})
    each.fit(labels)
    assert each.sampling_hint() == {}
    assert set(terms(each, model_of()(faces().inputs), faces())) >= {"critic", "adversarial"}


@pytest.mark.parametrize("scope", ["batch", "ema"])
def test_the_running_threshold_moves_once_a_step(scope):
    objective = caf(threshold=None, grouping={"scope": scope, "momentum": 0.5})
    objective.fit(torch.tensor([[0.1, 0.0], [0.9, 0.9], [0.9, 0.9]]))
    before = objective.grouper.threshold.clone()
    other = copy.deepcopy(objective)
    terms(objective, model_of()(faces().inputs), faces())
    other.grouper(faces().labels)
    torch.testing.assert_close(objective.grouper.threshold, other.grouper.threshold, equal_nan=True)
    assert scope == "batch" or not torch.equal(objective.grouper.threshold, before)


def test_one_name_chooses_the_critic_whatever_else_is_set():
    options = {
        "margin": "constant",
        "network": {"output": None, "widths": None, "dropout": 0.0},
        "margins": {"value": 0.4, "information": "none"},
        "contrast": {"negative_weight": 0.5, "form": "mean"},
        "fisher": {"rho": 0.01},
        "sphere": {"moments": 2},
        "gram": {"ridge": 0.1},
        "regression": {"correlation_weight": 0.0},
    }
    outputs = {}
    for kind in (*KINDS, "none"):
        objective = caf(critic=kind, **options)
        outputs[kind] = objective.head and (objective.head.output, objective.head.outputs)
    linear = ("linear", 16)
    assert outputs == {
        "caf": ("sigmoid", 16),
        "fisher": ("linear", 1),
        "sphere": linear,
        "gram": linear,
        "none": None,
    }
    assert caf(critic="none", **options).players() == {}
    logs = caf(**options).game.critic(torch.zeros(2, 1), torch.zeros(1, 1)).logs
    assert logs == {"alpha": 0.4, "inside": 1.0}


def test_a_bounded_critic_bounds_the_margin():
    objective = caf(network={"output": "normalised"}, margins={"delta": "paper"})
    assert objective.game.margin.margin_max == 2.0
    assert caf(network={"output": "linear"}).game.margin.margin_max is None


@pytest.mark.parametrize(
    "options",
    [
        {"critic": "wgan"},
        {"margin": "cubic"},
        {"margin": "linear"},
        {"networks": {}},
        {"network": {"depth": 3}},
        {"network": {"dim": 3}},
        {"contrast": {"weight": 1.0}},
        {"margins": {"kappa": 0.2}},
        {"contrast": {"form": "away"}},
        {"grouping": {"rule": "median"}},
        {"steps": {"order": "main_last"}},
        {"steps": {"critic_steps": 0}},
        {"steps": {"adversarial_weight": -1.0}},
        {"steps": {"adversary_from": 1.0}},
        {"steps": {"adversary_from": -0.1}},
        {"steps": {"patience": 0}},
        {"regression": {"gather": False}},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match="expected"):
        caf(**options)


def test_a_head_and_a_game_belong_together():
    with pytest.raises(ValueError, match="both"):
        CAFObjective(CriticHead(4), None)


def test_wrong_shapes_are_refused():
    objective, model, batch = caf(), model_of(), faces()
    fewer = batch.select(torch.arange(20))
    for phase in objective.phases():
        with pytest.raises(ValueError, match="expected"):
            phase.loss(model(batch.inputs), fewer, {})


# ---- steps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_phase_moves_its_players_only(kind):
    objective, model = caf(critic=kind), model_of(norm=True)
    players = {**model.players(), **objective.players()}
    for phase in objective.phases():
        before = {name: copy.deepcopy(part.state_dict()) for name, part in players.items()}
        runner(model, objective, only=phase.name).step([faces()])
        for name, part in players.items():
            changed = [
                key for key, v in part.state_dict().items() if not torch.equal(v, before[name][key])
            ]
            assert bool(changed) == (name in phase.updates), (phase.name, name)
            moved_statistics = any("running" in key for key in changed)
            assert moved_statistics == (phase.name == "main" and name == "encoder")


def test_critic_and_adversarial_share_a_pass():
    objective, model = caf(steps={"critic_steps": 3}), model_of()
    names = [phase.name for phase in objective.phases()]
    assert names == ["critic", "critic_2", "critic_3", "adversarial", "main"]
    log = runner(model, objective).step([faces()])
    assert model.forwards == 2
    values = [log.numbers[(name, "critic")] for name in names[:3]]
    assert values[0] != values[1] != values[2]
    assert int(objective.watch.seen) == 1


def test_the_released_codes_order_and_shared_adam():
    objective = caf(steps={"order": "main_first", "shared_adam": True})
    phases = objective.phases()
    assert [phase.name for phase in phases] == ["main", "critic", "adversarial"]
    assert [phase.optimizer for phase in phases] == ["main", "critic", "main"]
    model = model_of()
    made = runner(model, objective)
    made.step([faces()])
    state = made.optimizers["main"].optimizer.state
    steps = {int(state[parameter]["step"]) for parameter in model.encoder.parameters()}
    assert steps == {2}  # main and adversarial, one state
    assert {int(state[parameter]["step"]) for parameter in model.head.parameters()} == {1}


def test_weight_zero_leaves_the_adversarial_phase_out():
    objective = caf(steps={"adversarial_weight": 0.0})
    assert [phase.name for phase in objective.phases()] == ["critic", "main"]


@pytest.mark.parametrize("order", ["critic_first", "joint"])
def test_the_encoder_is_left_alone_until_the_adversary_starts(order):
    late, plain = caf(steps={"order": order, "adversary_from": 0.5}), caf(critic="none")
    models, ends = (model_of(), model_of()), []
    critic = next(iter(late.players()["critic"].parameters()))
    drawn = critic.detach().clone()
    for objective, model in zip((late, plain), models, strict=True):
        objective.progress(0.49)
        made = runner(model, objective)
        made.step([faces()])
        ends.append((made, {key: value.clone() for key, value in model.state_dict().items()}))
    for key, value in ends[1][1].items():
        torch.testing.assert_close(ends[0][1][key], value, rtol=0, atol=0, msg=key)
    assert not torch.equal(critic, drawn)
    for objective, (made, _) in zip((late, plain), ends, strict=True):
        objective.progress(0.5)
        made.step([faces(seed=1)])
    first, second = (next(model.encoder.parameters()) for model in models)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("batch", "skipped"),
    [
        (weak_only(), True),
        (weak_only(strong=1), True),
        (weak_only(strong=2), False),
        (weak_only(strong=6), True),
        (weak_only(size=1), True),
    ],
    ids=["no strong", "one strong", "two strong", "no weak", "one row"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_batches_without_both_groups_are_skipped_but_for_the_regression(kind, batch, skipped):
    objective, model = caf(critic=kind), model_of()
    before = copy.deepcopy(objective.state_dict())
    heads = copy.deepcopy(model.head.state_dict())
    log = runner(model, objective).step([batch])
    assert log.skipped == (["critic", "adversarial"] if skipped else [])
    assert not torch.equal(model.head.bias, heads["bias"])
    if skipped:
        for key, value in objective.state_dict().items():
            torch.testing.assert_close(value, before[key], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("kind", [*KINDS, "none"])
def test_micro_batches_give_the_step_of_the_whole_batch(kind):
    ends = []
    for sizes in [(24,), (11, 13), (20, 1, 3)]:
        objective, model = caf(critic=kind), model_of()
        made = runner(model, objective)
        for step in range(3):
            made.step(cut(faces(seed=step), sizes))
        # GramNet does not see where its points lie: Adam turns rounding into steps of its biases
        ends.append({**model.state_dict(), **({} if kind == "gram" else objective.state_dict())})
    for other in ends[1:]:
        for key, value in ends[0].items():
            torch.testing.assert_close(
                other[key], value, rtol=1e-7, atol=1e-9, equal_nan=True, msg=key
            )


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_goes_on_with_the_same_step(kind):
    options = {"critic": kind, "threshold": None, "steps": {"check_every": 2}}
    options |= {"grouping": {"scope": "ema"}, "network": {"dropout": 0.2, "spectral": True}}
    options |= {"margin": "linear", "margins": {"epochs": 10}, "fisher": {"rho": 0.1}}

    def fresh() -> tuple[FaceModel, CAFObjective, StepRunner]:
        model, objective = model_of(), caf(**options)
        return model, objective, runner(model, objective)

    model, objective, made = fresh()
    for step in range(3):
        objective.progress(step / 10)
        made.step([faces(seed=step)])
    saved = copy.deepcopy((model.state_dict(), objective.state_dict()))
    moments = {name: copy.deepcopy(opt.state_dict()) for name, opt in made.optimizers.items()}
    torch.manual_seed(11)
    expected = made.step([faces(seed=3)])
    again, other, remade = fresh()
    again.load_state_dict(saved[0])
    other.load_state_dict(saved[1])
    for name, optimizer in remade.optimizers.items():
        optimizer.load_state_dict(moments[name])
    torch.manual_seed(11)
    found = remade.step([faces(seed=3)])
    assert found.numbers == expected.numbers
    for one, two in ((model, again), (objective, other)):
        for key, value in one.state_dict().items():
            torch.testing.assert_close(two.state_dict()[key], value, rtol=0, atol=0, equal_nan=True)


# ---- life and death ----------------------------------------------------------------------------


def train(objective: CAFObjective, *, steps: int, rate: float = 1e-3, noise: bool = False):
    objective, model = objective.float(), FaceModel()
    made = runner(model, objective, rate=rate)
    logs: list[StepLog] = []
    for step in range(steps):
        objective.progress(step / steps)
        batch = faces(64, seed=step, noise=noise)
        batch = Batch({"x": batch.inputs["x"].float()}, batch.labels.float(), batch.ids)
        logs.append(made.step([batch]))
    return model, logs


@pytest.mark.parametrize(
    "options",
    [
        {"critic": "caf"},
        {"critic": "fisher", "steps": {"critic_steps": 2}},
        {"critic": "sphere"},
        {"critic": "gram"},
        {"critic": "none"},
        {"network": {"output": "linear"}},
        {"network": {"output": "normalised", "spectral": True}},
        {"network": {"output": "tanh"}, "contrast": {"form": "oriented"}},
        {"margin": "constant"},
        {"margin": "linear", "margins": {"epochs": 100}},
        {"margins": {"information": "bpsk", "delta": "paper", "margin_grad": True}},
        {"grouping": {"rule": "code", "scope": "batch"}, "contrast": {"pairing": "code"}},
    ],
    ids=str,
)
def test_a_hundred_steps_are_finite(options):
    torch.manual_seed(0)
    model, logs = train(caf(**options), steps=100, rate=3e-3)
    for log in logs:
        assert all(torch.tensor(value).isfinite() for value in log.numbers.values()), log.numbers
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_the_default_critic_lives_and_tells_the_groups_apart():
    torch.manual_seed(0)
    objective = caf(network={})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, logs = train(objective, steps=300, rate=3e-3)
    end = {name: value for (phase, name), value in logs[-1].numbers.items() if phase == "critic"}
    assert {"spread", "auc", "cross_distance", "information", "permuted", "delta", "alpha"} <= set(
        end
    )
    assert end["spread"] > 0.01
    assert 0.3 < end["strong_fraction"] < 0.95
    held_out = faces(512, seed=10_000)
    groups = strong_weak_groups(held_out.labels, threshold=THRESHOLD)
    model.eval()
    objective.eval()
    with torch.no_grad():
        points = objective.head(model({"x": held_out.inputs["x"].float()}).embeddings)
    sign = critic_liveness(points[groups.strong], points[groups.weak])
    assert sign.alive
    assert sign.auc > 0.6
    means = [
        sum(log.numbers[("critic", "alpha")] for log in part) / len(part)
        for part in (logs[:20], logs[-20:])
    ]
    assert means[1] < means[0]  # the margin falls as the groups part
    errors = [log.numbers[("main", "regression")] for log in logs]
    assert sum(errors[-20:]) < 0.7 * sum(errors[:20])


def test_half_the_weight_kills_the_critic_and_is_noticed():
    """Where inputs say nothing of labels, outputs fall together with 1/2 and stay with 1."""
    ends = {}
    for weight in (0.5, 1.0):
        torch.manual_seed(0)
        objective = caf(contrast={"negative_weight": weight}, steps={"patience": 50})
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            _, logs = train(objective, steps=200, rate=1e-2, noise=True)
        ends[weight] = (
            logs[-1].numbers[("critic", "spread")],
            sum("critic is dead" in str(item.message) for item in told),
        )
    assert ends[0.5][0] < 0.001
    assert ends[0.5][1] == 1
    assert ends[1.0][0] > 0.004
    assert ends[1.0][1] == 0


def test_a_critic_that_sees_equal_points_is_noticed():
    objective, model = caf(steps={"patience": 5}), model_of()
    for parameter in model.encoder.parameters():
        parameter.data.zero_()
    made = runner(model, objective, only="critic")
    for step in range(4):
        made.step([faces(seed=step)])
    with pytest.warns(UserWarning, match="critic is dead"):
        log = made.step([faces(seed=4)])
    assert log.numbers[("critic", "auc")] == 0.5
    assert all(torch.tensor(value).isfinite() for value in log.numbers.values())


def test_the_warning_comes_once_also_after_a_restart():
    same, apart = torch.zeros(3, 2), torch.eye(2)
    watch = CriticWatch(patience=3)

    def look(watch: CriticWatch, strong: Tensor) -> int:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            watch(strong, strong - strong.mean(), lambda generator: 0.0)
        return len(told)

    assert [look(watch, rows) for rows in (apart, same, same, apart, same, same)] == [0] * 6
    assert look(watch, same) == 1
    assert [look(watch, rows) for rows in (apart, same, same, same)] == [0] * 4
    fresh = CriticWatch(patience=3)
    fresh.load_state_dict(watch.state_dict())
    assert [look(fresh, same) for _ in range(4)] == [0] * 4


def steps_of(watch: CriticWatch, scale: float, steps: int) -> list[str]:
    """Let a watch see outputs with an sd of the scale; return what it warned of."""
    rows = torch.tensor([[scale], [-scale]])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(steps):
            watch(rows, rows, lambda generator: math.nan)
    return [str(one.message) for one in told]


def test_a_critic_that_never_wakes_up_is_dead_in_the_end():
    watch = CriticWatch(patience=10)
    assert steps_of(watch, 0.004, 59) == []
    assert [words[:18] for words in steps_of(watch, 0.004, 1)] == ["the critic is dead"]


def test_a_critic_that_comes_back_is_not_called_dead_any_more():
    watch = CriticWatch(patience=10)
    steps_of(watch, 1.0, 5)
    assert len(steps_of(watch, 0.001, 12)) == 1
    assert watch.remark().startswith("the critic is dead: for 12 steps")
    assert steps_of(watch, 1.0, 3) == []
    rows = torch.ones(2, 1)
    assert watch(rows, -rows, lambda generator: math.nan)["dead"] == 0
    assert watch.remark().startswith("the critic was dead for 12 of 21 steps")
    assert steps_of(watch, 0.001, 20) == []  # it is said once
    assert watch.remark().startswith("the critic is dead: for 20 steps")
    steps_of(watch, 1.0, 1)
    assert watch.remark().startswith("the critic was dead for 32 of 42 steps")


def test_watching_changes_nothing_in_evaluation():
    watch = CriticWatch().eval()
    numbers = watch(torch.eye(2), -torch.eye(2), lambda generator: 0.0)
    assert int(watch.seen) == 0
    assert set(numbers) == {"spread", "auc", "cross_distance", "dead"}


def test_steps_hold_their_defaults():
    assert CAFSteps() == CAFSteps("critic_first", shared_adam=False, critic_steps=1)


# ---- processes ---------------------------------------------------------------------------------

ROWS = 24
# rows of each process, and the sizes of its micro-batches; None: by strength
SHARES = {
    "uneven": [(list(range(17)), [17]), (list(range(17, ROWS)), [7])],
    "accumulated": [(list(range(16)), [9, 7]), (list(range(16, ROWS)), [8])],
    "one has strong rows only": None,
}
JOBS = {
    "caf": {"grouping": {"scope": "ema", "momentum": 0.5}, "steps": {"check_every": 1}},
    "fisher": {"critic": "fisher", "fisher": {"rho": 0.1}},
    "gram": {"critic": "gram", "steps": {"critic_steps": 2}},
}


def share_of(name: str, rank: int, batch: Batch) -> list[Batch]:
    shares = SHARES[name]
    if shares is not None:
        return cut(batch.select(torch.tensor(shares[rank][0])), shares[rank][1])
    strong = strong_weak_groups(batch.labels, threshold=THRESHOLD).strong
    return [batch.select(strong if rank == 0 else ~strong)]


def work(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    for job, options in JOBS.items():
        for name in SHARES:
            model, objective = model_of(), caf(**options)
            made = runner(model, objective)
            for step in range(3):
                log = made.step(share_of(name, rank, faces(ROWS, seed=step)))
            state = {**model.state_dict(), **objective.state_dict()}
            torch.save({"state": state, "log": log.numbers}, f"{out}/{job}-{name}-{rank}.pt")
    # one strong row in all: nobody has anything to do. Two, one on each: everybody has
    model, objective = model_of(), caf()
    made = runner(model, objective)
    assert made.step([weak_only(4, strong=int(rank == 0))]).skipped == ["critic", "adversarial"]
    assert made.step([weak_only(4, strong=1)]).skipped == []
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.processes
def test_two_processes_make_the_steps_of_one(tmp_path):
    together(work, free_port(), str(tmp_path), world=2)
    for job, options in JOBS.items():
        model, objective = model_of(), caf(**options)
        made = runner(model, objective)
        for step in range(3):
            log = made.step([faces(ROWS, seed=step)])
        whole = {**model.state_dict(), **({} if job == "gram" else objective.state_dict())}
        whole.pop("watch.permuted", None)  # rows come in another order
        for name in SHARES:
            parts = [torch.load(tmp_path / f"{job}-{name}-{rank}.pt") for rank in (0, 1)]
            for part in parts:
                for key, value in whole.items():
                    found = part["state"][key]
                    torch.testing.assert_close(found, value, rtol=1e-7, atol=1e-9, msg=key)
            for key in (("critic",) * 2, ("adversarial",) * 2, ("main", "regression")):
                total = sum(part["log"][key] for part in parts)
                assert total == pytest.approx(log.numbers[key], rel=1e-7), (job, name, key)
