"""Which of the worst errors fall on pairs of classes that mining had found in training?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.comparison import Difference, paired_difference
from affectrep.evaluation.metrics import Statistics
from affectrep.evaluation.predictions import table_probabilities, table_targets

__all__ = [
    "BUDGETS",
    "found_curve",
    "found_differences",
    "found_share",
    "margin_errors",
    "worst_confusions",
]

Array = NDArray[Any]
BUDGETS = (10, 25, 50, 100)
_RULES = ("cosine", "learned", "confusion")


def margin_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Return the wrong rows and by which margin each is wrong, in the order of the table.

    Columns: ``id``, ``label``, ``predicted``; ``class_a`` and ``class_b``, the two classes
    without direction, in the model's order; ``margin`` = p(predicted) - p(true), in [0, 1] where
    the predicted class is the most probable one. ``attrs["classes"]`` are the class names.

    Args:
        table: predictions of a single-label task, with probabilities.

    Raises:
        ValueError: if the task is another, or the table has no probabilities.

    Example:
        >>> table = pd.DataFrame({"id": ["x", "y"], "label": ["joy", "joy"]})
        >>> table = table.assign(predicted=["joy", "calm"], prob_0=[0.1, 0.75], prob_1=[0.9, 0.25])
        >>> table.attrs = {"task": "classification", "classes": ["calm", "joy"]}
        >>> margin_errors(table).to_dict("records")
        [{'id': 'y', 'label': 'joy', 'predicted': 'calm', 'class_a': 'calm', 'class_b': 'joy',
        'margin': 0.5}]
    """
    _with_probabilities(table)
    classes = list(table.attrs["classes"])
    wrong, true, said, margin = _wrong(table)
    names = np.array(classes, dtype=object)
    found = table.iloc[wrong][["id", "label", "predicted"]].reset_index(drop=True)
    found["class_a"] = names[np.minimum(true, said)]
    found["class_b"] = names[np.maximum(true, said)]
    found["margin"] = margin
    found.attrs = {"classes": classes}
    return found


def worst_confusions(table: pd.DataFrame, share: float = 0.1) -> pd.DataFrame:
    """Return the wrong rows with the largest margins, largest first; columns as in the errors.

    Equal margins keep the order of the table.

    Args:
        table: predictions, as :func:`margin_errors` takes them.
        share: of the wrong rows, in (0, 1]; rounded up.

    Raises:
        ValueError: if the share is out of range.

    Example:
        >>> table = pd.DataFrame({"id": ["x", "y"], "label": ["joy", "joy"]})
        >>> table = table.assign(predicted=["calm"] * 2, prob_0=[0.6, 0.9], prob_1=[0.4, 0.1])
        >>> table.attrs = {"task": "classification", "classes": ["calm", "joy"]}
        >>> worst_confusions(table)["id"].tolist()
        ['y']
    """
    errors = margin_errors(table)
    attrs = errors.attrs
    found = errors.iloc[_largest(errors["margin"].to_numpy(), share)].reset_index(drop=True)
    found.attrs = attrs
    return found


def found_curve(worst: pd.DataFrame, mined: pd.DataFrame) -> pd.DataFrame:
    """Return for every budget the share of the worst errors whose classes had been found.

    Columns: ``budget`` = 1 ... number of pairs of classes; ``cosine`` and ``learned``, the share
    in [0, 1] whose pair is among the ``budget`` pairs that this metric chose most often;
    ``confusion``, the same by the confusions seen in training, the best simple rule; ``chance``,
    the share that pairs drawn at random find. Ties are broken by the order of the classes, so
    pairs that were never chosen come last and in that order.

    Args:
        worst: what :func:`worst_confusions` returns.
        mined: ``class_a``, ``class_b``, ``cosine``, ``learned``, ``confusion``: one line for
            every pair of classes, in any order (`findings/mined_pairs.csv` of a run).

    Raises:
        ValueError: if there is no error, or the pairs are not those of the classes, each once.

    Example:
        >>> worst = pd.DataFrame({"class_a": ["a", "a"], "class_b": ["b", "c"]})
        >>> worst.attrs = {"classes": ["a", "b", "c"]}
        >>> mined = pd.DataFrame({"class_a": ["a", "a", "b"], "class_b": ["b", "c", "c"]})
        >>> mined = mined.assign(cosine=[1, 0, 5], learned=[7, 6, 1], confusion=[0.2, 0.1, 0.3])
        >>> found_curve(worst, mined)["learned"].tolist()
        [0.5, 1.0, 1.0]
    """
    if worst.empty:
        raise ValueError("expected at least one wrong row, got none")
    places = _places(worst, _classes(worst))
    ranks = _ranks(mined, _classes(worst))
    pairs = len(ranks["cosine"])
    budgets = np.arange(1, pairs + 1)
    curves = {
        rule: np.bincount(ranks[rule][places], minlength=pairs + 1).cumsum()[1:] / len(places)
        for rule in _RULES
    }
    return pd.DataFrame({"budget": budgets, **curves, "chance": budgets / pairs})


def found_share(worst: pd.DataFrame, mined: pd.DataFrame, budget: int) -> dict[str, float]:
    """Return one point of :func:`found_curve`: cosine, learned, confusion and chance.

    Raises:
        ValueError: also if the budget is below 1 or above the number of pairs of classes.

    Example:
        >>> worst = pd.DataFrame({"class_a": ["a"], "class_b": ["b"]})
        >>> worst.attrs = {"classes": ["a", "b"]}
        >>> found_share(worst, worst.assign(cosine=1, learned=1, confusion=0.5), 1)
        {'cosine': 1.0, 'learned': 1.0, 'confusion': 1.0, 'chance': 1.0}
    """
    curve = found_curve(worst, mined)
    _within([budget], len(curve))
    return {name: float(curve[name].iloc[budget - 1]) for name in (*_RULES, "chance")}


def found_differences(
    tables: Sequence[pd.DataFrame],
    mined: Sequence[pd.DataFrame],
    *,
    budgets: Sequence[int] = BUDGETS,
    share: float = 0.1,
    resamples: int = 10_000,
    against: str = "cosine",
) -> dict[int, Difference]:
    """Return how much more of the worst errors the learned metric had found, with intervals.

    The rows of the split are resampled, the same rows for every seed, and seeds count as in
    :func:`~affectrep.evaluation.comparison.paired_difference`; which rows are the worst, and what
    was mined, stays as it is. Side A is the learned metric. The intervals are single ones, not
    simultaneous over the budgets.

    Args:
        tables: predictions of one split, one table a seed; rows in any order.
        mined: pairs that were mined with the same seeds.
        budgets: numbers of pairs of classes.
        share: of the wrong rows that count as the worst, in (0, 1].
        resamples: of the rows.
        against: side B: cosine or confusion.

    Raises:
        ValueError: if tables and mined pairs do not go together, or a budget is out of range.

    Example:
        >>> table = pd.DataFrame({"id": [*"wxyz"], "label": ["a"] * 4, "predicted": [*"abcc"]})
        >>> table = table.assign(prob_0=0.1, prob_1=0.4, prob_2=0.5)
        >>> table.attrs = {"task": "classification", "classes": [*"abc"]}
        >>> mined = pd.DataFrame({"class_a": ["a", "a", "b"], "class_b": ["b", "c", "c"]})
        >>> mined = mined.assign(cosine=[9, 1, 1], learned=[1, 9, 1], confusion=[0.1, 0.2, 0.1])
        >>> one = found_differences([table], [mined], budgets=[1], share=1, resamples=99)[1]
        >>> round(one.a, 3), round(one.b, 3)
        (0.667, 0.333)
    """
    if len(tables) != len(mined) or not tables:
        raise ValueError(
            f"expected as many tables of predictions as of mined pairs, at least one, got "
            f"{len(tables)} and {len(mined)}"
        )
    if against not in ("cosine", "confusion"):
        raise ValueError(f"expected against='cosine' or 'confusion', got {against!r}")
    rows = [_in_order(table, tables[0]) for table in tables]
    sides = [
        [
            _found_statistics(table, pairs, rule, budgets=budgets, share=share)
            for table, pairs in zip(rows, mined, strict=True)
        ]
        for rule in ("learned", against)
    ]
    found = paired_difference(*sides, resamples=resamples)
    return {budget: found[f"found_at_{budget}"] for budget in budgets}


def _found_statistics(
    table: pd.DataFrame,
    mined: pd.DataFrame,
    rule: str,
    *,
    budgets: Sequence[int],
    share: float,
) -> Statistics:
    """Return per row of the split: worst and found at each budget; worst."""
    _with_probabilities(table)
    wrong, true, said, margin = _wrong(table)
    if not len(wrong):
        raise ValueError("expected at least one wrong row, got none")
    worst = _largest(margin, share)
    ranks = _ranks(mined, table.attrs["classes"])[rule]
    _within(budgets, len(ranks))
    count = len(table.attrs["classes"])
    own = ranks[_place(np.minimum(true, said), np.maximum(true, said), count)][worst]
    columns = np.zeros((len(table), len(budgets) + 1))
    columns[wrong[worst], :-1] = own[:, None] <= np.asarray(budgets)
    columns[wrong[worst], -1] = 1

    def metrics(sums: Array) -> dict[str, Array]:
        shares = sums[..., :-1] / np.maximum(sums[..., -1:], 1)
        return {f"found_at_{budget}": shares[..., i] for i, budget in enumerate(budgets)}

    return Statistics(columns, metrics)


def _wrong(table: pd.DataFrame) -> tuple[Array, Array, Array, Array]:
    """Return rows, true class, predicted class and margin, all ``(wrong rows,)``."""
    true, said = table_targets(table)
    probabilities = table_probabilities(table)
    wrong = np.flatnonzero(true != said)
    true, said = true[wrong], said[wrong]
    return wrong, true, said, probabilities[wrong, said] - probabilities[wrong, true]


def _largest(margin: Array, share: float) -> Array:
    if not 0 < share <= 1:
        raise ValueError(f"expected a share of the wrong rows in (0, 1], got {share}")
    most = math.ceil(share * len(margin) - 1e-9)  # .07 of 100 is 7, whatever floats say
    return np.argsort(-margin, kind="stable")[:most]


def _ranks(mined: pd.DataFrame, classes: Sequence[str]) -> dict[str, Array]:
    """Return per rule the rank 1 ... of each pair of classes, pairs in the order of classes."""
    needed = {"class_a", "class_b", *_RULES}
    if missing := sorted(needed - set(mined.columns)):
        raise ValueError(f"the mined pairs lack {', '.join(missing)}")
    places = _places(mined, classes)
    pairs = len(classes) * (len(classes) - 1) // 2
    if not np.array_equal(np.sort(places), np.arange(pairs)):
        raise ValueError(
            f"expected each of the {pairs} pairs of {len(classes)} classes once, got "
            f"{len(places)} lines with {len(np.unique(places))} different pairs"
        )
    ranks = {}
    for rule in _RULES:
        values = mined[rule].to_numpy(dtype=np.float64)[np.argsort(places)]
        if not np.isfinite(values).all():
            raise ValueError(f"expected finite values of {rule}, got others")
        ranks[rule] = np.empty(pairs, dtype=np.int64)
        ranks[rule][np.argsort(-values, kind="stable")] = np.arange(1, pairs + 1)
    return ranks


def _places(table: pd.DataFrame, classes: Sequence[str]) -> Array:
    """Return for each line the number of its pair of classes, whichever stands first."""
    codes = {name: code for code, name in enumerate(classes)}
    names = table[["class_a", "class_b"]].to_numpy()
    unknown = sorted({str(name) for name in names.ravel() if name not in codes})
    if unknown:
        raise ValueError(f"pairs name classes that the model does not have: {', '.join(unknown)}")
    ends = np.array([[codes[a], codes[b]] for a, b in names], dtype=np.int64).reshape(-1, 2)
    if (ends[:, 0] == ends[:, 1]).any():
        raise ValueError("expected pairs of two different classes, got a class with itself")
    return _place(ends.min(1), ends.max(1), len(classes))


def _place(first: Array, second: Array, classes: int) -> Array:
    """Number the pairs first < second as they come: (0, 1), (0, 2), ..., (1, 2), ..."""
    before = first * (2 * classes - first - 1) // 2
    return np.asarray(before + second - first - 1)


def _classes(worst: pd.DataFrame) -> list[str]:
    if "classes" not in worst.attrs:
        raise ValueError("expected the table of worst_confusions with attrs['classes'], got none")
    return list(worst.attrs["classes"])


def _in_order(table: pd.DataFrame, first: pd.DataFrame) -> pd.DataFrame:
    if sorted(table["id"]) != sorted(first["id"]):
        raise ValueError("expected predictions of the same rows with every seed, got other ids")
    if table.attrs["classes"] != first.attrs["classes"]:
        raise ValueError("expected the same classes with every seed, got others")
    attrs = table.attrs
    found = table.set_index("id").loc[first["id"]].reset_index()
    found.attrs = attrs
    return found


def _with_probabilities(table: pd.DataFrame) -> None:
    task = table.attrs.get("task")
    if task != "classification":
        raise ValueError(f"expected predictions of a classification task, got task {task!r}")
    missing = [f"prob_{i}" for i in range(len(table.attrs["classes"]))]
    missing = [name for name in missing if name not in table]
    if missing:
        raise ValueError(
            f"expected a probability for every class, got none in {', '.join(missing[:3])}; "
            "a record keeps margins only: give it to records.margin_probabilities first."
        )


def _within(budgets: Sequence[int], pairs: int) -> None:
    odd = [budget for budget in budgets if not 1 <= budget <= pairs]
    if odd or not len(budgets):
        raise ValueError(f"expected budgets from 1 to {pairs} pairs of classes, got {[*budgets]}")
