from __future__ import annotations

import pytest
import torch

from affectrep.encoders.standardisation import Standardisation

ROWS = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)) * 3 + 100


def test_identity_until_fitted() -> None:
    assert Standardisation(4)(ROWS).equal(ROWS)


@pytest.mark.parametrize("cuts", [[30], [1] * 30, [7, 20, 3]])
def test_any_cut_into_clips_gives_the_same(cuts: list[int]) -> None:
    standardise = Standardisation(4)
    standardise.fit(iter(ROWS.split(cuts)))
    torch.testing.assert_close(standardise.mean, ROWS.mean(0))
    torch.testing.assert_close(standardise.sd, ROWS.std(0, unbiased=False))
    found = standardise(ROWS)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.std(0, unbiased=False), torch.ones(4))


def test_vectors_and_arrays() -> None:
    from_arrays, from_rows = Standardisation(4), Standardisation(4)
    from_arrays.fit([row.numpy() for row in ROWS])
    from_rows.fit([ROWS])
    torch.testing.assert_close(from_arrays.sd, from_rows.sd)


def test_a_second_fit_replaces_the_first() -> None:
    standardise = Standardisation(4)
    standardise.fit([ROWS * 7])
    standardise.fit([ROWS])
    torch.testing.assert_close(standardise.mean, ROWS.mean(0))


def test_a_constant_keeps_its_scale() -> None:
    standardise = Standardisation(1)
    standardise.fit([torch.full((50, 1), 123.456)])
    assert standardise.sd.item() == 1
    assert standardise(torch.tensor([[124.456]])).item() == pytest.approx(1, abs=1e-4)


def test_clip_limits() -> None:
    standardise = Standardisation(4, clip=1.5)
    standardise.fit([ROWS])
    assert standardise(ROWS * 5).abs().max() == 1.5


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ([], "at least one clip"),
        ([torch.ones(2, 3)], r"expected features \(…, 4\) to fit, got \(2, 3\)"),
        ([torch.ones(0, 4)], "to fit"),
        ([torch.full((2, 4), torch.nan)], "no finite number"),
    ],
)
def test_wrong_features_are_refused(clips: list[torch.Tensor], message: str) -> None:
    standardise = Standardisation(4)
    with pytest.raises(ValueError, match=message):
        standardise.fit(clips)
    assert standardise.mean.equal(torch.zeros(4))


def test_clip_is_checked() -> None:
    with pytest.raises(ValueError, match="above 0 or null"):
        Standardisation(4, clip=0)
