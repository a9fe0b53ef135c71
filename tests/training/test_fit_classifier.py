from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from affectrep.heads import Classifier, KernelClassifier
from affectrep.training.fit_classifier import fit_kernel, fit_linear


def blobs(classes: int, rows: int = 240, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping classes of unequal size."""
    sizes = [rows // (label + 1) for label in range(classes)]
    points, labels = make_blobs(sizes, 5, centers=None, cluster_std=6.0, random_state=seed)
    return (points - points.mean(0)) / points.std(0), labels.astype(np.int64)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("weight", ["balanced", None])
def test_linear_weights_are_those_of_sklearn(classes, weight):
    points, labels = blobs(classes)
    reference = LogisticRegression(C=0.3, class_weight=weight, max_iter=5000).fit(points, labels)
    found = fit_linear(points, labels, c=0.3, class_weight=weight)
    assert [tuple(part.shape) for part in found] == [(classes, 5), (classes,)]
    head = Classifier(5, classes).eval()
    with torch.no_grad():
        head.last.weight.copy_(found[0])
        head.last.bias.copy_(found[1])
        said = head(torch.from_numpy(points).float()).softmax(dim=1)
    np.testing.assert_allclose(said, reference.predict_proba(points), atol=1e-5)


def test_the_linear_fit_is_at_its_optimum():
    """The gradient of C * weighted loss + half the squared weights vanishes."""
    points, labels = blobs(3)
    weight, bias = (part.double().requires_grad_() for part in fit_linear(points, labels, c=0.2))
    x, y = torch.from_numpy(points), torch.from_numpy(labels)
    balance = len(y) / (3 * torch.bincount(y)).double()
    losses = torch.nn.functional.cross_entropy(x @ weight.T + bias, y, reduction="none")
    ((balance[y] * losses).sum() * 0.2 + weight.square().sum() / 2).backward()
    assert weight.grad.abs().max() < 0.02 < x.T.abs().sum(1).max()
    assert bias.grad.abs().max() < 0.02


def test_tensors_and_arrays_give_the_same():
    points, labels = blobs(3)
    from_arrays = fit_linear(points, labels)
    from_tensors = fit_linear(torch.from_numpy(points), torch.from_numpy(labels))
    assert all(a.equal(b) for a, b in zip(from_arrays, from_tensors, strict=True))


@pytest.mark.parametrize("classes", [3, 4, 5])
@pytest.mark.parametrize(("c", "gamma"), [(1.0, "scale"), (10.0, 0.3)])
def test_kernel_outputs_are_sklearns_decision_function(classes, c, gamma):
    points, labels = blobs(classes)
    asked = np.random.default_rng(1).normal(size=(300, 5))
    reference = SVC(C=c, gamma=gamma, class_weight="balanced").fit(points, labels)
    head = fit_kernel(points, labels, c=c, gamma=gamma)
    expected = reference.decision_function(asked)
    np.testing.assert_allclose(head(torch.from_numpy(asked)), expected, atol=1e-9)
    single = head(torch.from_numpy(asked).float())
    assert single.dtype == torch.float32
    # where a pair is undecided to rounding its vote may turn
    near = np.abs(single.double().numpy() - expected).max(axis=1) < 1e-5
    assert near.mean() > 0.99
    reference.decision_function_shape = "ovo"
    pairs = head.pair_values(torch.from_numpy(asked))
    np.testing.assert_allclose(pairs, reference.decision_function(asked), atol=1e-9)


def test_two_classes_have_minus_and_plus_half_the_decision_value():
    points, labels = blobs(2)
    reference = SVC(class_weight="balanced").fit(points, labels)
    scores = fit_kernel(points, labels)(torch.from_numpy(points))
    expected = reference.decision_function(points)
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], expected, atol=1e-9)
    assert (scores.argmax(dim=1).numpy() == reference.predict(points)).all()


def test_without_class_weights_small_classes_are_said_less_often():
    points, labels = blobs(4)
    said = [
        (fit_kernel(points, labels, class_weight=w)(torch.from_numpy(points)).argmax(1) == 3).sum()
        for w in ("balanced", None)
    ]
    assert said[0] > said[1]


def test_a_kernel_head_survives_a_file_of_tensors():
    points, labels = blobs(4)
    head = fit_kernel(points, labels)
    again = KernelClassifier.from_state(load(save(head.state_dict())))
    asked = torch.from_numpy(points).float()
    assert again(asked).equal(head(asked))
    assert not list(head.parameters())


def test_a_missing_class_is_refused():
    points, labels = blobs(3)
    for fit in (fit_linear, fit_kernel):
        with pytest.raises(ValueError, match=r"each of 4 classes.*without rows: \[3\]"):
            fit(points, labels, classes=4)
        with pytest.raises(ValueError, match=r"without rows: \[1\]"):
            fit(points[labels != 1], labels[labels != 1])
        with pytest.raises(ValueError, match="each of 2 classes.*codes up to 2"):
            fit(points, labels, classes=2)
        with pytest.raises(ValueError, match="each of 1 classes"):
            fit(points, labels * 0)


def test_mistakes_are_said_in_words():
    points, labels = blobs(3)
    with pytest.raises(ValueError, match=r"expected embeddings \(rows, dim\)"):
        fit_linear(points, labels[:5])
    with pytest.raises(ValueError, match="class codes from 0, got float64"):
        fit_linear(points, labels.astype(float))
    with pytest.raises(ValueError, match="class codes from 0"):
        fit_linear(points, labels - 1)
    with pytest.raises(ValueError, match="finite embeddings"):
        fit_linear(points * np.nan, labels)
    with pytest.raises(ValueError, match="positive c, got 0"):
        fit_kernel(points, labels, c=0)
    with pytest.raises(ValueError, match="positive gamma"):
        fit_kernel(points, labels, gamma=-1.0)
