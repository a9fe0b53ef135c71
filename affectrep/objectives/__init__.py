"""Objectives: pure functions, thin modules, and the one table of their names."""

from collections.abc import Callable

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
from affectrep.objectives.aml import AMLObjective, aml_objective
from affectrep.objectives.aml_options import AMLOptions
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
from affectrep.objectives.caf import CAFObjective
from affectrep.objectives.caf_objective import caf_objective
from affectrep.objectives.caf_steps import CAFSteps
from affectrep.objectives.cdan import ConditionalDomainAdversary, conditioned_embeddings
from affectrep.objectives.class_confusion import ClassConfusion
from affectrep.objectives.class_groups import ClassGrouper
from affectrep.objectives.class_margins import AdaptiveClassMargin, class_margins
from affectrep.objectives.class_memory import ClassMemory
from affectrep.objectives.contrastive import ContrastiveLoss, ContrastiveOptions, contrastive_loss
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
from affectrep.objectives.critic_head import CriticHead
from affectrep.objectives.critics import MarginRule
from affectrep.objectives.cross_entropy import CrossEntropyLoss, cross_entropy_loss
from affectrep.objectives.distance_weighted import distance_weighted_triplets
from affectrep.objectives.domain_adversary import (
    Adversary,
    DomainAdversary,
    DomainClasses,
    class_balanced_weights,
    domain_cross_entropy_loss,
)
from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss
from affectrep.objectives.domain_objective import (
    DomainAdversarialObjective,
    domain_adversarial_objective,
)
from affectrep.objectives.domain_term import DomainOptions
from affectrep.objectives.dro_pair_loss import dro_pair_loss, dro_weights
from affectrep.objectives.embedding_spread import EmbeddingSpread, embedding_spread
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
from affectrep.objectives.hard_pairs import HardPairMiner, HardPairs, Mining
from affectrep.objectives.information import (
    bpsk_information,
    gaussian_information,
    kernel_mean_correlation,
    paired_correlation,
)
from affectrep.objectives.joint import DomainSupConLoss, JointObjective, WeightedLoss
from affectrep.objectives.joint_objectives import (
    av_regression_objective,
    cross_entropy_objective,
    supcon_objective,
    triplet_objective,
)
from affectrep.objectives.label_aware import LabelAwareContrast, LabelAwareOptions, lcl_loss
from affectrep.objectives.label_aware_objective import LabelAwareObjective, label_aware_objective
from affectrep.objectives.learned_similarity import (
    MetricDiscriminator,
    bounded_similarity,
    gradient_penalty,
    self_penalty,
)
from affectrep.objectives.margin_loss import MarginLoss, margin_loss
from affectrep.objectives.memory_margin import MemoryClassMargin
from affectrep.objectives.metric_liveness import (
    BeyondCosine,
    MetricLiveness,
    beyond_cosine,
    metric_liveness,
    overlap_auc,
)
from affectrep.objectives.pair_adversary import AdversaryWeights, adversary_terms, pair_loss_chain
from affectrep.objectives.pair_classes import CircumplexClasses, OnClasses, PairClasses
from affectrep.objectives.pair_history import PairHistory
from affectrep.objectives.pair_loss import (
    PairLoss,
    adversary_strength,
    match_loss,
    pair_loss,
    pointwise_similarity,
)
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
from affectrep.objectives.triplet import TripletLoss, TripletOptions, triplet_loss
from affectrep.objectives.wasserstein_critic import (
    WassersteinCritic,
    wasserstein_critic_loss,
    wasserstein_distance,
)
from affectrep.objectives.weight_schedule import WeightSchedule

__all__ = [
    "OBJECTIVES",
    "AMLObjective",
    "AMLOptions",
    "AVRegressionLoss",
    "AdaptiveClassMargin",
    "AdaptiveMargin",
    "Adversary",
    "AdversaryWeights",
    "BeyondCosine",
    "BinaryCrossEntropyLoss",
    "CAFObjective",
    "CAFSteps",
    "Carry",
    "CircumplexClasses",
    "ClassConfusion",
    "ClassGrouper",
    "ClassMemory",
    "ConditionalDomainAdversary",
    "ContrastiveAdversarialLoss",
    "ContrastiveCriticLoss",
    "ContrastiveLoss",
    "ContrastiveOptions",
    "CriticContrast",
    "CriticHead",
    "CriticLiveness",
    "CrossEntropyLoss",
    "DomainAdversarialObjective",
    "DomainAdversary",
    "DomainClasses",
    "DomainOptions",
    "DomainSupConLoss",
    "DomainWeight",
    "EmbeddingSpread",
    "FisherIPMLoss",
    "GradientReversal",
    "GramLoss",
    "Grouper",
    "Grouping",
    "Groups",
    "HardPairMiner",
    "HardPairs",
    "HeteroscedasticLoss",
    "JointObjective",
    "LabelAwareContrast",
    "LabelAwareObjective",
    "LabelAwareOptions",
    "Margin",
    "MarginLoss",
    "MarginParts",
    "MarginRule",
    "MemoryClassMargin",
    "MetricDiscriminator",
    "MetricLiveness",
    "Mining",
    "Objective",
    "OnClasses",
    "PairClasses",
    "PairHistory",
    "PairLoss",
    "Phase",
    "PhaseResult",
    "ReversalSchedule",
    "SphereLoss",
    "SupConLoss",
    "SupConMemoryLoss",
    "SupConOptions",
    "Targets",
    "Term",
    "TripletLoss",
    "TripletOptions",
    "WassersteinCritic",
    "WeightSchedule",
    "WeightedLoss",
    "adaptive_margin",
    "adaptive_margin_parts",
    "adversary_strength",
    "adversary_terms",
    "aml_objective",
    "av_regression_loss",
    "av_regression_objective",
    "beyond_cosine",
    "binary_cross_entropy_loss",
    "bounded_similarity",
    "bpsk_information",
    "caf_objective",
    "ccc_loss",
    "class_balanced_weights",
    "class_margins",
    "conditioned_embeddings",
    "confidence_radius",
    "contrastive_adversarial_loss",
    "contrastive_critic_loss",
    "contrastive_loss",
    "critic_liveness",
    "cross_entropy_loss",
    "cross_entropy_objective",
    "distance_weighted_triplets",
    "domain_adversarial_objective",
    "domain_confusion_loss",
    "domain_cross_entropy_loss",
    "domain_entropy_loss",
    "dro_pair_loss",
    "dro_weights",
    "embedding_spread",
    "fisher_critic_loss",
    "fisher_encoder_loss",
    "fisher_ipm_linear",
    "fisher_ipm_ratio",
    "ganin_lambda",
    "ganin_learning_rate",
    "gaussian_information",
    "gradient_penalty",
    "gram_critic_loss",
    "gram_ratio",
    "heteroscedastic_loss",
    "kernel_mean_correlation",
    "kmeans_centres",
    "kmeans_threshold",
    "label_aware_objective",
    "lcl_loss",
    "linear_margin",
    "margin_loss",
    "match_loss",
    "metric_liveness",
    "mmd_loss",
    "neighbour_counts",
    "otsu_exact",
    "otsu_histogram",
    "overlap_auc",
    "pair_loss",
    "pair_loss_chain",
    "pair_moments",
    "paired_correlation",
    "pcc_loss",
    "permuted_margin_parts",
    "pointwise_similarity",
    "reverse_gradient",
    "rmse_loss",
    "self_penalty",
    "sphere_critic_loss",
    "sphere_encoder_loss",
    "sphere_points",
    "strong_weak_groups",
    "supcon_loss",
    "supcon_memory_loss",
    "supcon_objective",
    "triplet_loss",
    "triplet_objective",
    "wasserstein_critic_loss",
    "wasserstein_distance",
]

OBJECTIVES: dict[str, Callable[..., nn.Module]] = {
    "cross_entropy": cross_entropy_objective,
    "supcon": supcon_objective,
    "lcl": label_aware_objective,
    "aml": aml_objective,
    "domain_adversarial": domain_adversarial_objective,
    "triplet": triplet_objective,
    "av_regression": av_regression_objective,
    "caf": caf_objective,
}
