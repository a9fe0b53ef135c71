"""Baselines that stand beside a model: majority class, TF-IDF with logistic regression, ceiling.

They read texts and labels only and need no network, no accelerator and no configuration.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.manifest import Manifest
from affectrep.data.splits import hold_out
from affectrep.evaluation.metrics import classification_metrics

__all__ = ["STRENGTHS", "baseline_table", "bayes_ceiling", "majority_class", "tfidf_logistic"]

Array = NDArray[Any]
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Values of C, the inverse strength of the L2 penalty, from which validation chooses."""
_SHOWN = ("accuracy", "macro_f1", "weighted_f1")


def majority_class(train_labels: Array, rows: int) -> Array:
    """Predict the most frequent training class for every row; of equals the first one.

    Args:
        train_labels: ``(train rows,)`` int64 classes.
        rows: how many predictions to give.

    Returns:
        ``(rows,)`` int64 classes.

    Raises:
        ValueError: if there is no training label.

    Example:
        >>> majority_class(np.array([2, 1, 2]), 3).tolist()
        [2, 2, 2]
    """
    if len(train_labels) == 0:
        raise ValueError("majority_class needs at least one training label.")
    return np.full(rows, int(np.bincount(train_labels).argmax()), dtype=np.int64)


def tfidf_logistic(
    train: tuple[Sequence[str], Array],
    validation: tuple[Sequence[str], Array],
    test_texts: Sequence[str],
    *,
    strengths: Sequence[float] = STRENGTHS,
) -> tuple[Array, float]:
    """Predict with logistic regression on TF-IDF of words and of characters.

    Words count as single ones and pairs, characters as runs of 2 to 5 inside words. The penalty is
    the one with the best accuracy on validation; of equals the strongest penalty. The model is
    not fitted again with the validation rows.

    Args:
        train: texts and ``(rows,)`` int64 classes.
        validation: texts and ``(rows,)`` int64 classes.
        test_texts: texts to predict.
        strengths: values of C to choose from.

    Returns:
        ``(test rows,)`` int64 classes, and the chosen C.

    Raises:
        ValueError: if texts and labels differ in number, a split is empty, there is no strength,
            or training holds one class only.

    Example:
        >>> texts, labels = ["so good", "very good", "so bad", "very bad"], np.array([0, 0, 1, 1])
        >>> predicted, chosen = tfidf_logistic((texts, labels), (texts, labels), ["good", "bad"])
        >>> predicted.tolist(), chosen
        ([0, 1], 0.3)
    """
    _check_rows(train, validation, test_texts, strengths)
    features = _features().fit(train[0])
    fitted = _fit(features.transform(train[0]), np.asarray(train[1]), sorted(strengths))
    seen = features.transform(validation[0])
    scores = [float(np.mean(model.predict(seen) == validation[1])) for model in fitted]
    best = fitted[int(np.argmax(scores))]
    predicted = best.predict(features.transform(test_texts))
    return np.asarray(predicted, dtype=np.int64), float(best.C)


def _check_rows(
    train: tuple[Sequence[str], Array],
    validation: tuple[Sequence[str], Array],
    test_texts: Sequence[str],
    strengths: Sequence[float],
) -> None:
    for name, (texts, labels) in {"training": train, "validation": validation}.items():
        if len(texts) != len(labels):
            raise ValueError(f"{name} has {len(texts)} texts but {len(labels)} labels.")
    if not len(train[0]) or not len(validation[0]) or not len(test_texts):
        raise ValueError("training, validation and test must each hold at least one text.")
    if len(strengths) == 0:
        raise ValueError("strengths must hold at least one value of C.")
    if len(np.unique(train[1])) < 2:
        raise ValueError("training holds one class only; logistic regression needs two.")


def _features() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    same = {"sublinear_tf": True, "dtype": np.float32}
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **same)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, **same)
    return FeatureUnion([("words", words), ("letters", letters)])


def _fit(features: Any, labels: Array, strengths: Sequence[float]) -> list[Any]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # The matrix products are small: several BLAS threads make them up to eight times slower.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [
            LogisticRegression(C=strength, max_iter=300, tol=1e-3).fit(features, labels)
            for strength in strengths
        ]


def bayes_ceiling(posterior: Array, labels: Array) -> dict[str, float]:
    """Return what the best possible decision reaches, given the true posterior of every row.

    ``expected_accuracy`` is the mean of the largest posterior: what any decision reaches at most
    on average. The other figures are those of the Bayes decision on the drawn labels, so they
    differ from it by chance. The decision maximises accuracy; another one may have a better F1.

    Args:
        posterior: ``(rows, classes)`` probabilities, each row summing to 1.
        labels: ``(rows,)`` int64 classes.

    Raises:
        ValueError: if the shapes do not fit, or a row is no probability distribution.

    Example:
        >>> figures = bayes_ceiling(np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0, 0]))
        >>> figures["expected_accuracy"], figures["accuracy"]
        (0.8, 0.5)
    """
    posterior = np.asarray(posterior, dtype=np.float64)
    labels = np.asarray(labels)
    if posterior.ndim != 2 or labels.shape != posterior.shape[:1]:
        raise ValueError(
            "posterior must be (rows, classes) and labels (rows,); "
            f"got {posterior.shape} and {labels.shape}."
        )
    off = (np.abs(posterior.sum(1) - 1.0) > 1e-6) | (posterior < 0.0).any(1)
    if not np.isfinite(posterior).all() or off.any():
        raise ValueError(f"posterior row {int(off.argmax())} is no probability distribution.")
    scores = classification_metrics(labels, posterior.argmax(1), posterior.shape[1])
    return {
        "expected_accuracy": float(posterior.max(1).mean()),
        **{name: scores[name] for name in _SHOWN},
    }


def baseline_table(manifest: Manifest, split: str = "test") -> list[dict[str, str | float]]:
    """Return the rows that are printed beside a model: system, accuracy, macro and weighted F1.

    The systems are the majority class, TF-IDF with logistic regression and, where the corpus knows
    its posterior, the Bayes ceiling. Training and choosing use the other splits only: for
    validation C is chosen on a tenth of train, which the model that is scored has learnt from
    again.

    Args:
        manifest: a classification corpus with texts.
        split: the split to predict, test or validation.

    Raises:
        ValueError: if the corpus is not a text classification corpus, or the split is train.
    """
    if manifest.info.task != "classification" or "text" not in manifest.rows:
        raise ValueError(
            f"baselines need a text corpus with one label per row; {manifest.info.title} is "
            f"{manifest.info.modality} with task {manifest.info.task}."
        )
    if split == "train":
        raise ValueError("baselines are trained on train: ask for test or validation.")
    rows, labels = manifest.split(split), manifest.targets(split)
    known = _texts(manifest, "train")
    majority = majority_class(known[1], len(rows))
    predicted, chosen = _chosen(manifest, known, split)
    classes = manifest.info.classes or []
    table = [
        _row("majority class", classification_metrics(labels, majority, classes)),
        _row(
            f"TF-IDF + logistic regression ({chosen})",
            classification_metrics(labels, predicted, classes),
        ),
    ]
    if "posterior" in rows:
        ceiling = bayes_ceiling(np.array(rows["posterior"].tolist()), labels)
        table.append(_row("Bayes ceiling", ceiling))
    return table


def _texts(manifest: Manifest, split: str) -> tuple[list[str], Array]:
    return manifest.split(split)["text"].tolist(), manifest.targets(split)


def _chosen(manifest: Manifest, known: tuple[list[str], Array], split: str) -> tuple[Array, str]:
    """Return what logistic regression predicts, and its C, chosen on rows that are not scored."""
    texts = manifest.split(split)["text"].tolist()
    if split == "test":
        predicted, strength = tfidf_logistic(known, _texts(manifest, "validation"), texts)
        return predicted, f"C={strength:g}"
    held = hold_out(manifest.split("train"), share=0.1, seed=0)
    rest, apart = (
        ([text for text, one in zip(known[0], part, strict=True) if one], known[1][part])
        for part in (~held, held)
    )
    _, strength = tfidf_logistic(rest, apart, texts)
    predicted, _ = tfidf_logistic(known, apart, texts, strengths=(strength,))
    return predicted, f"C={strength:g}, chosen on a tenth of train"


def _row(system: str, scores: dict[str, float]) -> dict[str, str | float]:
    return {"system": system, **{name: scores[name] for name in _SHOWN}}
