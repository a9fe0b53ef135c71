"""``affectrep train``: check everything, train or go on, leave a model and what made it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from filelock import FileLock, Timeout
from rich.console import Console

from affectrep.build import (
    build_loader,
    build_manifest,
    build_model,
    build_objective,
    build_training_loader,
    fit_encoder,
    run_name,
)
from affectrep.commands.label_threshold import keep_threshold
from affectrep.commands.preflight import training_problems
from affectrep.commands.run_files import keep_what_was, refuse_other_config, write_inputs
from affectrep.commands.stored_embeddings import stored_collates
from affectrep.commands.training_rows import other_boxes
from affectrep.config import Config, load_config, to_yaml
from affectrep.config.objectives import CAFConfig, FittedConfig
from affectrep.data.checks import require_clean
from affectrep.data.manifest import Manifest
from affectrep.evaluation.evaluate import predict_rows, score
from affectrep.evaluation.metric_names import lower_is_better
from affectrep.evaluation.quadrants import QUADRANTS
from affectrep.model import AffectModel
from affectrep.objectives import Phase
from affectrep.training.divergence import DivergedError
from affectrep.training.estimate import estimate
from affectrep.training.findings import write_findings
from affectrep.training.fitted_run import FittedRun
from affectrep.training.forward import autocast
from affectrep.training.optimizers import OptimizerSettings
from affectrep.training.precision import has_bf16, settled_precision
from affectrep.training.run_folder import RunFolder, describe_environment
from affectrep.training.trainer import Interrupted, Trainer, TrainerSettings

__all__ = ["run"]

console = Console(stderr=True, soft_wrap=True, markup=False)
_LOCK_SECONDS = 1.0  # a sweep that looks whether the run is held holds it for a moment itself


def run(
    config: Path,
    overrides: list[str],
    *,
    dry_run: bool = False,
    show_config: bool = False,
    show_folder: bool = False,
    output: Path = Path("runs"),
) -> None:
    """Train the configuration, or go on where its run stopped.

    Raises:
        ValueError: for anything wrong with configuration or data, before training starts.
    """
    settings = load_config(config, overrides)
    if show_config:
        print(to_yaml(settings), end="")
        return
    folder = RunFolder(output / run_name(settings))
    if show_folder:
        print(folder.path)
        return
    refuse_other_config(folder, settings)
    if folder.finished and not dry_run:
        console.print(f"{folder.path} is finished; delete it to train again.")
        return
    state = _prepare_machine(settings)
    manifest = build_manifest(settings)
    _check(settings, manifest, folder, state.is_main_process)
    if isinstance(settings.objective, FittedConfig):
        if state.is_main_process:
            _fit_at_once(FittedRun(settings, manifest, folder, state.device), dry_run)
        return
    trainer = _build_trainer(settings, manifest, folder, state)
    if dry_run:
        _print_estimate(trainer, output)
        return
    with _only_one(folder, trainer.processes.main):
        if trainer.processes.main:
            write_inputs(folder, settings, manifest)
        _fit(trainer, settings, manifest)
    if trainer.processes.main:
        _say_next(folder)


def _say_next(folder: RunFolder) -> None:
    run = shlex.quote(str(folder.path))
    console.print(
        f"Model: {folder.model}\nNext: affectrep evaluate {run} --split test"
        f"\n      affectrep report {run} --output report.html"
    )


def _fit_at_once(work: FittedRun, dry_run: bool) -> None:
    """Fit a classical classifier in place of the training loop."""
    model = work.build()
    if dry_run:
        rows = len(work.manifest.split("train"))
        console.print(
            "The configuration and the data are in order. Timing a few batches …\n"
            f"One reading of {rows:,} training rows and one fit, no epochs: about "
            f"{work.minutes(model):.1f} minutes plus the fit and validation."
        )
        return
    with _only_one(work.folder, True):
        write_inputs(work.folder, work.config, work.manifest)
        scores = work.fit(model)
    console.print(f"Fitted; on validation {', '.join(f'{k} {v:.3f}' for k, v in scores.items())}.")
    _say_next(work.folder)


@contextlib.contextmanager
def _only_one(folder: RunFolder, main: bool) -> Iterator[None]:
    """Keep a second command out of the run; the lock goes with the process, however it ends."""
    if not main:
        yield
        return
    folder.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.path / ".lock")
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise ValueError(
            f"{folder.path} is being trained by another process; wait for it, or give name=…"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _prepare_machine(config: Config) -> PartialState:
    training = config.training
    if training.threads is not None:
        torch.set_num_threads(training.threads)
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    if settled_precision(training.precision, device) == "bf16" and not has_bf16(device):
        console.print(
            "note: this processor has no bf16 instructions; training.precision=auto is faster here."
        )
    if training.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=cuda)
        # nothing reads memory before writing it; filling it is 5 % of a small network's step
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.manual_seed(config.seed)
    return PartialState(cpu=not cuda)


def _check(config: Config, manifest: Manifest, folder: RunFolder, main: bool) -> None:
    problems = training_problems(config, manifest, read_sound=main)
    if main and manifest.info.modality == "face":  # images without a face, videos cut short
        for note in manifest.info.notes:
            console.print(f"note: {note}")
    for problem in problems:
        if problem.severity != "error" and main:
            console.print(f"{problem.severity}: {problem}")
    require_clean(problems)
    if folder.data.is_file():
        before = json.loads(folder.data.read_text(encoding="utf-8"))
        prints, moved = before["fingerprint"], other_boxes(before.get("boxes", {}), manifest)
        changed = [name for name, part in manifest.fingerprint().items() if prints[name] != part]
        if changed or moved:
            what = "rows" if changed else "face boxes"
            raise ValueError(
                f"{folder.path}: the {what} of {', '.join(changed or moved)} are not those this "
                "run started with. Restore the data, or delete the folder to start again."
            )


def _build_trainer(
    config: Config, manifest: Manifest, folder: RunFolder, state: PartialState
) -> Trainer:
    model = build_model(config, manifest)
    fit_encoder(config, manifest, model)
    model = model.to(state.device)
    for note in model.meta.get("warm_start", []):
        console.print(f"note: {note}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="grouping is impossible")  # `_check` said it
        objective: Any = build_objective(config, manifest, dim=_width(config, model))
    objective.to(state.device)
    _require_movable(config, {**model.players(), **objective.players()}, objective.phases())
    collates = stored_collates(config, manifest, model, folder)
    batches = build_training_loader(
        config,
        manifest,
        model.encoder.preprocess,
        collate=collates.get("train"),
        share=(state.process_index, state.num_processes),
    )
    return Trainer(
        model,
        objective,
        batches,
        validate=_validation(config, manifest, model, collates.get("validation")),
        folder=folder,
        settings=_trainer_settings(config, state.device.type),
    )


def _require_movable(
    config: Config, players: Mapping[str, torch.nn.Module], phases: Iterable[Phase]
) -> None:
    """Refuse a phase whose players are all frozen, as CAF's against a fixed encoder is."""
    for phase in phases:
        weights = (weight for name in phase.updates for weight in players[name].parameters())
        if not any(weight.requires_grad for weight in weights):
            raise ValueError(
                f"phase {phase.name} of objective.name={config.objective.name} moves "
                f"{' and '.join(phase.updates)} alone, of which no weight is trained: set "
                "encoder.tuning=full or lora, or choose another objective"
            )


def _width(config: Config, model: AffectModel) -> int:
    """Return what the objective's own network reads: embeddings, or the channels of maps."""
    section, encoder = config.objective, model.encoder
    reads_maps = isinstance(section, CAFConfig) and section.network.get("grid")
    return int(getattr(encoder, "channels", encoder.dim) if reads_maps else encoder.dim)


def _validation(
    config: Config, manifest: Manifest, model: AffectModel, collate: Any
) -> Callable[..., dict[str, float]]:
    rows = build_loader(config, manifest, "validation", model.encoder.preprocess, collate=collate)

    def validate(trained: AffectModel, *, look: Any = None) -> dict[str, float]:
        device = next(trained.parameters()).device
        precision = settled_precision(config.training.precision, device.type)
        cast = partial(autocast, device.type, precision)
        found = predict_rows(trained, rows, device=device, autocast=cast, look=look)
        return score(found, config.task, manifest.info.classes)

    return validate


def _trainer_settings(config: Config, device: str) -> TrainerSettings:
    training = config.training
    return TrainerSettings(
        epochs=training.epochs,
        select=training.select,
        precision=settled_precision(training.precision, device),
        patience=training.patience,
        checkpoint_minutes=training.checkpoint_minutes,
        checkpoint_steps=training.checkpoint_steps,
        lower_is_better=lower_is_better(training.select),
        optimizer=OptimizerSettings(**config.optimizer.model_dump()),
    )


def _fit(trainer: Trainer, config: Config, manifest: Manifest) -> None:
    folder, environment = trainer.folder, describe_environment()
    environment["precision"] = trainer.settings.precision
    try:
        result = trainer.fit()
    except Interrupted as stop:
        console.print(f"{stop}. The same command goes on from here.")
        raise
    except DivergedError as stop:
        if trainer.processes.main:
            if trainer.state.best_epoch >= 0:
                keep_threshold(trainer.model, config, manifest)
            keep_what_was(trainer, environment, str(stop))
        raise
    if not trainer.processes.main:
        return
    trainer.model.meta.update(
        selected_by=config.training.select, validation=result["best"], epoch=result["best_epoch"]
    )
    keep_threshold(trainer.model, config, manifest)
    trainer.model.save_pretrained(folder.model)
    rows = manifest.split("train")
    write_findings(
        folder,
        trainer.objective.findings(),
        classes=manifest.info.classes or QUADRANTS,
        ids=list(rows["id"]),
    )
    folder.write_json(folder.environment, {**environment, **result, "finished": True})


def _print_estimate(trainer: Trainer, output: Path) -> None:
    console.print("The configuration and the data are in order. Timing a few steps …")
    found = estimate(trainer)
    place = next(path for path in [output, *output.absolute().parents] if path.exists())
    free = shutil.disk_usage(place).free / 2**30
    console.print(
        f"{found.trained_parameters:,} of {found.parameters:,} parameters are trained.\n"
        f"{len(trainer.batches)} steps an epoch, {trainer.settings.epochs} epochs, "
        f"{found.step_seconds:.2f} s a step: about {found.minutes:.1f} minutes plus validation.\n"
        f"Memory: {found.memory_gib:.1f} GiB at the peak so far. "
        f"Disk: {found.disk_gib:.1f} GiB of {free:.0f} GiB free."
    )
