"""Objectives: pure functions, thin modules, and the one table of their names."""

from collections.abc import Callable, Sequence

from torch import nn

from affectrep.objectives.adaptive_margin import (
    AdaptiveMargin,
    Margin,
    MarginParts,
    adaptive_margin,
    adaptive_margin_parts,
    confidence_radius,
    linear_margin,
    neighbour_counts,
    permuted_margin_parts,
)
from affectrep.objectives.av_regression import (
    AVRegressionLoss,
    HeteroscedasticLoss,
    av_regression_loss,
    ccc_loss,
    heteroscedastic_loss,
    pcc_loss,
    rmse_loss,
)
from affectrep.objectives.binary_cross_entropy import (
    BinaryCrossEntropyLoss,
    binary_cross_entropy_loss,
)
from affectrep.objectives.cdan import ConditionalDomainAdversary, conditioned_embeddings
from affectrep.objectives.contrastive_critic import (
    ContrastiveAdversarialLoss,
    ContrastiveCriticLoss,
    CriticContrast,
    CriticLiveness,
    contrastive_adversarial_loss,
    contrastive_critic_loss,
    critic_liveness,
    pair_moments,
)
from affectrep.objectives.cross_entropy import CrossEntropyLoss, cross_entropy_loss
from affectrep.objectives.domain_adversary import (
    Adversary,
    DomainAdversary,
    DomainClasses,
    class_balanced_weights,
    domain_cross_entropy_loss,
)
from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss
from affectrep.objectives.fisher_ipm import (
    FisherIPMLoss,
    fisher_critic_loss,
    fisher_encoder_loss,
    fisher_ipm_linear,
    fisher_ipm_ratio,
)
from affectrep.objectives.gradient_reversal import (
    GradientReversal,
    ReversalSchedule,
    ganin_lambda,
    ganin_learning_rate,
    reverse_gradient,
)
from affectrep.objectives.gram import GramLoss, gram_critic_loss, gram_ratio, mmd_loss
from affectrep.objectives.grouping import Grouper, Grouping, Groups, strong_weak_groups
from affectrep.objectives.information import (
    bpsk_information,
    gaussian_information,
    kernel_mean_correlation,
    paired_correlation,
)
from affectrep.objectives.joint import JointObjective, WeightedLoss
from affectrep.objectives.phase import Carry, Objective, Phase, PhaseResult, Targets, Term
from affectrep.objectives.sphere import (
    SphereLoss,
    sphere_critic_loss,
    sphere_encoder_loss,
    sphere_points,
)
from affectrep.objectives.supcon import DomainWeight, SupConLoss, SupConOptions, supcon_loss
from affectrep.objectives.supcon_memory import SupConMemoryLoss, supcon_memory_loss
from affectrep.objectives.thresholds import (
    kmeans_centres,
    kmeans_threshold,
    otsu_exact,
    otsu_histogram,
)
from affectrep.objectives.wasserstein_critic import (
    WassersteinCritic,
    wasserstein_critic_loss,
    wasserstein_distance,
)

__all__ = [
    "OBJECTIVES",
    "AVRegressionLoss",
    "AdaptiveMargin",
    "Adversary",
    "BinaryCrossEntropyLoss",
    "Carry",
    "ConditionalDomainAdversary",
    "ContrastiveAdversarialLoss",
    "ContrastiveCriticLoss",
    "CriticContrast",
    "CriticLiveness",
    "CrossEntropyLoss",
    "DomainAdversary",
    "DomainClasses",
    "DomainWeight",
    "FisherIPMLoss",
    "GradientReversal",
    "GramLoss",
    "Grouper",
    "Grouping",
    "Groups",
    "HeteroscedasticLoss",
    "JointObjective",
    "Margin",
    "MarginParts",
    "Objective",
    "Phase",
    "PhaseResult",
    "ReversalSchedule",
    "SphereLoss",
    "SupConLoss",
    "SupConMemoryLoss",
    "SupConOptions",
    "Targets",
    "Term",
    "WassersteinCritic",
    "WeightedLoss",
    "adaptive_margin",
    "adaptive_margin_parts",
    "av_regression_loss",
    "binary_cross_entropy_loss",
    "bpsk_information",
    "ccc_loss",
    "class_balanced_weights",
    "conditioned_embeddings",
    "confidence_radius",
    "contrastive_adversarial_loss",
    "contrastive_critic_loss",
    "critic_liveness",
    "cross_entropy_loss",
    "cross_entropy_objective",
    "domain_confusion_loss",
    "domain_cross_entropy_loss",
    "domain_entropy_loss",
    "fisher_critic_loss",
    "fisher_encoder_loss",
    "fisher_ipm_linear",
    "fisher_ipm_ratio",
    "ganin_lambda",
    "ganin_learning_rate",
    "gaussian_information",
    "gram_critic_loss",
    "gram_ratio",
    "heteroscedastic_loss",
    "kernel_mean_correlation",
    "kmeans_centres",
    "kmeans_threshold",
    "linear_margin",
    "mmd_loss",
    "neighbour_counts",
    "otsu_exact",
    "otsu_histogram",
    "pair_moments",
    "paired_correlation",
    "pcc_loss",
    "permuted_margin_parts",
    "reverse_gradient",
    "rmse_loss",
    "sphere_critic_loss",
    "sphere_encoder_loss",
    "sphere_points",
    "strong_weak_groups",
    "supcon_loss",
    "supcon_memory_loss",
    "supcon_objective",
    "wasserstein_critic_loss",
    "wasserstein_distance",
]


def cross_entropy_objective(
    *,
    multilabel: bool = False,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> JointObjective:
    """Return cross-entropy alone: over classes, or one binary decision a class.

    Example:
        >>> cross_entropy_objective().targets.labels
        'classes'
    """
    loss = BinaryCrossEntropyLoss if multilabel else CrossEntropyLoss
    task = loss(class_weights=class_weights, label_smoothing=label_smoothing)
    targets = Targets(labels="multilabel" if multilabel else "classes")
    return JointObjective(task, task_name="cross_entropy", targets=targets)


def supcon_objective(
    *,
    weight: float = 0.5,
    temperature: float = 0.1,
    reads: str = "embeddings",
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> JointObjective:
    """Return cross-entropy plus ``weight`` times supervised contrast over all processes' rows.

    Example:
        >>> [other.name for other in supcon_objective().others]
        ['supcon']
    """
    task = CrossEntropyLoss(class_weights=class_weights, label_smoothing=label_smoothing)
    contrast = SupConLoss(temperature=temperature, gather=True)
    other = WeightedLoss("supcon", contrast, weight, reads=reads)  # type: ignore[arg-type]
    return JointObjective(
        task, task_name="cross_entropy", others=[other], targets=Targets(labels="classes")
    )


OBJECTIVES: dict[str, Callable[..., nn.Module]] = {
    "cross_entropy": cross_entropy_objective,
    "supcon": supcon_objective,
}
