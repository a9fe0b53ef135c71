"""A call of a loss can be followed by eye: it passes through at most three files of the package.

Every exported loss and every exported module with a ``forward`` needs a sample here. Its calls are
made under a profiler, forward and backward, with the options that lead through other code. A module
that only prepares the input of another one is counted without the files of that inner call.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
import torch
from torch import Tensor, nn

import affectrep
from affectrep import objectives
from affectrep.objectives import (
    Adversary,
    ContrastiveOptions,
    CriticContrast,
    DomainClasses,
    DomainWeight,
    Grouping,
    LabelAwareOptions,
    Margin,
    SupConLoss,
    SupConOptions,
    TripletOptions,
)
from affectrep.objectives.metric_pairs import MarginTable
from affectrep.objectives.supcon_memory import StoredRows

PACKAGE = Path(affectrep.__file__).parent
MOST = 3
Call = Callable[[], object]

ROWS, CLASSES, DIM = 6, 3, 4
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
DOMAINS = torch.tensor([0, 1, 0, 1, -1, 0])
OWNER = torch.tensor([0, 0, 1])
STORED = StoredRows(torch.eye(DIM), torch.tensor([0, 1, 2, 0]))
TABLE = MarginTable(torch.arange(CLASSES), torch.full((CLASSES, CLASSES), 0.3))


def points(rows: int = ROWS, width: int = DIM) -> Tensor:
    generator = torch.Generator().manual_seed(rows + width)
    return torch.randn(rows, width, generator=generator).requires_grad_()


def similarities(pairs: int) -> Tensor:
    return points(pairs, 1)[:, 0].tanh()


def two(call: Callable[..., Tensor], width: int = DIM, **options: object) -> Call:
    return lambda: call(points(4, width), points(3, width), **options)


def pairs_of(call: Callable[..., Tensor], **options: object) -> Call:
    return lambda: call(similarities(4), similarities(3), **options)


def labelled(call: Callable[..., Tensor], *others: object, **options: object) -> Call:
    return lambda: call(points(), LABELS, *others, **options)


def affect(call: Callable[..., Tensor], width: int = 2, **options: object) -> Call:
    return lambda: call(points(ROWS, width), points(ROWS, 2).detach().tanh(), **options)


def unsure(call: Callable[..., Tensor]) -> Call:
    return lambda: call(points(), allowed=torch.rand(ROWS, DIM).ge(0.3))


def likely() -> Tensor:
    return points(ROWS, CLASSES).softmax(dim=1)


def multilabel() -> Tensor:
    return nn.functional.one_hot(LABELS, DIM).float()


LOSSES: dict[str, list[Call]] = {
    "av_regression_loss": [affect(objectives.av_regression_loss, official=True)],
    "binary_cross_entropy_loss": [
        lambda: objectives.binary_cross_entropy_loss(points(), multilabel(), label_smoothing=0.1)
    ],
    "ccc_loss": [affect(objectives.ccc_loss)],
    "contrastive_adversarial_loss": [
        two(objectives.contrastive_adversarial_loss, form=form)
        for form in ("centroid", "mean", "mean01", "oriented")
    ],
    "contrastive_critic_loss": [
        two(objectives.contrastive_critic_loss, margins=0.3, contrast=CriticContrast(pairing=word))
        for word in ("all", "active", "code")
    ],
    "contrastive_loss": [
        labelled(objectives.contrastive_loss, margin=TABLE),
        labelled(objectives.contrastive_loss, options=ContrastiveOptions(form="caf")),
    ],
    "cross_entropy_loss": [
        labelled(objectives.cross_entropy_loss, class_weights=torch.ones(DIM), label_smoothing=0.1)
    ],
    "domain_confusion_loss": [unsure(objectives.domain_confusion_loss)],
    "domain_cross_entropy_loss": [
        lambda: objectives.domain_cross_entropy_loss(
            points(ROWS, CLASSES), DOMAINS, class_weights=torch.ones(CLASSES), class_groups=OWNER
        )
    ],
    "domain_entropy_loss": [unsure(objectives.domain_entropy_loss)],
    "dro_pair_loss": [pairs_of(objectives.dro_pair_loss, threshold=0.3)],
    "fisher_critic_loss": [two(objectives.fisher_critic_loss, 1, multiplier=0.3)],
    "fisher_encoder_loss": [lambda: objectives.fisher_encoder_loss(points(4, 1))],
    "gram_critic_loss": [two(objectives.gram_critic_loss, positivity="relu")],
    "heteroscedastic_loss": [affect(objectives.heteroscedastic_loss, 4, beta=0.5)],
    "lcl_loss": [
        lambda: objectives.lcl_loss(points(), LABELS, likely()),
        lambda: objectives.lcl_loss(
            points(), LABELS, likely(), options=LabelAwareOptions(reduction="none")
        ).sum(),
    ],
    "margin_loss": [
        labelled(objectives.margin_loss, torch.ones(CLASSES), margin=TABLE, nu=0.1),
        labelled(objectives.margin_loss, 1.2, triplets=torch.tensor([[0, 1, 2], [2, 3, 4]])),
    ],
    "match_loss": [pairs_of(objectives.match_loss)],
    "mmd_loss": [two(objectives.mmd_loss)],
    "pair_loss": [pairs_of(objectives.pair_loss, threshold=0.3)],
    "pcc_loss": [affect(objectives.pcc_loss)],
    "rmse_loss": [affect(objectives.rmse_loss)],
    "sphere_critic_loss": [two(objectives.sphere_critic_loss, moments=2)],
    "sphere_encoder_loss": [lambda: objectives.sphere_encoder_loss(points(4), moments=2)],
    "supcon_loss": [
        labelled(objectives.supcon_loss, options=options, domain_weight=weight)
        for options in (None, SupConOptions(inside=True), SupConOptions(chunk=None))
        for weight in (None, DomainWeight(DOMAINS))
    ],
    "supcon_memory_loss": [labelled(objectives.supcon_memory_loss, STORED)],
    "triplet_loss": [
        labelled(objectives.triplet_loss, margin=TABLE),
        labelled(objectives.triplet_loss, options=TripletOptions(soft=True, squared=False)),
    ],
    "wasserstein_critic_loss": [
        lambda: objectives.wasserstein_critic_loss(
            objectives.WassersteinCritic(DIM, hidden=5), points(4), points(3)
        )
    ],
}


def adversary(mode: str) -> nn.Module:
    how = Adversary(mode, schedule=objectives.ReversalSchedule("constant"))
    return objectives.DomainAdversary(DIM, DomainClasses(2), how, hidden=5)


def conditional(mode: str) -> Tensor:
    how = Adversary(mode, schedule=objectives.ReversalSchedule("constant"))
    head = objectives.ConditionalDomainAdversary(DIM, CLASSES, DomainClasses(2), how)
    return head(points(), points(ROWS, CLASSES), DOMAINS)


MODULES: dict[str, list[Call]] = {
    "AVRegressionLoss": [affect(objectives.AVRegressionLoss())],
    "AdaptiveMargin": [
        two(objectives.AdaptiveMargin(Margin(information=word)))
        for word in ("kme", "paired", "bpsk", "none")
    ],
    "AdaptiveClassMargin": [labelled(objectives.AdaptiveClassMargin())],
    "BinaryCrossEntropyLoss": [
        lambda: objectives.BinaryCrossEntropyLoss(class_weights=[1.0] * DIM)(points(), multilabel())
    ],
    "CircumplexClasses": [lambda: objectives.CircumplexClasses(0.3)(points(ROWS, 2).tanh())],
    "ClassGrouper": [lambda: objectives.ClassGrouper([1])(LABELS)],
    "ConditionalDomainAdversary": [
        lambda mode=mode: conditional(mode)
        for mode in ("reversal", "gated", "confusion", "entropy")
    ],
    "ContrastiveAdversarialLoss": [two(objectives.ContrastiveAdversarialLoss())],
    "ContrastiveCriticLoss": [two(objectives.ContrastiveCriticLoss(), margins=0.3)],
    "ContrastiveLoss": [labelled(objectives.ContrastiveLoss(), TABLE)],
    "CriticHead": [
        *(
            lambda word=word: objectives.CriticHead(DIM, output=word)(points())
            for word in ("sigmoid", "linear", "normalised", "tanh")
        ),
        lambda: objectives.CriticHead(DIM, spectral=True).bfloat16()(points()),
        lambda: objectives.CriticHead(DIM, first_activation="none")(points()),
    ],
    "CrossEntropyLoss": [labelled(objectives.CrossEntropyLoss(class_weights=[1.0] * DIM))],
    "DomainAdversary": [
        lambda mode=mode: adversary(mode)(points(), DOMAINS)
        for mode in ("reversal", "gated", "confusion", "entropy")
    ],
    "DomainSupConLoss": [labelled(objectives.DomainSupConLoss(SupConLoss()), DOMAINS)],
    "FisherIPMLoss": [two(objectives.FisherIPMLoss(), 1)],
    "GradientReversal": [lambda: objectives.GradientReversal()(points())],
    "GramLoss": [two(objectives.GramLoss())],
    "Grouper": [
        lambda rule=rule, scope=scope: objectives.Grouper(
            Grouping(rule=rule, scope=scope), threshold=0.4
        )(points(ROWS, 2).detach().tanh())
        for rule, scope in (("otsu", "batch"), ("kmeans", "batch"), ("otsu", "dataset"))
    ],
    "HeteroscedasticLoss": [affect(objectives.HeteroscedasticLoss(), 4)],
    "LabelAwareContrast": [labelled(objectives.LabelAwareContrast(), likely())],
    "MarginLoss": [
        labelled(objectives.MarginLoss(classes=CLASSES, nu=0.1), TABLE),
        labelled(objectives.MarginLoss(sampling="all")),
    ],
    "MemoryClassMargin": [labelled(objectives.MemoryClassMargin(CLASSES, DIM))],
    "MetricDiscriminator": [
        lambda form=form: (
            objectives.MetricDiscriminator(DIM, hidden=5, form=form)(
                points(), points().flip(0), epsilon=0.3
            ).similarity
        )
        for form in ("bounded", "free", "bilinear")
    ],
    "OnClasses": [
        lambda: objectives.OnClasses(SupConLoss(), objectives.CircumplexClasses(0.3))(
            points(), points(ROWS, 2).tanh()
        )
    ],
    "PairClasses": [lambda: objectives.PairClasses()(LABELS)],
    "PairLoss": [pairs_of(objectives.PairLoss())],
    "SphereLoss": [two(objectives.SphereLoss())],
    "SupConLoss": [
        labelled(objectives.SupConLoss()),
        labelled(objectives.SupConLoss(), DomainWeight(DOMAINS)),
    ],
    "SupConMemoryLoss": [labelled(objectives.SupConMemoryLoss(size=8, dim=DIM))],
    "TripletLoss": [labelled(objectives.TripletLoss(), TABLE)],
    "WassersteinCritic": [
        lambda: objectives.WassersteinCritic(DIM, hidden=5)(points()),
        lambda: objectives.WassersteinCritic(DIM, hidden=5).loss(points(4), points(3)),
    ],
}


INNER = {  # whose call a module makes on what it has prepared, for each class pair or batch
    "AdaptiveClassMargin": "AdaptiveMargin",
    "ConditionalDomainAdversary": "DomainAdversary",
    "MemoryClassMargin": "AdaptiveClassMargin",
    "OnClasses": "SupConLoss",
}
GATHER = "objectives/gather.py"
SUPCON_OF_ALL = {"gather": True, "options": SupConOptions(chunk=4)}
OF_ALL_PROCESSES: dict[str, Call] = {
    "av_regression_loss": affect(objectives.av_regression_loss, gather=True),
    "dro_pair_loss": pairs_of(objectives.dro_pair_loss, threshold=0.3, gather=True),
    "lcl_loss": lambda: objectives.lcl_loss(points(), LABELS, likely(), gather=True),
    "match_loss": pairs_of(objectives.match_loss, gather=True),
    "pair_loss": pairs_of(objectives.pair_loss, threshold=0.3, gather=True),
    "supcon_loss": labelled(objectives.supcon_loss, **SUPCON_OF_ALL),
    "supcon_memory_loss": labelled(objectives.supcon_memory_loss, STORED, **SUPCON_OF_ALL),
}


def exported_losses() -> set[str]:
    return {name for name in objectives.__all__ if name.endswith("_loss")}


def exported_modules() -> set[str]:
    """Exported modules that are called; objectives and stores (no ``forward``) are not."""
    found = {name: getattr(objectives, name) for name in objectives.__all__}
    return {
        name
        for name, value in found.items()
        if isinstance(value, type)
        and issubclass(value, nn.Module)
        and value.forward is not nn.Module.forward
    }


def files_entered(call: Call) -> list[str]:
    """Names of the package's files whose functions run in a call and in its backward."""
    entered: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            entered.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        result = call()
        if isinstance(result, Tensor) and result.requires_grad:
            result.sum().backward()
    finally:
        sys.setprofile(before)
    paths = (Path(name) for name in entered)
    return sorted(str(path.relative_to(PACKAGE)) for path in paths if PACKAGE in path.parents)


def test_every_exported_loss_and_module_has_a_sample():
    assert set(LOSSES) == exported_losses()
    assert set(MODULES) == exported_modules()


def files_of(name: str) -> set[str]:
    return {file for call in (LOSSES | MODULES)[name] for file in files_entered(call)}


@pytest.mark.parametrize("name", [*LOSSES, *MODULES])
def test_a_call_passes_through_at_most_three_files(name):
    inner = files_of(INNER[name]) if name in INNER else set()
    for number, call in enumerate((LOSSES | MODULES)[name]):
        files = files_entered(call)
        assert files, f"{name}, call {number}, enters no file: is the package traced?"
        own = sorted(set(files) - inner)
        assert len(own) <= MOST, f"{name}, call {number}, enters {', '.join(own)}"


@pytest.mark.parametrize("name", sorted(exported_losses()))
def test_rows_of_all_processes_add_only_the_file_that_gathers_them(name):
    parameters = inspect.signature(getattr(objectives, name)).parameters
    assert ("gather" in parameters) == (name in OF_ALL_PROCESSES)
    if name in OF_ALL_PROCESSES:
        assert set(files_entered(OF_ALL_PROCESSES[name])) == files_of(name) | {GATHER}


def test_the_count_sees_nested_calls_and_the_backward():
    assert files_entered(lambda: None) == []
    files = files_entered(lambda: objectives.reverse_gradient(points()))
    assert files == ["objectives/gradient_reversal.py"]
    # outside the trace there is only the backward left
    reversed_points = objectives.reverse_gradient(points())
    assert files_entered(lambda: reversed_points) == ["objectives/gradient_reversal.py"]
    assert len(files_entered(MODULES["AdaptiveClassMargin"][0])) > MOST
