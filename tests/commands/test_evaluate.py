from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from affectrep.batch import Batch, Output
from affectrep.commands import evaluate, split_reading
from affectrep.config import load_config, to_yaml
from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.evaluation.embeddings import read_embeddings
from affectrep.evaluation.families import Families
from affectrep.evaluation.ledger import how_often, readings
from affectrep.evaluation.results import read_results
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.report import report_html
from affectrep.reporting.scatter import map_path, read_map

CLASSES = ["anger", "annoyance", "joy"]
WORDS = {"anger": "furious", "annoyance": "cross", "joy": "glad"}


class Toy(nn.Module):
    """Says what the labels are, but takes every third anger for annoyance."""

    classes = CLASSES
    settings: ClassVar[dict[str, dict[str, None]]] = {"heads": {"expressions": None}}
    calls = 0

    def __init__(self) -> None:
        super().__init__()
        self.encoder = SimpleNamespace(preprocess=None)

    def forward(self, inputs: dict[str, torch.Tensor]) -> Output:
        Toy.calls += 1
        x = inputs["x"]
        return Output(x, 4 * x)


def manifest(task: str = "classification", *, leak: bool = True) -> Manifest:
    rows = []
    for split, count in (("train", 60), ("validation", 60), ("test", 45)):
        for i in range(count):
            label = CLASSES[i % 3]
            text = f"I am {WORDS[label]} about {split} {i} [b]now[/b]"
            rows.append({"id": f"{split}{i}", "split": split, "text": text, "speaker": f"s{i % 7}"})
            rows[-1] |= {"label": label} if task == "classification" else {"labels": [label]}
    table = pd.DataFrame(rows)
    if leak:
        table.loc[table["id"] == "test1", "text"] = table.loc[0, "text"].upper() + "  "
    info = CorpusInfo("toy", "Toy", "text", task, CLASSES, "CC0", "tests", accept_leaks="a test")
    return Manifest(table, info)


def loader(config: Any, data: Manifest, split: str, preprocess: Any) -> Iterator[Batch]:
    targets = data.targets(split)
    rows = data.split(split)
    hot = np.eye(3)[targets] if targets.ndim == 1 else targets.astype(float)
    wrong = np.arange(len(rows)) % 9 == 0
    hot[wrong] = [0.4, 0.6, 0.0]
    for start in range(0, len(rows), 16):
        cut = slice(start, start + 16)
        x = torch.tensor(hot[cut] - (0.5 if targets.ndim == 2 else 0.0), dtype=torch.float32)
        yield Batch({"x": x}, torch.tensor(targets[cut]), rows["id"].tolist()[cut])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make(tmp_path, monkeypatch, manifest())


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Manifest, *more: str) -> Path:
    folder = tmp_path / "runs" / "toy-0"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.safetensors").write_bytes(b"weights")
    source = tmp_path / "toy.yaml"
    source.write_text(
        "name: toy\nrecipe: fec_text\ndata: {corpus: demo_text}\n"
        "encoder: {checkpoint: 'bundled:minilm'}\nevaluation: {resamples: 100}\n"
    )
    config = load_config(source, [f"task={data.info.task}", *more])
    (folder / "config.yaml").write_text(to_yaml(config))
    (folder / "data.json").write_text(json.dumps({"fingerprint": data.fingerprint()}))
    environment = {"minutes": 3.5, "device": "cpu", "commit": "abc1234"}
    (folder / "environment.json").write_text(json.dumps(environment))
    monkeypatch.setattr(evaluate, "build_manifest", lambda config: data)
    monkeypatch.setattr(split_reading, "build_loader", loader)
    monkeypatch.setattr(
        split_reading, "AffectModel", SimpleNamespace(from_pretrained=lambda path: Toy())
    )
    monkeypatch.chdir(tmp_path)
    Toy.calls = 0
    return folder


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_figures_predictions_and_ledger(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = evaluate.run(run)
    assert card["metrics"]["accuracy"]["value"] == pytest.approx(40 / 45)
    assert how_often(run) == 1
    stored = StoredRun(run)
    assert stored.scorecard("test") == card
    table = stored.table("test")
    assert table["speaker"].tolist()[:2] == ["s0", "s1"]
    assert table["id"].tolist() == [f"test{i}" for i in range(45)]
    words = printed(capsys)
    assert "test, 45 rows, read once" in words
    assert "anger → annoyance" in words
    assert "[b]now[/b]" in words
    assert "Leaks between the splits are accepted: a test" in words
    assert "without 1 leaked rows" in words


def test_the_test_split_is_not_read_twice_by_accident(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = evaluate.run(run)
    calls = Toy.calls
    capsys.readouterr()
    assert evaluate.run(run) == first
    assert Toy.calls == calls
    assert how_often(run) == 1
    assert "the stored predictions are used again" in printed(capsys)
    evaluate.run(run, force=True)
    assert how_often(run) == 2
    assert "read twice" in printed(capsys)
    (run / "model" / "model.safetensors").write_bytes(b"other weights")
    evaluate.run(run)
    assert how_often(run) == 3


def test_results_and_readme_are_written_where_the_recipe_is(run: Path, tmp_path: Path) -> None:
    evaluate.run(run)
    assert not (tmp_path / "recipes").exists()
    recipe = tmp_path / "recipes" / "fec_text"
    recipe.mkdir(parents=True)
    (recipe / "README.md").write_text("<!-- results:begin -->\n<!-- results:end -->\n")
    configured(tmp_path)
    evaluate.run(run)
    evaluate.run(run, condition="strict")
    found = read_results(recipe / "results.csv")
    assert set(found["condition"]) == {"", "strict", "without_leaks", "strict+without_leaks"}
    assert len(found) == 2 * (5 + 5 + 6)  # calibration has 6, and none without leaked rows
    row = found[(found["condition"] == "") & (found["metric"] == "accuracy")].iloc[0]
    assert row["value"] == pytest.approx(40 / 45, abs=1e-5)
    assert (row["n"], row["commit"], row["minutes"]) == (45, "abc1234", 3.5)
    assert len(row["data"]) == 12
    leaks = found[found["condition"] == "without_leaks"]
    assert set(leaks["n"]) == {44}
    assert "| toy (strict) | 1 |" in (recipe / "README.md").read_text()


def test_the_temperature_comes_from_validation_once_that_is_stored(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "temperature" not in evaluate.run(run)["calibration"]
    known = evaluate.run(run, split="validation")["calibration"]["temperature"]
    assert known["metrics"] == {}
    found = evaluate.run(run)["calibration"]["temperature"]
    assert (found["value"], found["rows"]) == (known["value"], known["rows"])
    assert set(found["metrics"]) == set(evaluate.run(run)["calibration"]["metrics"])
    monkeypatch.setattr(StoredRun, "gives_rankings", True)
    assert evaluate.run(run)["calibration"] == {"ranking": True, "metrics": {}}


def configured(tmp_path: Path) -> None:
    (tmp_path / "configs" / "fec_text").mkdir(parents=True)
    shutil.copyfile(tmp_path / "toy.yaml", tmp_path / "configs" / "fec_text" / "toy.yaml")


def test_a_run_with_values_of_its_own_stays_out_of_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(tmp_path, monkeypatch, manifest(), "training.epochs=9", "training.threads=1")
    recipe = tmp_path / "recipes" / "fec_text"
    recipe.mkdir(parents=True)
    configured(tmp_path)
    evaluate.run(run)
    assert not (recipe / "results.csv").exists()
    assert "values of its own for training.epochs" in capsys.readouterr().out


def test_families_are_fixed_on_validation_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "families.json"
    run = make(tmp_path, monkeypatch, manifest(), f"evaluation.families={path}")
    with pytest.raises(ValueError, match="--split validation"):
        evaluate.run(run, write_families=path)
    with pytest.raises(FileNotFoundError, match="no such families file"):
        evaluate.run(run)
    assert how_often(run) == 0  # a mistake costs no reading
    evaluate.run(run, split="validation", write_families=path)
    families = Families.load(path)
    assert families.groups == [["anger", "annoyance"]]
    assert families.source["split"] == "validation"
    card = evaluate.run(run)
    assert card["family_table"][0]["classes"] == ["anger", "annoyance"]
    assert card["metrics"]["errors_inside"]["value"] == 1.0


def test_clusters_must_be_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(tmp_path, monkeypatch, manifest(), "evaluation.cluster=subject")
    with pytest.raises(ValueError, match=r"evaluation\.cluster=subject, but Toy has no such"):
        evaluate.run(run)
    assert how_often(run) == 0


def test_multilabel_takes_the_threshold_of_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path, monkeypatch, manifest("multilabel"))
    card = evaluate.run(run)
    validation = StoredRun(run).table("validation")
    assert card["threshold"] == validation.attrs["threshold"]
    assert (how_often(run, "validation"), how_often(run, "test")) == (1, 1)
    with pytest.raises(ValueError, match="single-label"):
        evaluate.run(run, split="validation", write_families=tmp_path / "f.json")


def test_other_rows_are_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = manifest(leak=False)
    monkeypatch.setattr(evaluate, "build_manifest", lambda config: other)
    with pytest.raises(ValueError, match=r"the test rows are not those of training .* content"):
        evaluate.run(run)
    assert how_often(run) == 0
    assert not (run / "predictions").exists()
    (run / "data.json").unlink()
    with pytest.raises(FileNotFoundError, match="train it again"):
        evaluate.run(run)


def test_other_classes_are_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "classes", ["x", "y", "z"])
    with pytest.raises(ValueError, match="knows the classes"):
        evaluate.run(run)


def test_generated_corpora_say_so_and_show_baselines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = manifest(leak=False)
    data = Manifest(data.rows, replace(data.info, generated=True))
    rows = [{"system": "majority class", "accuracy": 0.3, "weighted_f1": 0.2, "macro_f1": 0.2}]
    monkeypatch.setattr(evaluate, "baseline_table", lambda manifest, split: rows)
    run = make(tmp_path, monkeypatch, data)
    card = evaluate.run(run)
    words = printed(capsys)
    assert "the figures are not a benchmark" in words
    assert card["baselines"] == rows
    assert words.index("majority class") < words.index("toy 88.9")
    assert "baselines" not in evaluate.run(run, baselines=False)


MEASURES = {
    "family_auc",
    "knn_accuracy",
    "knn_weighted_f1",
    "knn_perturbed_mean",
    "knn_perturbed_worst",
    "effective_rank",
    "random_cosine",
    "silhouette",
    "alignment",
    "uniformity",
}


def purposes(run: Path) -> list[tuple[str, str]]:
    return [(one.split, one.purpose) for one in readings(run)]


def test_the_representation_costs_one_reading_of_each_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "families.json"
    Families([["anger", "annoyance"]], CLASSES).save(path)
    run = make(tmp_path, monkeypatch, manifest(), f"evaluation.families={path}")
    card = evaluate.run(run, representation=True)
    beside = ("validation", "predictions")  # in the map
    assert purposes(run) == [("test", "predictions"), beside, ("train", "embeddings")]
    found = card["representation"]
    assert set(found["metrics"]) == MEASURES
    assert found["gallery"] == {"split": "train", "rows": 60}
    assert card["readings"] == 1
    # embeddings show the class, but 5 rows of anger lie near annoyance: 20 votes of 28 say so
    assert found["metrics"]["knn_accuracy"]["value"] == pytest.approx(40 / 45)
    low, high = (found["metrics"]["knn_accuracy"][end] for end in ("low", "high"))
    assert low < 40 / 45 < high
    assert found["metrics"]["effective_rank"]["low"] is None
    clean = card["without_leaks"]["representation"]["metrics"]
    assert set(clean) == MEASURES
    assert clean["knn_accuracy"]["value"] == pytest.approx(39 / 44)
    words = printed(capsys)
    assert "Representation: 20 neighbours in 60 training rows" in words
    assert "k-NN perturbed, worst" in words
    calls = Toy.calls
    assert evaluate.run(run, representation=True) == card
    assert (Toy.calls, len(readings(run))) == (calls, 3)
    assert json.loads(json.dumps(card, allow_nan=False)) == StoredRun(run).scorecard("test")


def test_the_representation_has_a_map_also_where_nobody_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = manifest()
    run = make(tmp_path, monkeypatch, Manifest(known.rows.drop(columns="speaker"), known.info))
    evaluate.run(run)
    assert read_map(StoredRun(run), "test") is None
    card = evaluate.run(run, mapped=True)
    assert "representation" not in card
    assert purposes(run) == [("test", "predictions")]
    map_path(StoredRun(run), "test").unlink()
    evaluate.run(run, representation=True)
    assert purposes(run) == [("test", "predictions"), ("train", "embeddings")]
    found = read_map(StoredRun(run), "test")
    assert found is not None
    assert found["id"].tolist() == [f"test{i}" for i in range(45)]
    assert set(found["label"]) == set(CLASSES)
    page = report_html([run])
    assert 'id="map"' in page
    assert "<figcaption>By emotion, principal components</figcaption>" in page
    assert "By speaker" not in page


def test_embeddings_of_an_older_run_cost_a_reading_that_is_noted(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.run(run)
    stored = run / "predictions" / "test.embeddings.safetensors"
    assert read_embeddings(stored).ids == [f"test{i}" for i in range(45)]
    predictions = StoredRun(run).table_path("test")
    before = predictions.stat().st_mtime_ns
    stored.unlink()
    capsys.readouterr()
    card = evaluate.run(run, representation=True)
    first, again = ("test", "predictions"), ("test", "embeddings")
    expected = [first, again, ("validation", "predictions"), ("train", "embeddings")]
    assert purposes(run) == expected
    assert card["readings"] == 2
    words = printed(capsys)
    assert "its embeddings are not: the split is read again" in words
    assert "read twice" in words
    assert predictions.stat().st_mtime_ns == before
    assert "family_auc" not in card["representation"]["metrics"]  # there are no families
    evaluate.run(run, representation=True)
    assert purposes(run) == expected


def test_embeddings_of_other_weights_are_not_used(run: Path) -> None:
    evaluate.run(run, representation=True)
    (run / "model" / "model.safetensors").write_bytes(b"other weights")
    evaluate.run(run, representation=True)
    once = [("test", "predictions"), ("validation", "predictions"), ("train", "embeddings")]
    assert purposes(run) == 2 * once
    model = StoredRun(run).model_hash
    for split in ("test", "train"):
        found = read_embeddings(run / "predictions" / f"{split}.embeddings.safetensors")
        assert (found.model, found.split) == (model, split)
    evaluate.run(run, representation=True, force=True)
    assert purposes(run) == [*once, *once, ("test", "predictions")]


def test_the_representation_is_measured_of_single_labels_against_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path / "a", monkeypatch, manifest())
    with pytest.raises(ValueError, match="give validation or test"):
        evaluate.run(run, split="train", representation=True)
    run = make(tmp_path / "b", monkeypatch, manifest("multilabel"))
    with pytest.raises(ValueError, match="one class, or one place in the plane, a row"):
        evaluate.run(run, representation=True)
    assert not readings(run)
    evaluate.run(run)
    assert (run / "predictions" / "validation.embeddings.safetensors").is_file()


def test_the_encoder_before_training_is_measured_beside_it(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Blind(Toy):
        def forward(self, inputs: dict[str, torch.Tensor]) -> Output:
            noise = torch.randn(len(inputs["x"]), 3)
            return Output(noise, noise)

    monkeypatch.setattr(split_reading, "build_model", lambda config, rows: Blind())
    monkeypatch.setattr(split_reading, "fit_encoder", lambda config, rows, model: None)
    with pytest.raises(ValueError, match="--before goes with"):
        evaluate.run(run, before=True)
    card = evaluate.run(run, representation=True, before=True)
    words = "embeddings before training"
    beside = ("validation", "predictions")  # in the map
    noted = [("test", words), beside, ("train", "embeddings"), ("train", words)]
    assert purposes(run)[1:] == noted
    assert card["readings"] == 2
    after, then = (
        part["metrics"] for part in (card["representation"], card["representation"]["before"])
    )
    assert set(then) == set(after) == MEASURES - {"family_auc"}
    assert then["knn_accuracy"]["value"] < 0.6 < after["knn_accuracy"]["value"]
    assert then["silhouette"]["value"] < 0.1 < after["silhouette"]["value"]
    assert "Representation, before and after training" in printed(capsys)
    assert evaluate.run(run, representation=True, before=True) == card  # stored
    assert purposes(run)[1:] == noted


def test_measures_of_the_representation_are_results(run: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipes" / "fec_text"
    recipe.mkdir(parents=True)
    configured(tmp_path)
    card = evaluate.run(run, representation=True)
    found = read_results(recipe / "results.csv")
    for condition, part in (("", card), ("without_leaks", card["without_leaks"])):
        rows = found[found["condition"] == condition].set_index("metric")
        for name, figure in part["representation"]["metrics"].items():
            assert rows["value"][name] == pytest.approx(figure["value"], abs=1e-5)
            assert pd.isna(rows["low"][name]) == (figure["low"] is None)
    assert "rare_f1" in set(found["metric"])


def test_mistakes_are_said_in_words(run: Path) -> None:
    with pytest.raises(ValueError, match="no split 'dev'"):
        evaluate.run(run, split="dev")
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        evaluate.run(run / "none")
    (run / "model" / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="not finished"):
        evaluate.run(run)


def test_a_damaged_file_of_predictions_is_read_again_by_force(run: Path) -> None:
    before = evaluate.run(run)
    for name in ("test.parquet", "test.embeddings.safetensors"):
        (run / "predictions" / name).write_bytes(b"PAR1 cut off")
    with pytest.raises(ValueError, match=r"--split test --force` reads the split again"):
        evaluate.run(run)
    assert evaluate.run(run, force=True)["metrics"] == before["metrics"]
    assert len(read_embeddings(run / "predictions" / "test.embeddings.safetensors").ids) == 45
    assert how_often(run) == 2


def test_a_cut_line_of_the_ledger_is_counted(run: Path) -> None:
    evaluate.run(run)
    with (run / "reads.jsonl").open("a") as file:
        file.write('{"split": "te')
    with pytest.warns(UserWarning, match="line 2 was cut off"):
        assert evaluate.run(run)["readings"] == 2


@pytest.mark.parametrize("condition", ["a|b", "a\nb", "a\tb", "a\x1fb", "a\u2028b"])
def test_a_condition_that_breaks_a_table_is_refused(run: Path, condition: str) -> None:
    with pytest.raises(ValueError, match="--condition .*expected words without"):
        evaluate.run(run, condition=condition)
    assert not readings(run)


@pytest.mark.parametrize("damaged", ["README.md", "results.csv", "records/toy.csv"])
def test_files_of_the_recipe_hide_no_figures_and_stay_as_they_were(
    run: Path, tmp_path: Path, damaged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipes" / "fec_text"
    recipe.mkdir(parents=True)
    configured(tmp_path)
    (recipe / "README.md").write_text("<!-- results:begin -->\n<!-- results:end -->\n")
    evaluate.run(run)
    wrong = {
        "README.md": "# A\n<!-- results:begin -->\n",
        "results.csv": "model,score\na,1\n",
        "records/toy.csv": (recipe / "records" / "toy.csv").read_text()[:-9],
    }
    (recipe / damaged).write_text(wrong[damaged])
    before = {name: (recipe / name).read_bytes() for name in wrong}
    capsys.readouterr()
    with pytest.raises(ValueError, match=rf"fec_text/{damaged} "):
        evaluate.run(run, condition="again")
    assert "test, 45 rows, read once" in printed(capsys)
    assert {name: (recipe / name).read_bytes() for name in wrong} == before
