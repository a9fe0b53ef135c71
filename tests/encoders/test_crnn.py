from __future__ import annotations

import pytest
import torch

from affectrep.encoders.crnn import CrnnEncoder

LENGTHS = torch.tensor([61, 8, 33, 1])


def inputs() -> dict[str, torch.Tensor]:
    features = torch.randn(4, 61, 64, generator=torch.Generator().manual_seed(0)) * 10 - 30
    inside = torch.arange(61) < LENGTHS[:, None]
    return {"features": features * inside[..., None], "lengths": LENGTHS}


def small(**settings: object) -> CrnnEncoder:
    torch.manual_seed(0)
    encoder = CrnnEncoder(channels=[8, 8, 16, 16], recurrent=8, **settings)  # type: ignore[arg-type]
    encoder.fit([torch.randn(200, 64) * 10 - 30])
    torch.nn.init.normal_(encoder.pool.score.weight)
    return encoder


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_padded_is_unpadded(norm: str) -> None:
    encoder = small(norm=norm)
    for _ in range(3):  # statistics of batch norm that are not 0 and 1
        encoder(inputs())
    encoder.eval()
    together = encoder(inputs())
    assert together.features is not None
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(
            {
                "features": inputs()["features"][row : row + 1, :length],
                "lengths": LENGTHS[row : row + 1],
            }
        )
        difference = (alone.embeddings[0] - together.embeddings[row]).abs().max()
        assert difference < 1e-5
        assert alone.features is not None
        kept = together.features[row, : alone.features.shape[1]]
        assert (alone.features[0] - kept).abs().max() < 1e-5


def test_what_stands_in_the_padding_does_not_matter() -> None:
    encoder = small().eval()
    clean, dirty = inputs(), inputs()
    dirty["features"] = dirty["features"].clone()
    dirty["features"][1, 8:] = 77.0
    assert encoder(dirty).embeddings.equal(encoder(clean).embeddings)


def test_padding_does_not_matter_in_training_either() -> None:
    encoder = small(spec_augment=False, dropout=0.0)
    more = inputs()
    more["features"] = torch.nn.functional.pad(more["features"], (0, 0, 0, 40))
    torch.testing.assert_close(
        encoder(more).embeddings, encoder(inputs()).embeddings, atol=1e-5, rtol=1e-4
    )


def test_masks_come_in_training_alone() -> None:
    encoder = small(dropout=0.0, norm="group")
    assert not encoder(inputs()).embeddings.equal(encoder(inputs()).embeddings)
    encoder.eval()
    assert encoder(inputs()).embeddings.equal(encoder(inputs()).embeddings)
    plain = small(dropout=0.0, norm="group", spec_augment=False).train()
    assert plain(inputs()).embeddings.equal(plain(inputs()).embeddings)


def test_default_has_about_a_third_of_a_million_parameters() -> None:
    count = sum(parameter.numel() for parameter in CrnnEncoder().parameters())
    assert 0.3e6 < count < 0.4e6


def test_learns_a_pitch_of_noise() -> None:
    torch.manual_seed(0)
    encoder, head = small(dropout=0.0), torch.nn.Linear(32, 2)
    labels = torch.arange(16) % 2
    features = torch.randn(16, 20, 64)
    features[labels == 1, :, 10:20] += 1.0
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=5e-3)
    encoder.fit(features)
    batch = {"features": features, "lengths": torch.full((16,), 20)}
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(head(encoder(batch).embeddings), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("lengths", [[0, 5], [5, 9]])
def test_lengths_are_checked(lengths: list[int]) -> None:
    batch = {"features": torch.zeros(2, 8, 64), "lengths": torch.tensor(lengths)}
    with pytest.raises(ValueError, match="expected 1 to 8 frames"):
        small()(batch)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": [8, 8]}, "expected 4 numbers and one"),
        ({"recurrent": 0}, "all above 0"),
        ({"norm": "layer"}, "expected one of batch, group"),
        ({"spec_augment": {"masks": 2}}, r"encoder\.spec_augment: .*masks"),
        ({"dropout": 2.0}, "dropout"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CrnnEncoder(**settings)  # type: ignore[arg-type]
