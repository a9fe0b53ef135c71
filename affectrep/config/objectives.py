"""The section ``objective``: one class for each name in OBJECTIVES, chosen by ``name``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from affectrep.config.section import Section

__all__ = [
    "AMLConfig",
    "AVRegressionConfig",
    "CAFConfig",
    "CrossEntropyConfig",
    "DomainAdversarialConfig",
    "FittedConfig",
    "LabelAwareConfig",
    "ObjectiveConfig",
    "SupConConfig",
    "TripletConfig",
]


class CrossEntropyConfig(Section):
    """Cross-entropy (single label) or binary cross-entropy (multi-label)."""

    name: Literal["cross_entropy"] = "cross_entropy"
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    label_smoothing: float = Field(0.0, ge=0, lt=1)


class SupConConfig(Section):
    """A task plus supervised contrast; beside regression the quadrants are contrasted."""

    name: Literal["supcon"] = "supcon"
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    weight: float = Field(0.5, ge=0, description="of the contrast, beside the task 1")
    temperature: float = Field(0.1, gt=0)
    reads: Literal["embeddings", "projections"] = "embeddings"


class TripletConfig(Section):
    """A task plus triplets, with a constant margin or one for each pair of classes."""

    name: Literal["triplet"] = "triplet"
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    weight: float = Field(0.5, ge=0, description="of the triplets, beside the task 1")
    margin: Literal["adaptive"] | Annotated[float, Field(ge=0)] = Field(
        "adaptive", description="from the rows of two classes, or a number"
    )
    squared: bool = Field(True, description="of the squared distance of unit vectors")
    soft: bool = Field(False, description="softplus instead of the hinge")
    triplets: Literal["all", "active"] = "active"
    per_class: int = Field(16, ge=1, description="rows that the adaptive margin is made of")
    refresh: int = Field(50, ge=1, description="steps between two tables of margins")


class LabelAwareConfig(Section):
    """Label-aware contrast between two cross-entropies."""

    name: Literal["lcl"] = "lcl"
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    share: float = Field(0.5, gt=0, le=1, description="of cross-entropy; the contrast has the rest")
    temperature: float = Field(0.3, gt=0)


class PriceConfig(Section):
    """What AML's adversary pays for its attack."""

    validity: float = Field(0.5, ge=0, description="weight of the pair loss on easy pairs")
    trust: float = Field(0.0, ge=0, description="weight of the distance from the cosine")


class MiningConfig(Section):
    """How AML finds its hard pairs."""

    positives: int = Field(2, ge=1, description="per anchor and metric")
    negatives: int = Field(4, ge=1, description="per anchor and metric")
    prefilter: int = Field(32, ge=1, description="hardest by cosine that the metric ranks again")
    partners: int = Field(5, ge=1, description="most confused classes that negatives come from")
    confusion_weight: float = Field(0.1, ge=0)
    skip_lowest: float = Field(0.0, ge=0, lt=1, description="share of positives taken for noise")
    source: Literal["both", "learned", "cosine"] = "both"


class AMLConfig(Section):
    """Adversarial metric learning: a task, SupCon, hard pairs under a learned metric."""

    name: Literal["aml"] = "aml"
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    adversary: Literal["bounded", "free", "bilinear", "match", "pointwise", "dro"] = "bounded"
    weight: float = Field(0.5, ge=0, description="of the pair loss")
    contrast: float = Field(0.5, ge=0, description="weight of SupCon on the cosine")
    epsilon: float = Field(0.3, ge=0, le=0.5, description="how far the metric may leave the cosine")
    temperature: float = Field(0.15, gt=0, description="of the pair loss")
    contrast_temperature: float = Field(0.1, gt=0)
    threshold: float = Field(0.3, ge=-1, le=1, description="to begin with; it is learned")
    warmup: float = Field(0.2, ge=0, lt=1, description="share of training without the adversary")
    ramp: float = Field(0.2, gt=0, le=1, description="share of training in which it comes in")
    steps: int = Field(1, ge=1, description="ascents of the adversary for each step of the model")
    reads: Literal["pair", "direction"] = Field(
        "pair", description="what the adversary sees of two rows; direction hides their cosine"
    )
    space: Literal["embeddings", "projections"] = Field(
        "embeddings", description="what pairs are mined, contrasted and parted in"
    )
    hidden: int = Field(256, ge=1)
    gain: float = Field(5.0, gt=0)
    memory: int = Field(64, ge=0, description="rows a class kept to mine in; 0: the batch alone")
    price: PriceConfig = PriceConfig()
    mining: MiningConfig = MiningConfig()


class ScheduleConfig(Section):
    """How a weight moves along training."""

    kind: Literal["constant", "linear", "ganin"] = "constant"
    start: float = Field(0.0, ge=0, le=1, description="share of training before it")
    end: float = Field(1.0, ge=0, le=1, description="linear: share where it is whole")
    gamma: float = Field(10.0, gt=0, description="ganin: steepness")


class RampConfig(ScheduleConfig):
    """The same, along Ganin's curve unless another kind is named."""

    kind: Literal["constant", "linear", "ganin"] = "ganin"


class ContrastConfig(Section):
    """Supervised contrast, that of a domain included."""

    weight: float = Field(1.0, ge=0)
    temperature: float = Field(0.1, gt=0)
    reads: Literal["embeddings", "projections"] = "embeddings"
    schedule: ScheduleConfig | None = None
    domain: Literal["speaker", "subject", "language", "corpus"] | None = Field(
        None, description="positives of another one weigh domain_weight"
    )
    domain_weight: float = Field(2.5, gt=0)
    normaliser: Literal["sum", "count"] = "sum"
    memory: int = Field(0, ge=0, description="rows of earlier batches; 0: none")


class HiddenDomainConfig(Section):
    """How one domain is hidden from the representation."""

    method: Literal["reversal", "gate", "cdan", "confusion", "entropy", "wasserstein"] = "reversal"
    weight: float = Field(0.3, ge=0, description="beta; 0 only watches")
    schedule: RampConfig = RampConfig()
    scope: Literal["global", "per_language"] = "global"
    balanced: bool = Field(False, description="its classes weigh alike, however many rows each has")
    hidden: int = Field(256, ge=0, description="width of the head; 0: linear")
    dropout: float = Field(0.1, ge=0, lt=1)
    critic_steps: int = Field(5, ge=1, description="wasserstein only")


class DomainAdversarialConfig(Section):
    """A task, contrast by label, and domains (speaker, language, corpus) to hide."""

    name: Literal["domain_adversarial"] = "domain_adversarial"
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    contrast: ContrastConfig | None = None
    domains: dict[Literal["speaker", "subject", "language", "corpus"], HiddenDomainConfig] = Field(
        default_factory=dict
    )


class AVRegressionConfig(Section):
    """Valence and arousal: RMSE + half of (1 - PCC) + (1 - CCC)."""

    name: Literal["av_regression"] = "av_regression"
    correlation_weight: float = Field(0.5, ge=0)
    expression_weight: float = Field(
        0.0, ge=0, description="of cross-entropy on a head for expressions; 0: no such head"
    )


class CAFConfig(Section):
    """A task beside a game between critic and encoder; see ``caf_objective``."""

    name: Literal["caf"] = "caf"
    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    strong_classes: list[str] | None = Field(
        None, min_length=1, description="classification: classes of high intensity"
    )
    critic: Literal["caf", "fisher", "sphere", "gram", "none"] = "caf"
    margin: Literal["adaptive", "constant", "linear"] = "adaptive"
    threshold: float | None = Field(
        None, gt=0, description="radius from which a row is strong; null: found in training labels"
    )
    network: dict[str, Any] = Field(default_factory=dict, description="of the critic")
    grouping: dict[str, Any] = Field(default_factory=dict)
    margins: dict[str, Any] = Field(default_factory=dict)
    contrast: dict[str, Any] = Field(default_factory=dict)
    fisher: dict[str, Any] = Field(default_factory=dict)
    sphere: dict[str, Any] = Field(default_factory=dict)
    gram: dict[str, Any] = Field(default_factory=dict)
    steps: dict[str, Any] = Field(default_factory=dict)
    regression: dict[str, Any] = Field(default_factory=dict)
    expression_weight: float = Field(
        0.0, ge=0, description="of cross-entropy on a head for expressions; 0: no such head"
    )


View = Literal[
    "all",
    "egemaps",
    "egemaps_quiet",
    "functionals",
    "joined_small",
    "joined",
    "joined_stable",
]


class FittedConfig(Section):
    """A classical classifier, fitted in one go on the embeddings of an encoder that is fixed.

    It is no objective of the training loop: there are no epochs, and ``optimizer`` is not read.
    The embeddings are taken as they are; those of functionals are standardised.
    """

    name: Literal["fitted"] = Field("fitted", description="which objective")
    classifier: Literal["logistic", "discriminant", "svm"] = Field(
        "logistic", description="logistic regression, shrunk linear discriminant, or an RBF machine"
    )
    c: float = Field(0.05, gt=0, description="the higher, the weaker the penalty; svm: often 1")
    gamma: Literal["scale"] | Annotated[float, Field(gt=0)] = Field(
        "scale", description="of the RBF kernel, svm only; scale: 1 / (dim times variance)"
    )
    shrinkage: float = Field(
        0.3, gt=0, le=1, description="discriminant: of the covariance to its mean variance"
    )
    whiten: float | None = Field(
        None, ge=0, description="logistic: whiten within corpus and class, so much between corpora"
    )
    class_weights: Literal["none", "balanced", "corpus"] = Field(
        "balanced", description="corpus: classes within each corpus alike"
    )
    views: list[View] = Field(
        ["all"], min_length=1, description="parts of the features; the mean of their logits"
    )
    sources: list[Literal["pooled", "corpus", "speaker"]] = Field(
        ["pooled"], min_length=1, description="offsets taken from training rows; the mean of logits"
    )
    adapt: Literal["none", "balance", "self"] = Field(
        "none", description="by the target's unlabelled features, transductive conditions only"
    )
    refit: bool = Field(
        False, description="after scoring validation fit once more, on train and validation"
    )

    @model_validator(mode="after")
    def _fits_the_classifier(self) -> FittedConfig:
        named = {"whiten": self.classifier == "logistic", "adapt": self.classifier != "svm"}
        named |= dict.fromkeys(("views", "sources"), self.classifier != "svm")
        for key, allowed in named.items():
            default = type(self).model_fields[key].default
            if not allowed and getattr(self, key) != default:
                raise ValueError(f"{key} has no meaning for classifier={self.classifier}")
        if self.classifier == "svm" and self.class_weights == "corpus":
            raise ValueError("class_weights=corpus has no meaning for classifier=svm")
        if self.adapt == "self" and self.classifier != "discriminant":
            raise ValueError("adapt=self trains a discriminant again: set classifier=discriminant")
        return self

    @property
    def is_plain(self) -> bool:
        """Whether one classifier is fitted on the embeddings as they are."""
        fields = type(self).model_fields
        usual = all(
            getattr(self, key) == fields[key].default
            for key in ("whiten", "views", "sources", "adapt")
        )
        return usual and self.classifier != "discriminant" and self.class_weights != "corpus"


ObjectiveConfig = Annotated[
    CrossEntropyConfig
    | SupConConfig
    | LabelAwareConfig
    | TripletConfig
    | AMLConfig
    | DomainAdversarialConfig
    | AVRegressionConfig
    | CAFConfig
    | FittedConfig,
    Field(discriminator="name"),
]
