from __future__ import annotations

import itertools

import numpy as np
import pytest

from affectrep.evaluation.attainable import attainable_p, fewest_units


@pytest.mark.parametrize("units", [1, 2, 3, 5, 8])
def test_no_exchange_of_pairs_gives_a_smaller_p(units):
    """Differences that all point one way, however large: the p of all exchanges of sides."""
    effects = np.linspace(5, 9, units)
    signs = np.array(list(itertools.product((-1, 1), repeat=units)))
    means = (signs * effects).mean(1)
    p = (abs(means) >= abs(effects.mean()) - 1e-12).mean()
    assert attainable_p(units) == p


def test_no_units_are_refused():
    with pytest.raises(ValueError, match="at least one paired unit, got 0"):
        attainable_p(0)


def test_the_fewest_units_count_a_single_one_only_where_there_is_nothing_else():
    assert fewest_units({"seeds": 5, "speakers": 24, "targets": 4}) == ("targets", 4)
    assert fewest_units({"seeds": 1, "rows": 30}) == ("rows", 30)
    assert fewest_units({"seeds": 1}) == ("seeds", 1)
