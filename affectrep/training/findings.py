"""What an objective has found out in training, as tables with names of classes and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from torch import Tensor

from affectrep.objectives.pair_history import row_numbers
from affectrep.training.run_folder import RunFolder, text_to_tensorboard

__all__ = ["findings_table", "write_findings"]

SHOWN = 10  # rows of a table in TensorBoard


def write_findings(
    folder: RunFolder,
    findings: Mapping[str, Mapping[str, Tensor]],
    *,
    classes: Sequence[str],
    ids: Sequence[str],
) -> None:
    """Write each table to ``findings/<name>.csv``, and its first rows to TensorBoard.

    Args:
        folder: the run's.
        findings: of the objective.
        classes: names in the order of the outputs.
        ids: of the training rows.
    """
    for name, columns in findings.items():
        table = findings_table(columns, classes=classes, ids=ids)
        folder.findings.mkdir(parents=True, exist_ok=True)
        path = folder.findings / f"{name}.csv"
        partial = path.with_name(f".{path.name}")
        table.to_csv(partial, index=False)
        partial.replace(path)
        text_to_tensorboard(folder, name, _markdown(table.head(SHOWN)))


def findings_table(
    columns: Mapping[str, Tensor], *, classes: Sequence[str], ids: Sequence[str]
) -> pd.DataFrame:
    """Return a table of an objective with names for its numbers.

    Columns that begin with "class" become names of classes, "row" becomes "id" (empty where the
    number is of no row given).

    Args:
        columns: name -> values ``(rows,)``.
        classes: names in the order of the outputs.
        ids: rows that the numbers may be of.

    Raises:
        ValueError: if the columns differ in length, or a class has no name.

    Example:
        >>> import torch
        >>> columns = {"class_a": torch.tensor([1]), "row": row_numbers(["x7"])}
        >>> findings_table(columns, classes=["calm", "angry"], ids=["x7"]).to_dict("list")
        {'class_a': ['angry'], 'id': ['x7']}
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"expected columns of one length, got {lengths}")
    found: dict[str, list[object]] = {}
    for name, values in columns.items():
        numbers = values.tolist()
        if name.startswith("class"):
            if numbers and not 0 <= min(numbers) <= max(numbers) < len(classes):
                raise ValueError(f"{name}: expected classes below {len(classes)}, got {numbers}")
            found[name] = [classes[number] for number in numbers]
        elif name == "row":
            known = dict(zip(row_numbers(ids).tolist(), ids, strict=True))
            found["id"] = [known.get(number, "") for number in numbers]
        else:
            found[name] = numbers
    return pd.DataFrame(found)


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns)]
    lines += [[str(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
