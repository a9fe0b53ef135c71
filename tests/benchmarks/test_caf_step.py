"""CAF's step beside a plain one: within the bounds that are promised."""

from __future__ import annotations

import pytest
import torch

from tests.benchmarks.caf_step import measured, side_by_side

pytest.importorskip("torchvision")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def test_a_step_of_caf_costs_at_most_two_plain_ones_and_a_bit():
    found = measured(["caf", "caf, shared pass", "caf, joint"], rounds=5, device=DEVICE)
    assert found["caf"] <= 2.2, found
    assert found["caf, joint"] < found["caf, shared pass"] < found["caf"], found
    assert found["margin"] < 0.1, found


def test_each_round_times_every_step():
    calls: list[str] = []
    steps = {name: lambda name=name: calls.append(name) for name in ("one", "two")}
    seconds = side_by_side(steps, rounds=2, warmup=1)
    assert calls == ["one", "two"] * 3
    assert {name: len(values) for name, values in seconds.items()} == {"one": 2, "two": 2}
