"""How metrics are named for readers: one list for the recipes' tables, the terminal and reports."""

from __future__ import annotations

__all__ = ["FAMILY_METRICS", "TITLES", "is_natural", "is_shown", "lower_is_better"]

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
    "silhouette": "Silhouette",
    "alignment": "Alignment",
    "uniformity": "Uniformity",
    "cross_entropy": "Cross-entropy",
    "ece": "Calibration error",
    "ece_mass": "Calibration error, equal mass",
    "classwise_ece": "Calibration error, class-wise",
    "calibration_rms": "Calibration error, debiased (RMS)",
    "brier": "Brier score",
    "nll": "Negative log-likelihood",
    "calibration_slope_valence": "Calibration slope, valence",
    "calibration_slope_arousal": "Calibration slope, arousal",
    "calibration_intercept_valence": "Calibration intercept, valence",
    "calibration_intercept_arousal": "Calibration intercept, arousal",
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
    "subject_linear": "Identity above chance, linear",
    "subject_mlp": "Identity above chance, hidden layer",
    "subject_linear_nats": "Identity in nats, linear",
    "subject_mlp_nats": "Identity in nats, hidden layer",
    "quadrant_probe": "Quadrant above chance, linear",
    "quadrant_probe_nats": "Quadrant in nats, linear",
    "eer_unseen_subjects": "Equal error rate, unseen identities",
    "ccc": "CCC",
    "pcc": "PCC",
    "rmse": "RMSE",
    "sagr": "SAGR",
    "strong_ccc": "CCC, strong rows",
    "weak_ccc": "CCC, weak rows",
    "strong_rmse": "RMSE, strong rows",
    "weak_rmse": "RMSE, weak rows",
    "strong_pcc": "PCC, strong rows",
    "weak_pcc": "PCC, weak rows",
    "strong_sagr": "SAGR, strong rows",
    "weak_sagr": "SAGR, weak rows",
    "person_share": "Error variance between persons",
    "person_share_valence": "Error variance between persons, valence",
    "person_share_arousal": "Error variance between persons, arousal",
    "person_bias_sd_valence": "Sd of persons' biases, valence",
    "person_bias_sd_arousal": "Sd of persons' biases, arousal",
    "person_ccc": "CCC of a person",
    "person_ccc_valence": "CCC of a person, valence",
    "person_ccc_arousal": "CCC of a person, arousal",
    "person_ccc_sd_valence": "Sd of persons' CCC, valence",
    "person_ccc_sd_arousal": "Sd of persons' CCC, arousal",
    "expression_accuracy": "Accuracy, expression",
    "expression_uar": "UAR, expression",
    "smile_higher": "Smile above neutral, same person",
    "smile_order": "Smile above neutral, any two photos",
    "smile_shift_valence": "Shift of a smile, valence",
    "smile_shift_arousal": "Shift of a smile, arousal",
    "smile_shift_sd_valence": "Sd of the shift over people, valence",
    "smile_shift_sd_arousal": "Sd of the shift over people, arousal",
    "reidentified": "Person found again by a smiling photo",
    "reidentified_rank": "Place of the right person",
}
_NATURAL = (
    "ccc",
    "pcc",
    "rmse",
    "cross_entropy",
    "brier",
    "nll",
    "calibration_slope",
    "calibration_intercept",
    "threshold",
    "family_auc",
    "effective_rank",
    "random_cosine",
    "silhouette",
    "alignment",
    "uniformity",
    *(f"{part}_{name}" for part in ("strong", "weak") for name in ("ccc", "pcc", "rmse")),
    "person_ccc",
    "person_bias",
    "smile_shift",
    "reidentified_rank",
)

# of the README, whose table is wide enough
_LEFT_OUT = {
    "family_accuracy",
    "cross_entropy",
    "ece",
    "ece_mass",
    "classwise_ece",
    "brier",
    "nll",
    "knn_weighted_f1",
    "random_cosine",
    "silhouette",
    "alignment",
    "uniformity",
    "speaker_linear",
    "speaker_mlp",
    "speaker_linear_nats",
    "speaker_mlp_nats",
    "language_linear",
    "language_mlp",
    "language_linear_nats",
    "language_mlp_nats",
    "emotion_probe",
    "emotion_probe_nats",
    "eer_unseen",
    "eer_unseen_subjects",
}
_KINDS_LEFT_OUT = (
    "calibration_",
    "subject_",
    "quadrant_probe",
    "person_",
    "strong_",
    "weak_",
    "rmse_",
    "sagr_",
    "pcc_",
    "smile_order",
    "smile_shift_arousal",
    "smile_shift_sd_arousal",
)
_KEPT = ("strong_ccc", "weak_ccc")

FAMILY_METRICS = (
    "family_f1",
    "errors_inside",
    "worst_family_accuracy",
    "family_auc",
    "rare_f1",
    "knn_accuracy",
    "knn_perturbed_mean",
    "knn_perturbed_worst",
    "effective_rank",
)
"""Of families of confusable classes and of the representation: a README's second table."""


def is_natural(metric: str) -> bool:
    """Whether a metric is written as it is, and not in per cent.

    Example:
        >>> is_natural("ccc_valence"), is_natural("speaker_mlp_nats"), is_natural("uar")
        (True, True, False)
    """
    return metric.startswith(_NATURAL) or metric.endswith("_nats")


def is_shown(metric: str) -> bool:
    """Whether a metric has a column in the first tables of a README.

    Example:
        >>> is_shown("weighted_f1"), is_shown("brier"), is_shown("family_f1")
        (True, False, False)
    """
    left_out = metric in (*_LEFT_OUT, *FAMILY_METRICS) or metric.startswith(_KINDS_LEFT_OUT)
    return metric in _KEPT or not left_out


def lower_is_better(metric: str) -> bool:
    """Whether the smaller value of a metric that picks the epoch is the better one.

    Example:
        >>> lower_is_better("rmse_valence"), lower_is_better("uar")
        (True, False)
    """
    return metric.startswith(("rmse", "cross_entropy"))
