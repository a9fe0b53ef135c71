"""How metrics are named for readers: one list for the recipes' tables, the terminal and reports."""

from __future__ import annotations

__all__ = ["TITLES", "is_natural"]

TITLES = {  # in the order of the columns of a table
    "accuracy": "Accuracy",
    "weighted_f1": "Weighted F1",
    "macro_f1": "Macro F1",
    "uar": "UAR",
    "micro_f1": "Micro F1",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "exact_match": "Exact match",
    "family_f1": "Family F1",
    "errors_inside": "Errors inside families",
    "family_accuracy": "Right family",
    "worst_family_accuracy": "Accuracy, worst family",
    "rare_f1": "F1, rare classes",
    "family_auc": "AUC inside families",
    "knn_accuracy": "k-NN accuracy",
    "knn_weighted_f1": "k-NN weighted F1",
    "knn_perturbed_mean": "k-NN perturbed, mean",
    "knn_perturbed_worst": "k-NN perturbed, worst",
    "effective_rank": "Effective rank",
    "random_cosine": "|cosine| of two rows",
    "cross_entropy": "Cross-entropy",
    "speaker_linear": "Speaker above chance, linear",
    "speaker_mlp": "Speaker above chance, hidden layer",
    "speaker_linear_nats": "Speaker in nats, linear",
    "speaker_mlp_nats": "Speaker in nats, hidden layer",
    "language_linear": "Language above chance, linear",
    "language_mlp": "Language above chance, hidden layer",
    "language_linear_nats": "Language in nats, linear",
    "language_mlp_nats": "Language in nats, hidden layer",
    "emotion_probe": "Emotion above chance, linear",
    "emotion_probe_nats": "Emotion in nats, linear",
    "eer_unseen": "Equal error rate, unseen speakers",
    "ccc": "CCC",
    "pcc": "PCC",
    "rmse": "RMSE",
    "sagr": "SAGR",
}
_NATURAL = (
    "ccc",
    "pcc",
    "rmse",
    "cross_entropy",
    "threshold",
    "family_auc",
    "effective_rank",
    "random_cosine",
)


def is_natural(metric: str) -> bool:
    """Whether a metric is written as it is, and not in per cent.

    Example:
        >>> is_natural("ccc_valence"), is_natural("speaker_mlp_nats"), is_natural("uar")
        (True, True, False)
    """
    return metric.startswith(_NATURAL) or metric.endswith("_nats")
