"""Every metric against an independent implementation: one table of ours and theirs, to 1e-12.

Where a library defines a metric in another way, the case says so by what it asks the library for
(``labels=``, ``zero_division=``), or converts its figure; the docstring of ours says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk
from sklearn.neighbors import KNeighborsClassifier

from affectrep.evaluation.families import Families, family_statistics, family_table
from affectrep.evaluation.metrics import (
    classification_metrics,
    confusion_matrix,
    most_confused,
    multilabel_metrics,
    per_class_table,
    regression_metrics,
)
from affectrep.evaluation.neighbours import knn_labels
from affectrep.evaluation.outcomes import outcome_statistics
from affectrep.evaluation.rare_classes import rare_statistics
from affectrep.evaluation.representation import (
    family_auc_statistics,
    knn_statistics,
    spread_values,
)
from affectrep.evaluation.structure import alignment_statistics, silhouette_statistics
from affectrep.evaluation.verification import equal_error_rate, verify_speakers

Values = Mapping[str, float]
EXACT = 1e-12
NAMES = [f"class {i}" for i in range(9)]
FAMILIES = Families([NAMES[:3], NAMES[3:5]], NAMES)


@dataclass(frozen=True)
class Answers:
    """Rows of nine classes: in "balanced" all occur, in "gaps" 7 and 8 have no row.

    In "gaps" 6 is never predicted, 7 is predicted without a row, and 8 occurs nowhere.
    """

    y: np.ndarray
    said: np.ndarray


def answers(gaps: bool) -> Answers:
    rng = np.random.default_rng(8)
    y = rng.integers(0, 7 if gaps else 9, 700)
    said = np.where(rng.random(700) < 0.5, y, rng.integers(0, 9, 700))
    if gaps:
        said = np.where((said == 6) | (said == 8), 7, said)
    return Answers(y, said)


def sk_classification(one: Answers) -> Values:
    labels = range(9)
    recall = sk.recall_score(one.y, one.said, labels=np.unique(one.y), average="macro")
    f1 = {
        f"{way}_f1": sk.f1_score(one.y, one.said, labels=labels, average=way, zero_division=0)
        for way in ("macro", "weighted")
    }
    return {"accuracy": sk.accuracy_score(one.y, one.said), "uar": recall, **f1}


def torch_classification(one: Answers) -> Values:
    """torchmetrics leaves absent classes out of its macro means, so these are made by hand."""
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    said, y = torch.from_numpy(one.said), torch.from_numpy(one.y)

    def each(name: str) -> np.ndarray:
        found = getattr(theirs, name)(said, y, num_classes=9, average="none")
        return np.asarray(found, np.float64)

    support = np.bincount(one.y, minlength=9)
    # single precision: figures agree to 1e-6 alone, see RELAXED
    return {
        "accuracy": float(theirs.multiclass_accuracy(said, y, num_classes=9, average="micro")),
        "macro_f1": float(each("multiclass_f1_score").mean()),
        "weighted_f1": float(each("multiclass_f1_score") @ support / support.sum()),
        "uar": float(each("multiclass_recall")[support > 0].mean()),
    }


def our_classification(one: Answers) -> Values:
    return classification_metrics(one.y, one.said, NAMES)


def our_classes(one: Answers) -> Values:
    return _flat(per_class_table(one.y, one.said, NAMES), ("precision", "recall", "f1", "support"))


def sk_classes(one: Answers) -> Values:
    found = sk.precision_recall_fscore_support(one.y, one.said, labels=range(9), zero_division=0)
    names = ("precision", "recall", "f1", "support")
    return {f"{n} {i}": v[i] for n, v in zip(names, found, strict=True) for i in range(9)}


def our_labels(one: Answers) -> Values:
    table = per_class_table(*_multi_hot(one), NAMES)
    probabilities = np.where(_multi_hot(one)[1], 0.7, 0.2)
    found = multilabel_metrics(_multi_hot(one)[0], probabilities)
    return {**found, **_flat(table, ("precision", "recall", "f1", "support"))}


def sk_labels(one: Answers) -> Values:
    y, said = _multi_hot(one)
    ways = ("macro", "micro", "weighted")
    found = {f"{way}_f1": sk.f1_score(y, said, average=way, zero_division=0) for way in ways}
    found["macro_precision"] = sk.precision_score(y, said, average="macro", zero_division=0)
    found["macro_recall"] = sk.recall_score(y, said, average="macro", zero_division=0)
    found["exact_match"] = sk.accuracy_score(y, said)
    each = sk.precision_recall_fscore_support(y, said, zero_division=0)
    names = ("precision", "recall", "f1", "support")
    found |= {f"{n} {i}": v[i] for n, v in zip(names, each, strict=True) for i in range(9)}
    return found


def our_confusion(one: Answers) -> Values:
    counts = confusion_matrix(one.y, one.said, 9)
    pairs = most_confused(counts, NAMES, top=100)
    shares = {f"{p['true']} {p['predicted']}": p["share"] for p in pairs}
    return {**_flat_matrix(counts), **shares}


def sk_confusion(one: Answers) -> Values:
    counts = sk.confusion_matrix(one.y, one.said, labels=range(9))
    kinds = np.unique(one.y)
    share = sk.confusion_matrix(one.y, one.said, labels=range(9), normalize="true")
    pairs = [(i, j) for i in kinds for j in range(9) if i != j and counts[i, j]]
    return _flat_matrix(counts) | {f"{NAMES[i]} {NAMES[j]}": share[i, j] for i, j in pairs}


def our_families(one: Answers) -> Values:
    table = family_table(confusion_matrix(one.y, one.said, 9), FAMILIES)
    rare = rare_statistics(one.y, one.said, NAMES, [NAMES[8], NAMES[2]]).values()
    found = family_statistics(one.y, one.said, FAMILIES).values()
    return {**found, **rare, **_flat(table, ("rows", "f1", "accuracy", "errors_inside"))}


def sk_families(one: Answers) -> Values:
    merge = FAMILIES.of_class()
    y, said, wrong = merge[one.y], merge[one.said], one.y != one.said

    def f1(labels: list[int]) -> float:
        return sk.f1_score(one.y, one.said, labels=labels, average="macro", zero_division=0)

    found = {
        "family_f1": f1([0, 1, 2, 3, 4]),
        "rare_f1": f1([2, 8]),
        "family_accuracy": sk.accuracy_score(y, said),
        "errors_inside": sk.accuracy_score(y[wrong], said[wrong]),
    }
    for place, members in enumerate(([0, 1, 2], [3, 4])):
        own = np.isin(one.y, members)
        found[f"rows {place}"] = own.sum()
        found[f"f1 {place}"] = f1(members)
        found[f"accuracy {place}"] = sk.accuracy_score(one.y[own], one.said[own])
        bad = own & wrong
        found[f"errors_inside {place}"] = sk.accuracy_score(y[bad], said[bad])
    found["worst_family_accuracy"] = min(found["accuracy 0"], found["accuracy 1"])
    return found


def our_attacker(one: Answers) -> Values:
    return outcome_statistics(one.y, one.y == one.said, _losses(one)).values()


def sk_attacker(one: Answers) -> Values:
    """Balanced accuracy; chance is one part of the names; information is entropy less log loss."""
    kinds = np.unique(one.y)
    recall = sk.recall_score(one.y, one.said, labels=kinds, average="macro")
    entropy = stats.entropy(np.unique(one.y, return_counts=True)[1])
    loss = sk.log_loss(one.y, _posterior(one), labels=range(9))
    return {
        "balanced_accuracy": recall,
        "above_chance": recall - 1 / len(kinds),
        "information": entropy - loss,
    }


@dataclass(frozen=True)
class Points:
    """Valence and arousal, true and predicted; some are exactly 0."""

    y: np.ndarray
    said: np.ndarray


def points(shift: float) -> Points:
    rng = np.random.default_rng(9)
    y = rng.uniform(-1, 1, (600, 2))
    said = 0.6 * y + rng.normal(0, 0.3, (600, 2))
    y[:20], said[10:30] = 0, 0
    return Points(y + shift, said + shift)


def our_regression(one: Points) -> Values:
    return regression_metrics(one.y, one.said)


def scipy_regression(one: Points) -> Values:
    found: dict[str, float] = {}
    for axis, y, said in _axes(one):
        # regression's slope times the ratio of the variances that CCC asks for (Lin 1989, eq. 1)
        line = stats.linregress(y, said)
        gap = (y.mean() - said.mean()) ** 2
        found[f"ccc_{axis}"] = 2 * line.slope * np.var(y) / (np.var(y) + np.var(said) + gap)
        found[f"pcc_{axis}"] = stats.pearsonr(y, said).statistic
        found[f"rmse_{axis}"] = sk.root_mean_squared_error(y, said)
        found[f"sagr_{axis}"] = sk.accuracy_score(np.sign(y), np.sign(said))
    return _with_means(found)


def torch_regression(one: Points) -> Values:
    """torchmetrics divides CCC's variances by n - 1 but not the gap of the means; see our docs."""
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torchmetrics.functional")
    found: dict[str, float] = {}
    for axis, y, said in _axes(one):
        a, b = torch.from_numpy(y.copy()), torch.from_numpy(said.copy())
        n, gap = len(y), (y.mean() - said.mean()) ** 2
        total = np.var(y) + np.var(said)
        ccc = float(theirs.concordance_corrcoef(b, a))
        ours_of_theirs = (total + gap * (n - 1) / n) / (total + gap)
        found[f"ccc_{axis}"] = ccc * ours_of_theirs
        found[f"pcc_{axis}"] = float(theirs.pearson_corrcoef(b, a))
        found[f"rmse_{axis}"] = float(theirs.mean_squared_error(b, a, squared=False))
        found[f"sagr_{axis}"] = np.mean(np.sign(y) == np.sign(said))
    return _with_means(found)


@dataclass(frozen=True)
class Rows:
    """Embeddings of nine classes and of a gallery."""

    embeddings: np.ndarray
    labels: np.ndarray


def rows(ties: bool) -> Rows:
    rng = np.random.default_rng(10)
    labels = rng.integers(0, 9, 150)
    embeddings = rng.normal(size=(9, 6))[labels] + 1.5 * rng.normal(size=(150, 6))
    return Rows(embeddings.round(0) if ties else embeddings, labels)


def our_representation(one: Rows) -> Values:
    auc = family_auc_statistics(one.embeddings, one.labels, FAMILIES).values()
    length = np.linalg.norm(one.embeddings, axis=1, keepdims=True)
    unit = one.embeddings / np.where(length > 0, length, 1)
    silhouette = silhouette_statistics(unit, one.labels).values()
    alignment = alignment_statistics(unit, one.labels).values()
    return {**auc, **silhouette, **alignment, **spread_values(one.embeddings)}


def sk_representation(one: Rows) -> Values:
    length = np.linalg.norm(one.embeddings, axis=1, keepdims=True)
    unit = one.embeddings / np.where(length > 0, length, 1)
    # our own cosines, row by row: a tie must be the same tie for both
    aucs, number = [], FAMILIES.of_class()
    for i, label in enumerate(one.labels):
        kin = (number[one.labels] == number[label]) & (np.arange(len(unit)) != i)
        same = one.labels[kin] == label
        if label < 5 and same.any() and not same.all():
            members = np.flatnonzero(number[one.labels] == number[label])
            cosines = unit[members] @ unit[i]
            aucs.append(sk.roc_auc_score(same, cosines[members != i]))
    singular = np.linalg.svd(unit - unit.mean(0), compute_uv=False)
    cosine = np.abs(sk.pairwise.cosine_similarity(one.embeddings))
    squared = sk.pairwise.euclidean_distances(unit, squared=True)
    apart = ~np.eye(len(unit), dtype=bool)
    own = (one.labels[:, None] == one.labels) & apart
    return {
        "family_auc": float(np.mean(aucs)),
        "silhouette": sk.silhouette_score(one.embeddings, one.labels, metric="cosine"),
        "alignment": np.mean([squared[i, own[i]].mean() for i in range(len(unit)) if own[i].any()]),
        "uniformity": np.log(np.exp(-2 * squared[apart]).mean()),
        "effective_rank": np.exp(stats.entropy(singular)),
        "random_cosine": cosine[~np.eye(len(unit), dtype=bool)].mean(),
    }


def our_neighbours(one: Rows) -> Values:
    gallery, queries = slice(0, 100), slice(100, None)
    said = knn_labels(one.embeddings[gallery], one.labels[gallery], one.embeddings[queries])
    figures = knn_statistics(one.labels[queries], said, 9).values()
    return {**figures, **{f"said {i}": v for i, v in enumerate(said)}}


def sk_neighbours(one: Rows) -> Values:
    def votes(distance: np.ndarray) -> np.ndarray:
        return np.maximum(1 - distance, 0)

    model = KNeighborsClassifier(20, metric="cosine", algorithm="brute", weights=votes)
    model.fit(one.embeddings[:100], one.labels[:100])
    y, said = one.labels[100:], model.predict(one.embeddings[100:])
    f1 = sk.f1_score(y, said, labels=range(9), average="weighted", zero_division=0)
    figures = {"knn_accuracy": sk.accuracy_score(y, said), "knn_weighted_f1": f1}
    return {**figures, **{f"said {i}": v for i, v in enumerate(said)}}


def our_verification(one: Rows) -> Values:
    i, j = np.triu_indices(len(one.labels), 1)
    distance = np.linalg.norm(one.embeddings[i] - one.embeddings[j], axis=1)
    rate = equal_error_rate(-distance, one.labels[i] == one.labels[j])
    found = verify_speakers(one.embeddings, one.labels, resamples=2)
    return {"distance": rate, "cosine": found.rate.value}


def sk_verification(one: Rows) -> Values:
    i, j = np.triu_indices(len(one.labels), 1)
    same = one.labels[i] == one.labels[j]
    distance = np.linalg.norm(one.embeddings[i] - one.embeddings[j], axis=1)
    length = np.linalg.norm(one.embeddings, axis=1, keepdims=True)
    unit = one.embeddings / np.where(length > 0, length, 1)
    return {
        "distance": _crossing(same, -distance),
        "cosine": _crossing(same, (unit @ unit.T)[i, j]),
    }


@dataclass(frozen=True)
class Case:
    """What is given, and how we and the library figure it out."""

    given: Answers | Points | Rows
    ours: Callable[..., Values]
    theirs: Callable[..., Values]
    tolerance: float = EXACT


KINDS: dict[str, list[Case]] = {}
for gaps in (False, True):
    own = answers(gaps)
    KINDS["gaps" if gaps else "balanced"] = [
        Case(own, our_classification, sk_classification),
        Case(own, our_classification, torch_classification, 1e-6),  # torchmetrics: float32
        Case(own, our_classes, sk_classes),
        Case(own, our_labels, sk_labels),
        Case(own, our_confusion, sk_confusion),
        Case(own, our_families, sk_families),
        Case(own, our_attacker, sk_attacker),
    ]
for shift in (0.0, 5.0):
    KINDS[f"shift {shift:g}"] = [
        Case(points(shift), our_regression, scipy_regression),
        Case(points(shift), our_regression, torch_regression),
    ]
for ties in (False, True):
    KINDS["ties" if ties else "no ties"] = [
        Case(rows(ties), our_representation, sk_representation),
        Case(rows(ties), our_verification, sk_verification),
    ]
KINDS["no ties"].append(Case(rows(False), our_neighbours, sk_neighbours))
CASES = [
    pytest.param(case, id=f"{case.theirs.__name__} {kind}")
    for kind, cases in KINDS.items()
    for case in cases
]


@pytest.mark.parametrize("case", CASES)
def test_ours_are_theirs(case: Case) -> None:
    found, expected = case.ours(case.given), case.theirs(case.given)
    assert set(found) == set(expected)
    wrong = {
        name: (found[name], expected[name])
        for name in expected
        if not abs(found[name] - expected[name]) <= case.tolerance
    }
    assert not wrong


def _flat(table: list[dict[str, float]], names: tuple[str, ...]) -> dict[str, float]:
    return {f"{name} {i}": row[name] for i, row in enumerate(table) for name in names}


def _flat_matrix(counts: np.ndarray) -> dict[str, float]:
    return {f"cell {i}": float(value) for i, value in enumerate(counts.ravel())}


def _multi_hot(one: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Two labels for most rows, one or none for others; the last class of "gaps" stays empty."""
    eye = np.eye(9, dtype=int)
    first, second = (eye[v] | np.roll(eye[v], 1, axis=0) for v in (one.y, one.said))
    first[:30], second[20:50] = 0, 0
    return first, second


def _posterior(one: Answers) -> np.ndarray:
    values = np.random.default_rng(11).gamma(1.0, 1.0, (len(one.y), 9)) + np.eye(9)[one.said]
    return values / values.sum(1, keepdims=True)


def _losses(one: Answers) -> np.ndarray:
    return -np.log(_posterior(one)[np.arange(len(one.y)), one.y])


def _axes(one: Points) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [(axis, one.y[:, i], one.said[:, i]) for i, axis in enumerate(("valence", "arousal"))]


def _with_means(found: dict[str, float]) -> dict[str, float]:
    names = {name.split("_")[0] for name in found}
    means = {n: (found[f"{n}_valence"] + found[f"{n}_arousal"]) / 2 for n in names}
    return found | means


def _crossing(same: np.ndarray, scores: np.ndarray) -> float:
    """Return where scikit-learn's ROC curve, joined by straight lines, meets 1 - x."""
    let_in, found, _ = sk.roc_curve(same, scores, drop_intermediate=False)
    gap = let_in + found - 1
    after = int(np.argmax(gap >= 0))
    step = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(let_in[after - 1] + step * (let_in[after] - let_in[after - 1]))
