from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch import nn

from affectrep.batch import Batch, Output
from affectrep.evaluation.evaluate import Predictions, predict_rows, score, statistics


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.dropout = nn.Dropout(0.9)

    def forward(self, inputs: dict[str, torch.Tensor]) -> Output:
        embeddings = self.dropout(inputs["x"])
        return Output(embeddings, self.layer(embeddings))


def batches() -> list[Batch]:
    x = torch.arange(15.0).reshape(5, 3) / 10
    labels = torch.tensor([0, 1, 2, 3, 0])
    names = list("abcde")
    cuts = (slice(0, 2), slice(2, 4), slice(4, 5))
    return [Batch({"x": x[cut]}, labels[cut], names[cut]) for cut in cuts]


def test_predict_rows_keeps_order_and_mode() -> None:
    model = Toy().train()
    found = predict_rows(model, batches(), keep_embeddings=True)
    assert model.training
    assert found.ids == list("abcde")
    assert found.labels.tolist() == [0, 1, 2, 3, 0]
    assert found.embeddings is not None
    assert np.allclose(found.embeddings, np.arange(15).reshape(5, 3) / 10)  # no dropout
    with torch.no_grad():
        expected = model.layer(torch.tensor(found.embeddings)).numpy()
    assert np.allclose(found.scores, expected, atol=1e-6)
    assert found.scores.dtype == np.float32


def test_mode_is_restored_after_an_error() -> None:
    model = Toy().train()
    broken = Batch({"y": torch.zeros(1, 3)}, torch.tensor([0]), ["a"])
    with pytest.raises(KeyError):
        predict_rows(model, [broken])
    assert model.training


def test_no_rows() -> None:
    with pytest.raises(ValueError, match="no rows"):
        predict_rows(Toy(), [])


def test_score_classification() -> None:
    found = predict_rows(Toy(), batches())
    scores = score(found, "classification", list("wxyz"))
    probabilities = found.probabilities("classification")
    expected = log_loss(found.labels, probabilities, labels=range(4))
    assert scores["cross_entropy"] == pytest.approx(expected, abs=1e-9)
    assert set(scores) == {"accuracy", "macro_f1", "weighted_f1", "uar", "cross_entropy"}


def test_score_multilabel_chooses_or_takes_a_threshold() -> None:
    logits = np.array([[-1.0, -3.0], [-3.0, -1.0]], dtype=np.float32)
    found = Predictions(["a", "b"], np.eye(2, dtype=np.float32), logits)
    chosen = score(found, "multilabel", ["x", "y"])
    assert chosen["macro_f1"] == 1.0
    assert chosen["threshold"] < 0.27
    assert score(found, "multilabel", ["x", "y"], threshold=0.5)["macro_f1"] == 0.0
    with pytest.raises(ValueError, match="threshold"):
        statistics(found, "multilabel", ["x", "y"])


def test_score_regression() -> None:
    values = np.array([[0.1, 0.2], [0.5, -0.3], [-0.2, 0.9]], dtype=np.float32)
    scores = score(Predictions(list("abc"), values, values), "regression")
    assert scores["ccc"] == pytest.approx(1.0)
    assert scores["rmse_arousal"] == pytest.approx(0.0, abs=1e-7)


def test_mistakes_are_said_in_words() -> None:
    good = Predictions(["a"], np.array([0]), np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match="2 outputs, but there are 3 classes"):
        score(good, "classification", ["x", "y", "z"])
    with pytest.raises(ValueError, match="unknown task"):
        score(good, "clustering", ["x", "y"])
    bad = Predictions(["a", "b"], np.array([0, 0]), np.array([[0, 0], [np.nan, 0]], np.float32))
    with pytest.raises(ValueError, match=r"1 of 2 rows .* first b"):
        score(bad, "classification", ["x", "y"])
    with pytest.raises(ValueError, match="labels has 1 rows, but there are 2 ids"):
        Predictions(["a", "b"], np.array([0]), np.zeros((2, 2)))


def test_select() -> None:
    found = predict_rows(Toy(), batches()).select(np.array([True, False, True, False, False]))
    assert found.ids == ["a", "c"]
    assert found.labels.tolist() == [0, 2]


def test_segments_of_a_clip_become_one_row() -> None:
    names, labels = list("abbab"), np.array([0, 1, 1, 0, 1])
    random = np.random.default_rng(0)
    scores, points = random.normal(size=(2, 5, 3)).astype(np.float32)
    found = Predictions(names, labels, scores, points).merged()
    assert found.ids == ["a", "b"]
    assert found.labels.tolist() == [0, 1]
    assert found.scores.dtype == np.float32
    for row, segments in enumerate([[0, 3], [1, 2, 4]]):
        assert np.allclose(found.scores[row], scores[segments].mean(0), atol=1e-6)
        assert found.embeddings is not None
        assert np.allclose(found.embeddings[row], points[segments].mean(0), atol=1e-6)


def test_rows_with_ids_of_their_own_are_left_alone() -> None:
    found = Predictions(["a", "b"], np.array([[1, 0], [0, 1]]), np.zeros((2, 2)))
    assert found.merged() is found
    several = Predictions(["a", "a"], np.array([[1, 0], [1, 0]]), np.eye(2)).merged()
    assert several.labels.tolist() == [[1, 0]]
    assert several.scores.tolist() == [[0.5, 0.5]]
    assert several.embeddings is None


@pytest.mark.parametrize("labels", [np.array([0, 0, 1]), np.array([[1, 0], [1, 1], [1, 1]])])
def test_one_id_with_two_labels_is_refused(labels: np.ndarray) -> None:
    wrong = Predictions(["a", "b", "b"] if labels.ndim == 1 else ["a", "a", "b"], labels, np.eye(3))
    with pytest.raises(ValueError, match="have different labels"):
        wrong.merged()


def test_predict_rows_gives_one_row_a_clip_from_several_batches() -> None:
    parts = batches()
    parts[2] = Batch(parts[2].inputs, torch.tensor([0]), ["a"])  # a second segment of a
    model = Toy()
    found = predict_rows(model, parts, keep_embeddings=True)
    assert found.ids == list("abcd")
    assert found.embeddings is not None
    x = np.arange(15).reshape(5, 3) / 10
    assert np.allclose(found.embeddings[0], (x[0] + x[4]) / 2, atol=1e-6)
    with torch.no_grad():
        logits = model.layer(torch.tensor(x, dtype=torch.float32)).numpy()
    assert np.allclose(found.scores[0], (logits[0] + logits[4]) / 2, atol=1e-6)
    assert np.allclose(found.scores[1:], logits[1:4], atol=1e-6)
