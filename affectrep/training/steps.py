"""One training step: the phases of an objective, in order, over the micro-batches of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from affectrep.batch import Batch, Output
from affectrep.objectives.phase import Carry, Phase, PhaseResult, Term
from affectrep.training.divergence import DivergedError, exploded, explosion_words
from affectrep.training.forward import Precision, RandomState, forward
from affectrep.training.optimizers import PhaseOptimizer
from affectrep.training.pass_groups import PassGroup, pass_groups
from affectrep.training.processes import Processes

__all__ = ["StepLog", "StepRunner"]


@dataclass
class StepLog:
    """What one process saw of a step, by (phase, name).

    Args:
        losses: its shares of the terms' values; the sum over processes is the whole batch's.
        numbers: losses again, norms of gradients (of all processes) and what objectives tell.
        skipped: phases that had nothing to do.
    """

    losses: dict[tuple[str, str], float] = field(default_factory=dict)
    numbers: dict[tuple[str, str], float] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


@dataclass
class _Waiting:
    """A phase whose gradients are there and whose move has to wait."""

    phase: Phase
    grads: list[Tensor | None]
    scale: float


class StepRunner:
    """Runs the phases of a step.

    A batch of one micro-batch goes through the model once for each group of phases. Several
    micro-batches are summed one by one if the rows of every phase are independent; otherwise all
    of them are encoded first, the loss is taken on the whole, and its gradient is brought back in
    a second pass with the same random numbers (gradient caching), which is exact.

    Args:
        model: maps inputs to an Output; ``players`` holds its parts and the objective's.
        players: name -> module whose parameters a phase may move.
        phases: of the objective, in order.
        optimizers: name -> optimizer that phases refer to.
        processes: the process group.
        precision: of the pass through the model.

    Raises:
        DivergedError: by a step, when a term or a gradient explodes; its phase has moved nothing.
    """

    def __init__(
        self,
        model: nn.Module,
        players: Mapping[str, nn.Module],
        phases: Sequence[Phase],
        *,
        optimizers: Mapping[str, PhaseOptimizer],
        processes: Processes,
        precision: Precision = "fp32",
    ) -> None:
        self.model, self.optimizers, self.processes = model, optimizers, processes
        self.precision = precision
        self.parameters = {phase.name: _moving(phase, players) for phase in phases}
        self.groups = pass_groups(phases)
        self.joint = any(phase.span == "batch" for phase in phases)
        self.scaler = GradScaler("cuda", enabled=precision == "fp16")
        self.waiting: list[_Waiting] = []

    def step(self, micro: Sequence[Batch]) -> StepLog:
        """Run every phase on the micro-batches and move the players."""
        log = StepLog()
        carries: list[Carry] = [{} for _ in micro]
        # all processes take the same way, or their collective calls would not meet
        several = self.processes.sum_each({"several": float(len(micro) > 1)})["several"] > 0
        for group in self.groups:
            if not several:
                self._whole(group, micro[0], carries[0], log)
            elif self.joint:
                self._cached(group, micro, carries[0], log)
            else:
                self._accumulated(group, micro, carries, log)
            self._release(log)
        return log

    def _whole(self, group: PassGroup, batch: Batch, carry: Carry, log: StepLog) -> None:
        output = self._forward(batch, group.norm, grad=group.grad)
        for i, phase in enumerate(group.phases):
            view = output if phase.grad else output.detach()
            result = _loss(phase, view, batch, carry)
            total = self._total(phase, result, log)
            if total is not None:
                again = phase.grad and any(later.grad for later in group.phases[i + 1 :])
                self._backward(total, self.parameters[phase.name], again=again)
                self._settle(phase, group, log)

    def _cached(self, group: PassGroup, micro: Sequence[Batch], carry: Carry, log: StepLog) -> None:
        states, parts = [], []
        for batch in micro:
            states.append(RandomState())
            parts.append(self._forward(batch, "frozen", grad=False))
        after = RandomState()
        whole, joined = Output.concatenate(parts), Batch.concatenate(micro)
        for phase in group.phases:
            leaves = _leaves(whole) if phase.grad else whole
            result = _loss(phase, leaves, joined, carry)
            total = self._total(phase, result, log)
            if total is None:
                continue
            values = list(leaves.tensors().values()) if phase.grad else []
            own = self.parameters[phase.name]
            self._backward(total, [*values, *own], again=False)
            if phase.grad:
                self._second_pass(group.norm_of(phase), micro, states, leaves, own)
                after.restore()
            self._settle(phase, group, log)

    def _second_pass(
        self,
        norm: Literal["train", "frozen"],
        micro: Sequence[Batch],
        states: Sequence[RandomState],
        leaves: Output,
        own: Sequence[nn.Parameter],
    ) -> None:
        start = 0
        for batch, state in zip(micro, states, strict=True):
            state.restore()
            output = self._forward(batch, norm, grad=True)
            rows = slice(start, start + len(batch))
            start += len(batch)
            pairs = [
                (value, leaf.grad[rows])
                for value, leaf in zip(
                    output.tensors().values(), leaves.tensors().values(), strict=True
                )
                if leaf.grad is not None and value.requires_grad
            ]
            if pairs:
                surrogate = torch.stack([(value * grad).sum() for value, grad in pairs]).sum()
                torch.autograd.backward(surrogate, inputs=list(own))

    def _accumulated(
        self, group: PassGroup, micro: Sequence[Batch], carries: Sequence[Carry], log: StepLog
    ) -> None:
        for phase in group.phases:
            masked = [
                _rows(phase, batch, carry) for batch, carry in zip(micro, carries, strict=True)
            ]
            totals = self.processes.sum_each(_add([_counts(phase, batch) for batch in masked]))
            worked, wild = 0.0, dict[str, float]()
            for batch, rows, carry in zip(micro, masked, carries, strict=True):
                output = self._forward(batch, group.norm_of(phase), grad=phase.grad)
                result = _loss(phase, output if phase.grad else output.detach(), batch, carry)
                shares = _counts(phase, rows)
                terms = [
                    _scaled(term, shares.get(term.name, shares["rows"]), totals)
                    for term in result.terms
                    if term.count > 0
                ]
                worked += len(terms)
                self._note(phase, result, terms, log)
                wild |= self._exploded(phase, result)
                if terms:
                    loss = torch.stack([value for _, value in terms]).sum()
                    self._backward(loss, self.parameters[phase.name], again=False)
            self._refuse_explosion(phase, wild)  # once: processes differ in their micro-batches
            if self.processes.sum_each({"worked": worked})["worked"] > 0:
                self._settle(phase, group, log)
            else:
                log.skipped.append(phase.name)

    def _forward(
        self,
        batch: Batch,
        norm: Literal["train", "frozen"],
        *,
        grad: bool,
    ) -> Output:
        return forward(self.model, batch, precision=self.precision, norm=norm, grad=grad)

    def _total(self, phase: Phase, result: PhaseResult, log: StepLog) -> Tensor | None:
        """Weigh terms by this process's share of their items; None if no process has any."""
        totals = self.processes.sum_each({term.name: term.count for term in result.terms})
        if not any(total > 0 for total in totals.values()):
            log.skipped.append(phase.name)
            return None
        scaled = [_scaled(term, term.count, totals) for term in result.terms]
        self._note(phase, result, scaled, log)
        self._refuse_explosion(phase, self._exploded(phase, result))
        if not scaled:
            return torch.zeros(())
        return torch.stack([value for _, value in scaled]).sum()

    def _note(
        self, phase: Phase, result: PhaseResult, scaled: Sequence[tuple[Term, Tensor]], log: StepLog
    ) -> None:
        for term, value in scaled:
            key = (phase.name, term.name)
            share = float(value.detach()) / term.weight if term.weight else 0.0
            log.losses[key] = log.losses.get(key, 0.0) + share
        log.numbers |= log.losses
        for name, number in result.logs.items():
            log.numbers[(phase.name, name)] = float(number)

    def _backward(self, loss: Tensor, inputs: Sequence[Tensor], *, again: bool) -> None:
        if loss.requires_grad:
            scaled = self.scaler.scale(loss)
            torch.autograd.backward(scaled, inputs=list(inputs), retain_graph=again)

    def _settle(self, phase: Phase, group: PassGroup, log: StepLog) -> None:
        """Move the phase's players, or lay its gradients aside until the pass is done with."""
        if not group.waits(phase):
            self._move(phase, log)
            return
        parameters = self.parameters[phase.name]
        grads = [parameter.grad for parameter in parameters]
        self.waiting.append(_Waiting(phase, grads, self.scaler.get_scale()))
        for parameter in parameters:
            parameter.grad = None

    def _release(self, log: StepLog) -> None:
        for held in self.waiting:
            ratio = self.scaler.get_scale() / held.scale  # fp16: it may have moved meanwhile
            for parameter, grad in zip(self.parameters[held.phase.name], held.grads, strict=True):
                parameter.grad = grad if grad is None or ratio == 1 else grad * ratio
            self._move(held.phase, log)
        self.waiting.clear()

    def _move(self, phase: Phase, log: StepLog) -> None:
        parameters = self.parameters[phase.name]
        self.processes.sum_gradients(parameters)
        norm = self.optimizers[phase.optimizer].step(parameters, self.scaler)
        self.scaler.update()  # after each phase: two of them may share an optimizer
        log.numbers[(phase.name, "grad_norm")] = norm
        if not (math.isfinite(norm) or self._scaling):
            raise DivergedError(explosion_words(phase, "grad_norm", norm))

    def _exploded(self, phase: Phase, result: PhaseResult) -> dict[str, float]:
        return exploded(result.terms, largest=phase.largest_loss, tolerant=self._scaling)

    def _refuse_explosion(self, phase: Phase, own: Mapping[str, float]) -> None:
        # all processes must leave together, so all of them hear of it
        for name, value in self.processes.sum_each(own).items():
            raise DivergedError(explosion_words(phase, name, value))

    @property
    def _scaling(self) -> bool:
        """Whether fp16's loss scale still has room to fall, which mends overflows by itself."""
        return self.scaler.is_enabled() and self.scaler.get_scale() >= 1


def _moving(phase: Phase, players: Mapping[str, nn.Module]) -> list[nn.Parameter]:
    unknown = [name for name in phase.updates if name not in players]
    if unknown:
        raise ValueError(
            f"phase {phase.name} updates {', '.join(unknown)}; there are {', '.join(players)}"
        )
    return [
        parameter
        for name in phase.updates
        for parameter in players[name].parameters()
        if parameter.requires_grad
    ]


def _loss(phase: Phase, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
    if phase.rows is not None:
        mask = phase.rows(batch, carry)
        output, batch = output.select(mask), batch.select(mask)
    result = phase.loss(output, batch, carry)
    carry.update(result.carry)
    return result


def _rows(phase: Phase, batch: Batch, carry: Carry) -> Batch:
    return batch if phase.rows is None else batch.select(phase.rows(batch, carry))


def _counts(phase: Phase, batch: Batch) -> dict[str, float]:
    stated = phase.counts(batch) if phase.counts is not None and len(batch) else {}
    return {"rows": float(len(batch)), **stated}


def _add(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {name for part in parts for name in part}
    return {name: sum(part.get(name, 0.0) for part in parts) for name in names}


def _scaled(term: Term, count: float, totals: Mapping[str, float]) -> tuple[Term, Tensor]:
    total = totals.get(term.name, totals.get("rows", 0.0))
    share = count / total if total > 0 else 0.0
    return term, term.value * (term.weight * share)


def _leaves(output: Output) -> Output:
    return Output(
        **{
            name: value.detach().requires_grad_(value.is_floating_point())
            for name, value in output.tensors().items()
        }
    )
