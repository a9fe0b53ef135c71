"""The gradient of every exported loss is that of its value, in double precision.

A loss whose own test file checks it stands in ELSEWHERE with that file; others have a call here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from affectrep import objectives
from affectrep.objectives import SupConOptions
from affectrep.objectives.supcon_memory import StoredRows

HERE = Path(__file__).parent
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
SETS = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]])
AFFECT = torch.linspace(-0.9, 0.8, 12, dtype=torch.float64).view(6, 2).sin()
DOMAINS = torch.tensor([0, 1, 0, 2, -1, 2])
STORED = StoredRows(torch.eye(4, dtype=torch.float64), torch.tensor([0, 1, 2, 0]))
ALLOWED = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]]).bool()


class Given(torch.nn.Module):
    """A critic with weights from outside: the critic's loss moves the critic alone."""

    def __init__(self, names: list[str], weights: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.critic = objectives.WassersteinCritic(3, hidden=5).double()
        self.weights = dict(zip(names, weights, strict=True))

    def forward(self, rows: Tensor) -> Tensor:
        return functional_call(self.critic, self.weights, (rows,))


def wasserstein(*weights: Tensor) -> Tensor:
    names = [name for name, _ in objectives.WassersteinCritic(3, hidden=5).named_parameters()]
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.randn(n, 3, generator=generator).double() for n in (4, 5))
    critic = Given(names, weights)
    return objectives.wasserstein_critic_loss(critic, source, target, generator=generator)


CALLS = {
    "av_regression_loss": (lambda x: objectives.av_regression_loss(x, AFFECT), (6, 2)),
    "binary_cross_entropy_loss": (
        lambda x: objectives.binary_cross_entropy_loss(x, SETS.double(), label_smoothing=0.1),
        (6, 3),
    ),
    "ccc_loss": (lambda x: objectives.ccc_loss(x, AFFECT), (6, 2)),
    "cross_entropy_loss": (
        lambda x: objectives.cross_entropy_loss(x, LABELS, label_smoothing=0.1),
        (6, 3),
    ),
    "domain_confusion_loss": (
        lambda x: objectives.domain_confusion_loss(x, allowed=ALLOWED),
        (6, 3),
    ),
    "domain_cross_entropy_loss": (
        lambda x: objectives.domain_cross_entropy_loss(
            x,
            DOMAINS,
            class_weights=torch.tensor([1.0, 2.0, 0.5]).double(),
            class_groups=torch.tensor([0, 0, 0]),
        ),
        (6, 3),
    ),
    "domain_entropy_loss": (lambda x: objectives.domain_entropy_loss(x, allowed=ALLOWED), (6, 3)),
    "heteroscedastic_loss": (lambda x: objectives.heteroscedastic_loss(x, AFFECT), (6, 4)),
    "lcl_loss": (
        lambda x, w: objectives.lcl_loss(x, LABELS, functional.softmax(w, dim=1)),
        (6, 4),
        (6, 3),
    ),
    "pcc_loss": (lambda x: objectives.pcc_loss(x, AFFECT), (6, 2)),
    "rmse_loss": (lambda x: objectives.rmse_loss(x, AFFECT), (6, 2)),
    "supcon_loss": (lambda x: objectives.supcon_loss(x, LABELS), (6, 4)),
    "supcon_memory_loss": (lambda x: objectives.supcon_memory_loss(x, LABELS, STORED), (6, 4)),
    "wasserstein_critic_loss": (
        wasserstein,
        *(tuple(p.shape) for p in objectives.WassersteinCritic(3, hidden=5).parameters()),
    ),
}
ELSEWHERE = {
    "contrastive_adversarial_loss": "test_contrastive_critic.py",
    "contrastive_critic_loss": "test_contrastive_critic.py",
    "contrastive_loss": "test_contrastive.py",
    "dro_pair_loss": "test_pair_loss.py",
    "fisher_critic_loss": "test_fisher_ipm.py",
    "fisher_encoder_loss": "test_fisher_ipm.py",
    "gram_critic_loss": "test_gram.py",
    "margin_loss": "test_margin_loss.py",
    "match_loss": "test_pair_loss.py",
    "mmd_loss": "test_gram.py",
    "pair_loss": "test_pair_loss.py",
    "sphere_critic_loss": "test_sphere.py",
    "sphere_encoder_loss": "test_sphere.py",
    "triplet_loss": "test_triplet.py",
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_gradcheck(name):
    call, *shapes = CALLS[name]
    generator = torch.Generator().manual_seed(1)
    values = [
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    ]
    assert torch.autograd.gradcheck(call, values)


def test_the_dense_reading_has_a_second_derivative():
    points = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    labels, dense = torch.tensor([0, 0, 1, 1, 1]), SupConOptions(chunk=None)
    assert torch.autograd.gradgradcheck(
        lambda x: objectives.supcon_loss(x, labels, options=dense), points.requires_grad_()
    )


def test_every_loss_is_checked():
    losses = {name for name in objectives.__all__ if name.endswith("_loss")}
    assert losses == CALLS.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize(("name", "file"), sorted(ELSEWHERE.items()))
def test_the_other_files_check_what_they_are_said_to(name, file):
    text = (HERE / file).read_text(encoding="utf-8")
    checks = [part for part in text.split("\ndef ") if "gradcheck(" in part]
    assert any(name in part for part in checks)
