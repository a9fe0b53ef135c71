"""AffectModel: an encoder and its heads, and the folder in which they are kept."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from affectrep import __version__
from affectrep.batch import Output
from affectrep.data.whole_file import swap_folder
from affectrep.encoders import encoder_class
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.weights import load_weights, read_weights, unique_weights
from affectrep.heads import (
    HEAD_DEFAULTS,
    KernelClassifier,
    build_heads,
    check_heads,
    copy_outputs,
)

__all__ = ["AffectModel", "model_folder", "shipped_models"]

DESCRIPTION, WEIGHTS = "affectrep.json", "model.safetensors"
FORMAT = 1
TASKS = ("classification", "multilabel", "regression")
SHIPPED = Path(__file__).parent / "models"


class AffectModel(nn.Module):
    """An encoder, a classifier and, where one is asked for, a projection head.

    Args:
        encoder: its name in ENCODERS and its keyword values, all JSON.
        heads: ``hidden``, ``dropout``, ``projection_dim``; ``kind`` kernel with ``vectors`` for a
            support vector machine of so many; ``expressions`` names the outputs of a second head.
        task: classification, multilabel or regression (two outputs: valence, arousal).
        classes: names of the outputs in their order; None for regression.
        meta: JSON values that travel with the model: corpus, licence, generated, figures.
        built: an encoder that is already in memory; ``encoder`` then only describes it.

    Raises:
        ValueError: if a setting is unknown or classes and task do not fit.
    """

    def __init__(
        self,
        *,
        encoder: dict[str, Any],
        heads: dict[str, Any] | None = None,
        task: str = "classification",
        classes: list[str] | None = None,
        meta: dict[str, Any] | None = None,
        built: nn.Module | None = None,
    ) -> None:
        super().__init__()
        _check(task, classes, heads or {})
        self.settings: dict[str, Any] = {
            "encoder": dict(encoder),
            "heads": {**HEAD_DEFAULTS, **(heads or {})},
        }
        self.task, self.classes, self.meta = task, classes, dict(meta or {})
        self.keep_features = False
        if built is None:
            keywords = dict(encoder)
            built = encoder_class(keywords.pop("name", "text"))(**keywords)
        assert isinstance(built, nn.Module)
        self.encoder = cast(Any, built)
        heads = self.settings["heads"]
        built_heads = build_heads(self.encoder.dim, len(self.outputs), heads)
        self.classifier, self.projection, self.expression = built_heads

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs in their order: the classes, or valence and arousal."""
        return ["valence", "arousal"] if self.classes is None else self.classes

    def forward(self, inputs: dict[str, Tensor]) -> Output:
        """Return embeddings, predictions and what else there is.

        Args:
            inputs: the tensors of the encoder's ``preprocess``, or ``embeddings`` ``(batch, dim)``
                that were computed before; the encoder is then left out.
        """
        if "embeddings" in inputs:
            encoded = EncoderOutput(inputs["embeddings"])
        else:
            encoded = self.encoder(inputs)
        points = encoded.embeddings
        return Output(
            embeddings=points,
            predictions=self.classifier(points),
            projections=None if self.projection is None else self.projection(points),
            features=encoded.features if self.keep_features else None,
            expressions=None if self.expression is None else self.expression(points),
        )

    def take_kernel(self, head: KernelClassifier) -> None:
        """Classify by a fitted support vector machine from now on."""
        vectors, dim = head.support_vectors.shape
        assert (dim, head.outputs) == (self.encoder.dim, len(self.outputs))
        self.settings["heads"].update(kind="kernel", vectors=vectors)
        self.classifier = head

    def players(self) -> dict[str, nn.Module]:
        """Return the parts whose parameters the phases of an objective may update."""
        heads = ((name, getattr(self, name)) for name in ("classifier", "projection", "expression"))
        present = {name: head for name, head in heads if head is not None}
        return {"encoder": self.encoder, "heads": nn.ModuleDict(present)}

    def probabilities(self, predictions: Tensor) -> Tensor:
        """Turn predictions ``(batch, outputs)`` into what a reader expects.

        Softmax for one label, sigmoid for several, unchanged valence and arousal. The softmax of a
        kernel head's scores is a ranking: it is not calibrated.
        """
        if self.task == "classification":
            return predictions.float().softmax(dim=-1)
        return predictions.float().sigmoid() if self.task == "multilabel" else predictions.float()

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write the model into a folder, whole or not at all.

        With frozen or LoRA tuning of a bundled or hub checkpoint the trained weights alone are
        stored, with the reference to the base. An earlier model in the folder is replaced.

        Raises:
            ValueError: if the folder holds something else than a model.
            OSError: if it cannot be written; an earlier model stays as it was.
        """
        target = Path(os.path.realpath(folder))  # a link to a folder stays one
        if target.exists() and not (target.is_dir() and _may_replace(target)):
            raise ValueError(f"{folder} holds other files than a model: give a new folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            self._write(partial)
            swap_folder(partial, target)  # killed in there, `model_folder` finds the earlier one
        except Exception as error:
            shutil.rmtree(partial, ignore_errors=True)
            words = f"cannot save the model to {folder}: {error}. An earlier one is untouched"
            raise OSError(words) from error
        return target

    def _write(self, folder: Path) -> None:
        from safetensors.torch import save_file

        (folder / "encoder").mkdir(parents=True)
        self.encoder.save(folder / "encoder")
        weights = {f"encoder.{key}": value for key, value in self.encoder.weights().items()}
        own = {k: v for k, v in self.state_dict().items() if not k.startswith("encoder.")}
        save_file(
            {key: value.cpu() for key, value in (weights | unique_weights(own)).items()},
            folder / WEIGHTS,
            metadata={"format": "pt"},
        )
        text = json.dumps(self.describe(), indent=2, ensure_ascii=False) + "\n"
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")
        shutil.copymode(folder / DESCRIPTION, folder / WEIGHTS)  # safetensors ignores the umask
        (folder / "README.md").write_text(self.card(), encoding="utf-8")

    def describe(self) -> dict[str, Any]:
        """Return all but the weights, as JSON values."""
        return {
            "format": FORMAT,
            "affectrep": __version__,
            **self.settings,
            "base": self.encoder.stored_reference(),
            "task": self.task,
            "classes": self.classes,
            "meta": self.meta,
        }

    def card(self) -> str:
        """Return a model card in Markdown from the classes and the meta values."""
        lines = [f"# {self.meta.get('name', 'An affectrep model')}", ""]
        encoder = self.settings["encoder"]
        facts = {
            "task": self.task,
            "outputs": ", ".join(self.outputs),
            "encoder": encoder.get("checkpoint") or encoder.get("name", "text"),
            **{key: value for key, value in self.meta.items() if key != "name"},
        }
        for key, value in facts.items():
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines.append(f"- **{key.replace('_', ' ')}**: {shown}")
        lines += ["", "```python", "from affectrep import AffectModel", ""]
        return "\n".join(
            [*lines, 'model = AffectModel.from_pretrained("<this folder>")', "```", ""]
        )

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, inference: bool = False, revision: str | None = None
    ) -> AffectModel:
        """Read a model; a local folder or a shipped model needs no network.

        Args:
            name: a model folder, a run folder, a name in `shipped_models`, or a hub id.
            inference: for prediction alone: adapters are folded into the weights, no weight has
                a gradient and slow imports are left out. Outputs are the same to rounding.
            revision: branch, tag or commit on the hub.

        Raises:
            ValueError: if there is no such model, or it is not complete.
        """
        folder = model_folder(name, revision=revision)
        saved, weights = _read_description(folder), read_weights(folder / WEIGHTS)
        keywords = dict(saved["encoder"])
        encoder = encoder_class(keywords.pop("name", "text")).restore(
            folder / "encoder",
            {k.removeprefix("encoder."): v for k, v in weights.items() if k.startswith("encoder.")},
            settings=keywords,
            reference=saved["base"],
            inference=inference,
        )
        parts = {key: saved[key] for key in ("encoder", "heads", "task", "classes", "meta")}
        if inference:  # adapters are no longer apart
            parts["encoder"] = {**saved["encoder"], "tuning": "full"}
        model = cls(**parts, built=encoder)
        heads = {k: v for k, v in weights.items() if not k.startswith("encoder.")}
        load_weights(model, heads, optional=lambda key: key.startswith("encoder."))
        return model.requires_grad_(False).eval() if inference else model.eval()

    def warm_start(self, source: str | Path) -> list[str]:
        """Take over what fits from a finished model that may have other classes.

        The encoder's weights must fit. A class that both models know keeps its weights in the
        classifier; the projection head is kept when its shape is the same. From then on the
        model is saved with all its weights.

        Returns:
            Sentences that say what was taken over.

        Raises:
            ValueError: if the encoders do not fit.
        """
        other = type(self).from_pretrained(source, inference=True)
        self.encoder.take_over(other.encoder)
        notes = [f"the encoder starts from {source}"]
        kept = copy_outputs(self.classifier, self.outputs, other.classifier, other.outputs)
        notes.append(f"{len(kept)} of {len(self.outputs)} outputs keep weights")
        if self.projection is not None and other.projection is not None:
            shapes = [
                [v.shape for v in m.parameters()] for m in (self.projection, other.projection)
            ]
            if shapes[0] == shapes[1]:
                self.projection.load_state_dict(other.projection.state_dict())
                notes.append("the projection head keeps its weights")
        return notes

    def push_to_hub(self, repository: str, *, private: bool = True) -> str:
        """Save the model and upload it to the Hugging Face hub; returns the commit's address."""
        from tempfile import TemporaryDirectory

        from huggingface_hub import HfApi

        with TemporaryDirectory() as folder:
            saved = self.save_pretrained(Path(folder) / "model")
            api = HfApi(library_name="affectrep", library_version=__version__)
            place = api.create_repo(repository, private=private, exist_ok=True).repo_id
            return str(api.upload_folder(repo_id=place, folder_path=saved))


def shipped_models() -> list[str]:
    """Return the names of the models that come with the package, sorted."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{DESCRIPTION}"))


def model_folder(name: str | Path, *, revision: str | None = None) -> Path:
    """Find the folder of a model: local, of a run, shipped, or downloaded from the hub.

    Raises:
        ValueError: if there is none; the message says what was looked for.
    """
    path = Path(name).expanduser()
    previous = path.with_name(f".{path.name}.previous") if path.name else path
    for candidate in (path, path / "model", previous, path / ".model.previous"):
        if (candidate / DESCRIPTION).is_file():
            return candidate
    if str(name) in shipped_models():
        return SHIPPED / str(name)
    if path.exists():
        raise ValueError(
            f"{name} is not a model folder: expected {DESCRIPTION}, {WEIGHTS} and encoder/ in it "
            "or in its folder model/"
        )
    return _download(str(name), revision)


def _download(name: str, revision: str | None) -> Path:
    shipped = ", ".join(shipped_models()) or "none in this installation"
    if "/" not in name or name.startswith((".", "/", "~", "runs/")) or name.count("/") > 1:
        raise ValueError(
            f"there is no model {name}: expected a folder with {DESCRIPTION}, a run folder or a "
            f"shipped model ({shipped})"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision))
    except Exception as error:  # many kinds: offline, unreachable, unknown, not allowed
        raise ValueError(
            f"there is no folder {name}, and the Hugging Face hub cannot give it "
            f"({type(error).__name__}). A local folder ./{name} with {DESCRIPTION}, {WEIGHTS} and "
            f"encoder/ would serve instead, or a shipped model ({shipped})"
        ) from error


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        absent = {"format", "encoder", "base", "heads", "task", "classes", "meta"} - set(saved)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if absent:
        raise ValueError(f"{path} lacks the key {min(absent)}: save the model again")
    if saved["format"] > FORMAT:
        raise ValueError(f"{path} has format {saved['format']}: install a newer affectrep")
    assert isinstance(saved, dict)
    return saved


def _check(task: str, classes: list[str] | None, heads: dict[str, Any]) -> None:
    if task not in TASKS:
        raise ValueError(f"task is {task!r}, expected one of {', '.join(TASKS)}")
    if (classes is None) != (task == "regression"):
        raise ValueError(f"task {task} and classes {classes} do not fit: regression has no classes")
    if classes is not None and (not classes or len(set(classes)) < len(classes)):
        raise ValueError(f"expected classes with different names, got {classes}")
    check_heads(heads, task)


def _may_replace(folder: Path) -> bool:
    return (folder / DESCRIPTION).is_file() or not any(folder.iterdir())
