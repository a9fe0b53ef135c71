"""The only training loop: it runs phases in order and knows nothing of emotions."""

from __future__ import annotations

import inspect
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

import torch

from affectrep.batch import Batch
from affectrep.model import AffectModel
from affectrep.objectives.phase import Objective, Remarks, WatchesHeldOut
from affectrep.training.checkpoints import (
    generator_state,
    load_latest,
    save_atomic,
    save_checkpoint,
    set_generator_state,
)
from affectrep.training.divergence import DivergedError, stop_words
from affectrep.training.forward import Precision
from affectrep.training.optimizers import OptimizerSettings, build_optimizers
from affectrep.training.processes import Processes
from affectrep.training.progress import Progress
from affectrep.training.run_folder import MetricLog, RunFolder
from affectrep.training.steps import StepLog, StepRunner

__all__ = ["Interrupted", "StepBatches", "Trainer", "TrainerSettings"]


class StepBatches(Protocol):
    """What the trainer needs of a loader: the micro-batches of every step of an epoch."""

    def __len__(self) -> int:
        """Return steps per epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        """Yield the steps of an epoch from step ``start`` on."""


@dataclass(frozen=True)
class TrainerSettings:
    """Numbers of the loop; see ``TrainingConfig`` for what they mean."""

    epochs: int
    select: str
    precision: Precision = "fp32"
    patience: int | None = None
    checkpoint_minutes: float = 2.0
    checkpoint_steps: int | None = None
    log_every: int = 20
    lower_is_better: bool = False
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


class Interrupted(KeyboardInterrupt):
    """Training was stopped by a signal; everything is saved."""


@dataclass
class _State:
    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0
    best: float = math.nan
    best_epoch: int = -1
    stale: int = 0
    minutes: float = 0.0


class Trainer:
    """Trains a model with an objective and leaves the best epoch's weights in the model.

    Args:
        model: on its device.
        objective: phases, own players and state.
        batches: the micro-batches of each step.
        validate: scores the model on the validation split, by metric name. Where it takes a
            keyword ``look``, it calls that with the output and the labels of each batch.
        folder: the run's folder; training goes on from its last checkpoint.
        settings: epochs, selection, precision, checkpoints, learning rates.

    Raises:
        ValueError: if the selection metric is not among the validation's.
        DivergedError: when a loss or a gradient explodes; the model then has the weights of the
            best epoch, if there was one.
        Interrupted: after SIGINT or SIGTERM, once the state is saved.
    """

    def __init__(
        self,
        model: AffectModel,
        objective: Objective,
        batches: StepBatches,
        *,
        validate: Callable[..., Mapping[str, float]],
        folder: RunFolder,
        settings: TrainerSettings,
    ) -> None:
        self.model, self.objective, self.batches = model, objective, batches
        self.validate, self.folder, self.settings = validate, folder, settings
        self.processes = Processes()
        phases = list(objective.phases())
        self.players = {**model.players(), **objective.players()}
        model.keep_features = any(phase.reads == "features" for phase in phases)
        self.optimizers = build_optimizers(phases, self.players, settings.optimizer)
        self.runner = StepRunner(
            model,
            self.players,
            phases,
            optimizers=self.optimizers,
            processes=self.processes,
            precision=settings.precision,
        )
        self.state = _State()
        self.skipped: dict[str, int] = {}
        self._stop = False

    def fit(self) -> dict[str, Any]:
        """Train from where the run stands to its end; return what was selected."""
        self._resume()
        self.processes.broadcast(self._tensors())
        log = MetricLog(self.folder, step=self.state.step) if self.processes.main else None
        progress = Progress(self.settings.epochs, len(self.batches), shown=self.processes.main)
        try:
            with _signals(self._ask_to_stop), progress:
                while not self._finished():
                    self._epoch(log, progress)
        finally:
            if log is not None:
                log.close()
        self.model.load_state_dict(self._load_best())
        return {
            "best_epoch": self.state.best_epoch + 1,
            "best": self.state.best,
            "select": self.settings.select,
            "epochs": self.state.epoch,
            "steps": self.state.step,
            "minutes": round(self.state.minutes, 3),
            "skipped_phases": self.skipped,
            "remarks": self._remarks(),
        }

    def _epoch(self, log: MetricLog | None, progress: Progress) -> None:
        state, total = self.state, len(self.batches) * self.settings.epochs
        device = next(self.model.parameters()).device
        self.model.train()
        started = saved = time.monotonic()
        for micro in self.batches.epoch(state.epoch, state.step_in_epoch):
            self._announce(state.step / total)
            step_log = self._step([batch.to(device) for batch in micro], log)
            state.step += 1
            state.step_in_epoch += 1
            for name in step_log.skipped:
                self.skipped[name] = self.skipped.get(name, 0) + 1
            stop = self._agree(step_log)
            if log is not None and (state.step % self.settings.log_every == 0 or state.step == 1):
                log.write(step_log.numbers, step=state.step, epoch=state.epoch)
            progress.step(state.epoch, state.step_in_epoch, step_log.numbers)
            now = time.monotonic()
            if stop or self._due(now - saved):
                state.minutes, started, saved = state.minutes + (now - started) / 60, now, now
                self._save()
            if stop:
                raise Interrupted(f"stopped after step {state.step}; everything is saved")
        self._end_of_epoch(log, progress)
        state.minutes += (time.monotonic() - started) / 60
        self._save()

    def _step(self, micro: list[Batch], log: MetricLog | None) -> StepLog:
        """Run a step; one that explodes leaves the best epoch's weights and a sentence."""
        try:
            return self.runner.step(micro)
        except DivergedError as stop:
            state = self.state
            if log is not None:
                numbers = {("training", "diverged"): 1.0}
                log.write(numbers, step=state.step + 1, epoch=state.epoch)
            if state.best_epoch >= 0:
                self.model.load_state_dict(self._load_best())
            words = stop_words(
                str(stop),
                step=state.step + 1,
                epoch=state.epoch + 1,
                best_epoch=state.best_epoch + 1,
            )
            raise DivergedError(words) from None

    def _agree(self, log: StepLog) -> bool:
        """Add up the losses of all processes in place; return whether one was asked to stop."""
        asked = ("", "stop")
        everyone = self.processes.sum_each({asked: float(self._stop), **log.losses})
        stop = everyone.pop(asked) > 0
        log.numbers |= everyone
        return stop

    def _announce(self, done: float) -> None:
        self.objective.progress(done)
        for optimizer in self.optimizers.values():
            optimizer.progress(done)

    def _end_of_epoch(self, log: MetricLog | None, progress: Progress) -> None:
        state = self.state
        generators = generator_state()
        self.model.eval()
        scores, watched = self.processes.share(
            self._validated() if self.processes.main else (None, None)
        )
        set_generator_state(generators)
        if self.settings.select not in scores:
            raise ValueError(
                f"training.select={self.settings.select}: validation gives {', '.join(scores)}."
            )
        value = scores[self.settings.select]
        better = value < state.best if self.settings.lower_is_better else value > state.best
        if better or state.best_epoch < 0 or (math.isnan(state.best) and not math.isnan(value)):
            state.best, state.best_epoch, state.stale = value, state.epoch, 0
            if self.processes.main:
                save_atomic(self.model.state_dict(), self.folder.checkpoints / "best.pt")
        else:
            state.stale += 1
        if log is not None:
            told = {**scores, **watched}
            numbers = {("validation", name): number for name, number in told.items()}
            log.write(numbers, step=state.step, epoch=state.epoch)
        progress.validated(state.epoch, scores, self.settings.select, state.best_epoch)
        state.epoch, state.step_in_epoch = state.epoch + 1, 0

    def _validated(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the validation's scores, and what the objective sees in the same pass."""
        shows = "look" in inspect.signature(self.validate).parameters
        if not (shows and isinstance(self.objective, WatchesHeldOut)):
            return dict(self.validate(self.model)), {}
        watch = self.objective.held_out()
        scores = dict(self.validate(self.model, look=watch.add))
        return scores, dict(watch.numbers())

    def _remarks(self) -> list[str]:
        return list(self.objective.remarks()) if isinstance(self.objective, Remarks) else []

    def _finished(self) -> bool:
        patience = self.settings.patience
        tired = patience is not None and self.state.stale >= patience
        return self.state.epoch >= self.settings.epochs or tired

    def _due(self, seconds: float) -> bool:
        if self.settings.checkpoint_steps is not None:
            return self.state.step % self.settings.checkpoint_steps == 0
        # processes keep different clocks: only the first one's counts
        due: bool = self.processes.share(seconds >= 60 * self.settings.checkpoint_minutes)
        return due

    def _ask_to_stop(self) -> None:
        self._stop = True

    def _tensors(self) -> Iterator[torch.Tensor]:
        for module in self.players.values():
            yield from module.state_dict().values()

    def _save(self) -> None:
        generators: list[Any] = [generator_state()]
        if self.processes.world > 1:
            generators = [None] * self.processes.world
            torch.distributed.all_gather_object(generators, generator_state())
        if self.processes.main:
            state = {
                "state": dict(vars(self.state)),
                "skipped": self.skipped,
                "model": self.model.state_dict(),
                "objective": self.objective.state_dict(),
                "optimizers": {
                    name: optimizer.state_dict() for name, optimizer in self.optimizers.items()
                },
                "scaler": self.runner.scaler.state_dict(),
                "generators": generators,
            }
            save_checkpoint(state, self.folder.checkpoints)
        self.processes.wait()

    def _resume(self) -> None:
        saved = load_latest(self.folder.checkpoints)
        if saved is None:
            return
        if len(saved["generators"]) != self.processes.world:
            raise ValueError(
                f"{self.folder.path}: this run was started with {len(saved['generators'])} "
                f"process(es) and goes on only with as many; there are {self.processes.world}."
            )
        self.state = _State(**saved["state"])
        self.skipped = saved["skipped"]
        self.model.load_state_dict(saved["model"])
        self.objective.load_state_dict(saved["objective"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(saved["optimizers"][name])
        self.runner.scaler.load_state_dict(saved["scaler"])
        set_generator_state(saved["generators"][self.processes.rank])

    def _load_best(self) -> dict[str, Any]:
        self.processes.wait()
        path = self.folder.checkpoints / "best.pt"
        best: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return best


class _signals:  # noqa: N801 - reads as a with-statement
    """Turns SIGINT and SIGTERM into a question that the loop answers between two steps."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.ask = ask
        self.old: dict[int, Any] = {}

    def __enter__(self) -> None:
        def handler(number: int, frame: FrameType | None) -> None:
            self.ask()

        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.old[number] = signal.signal(number, handler)
            except ValueError:  # not in the main thread: the caller's affair
                return

    def __exit__(self, *_: object) -> None:
        for number, handler in self.old.items():
            signal.signal(number, handler)
