"""The simulation of intervals over targets: its studies are what they are said to be."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.nested_coverage import LAYOUTS, WORLDS, World, draw_study, main


def test_layouts_have_the_sizes_of_the_corpora():
    sizes = [(len(counts), int(counts.sum())) for counts in LAYOUTS["five corpora"]]
    assert sizes == [(24, 528), (10, 339), (29, 400), (6, 336), (9, 432)]
    one_each = LAYOUTS["five corpora"][2]
    assert ((one_each > 0).sum(1) == 1).sum() == 26
    assert one_each.sum(0).tolist() == [100] * 4
    assert one_each.max(0)[3] == 72


def test_the_truth_is_the_mean_over_many_studies():
    world = World(own_target=0.3, seed=0.4, shared_seed=0.3, gain=0.5)
    rng = np.random.default_rng(0)
    layout = (np.full((10, 4), 8.0),)
    found, truths, everything = [], [], set()
    for _ in range(600):
        study = draw_study(rng, layout, world, seeds=2)
        truths.append(study.fixed["uar"])
        everything.add(study.drawn["uar"])
        values = [
            np.mean([runs[0].values()["uar"] for runs in side[0].runs])
            for side in (study.side_a, study.side_b)
        ]
        found.append(values)
    (truth,) = everything  # the same in every study
    assert np.mean(found, axis=0) == pytest.approx(truth, abs=0.015)
    assert np.mean(truths, axis=0) == pytest.approx(truth, abs=0.015)


def test_columns_are_those_of_the_metrics():
    study = draw_study(np.random.default_rng(1), LAYOUTS["five corpora"], WORLDS["seeds differ"])
    for target, counts in zip(study.side_a, LAYOUTS["five corpora"], strict=True):
        for (run,) in target.runs:
            true, said, hits = np.split(run.columns, 3, axis=1)
            assert (true == counts).all()
            assert (said.sum(1) == true.sum(1)).all()
            assert (hits <= np.minimum(true, said)).all()


def test_the_command_prints_every_kind(capsys):
    main(["--studies", "2", "--layout", "2 targets", "--world", "calm seeds"])
    words = capsys.readouterr().out
    for kind in ("a fixed", "a drawn", "a - b fixed", "a - b drawn", "a - b naive"):
        assert f"  {kind}: uar" in words or f"  {kind}: fixed uar" in words
