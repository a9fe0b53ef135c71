from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from affectrep.commands.embedding_map import add_map
from affectrep.commands.leakage import add_leakage
from affectrep.evaluation.leakage import (
    ATTACKERS,
    Leakage,
    compare_leakage,
    leakage_path,
    measure_leakage,
)
from affectrep.evaluation.scorecard import scorecard
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.figures import number
from affectrep.reporting.leakage import hides_speaker, leakage_section
from affectrep.reporting.order import order_table
from affectrep.reporting.report import report_html
from affectrep.reporting.subject import gather
from tests.evaluation.leaky import QUICK, LeakyReader, leaky_run
from tests.reporting.regressed import regression_run, regression_table
from tests.reporting.test_report import checked


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Path]]]:
    """Two seeds of an encoder that hides the speaker and of one that does not."""
    folder = tmp_path_factory.mktemp("runs")
    found: dict[str, list[Path]] = {"closed": [], "open": []}
    with pytest.MonkeyPatch.context() as patch:
        for name, attacker in QUICK.items():
            patch.setitem(ATTACKERS, name, attacker)
        for name, strength in (("closed", 0.0), ("open", 4.0)):
            for seed in range(2):
                stored = leaky_run(folder, name, seed, hides=name == "closed")
                reader = LeakyReader(stored, speaker=strength)
                table = reader.table("test")
                card = {"split": "test", "readings": 1, **scorecard(table)}
                add_leakage(card, reader, table)
                add_map(reader, table)
                path = stored.path / "predictions" / "test.json"
                path.write_text(json.dumps(card, allow_nan=False))
                found[name].append(stored.path)
        yield found


def test_configurations_side_by_side(runs: dict[str, list[Path]]) -> None:
    subjects = gather([*runs["open"], *runs["closed"]])
    assert [hides_speaker(one) for one in subjects] == [False, True]
    html = leakage_section(subjects)
    words = html.partition('class="verdict">')[2].partition("</p>")[0]
    assert "less of the speaker off closed than off open" in words
    sides = [
        [Leakage.load(leakage_path(one, "test")) for one in subjects[place].runs]
        for place in (1, 0)
    ]
    direct = compare_leakage(*sides)["speaker_mlp"]
    assert f"reads {number('uar', -direct.value)} points less" in words
    for name in ("Speaker, linear attacker", "Language, hidden layer", "Emotion, linear attacker"):
        assert f">{name}</text>" in html
    assert html.count(">closed</text>") == 6  # five attackers, and the error rate
    assert "closed - open" in html
    assert "Two seeds hardly show" in html


def test_one_configuration_in_a_sentence(runs: dict[str, list[Path]]) -> None:
    subjects = gather(runs["open"])
    html = leakage_section(subjects)
    found = subjects[0].figure("speaker_linear", part="leakage")
    other = subjects[0].figure("speaker_mlp", part="leakage")
    best = max(found["value"], other["value"])
    assert f"names the speaker of {number('uar', best + 1 / 6)} %" in html
    assert "a guess names 16.7 %" in html
    assert "Differences" not in html


def test_an_encoder_that_hides_well(runs: dict[str, list[Path]]) -> None:
    html = leakage_section(gather(runs["closed"][:1]))
    assert "No attacker names the speaker more often than a guess does." in html


def test_what_cannot_be_compared_is_said(runs: dict[str, list[Path]], tmp_path: Path) -> None:
    subjects = gather([runs["open"][0], runs["closed"][1]])
    html = leakage_section(subjects)
    assert "was not compared: they have no seed in common" in html
    assert ">closed</text>" in html
    other = leaky_run(tmp_path, "unmeasured")
    assert leakage_section(gather([other.path])) == ""
    assert "unmeasured" not in leakage_section(gather([*runs["open"], other.path]))


def test_the_whole_report(runs: dict[str, list[Path]]) -> None:
    html = checked(report_html([*runs["open"], *runs["closed"]]))
    assert '<a href="#leakage">' in html
    assert '<a href="#map-0">' in html
    assert '<a href="#groups-0">' in html
    assert "Setting: strict z." in html
    assert "open and closed" in html
    assert "UAR" in html.partition("</h1>")[2][:60]  # the figure that picked the epoch
    assert "predict" in html
    assert "clip.wav" in html
    assert len(html.encode()) < 1_500_000


def test_settings_are_told_apart(runs: dict[str, list[Path]], tmp_path: Path) -> None:
    other = leaky_run(tmp_path, "open", 0)
    config = other.path / "config.yaml"
    config.write_text(config.read_text().replace("target=z", "target=w"))
    names = [one.name for one in gather([runs["open"][0], other.path])]
    assert sorted(names) == ["open (strict w)", "open (strict z)"]
    assert [one.name for one in gather(runs["open"])] == ["open"]


def face_run(folder: Path, name: str, strength: float) -> Path:
    """Write a face run whose embeddings hold the person as strongly as is asked for."""
    table = regression_table(240, people=6)
    path = regression_run(folder, name, table=table, pictures=False, mapped=False)
    others = table.assign(id="t" + table["id"], split="train")
    others["subject"] = "c/q" + others["subject"].str[-2:]
    rng = np.random.default_rng(0)

    def values(rows: pd.DataFrame) -> np.ndarray:
        who = rows["subject"].str[-2:].astype(int).to_numpy()
        seen = np.c_[3 * rows[["valence", "arousal"]].to_numpy(), strength * np.eye(6)[who]]
        return seen + rng.normal(size=seen.shape)

    found = measure_leakage((values(others), others), (values(table), table))
    run = StoredRun(path)
    found.save(leakage_path(run, "test"), model=run.model_hash, split="test")
    card = run.scorecard("test")
    card["leakage"] = {"metrics": found.figures(), "about": found.about}
    (path / "predictions" / "test.json").write_text(json.dumps(card, allow_nan=False))
    return path


def test_faces_are_about_identities_and_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, attacker in QUICK.items():
        monkeypatch.setitem(ATTACKERS, name, attacker)
    paths = [face_run(tmp_path, "open", 5.0), face_run(tmp_path, "closed", 0.0)]
    config = paths[1] / "config.yaml"
    stored = yaml.safe_load(config.read_text())
    stored["objective"] = {"domains": {"subject": {"weight": 0.3}}}
    config.write_text(yaml.safe_dump(stored))
    html = leakage_section(gather(paths))
    assert "less of the identity off closed than off open" in html
    assert "Equal error rate on unseen identities" in html
    for words in ("Identity, linear attacker", "Identity, hidden layer", "Quadrant"):
        assert words in html
    assert "peaker" not in html
    assert "tterance" not in html
    single = leakage_section(gather(paths[:1]))
    assert "An attacker names the identity of" in single
    assert "of the images where a guess names 16.7 %" in single
    table = order_table(gather(paths))
    assert table is not None
    assert [str(one.header) for one in table.columns][-2:] == ["identity", "EER"]
