"""The simulation of intervals of the between-person share: its studies are what they should be."""

from __future__ import annotations

import numpy as np
import pytest

from affectrep.evaluation.person_components import error_components, person_statistics
from tests.benchmarks.person_coverage import classical, invented, main


@pytest.mark.parametrize("heavy", [False, True])
def test_the_truth_is_what_many_people_show(heavy: bool) -> None:
    rng = np.random.default_rng(0)
    for table, share in zip(invented(rng, (500, 5, 15), 0.3, heavy), (0.3, 0.15), strict=True):
        found = error_components(person_statistics(table), "valence")
        assert found.share == pytest.approx(share, abs=0.07)
        low, high = classical(table)
        assert low < found.share < high
        assert found.interval is not None
        assert found.interval.low == pytest.approx(low, abs=0.05)


def test_a_line_for_each_case(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--studies", "1", "--layout", "6 x 40-60"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert all("jackknife" in line and "difference" in line for line in lines)
