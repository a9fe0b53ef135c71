from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pandas as pd
import pytest

from affectrep.config import load_config
from affectrep.data.crosslingual import PAPER_LANGUAGES
from affectrep.evaluation import results
from affectrep.evaluation.published import (
    MEAN,
    Obtained,
    obtained,
    obtained_mean,
    read_checkpoints,
    read_published,
)

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "ser_crosslingual"
CONFIG = ROOT / "configs" / "ser_crosslingual" / "paper_proposed.yaml"
HEADER = "setting,source,target,system,metric,value\n"
# the averages of the paper's two ablations are of nine rows, of which it prints three
WHOLE = ("baseline1", "baseline2", "proposed", "upper")


def figures(*rows: tuple[str, str, int, str, float]) -> pd.DataFrame:
    lines = [
        astuple(results.Result(config, condition, "test", seed, metric, value, 0, 1, 9))
        for config, condition, seed, metric, value in rows
    ]
    return pd.DataFrame(lines, columns=list(results.COLUMNS))


@pytest.fixture
def three_seeds() -> pd.DataFrame:
    return figures(
        ("paper_proposed", "strict en>de", 2, "uar", 0.72),
        ("paper_proposed", "strict en>de", 0, "uar", 0.70),
        ("paper_proposed", "strict en>de", 0, "macro_f1", 0.10),
        ("paper_proposed", "transductive_corpus en>de", 1, "uar", 0.99),
        ("paper_baseline2", "strict en>de", 1, "uar", 0.50),
    )


def test_a_figure_is_that_of_its_configuration_condition_and_metric(three_seeds):
    found = obtained(three_seeds)
    reached = found["paper_proposed", "strict en>de", "uar"]
    assert reached == Obtained((0, 2), (0.70, 0.72))
    assert str(reached) == "71.0 ± 1.4"
    assert found["paper_baseline2", "strict en>de", "uar"] == Obtained((1,), (0.5,))
    assert len(found) == 4
    assert obtained(three_seeds.assign(split="validation")) == {}


def test_a_mean_needs_every_setting(three_seeds):
    one = Obtained((0, 1, 2), (0.1, 0.2, 0.3))
    both = obtained_mean([one, Obtained((2, 0), (0.5, 0.7))])
    assert both.seeds == (0, 2)
    assert both.values == pytest.approx((0.4, 0.4))
    assert obtained_mean([one, Obtained()]) == Obtained()
    assert str(obtained_mean([])) == "not run"


def test_an_empty_results_file_is_not_run(tmp_path):
    empty = results.read_results(tmp_path / "results.csv")
    assert obtained(empty) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("setting,value\nen>de,0.5\n", "expected setting, source, target, system, metric, value"),
        (HEADER + "en>de,en,de,upper,uar,0.5\nen>fr,en,fr,upper,uar,97.22\n", "row 3 .* 97.22"),
        (HEADER + "en>de,en,de,upper,uar,\n", "row 2 has the value nan"),
    ],
)
def test_another_file_is_refused(tmp_path, text, message):
    (tmp_path / "published.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_published(tmp_path / "published.csv")


def test_no_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no published figures"):
        read_published(tmp_path / "published.csv")


def test_the_papers_table_agrees_with_its_own_averages():
    table = read_published(RECIPE / "published.csv")
    rows, means = table[table["setting"] != MEAN], table[table["setting"] == MEAN]
    assert rows["setting"].nunique() == 9
    assert (rows["setting"] == rows["source"] + ">" + rows["target"]).all()
    assert len(means) == 12
    averages = means.set_index(["system", "metric"])["value"]
    for system in WHOLE:
        uar = rows[(rows["system"] == system) & (rows["metric"] == "uar")]["value"]
        assert len(uar) == 9
        assert uar.mean() == pytest.approx(averages[system, "uar"], abs=6e-5)
    f1 = rows[rows["metric"] == "macro_f1"]
    assert set(f1["system"]) == {"proposed"}
    assert f1["value"].mean() == pytest.approx(averages["proposed", "macro_f1"], abs=6e-5)
    for system in ("without_supcon", "without_speaker"):
        known = rows[rows["system"] == system]
        assert set(known["setting"]) == {"en>de", "en>fr", "en>zh"}


def test_the_paper_takes_one_encoder_for_each_source_language():
    found = read_checkpoints(RECIPE / "checkpoints.csv")
    assert set(found) == set(PAPER_LANGUAGES)
    assert len(set(found.values())) == 4
    own = load_config(CONFIG, [])
    assert own.encoder.checkpoint == found["en"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("language,checkpoint\nen,a\n", "needs the columns source and checkpoint"),
        ("source,checkpoint\nen,\n", "without a source or without a checkpoint"),
    ],
)
def test_another_table_of_encoders_is_refused(tmp_path, text, message):
    (tmp_path / "checkpoints.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_checkpoints(tmp_path / "checkpoints.csv")
    with pytest.raises(FileNotFoundError, match="names the encoder of each source"):
        read_checkpoints(tmp_path / "none.csv")
