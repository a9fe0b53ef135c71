"""Predictions and embeddings of a run's split: those that are stored, or one pass over its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console

from affectrep.batch import Output
from affectrep.build import build_loader, build_model, fit_encoder
from affectrep.config import Config
from affectrep.data.manifest import DOMAINS, Manifest
from affectrep.evaluation.embeddings import Embeddings, read_embeddings, write_embeddings
from affectrep.evaluation.evaluate import Predictions, predict_rows
from affectrep.evaluation.ledger import record_read
from affectrep.evaluation.metrics import best_threshold
from affectrep.evaluation.predictions import predictions_table, write_predictions
from affectrep.evaluation.stored_run import StoredRun
from affectrep.model import AffectModel

__all__ = ["SplitReader"]

_MOMENT = ("video", "frame", "time_s")
Look = Callable[[Output, torch.Tensor], None] | None
console = Console(soft_wrap=True, markup=False, highlight=False)


@dataclass(frozen=True)
class SplitReader:
    """Reads splits of one run; what the same weights left behind is used again.

    One pass stores predictions and embeddings alike. Each pass is noted in ``reads.jsonl``, with
    what it was for.

    Args:
        stored: the run.
        config: its configuration.
        manifest: its rows.
    """

    stored: StoredRun
    config: Config
    manifest: Manifest

    def table(
        self, split: str, *, force: bool = False, purpose: str = "predictions"
    ) -> pd.DataFrame:
        """Return the predictions of a split.

        Args:
            split: train, validation or test.
            force: read the split again although its predictions are stored.
            purpose: of a reading, for the ledger.

        Raises:
            ValueError: if the model knows other classes than the corpus.
        """
        known = None if force else self._stored_table(split)  # a damaged file is then replaced
        if known is not None:
            return known
        threshold = None
        if self.config.task == "multilabel" and split != "validation":
            threshold = self.table("validation").attrs["threshold"]
        found, said = self._read(split, purpose)
        table = self._as_table(found, split, threshold)
        if said:
            table["predicted_expression"] = said
        table.attrs |= {"model": self.stored.model_hash, "split": split}
        write_predictions(self.stored.table_path(split), table)
        return table

    def embeddings(self, split: str) -> Embeddings:
        """Return the pooled embeddings of a split.

        A run whose predictions were stored without them is read again, which is said.

        Raises:
            ValueError: as :meth:`table`, and if the file that is there is not one of embeddings.
        """
        path = self.embeddings_path(split)
        if path.is_file():
            known = read_embeddings(path)
            if (known.model, known.split) == (self.stored.model_hash, split):
                return known
        if self._stored_table(split) is None:
            self.table(split, purpose="embeddings")
        else:
            console.print(
                f"The predictions of {split} are stored, its embeddings are not: the split is "
                "read again for them, and the ledger notes it."
            )
            self._read(split, "embeddings")
        return read_embeddings(path)

    def embeddings_path(self, split: str) -> Path:
        """Where the embeddings of a split lie."""
        return self.stored.table_path(split).with_name(f"{split}.embeddings.safetensors")

    def _stored_table(self, split: str) -> pd.DataFrame | None:
        """Return the stored predictions of these very weights."""
        if not self.stored.table_path(split).is_file():
            return None
        table = self.stored.table(split)
        known = table.attrs.get("model"), table.attrs.get("split")
        return table if known == (self.stored.model_hash, split) else None

    def _read(self, split: str, purpose: str) -> tuple[Predictions, list[str]]:
        """Pass once over the rows, note it, and store the embeddings.

        Returns:
            Predictions, and what a second head said of the expression of each row.
        """
        model = AffectModel.from_pretrained(self.stored.path / "model")
        classes = self.manifest.info.classes
        if model.classes != classes:
            raise ValueError(
                f"{self.stored.path / 'model'} knows the classes {model.classes}, "
                f"the corpus {classes}."
            )
        said: list[str] = []
        look = partial(_note_expressions, model.settings["heads"]["expressions"], said)
        found = self._pass(model, split, purpose, look)
        if found.embeddings is not None:
            values = Embeddings(found.ids, found.embeddings, split, self.stored.model_hash)
            write_embeddings(self.embeddings_path(split), values)
        return found, said

    def embeddings_before(self, split: str) -> Embeddings:
        """Return the pooled embeddings by the encoder as it was before training.

        They lie beside the others as ``<split>.before.embeddings.safetensors``.
        """
        path = self.embeddings_path(f"{split}.before")
        if path.is_file():
            known = read_embeddings(path)
            if (known.model, known.split) == (self.stored.config_hash, split):
                return known
        torch.manual_seed(self.config.seed)  # as training began
        model = build_model(self.config, self.manifest)
        fit_encoder(self.config, self.manifest, model)
        found = self._pass(model, split, "embeddings before training")
        assert found.embeddings is not None
        values = Embeddings(found.ids, found.embeddings, split, self.stored.config_hash)
        write_embeddings(path, values)
        return read_embeddings(path)

    def _pass(self, model: AffectModel, split: str, purpose: str, look: Look = None) -> Predictions:
        """Pass once over the rows with a model, and note it."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        loader = build_loader(self.config, self.manifest, split, model.encoder.preprocess)
        found = predict_rows(
            model.to(device), loader, device=device, keep_embeddings=True, look=look
        )
        record_read(
            self.stored.path,
            split,
            config=self.stored.config_hash,
            model=self.stored.model_hash,
            commit=str(self.stored.environment.get("commit") or ""),
            purpose=purpose,
        )
        return found

    def _as_table(self, found: Predictions, split: str, threshold: float | None) -> pd.DataFrame:
        task = self.config.task
        if task == "multilabel" and threshold is None:
            threshold = best_threshold(found.labels, found.probabilities(task))
        rows = self.manifest.split(split).set_index("id").loc[found.ids]
        domains = rows[[name for name in (*DOMAINS, *_MOMENT) if name in rows]]
        classes = self.manifest.info.classes
        return predictions_table(found, task, classes, threshold=threshold, domains=domains)


def _note_expressions(
    names: list[str] | None, said: list[str], output: Output, labels: torch.Tensor
) -> None:
    if names is not None and output.expressions is not None:
        said += [names[code] for code in output.expressions.argmax(1).tolist()]
