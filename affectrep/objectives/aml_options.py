"""The numbers and words of adversarial metric learning."""

from __future__ import annotations

from dataclasses import dataclass, field

from affectrep.objectives.hard_pairs import Mining
from affectrep.objectives.pair_adversary import AdversaryWeights
from affectrep.objectives.plain_values import require_word
from affectrep.objectives.weight_schedule import WeightSchedule

__all__ = ["AMLOptions"]

SPACES = ("embeddings", "projections")
ADVERSARIES = ("bounded", "free", "bilinear", "match", "pointwise", "dro")


@dataclass(frozen=True)
class AMLOptions:
    """Numbers of adversarial metric learning; chosen before it was run on any real data.

    Args:
        adversary: "bounded" (a network within a trust region around cosine), "free", "bilinear",
            "match" (the network makes both types of pair alike instead of raising their loss), or
            one without a network: "pointwise" (each pair at its worst), "dro" (worst weights).
        weight: of the pair loss beside the task, >= 0; ramped in.
        contrast: weight of SupCon on the cosine beside both, >= 0.
        epsilon: size of the trust region, in [0, 1/2]; ramped in.
        temperature: of the pair loss, > 0.
        contrast_temperature: of SupCon, > 0.
        threshold: similarity where a pair counts as one class, to begin with; it is learned.
        warmup: share of training on the task and SupCon alone.
        ramp: share of training after it in which weight and epsilon rise to their values; both
            shares together are at most 1, as the values would not be reached otherwise.
        steps: ascents of the adversary before each step of the model.
        reads: what the adversary sees of two rows: "pair", or the "direction" in which they
            differ, without how far; see :class:`MetricDiscriminator`.
        space: what pairs are mined, contrasted and parted in: "embeddings", which the classifier
            reads too, or "projections" of a head that it does not read.
        hidden: width of the adversary.
        gain: on its centred answers.
        memory: rows kept of each class to mine in beside the batch; 0 mines in the batch alone.

    Raises:
        ValueError: if adversary or space is unknown, or a number is out of range.

    Example:
        >>> AMLOptions().adversary
        'bounded'
    """

    adversary: str = "bounded"
    weight: float = 0.5
    contrast: float = 0.5
    epsilon: float = 0.3
    temperature: float = 0.15
    contrast_temperature: float = 0.1
    threshold: float = 0.3
    warmup: float = 0.2
    ramp: float = 0.2
    steps: int = 1
    reads: str = "pair"
    space: str = "embeddings"
    hidden: int = 256
    gain: float = 5.0
    memory: int = 64
    price: AdversaryWeights = field(default_factory=AdversaryWeights)
    mining: Mining = field(default_factory=Mining)

    def __post_init__(self) -> None:
        require_word("adversary", self.adversary, ADVERSARIES)
        require_word("space", self.space, SPACES)
        if min(self.weight, self.contrast, self.memory) < 0 or self.steps < 1:
            raise ValueError(
                f"expected weights and memory of at least 0 and at least one step, got "
                f"{self.weight}, {self.contrast}, {self.memory}, {self.steps}"
            )
        if not (0 <= self.warmup < 1 and 0 < self.ramp <= 1):
            raise ValueError(
                f"expected warmup in [0, 1) and ramp in (0, 1], got {self.warmup}, {self.ramp}"
            )
        if self.warmup + self.ramp > 1 + 1e-9:  # shares as 0.7 and 0.3 have no exact sum
            raise ValueError(
                f"expected warmup + ramp of at most 1, got {self.warmup} + {self.ramp}: weight and "
                "epsilon would not reach their values before training ends"
            )

    @property
    def learned(self) -> bool:
        """Whether the adversary is a network."""
        return self.adversary not in ("pointwise", "dro")

    def schedule(self) -> WeightSchedule:
        """Return the ramp of weight and epsilon: Ganin's curve, squeezed into ``ramp``."""
        # Ganin's curve is over the whole rest of training: a larger gamma ends it sooner
        gamma = 10.0 * (1 - self.warmup) / self.ramp
        return WeightSchedule("ganin", start=self.warmup, gamma=gamma)
