"""What ``affectrep train`` writes into a run folder beside the model, and when it refuses one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from affectrep.config import Config, differing_keys, load_config, to_yaml
from affectrep.data.label_noise import flipped_rows
from affectrep.data.manifest import Manifest
from affectrep.data.whole_file import whole_file
from affectrep.training.run_folder import RunFolder
from affectrep.training.trainer import Trainer

__all__ = ["keep_what_was", "refuse_other_config", "write_inputs"]

console = Console(stderr=True, soft_wrap=True, markup=False)


def keep_what_was(trainer: Trainer, environment: dict[str, Any], words: str) -> None:
    """Save the best epoch's model of a run that diverged, and say so in the run folder."""
    folder = trainer.folder
    if trainer.state.best_epoch >= 0:
        trainer.model.meta["diverged"] = words
        trainer.model.save_pretrained(folder.model)
    folder.write_json(folder.environment, {**environment, "finished": False, "diverged": words})


def write_inputs(folder: RunFolder, config: Config, manifest: Manifest) -> None:
    """Write configuration, fingerprint, a digest of boxes, and which labels were replaced."""
    _write_where_it_differs(folder.config, to_yaml(config))
    boxes = manifest.box_digests()
    data = {"fingerprint": manifest.fingerprint(), **({"boxes": boxes} if boxes else {})}
    folder.write_json(folder.data, {**data, "info": asdict(manifest.info)})
    noise = config.data.label_noise
    if noise.share > 0:
        flipped, path = flipped_rows(manifest), folder.path / "label_noise.csv"
        with whole_file(path) as partial:
            flipped.to_csv(partial, index=False)
        console.print(
            f"label noise: {len(flipped):,} of {len(manifest.split('train')):,} training labels "
            f"replaced ({noise.kind}, seed {noise.seed}); {path} names them"
        )


def _write_where_it_differs(path: Path, text: str) -> None:
    """Write a text; one that is there already is left alone, as a run that goes on finds it."""
    there = path.read_text(encoding="utf-8") if path.is_file() else None
    if there != text:
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")


def refuse_other_config(folder: RunFolder, config: Config) -> None:
    """Refuse a folder whose run was started with other values.

    Raises:
        ValueError: naming the keys, with what they were and are.
    """
    if not folder.config.is_file():
        return
    try:
        known = load_config(folder.config)
    except ValueError as error:
        raise ValueError(
            f"{str(error).rstrip('.')}. Write there again what this command prints with "
            "--show-config, or delete the folder to start anew."
        ) from None
    changed = differing_keys(known, config)
    if changed:
        changes = ", ".join(
            f"{key} ({then} then, {now} now)" for key, (then, now) in changed.items()
        )
        raise ValueError(
            f"{folder.path} was started with another configuration: {changes}. "
            f"Give another name=… or --output, or delete the folder."
        )
