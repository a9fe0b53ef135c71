"""A classifier fitted at once in place of the loop: against scikit-learn, its files, refusals."""

from __future__ import annotations

import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from affectrep.build import build_loader, build_manifest, build_objective
from affectrep.commands import evaluate, report, train
from affectrep.config import load_config
from affectrep.data.manifest import Manifest
from affectrep.evaluation.evaluate import Predictions, predict_rows
from affectrep.evaluation.predictions import read_predictions
from affectrep.heads import KernelClassifier
from affectrep.inference.predictor import Predictor
from affectrep.model import AffectModel
from affectrep.training.committee import Member, TrainingRows, fit_committee
from affectrep.training.fitted_run import FittedRun
from affectrep.training.run_folder import RunFolder
from tests.tiny import tiny_config
from tests.tiny_speech_set import RATE, clip

FITTED = ["objective={name: fitted, c: 0.5}", "encoder.tuning=frozen"]
SVM = [*FITTED, "objective.classifier=svm"]
KINDS = {"logistic": FITTED, "svm": SVM}


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    return tiny_config(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def runs(config, tmp_path_factory) -> dict[str, Path]:
    """Return a finished run of each classifier."""
    root = tmp_path_factory.mktemp("runs")
    for name, overrides in KINDS.items():
        train.run(config, [*overrides, f"name={name}"], output=root)
    return {name: root / f"{name}-0" for name in KINDS}


def rows_of(folder: Path, split: str) -> Predictions:
    """Return what the model of a run says of a split, by another way than the run's own."""
    settings = load_config(folder / "config.yaml")
    model = AffectModel.from_pretrained(folder)
    loader = build_loader(settings, build_manifest(settings), split, model.encoder.preprocess)
    return predict_rows(model, loader, keep_embeddings=True)


def lines(folder: Path) -> dict[tuple[str, str], float]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {(line["phase"], line["name"]): line["value"] for line in found}


@pytest.mark.parametrize("weight", ["balanced", None])
def test_logistic_is_sklearns_on_the_same_features(config, runs, tmp_path, weight):
    folder = runs["logistic"]
    if weight is None:
        train.run(config, [*FITTED, "objective.class_weights=none"], output=tmp_path)
        folder = tmp_path / "tiny-0"
    known, asked = rows_of(folder, "train"), rows_of(folder, "test")
    reference = LogisticRegression(C=0.5, class_weight=weight, max_iter=5000)
    reference.fit(known.embeddings.astype(np.float64), known.labels)
    expected = reference.predict_proba(asked.embeddings)
    np.testing.assert_allclose(asked.probabilities("classification"), expected, atol=1e-4)
    assert (asked.scores.argmax(1) == expected.argmax(1)).all()


@pytest.mark.parametrize("gamma", ["scale", 0.3])
def test_svm_is_sklearns_on_the_same_features(config, runs, tmp_path, gamma):
    folder = runs["svm"]
    if gamma != "scale":
        train.run(config, [*SVM, f"objective.gamma={gamma}"], output=tmp_path)
        folder = tmp_path / "tiny-0"
    known, asked = rows_of(folder, "train"), rows_of(folder, "test")
    reference = SVC(C=0.5, gamma=gamma, class_weight="balanced")
    reference.fit(known.embeddings.astype(np.float64), known.labels)
    expected = reference.decision_function(asked.embeddings.astype(np.float64))
    np.testing.assert_allclose(asked.scores, expected, atol=1e-4)
    assert (asked.scores.argmax(1) == reference.predict(asked.embeddings)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_leaves_the_files_of_any_run(runs, kind):
    folder = runs[kind]
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["finished"]
    assert "scikit-learn" in environment["versions"]
    found, validation = lines(folder), rows_of(folder, "validation")
    accuracy = (validation.scores.argmax(1) == validation.labels).mean()
    assert found["validation", "accuracy"] == pytest.approx(accuracy)
    assert environment["best"] == found["validation", "weighted_f1"]
    train_rows = rows_of(folder, "train")
    fitted = (train_rows.scores.argmax(1) == train_rows.labels).mean()
    assert found["fit", "accuracy"] == pytest.approx(fitted)
    assert json.loads((folder / "data.json").read_text())["fingerprint"]["train"]["rows"] == 54


def test_a_kernel_model_is_read_back_saved_again_and_says_what_it_is(runs, tmp_path):
    model = AffectModel.from_pretrained(runs["svm"])
    assert isinstance(model.classifier, KernelClassifier)
    assert model.describe()["heads"]["vectors"] == len(model.classifier.support_vectors)
    again = AffectModel.from_pretrained(model.save_pretrained(tmp_path / "again"), inference=True)
    points = torch.randn(5, model.encoder.dim)
    with torch.no_grad():
        said = [m({"embeddings": points}).predictions for m in (model, again)]
    assert said[0].equal(said[1])
    assert "not calibrated" in model.card()
    clips = Predictor.load(runs["svm"]).predict(["so very furious", "glad"])
    assert sum(clips[0]["probabilities"].values()) == pytest.approx(1.0)


def test_a_refit_learns_from_validation_too_after_scoring_it(config, runs, tmp_path):
    train.run(config, [*FITTED, "objective.refit=true"], output=tmp_path)
    folder = tmp_path / "tiny-0"
    known = [rows_of(folder, split) for split in ("train", "validation")]
    points = np.concatenate([rows.embeddings for rows in known]).astype(np.float64)
    labels = np.concatenate([rows.labels for rows in known])
    line = LogisticRegression(C=0.5, class_weight="balanced", max_iter=5000).fit(points, labels)
    asked = rows_of(folder, "test")
    expected = line.predict_proba(asked.embeddings)
    np.testing.assert_allclose(asked.probabilities("classification"), expected, atol=1e-4)
    # the scores are those of the model that had not seen the validation rows
    assert lines(folder) == lines(runs["logistic"])
    before = rows_of(runs["logistic"], "test")
    assert not np.allclose(asked.scores, before.scores, atol=1e-3)
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["refit"] == {"splits": ["train", "validation"], "rows": len(labels)}
    assert "refit" not in json.loads((runs["logistic"] / "environment.json").read_text())
    assert "validation" in AffectModel.from_pretrained(folder).meta["fitted_on"]


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_and_report_take_the_run(runs, tmp_path, kind):
    folder = tmp_path / f"{kind}-0"
    shutil.copytree(runs[kind], folder)
    evaluate.run(folder, split="test")
    table = read_predictions(folder / "predictions/test.parquet")
    assert list(table["id"]) == rows_of(folder, "test").ids
    report.run([folder], output=tmp_path / "report.html")
    assert kind in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_finished_run_is_left_alone_and_a_stopped_one_is_fitted_anew(
    config, runs, tmp_path, capsys
):
    shutil.copytree(runs["svm"], tmp_path / "svm-0")
    before = (tmp_path / "svm-0/environment.json").read_text()
    again = [*SVM, "name=svm"]
    train.run(config, again, output=tmp_path)
    assert "is finished" in capsys.readouterr().err
    assert (tmp_path / "svm-0/environment.json").read_text() == before
    (tmp_path / "svm-0/environment.json").unlink()
    old = lines(tmp_path / "svm-0")
    train.run(config, again, output=tmp_path)
    assert lines(tmp_path / "svm-0") == old
    with pytest.raises(ValueError, match=r"objective\.c \(0\.5 then, 2\.0 now\)"):
        train.run(config, [*again, "objective.c=2"], output=tmp_path)


def test_a_dry_run_writes_nothing(config, tmp_path, capsys):
    train.run(config, FITTED, output=tmp_path, dry_run=True)
    assert "54 training rows and one fit" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_another_model_may_start_from_a_kernel_one(config, runs, tmp_path):
    start = f"training.warm_start={runs['svm']}"
    train.run(config, [start, "training.epochs=1"], output=tmp_path)
    meta = AffectModel.from_pretrained(tmp_path / "tiny-0").meta
    assert "0 of 3 outputs keep weights" in meta["warm_start"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["encoder.tuning=full"], r"encoder that is fixed.*set encoder\.tuning=frozen"),
        (["encoder.pooling=attention"], r"encoder that is fixed.*encoder\.pooling=mean"),
        (["heads.hidden=8"], r"heads\.hidden has no meaning there: set heads\.hidden=0"),
        (["heads.projection_dim=8"], r"set heads\.projection_dim=null"),
        (["training.select=uarr"], r"training\.select=uarr, but .* on validation by accuracy"),
        (["objective.gamma=-1"], r"objective\.gamma.*greater than 0"),
        (["objective.classifier=forest"], r"objective\.classifier='forest'.*'logistic', 'disc"),
        (["objective.views=[egemaps]"], r"set objective\.views=\['all'\]"),
        (["objective.views=[]"], r"objective\.views"),
        (["objective.classifier=svm", "objective.whiten=1"], r"whiten has no meaning"),
        (["objective.classifier=svm", "objective.class_weights=corpus"], r"class_weights=corpus"),
        (["objective.adapt=self"], r"adapt=self trains a discriminant again"),
        (["data.speech.mapping=quantile"], r"mapping=quantile ranks each corpus"),
        (["data.speech.mapping=shrunk"], r"mapping=shrunk is for .*transductive_speaker, which is"),
        (["objective.adapt=balance"], r"set data\.speech\.standardise to a transductive"),
        (["objective.wieght=1"], r"unknown key objective\.wieght"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(config, tmp_path, overrides, message):
    with pytest.raises(ValueError, match=message):
        train.run(config, [*FITTED, *overrides], output=tmp_path)


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_other_tasks_are_refused(config, runs, task):
    settings = load_config(config, [*FITTED, f"task={task}"])
    manifest = build_manifest(load_config(config))
    with pytest.raises(ValueError, match=f"needs one class a row, but task is {task}"):
        FittedRun(settings, manifest, RunFolder(runs["svm"]), torch.device("cpu"))


def test_it_is_no_objective_of_the_loop(config):
    settings = load_config(config, FITTED)
    with pytest.raises(ValueError, match="no objective of the training loop"):
        build_objective(settings, build_manifest(settings))


def speech(name: str, *overrides: str) -> tuple[Path, list[str]]:
    """Return a configuration of the recipe, and overrides that keep it small."""
    file = Path(__file__).parents[2] / f"configs/ser_crosslingual/{name}.yaml"
    return file, ["recipe=null", "training.threads=1", "name=x", *overrides]


def run_in(folder: Path) -> Path:
    """Return the one run; its name has the setting."""
    (found,) = (path for path in folder.glob("x*-0") if path.is_dir())
    return found


def tones(folder: Path) -> list[str]:
    """Write two corpora of three speakers; return overrides that name them, German unseen."""
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("torchaudio")
    words = ("anger", "happiness", "neutral", "sadness")
    for place, (corpus, language) in enumerate((("one", "de"), ("two", "fr"))):
        (folder / corpus).mkdir(parents=True)
        lines = ["path,emotion,speaker,language,text_id,duration_s"]
        for i, (who, word) in enumerate(product("abc", words)):
            number = 12 * place + i
            name = f"{corpus}/{who}{i}.wav"
            soundfile.write(folder / name, clip(100 + 10 * number, number, 1.0), RATE)
            lines.append(f"{name},{word},{corpus}_{who},{language},,1.0")
        (folder / f"{corpus}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [f"data.root={folder}"]


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ["functionals_logistic", "functionals_svm"])
@pytest.mark.parametrize("condition", ["strict", "transductive_corpus"])
def test_speech_is_fitted_on_standardised_functionals(tmp_path, own_cache, name, condition):
    where = tones(tmp_path / "set")
    file, small = speech(
        name, *where, f"data.speech.standardise={condition}", "objective.refit=false"
    )
    train.run(file, small, output=tmp_path)
    model = AffectModel.from_pretrained(run_in(tmp_path))
    assert isinstance(model.classifier, KernelClassifier) == name.endswith("svm")
    # a transductive condition standardises the input: the encoder passes it on
    assert bool(model.encoder.standardise.mean.any()) == (condition == "strict")
    rows = rows_of(run_in(tmp_path), "train")
    assert np.abs(rows.embeddings).max() <= 5
    test = rows_of(run_in(tmp_path), "test")
    assert len(test) == 12
    points, asked = (r.embeddings.astype(np.float64) for r in (rows, test))
    if name.endswith("svm"):
        machine = SVC(C=1.0, class_weight="balanced").fit(points, rows.labels)
        np.testing.assert_allclose(test.scores, machine.decision_function(asked), atol=1e-4)
    else:
        line = LogisticRegression(C=0.05, class_weight="balanced", max_iter=5000)
        expected = line.fit(points, rows.labels).predict_proba(asked)
        np.testing.assert_allclose(test.probabilities("classification"), expected, atol=1e-4)


COMMITTEE = {
    "strict": ["objective.sources=[pooled, corpus, speaker]", "objective.c=0.02"],
    "transductive_corpus": [
        "objective.classifier=discriminant",
        "objective.adapt=self",
        "data.speech.mapping=quantile",
    ],
}


@pytest.mark.parametrize("condition", COMMITTEE)
def test_a_committee_is_fitted_on_clips_and_altered_copies(tmp_path, own_cache, condition):
    pytest.importorskip("torchaudio")
    from affectrep.build.speech_rows import altered_copy

    file, small = speech(
        "functionals_logistic",
        *tones(tmp_path / "set"),
        f"data.speech.standardise={condition}",
        "data.speech.augment={gain_db: {probability: 1, low: -9, high: -3}, "
        "speed: {probability: 1, low: 1.1, high: 1.1}}",
        "data.speech.copies=2",
        "objective.views=[functionals, joined_small]",
        "objective.class_weights=corpus",
        *COMMITTEE[condition],
    )
    train.run(file, small, output=tmp_path)
    folder = run_in(tmp_path)
    settings = load_config(folder / "config.yaml")
    manifest = build_manifest(settings)
    model = AffectModel.from_pretrained(folder)
    seen = manifest.rows["split"] != "test"
    joined = Manifest(manifest.rows.assign(split=np.where(seen, "train", "test")), manifest.info)
    clips = list(build_loader(settings, joined, "train", model.encoder.preprocess).rows)
    copies = [
        altered_copy(settings, joined, model.encoder.preprocess, copy).rows for copy in (0, 1)
    ]
    parts = [torch.tensor(np.stack([row["features"] for row in part])) for part in (clips, *copies)]
    points = [model.encoder.standardise(part).double().numpy() for part in parts]
    assert np.abs(points[0] - points[1]).max() > 0.1
    table = joined.split("train")
    rows = TrainingRows(
        points[0],
        joined.targets("train"),
        table["corpus"].to_numpy(str),
        table["speaker"].to_numpy(str),
        (points[1], points[2]),
    )
    section, test = settings.objective, rows_of(folder, "test")
    member = Member(section.classifier, c=section.c, weights="corpus", adapt=section.adapt)
    weight, bias = fit_committee(
        rows,
        member,
        names=model.encoder.preprocess.names,
        views=section.views,
        sources=section.sources,
        target=test.embeddings,
    )
    np.testing.assert_allclose(test.scores, test.embeddings @ weight.T + bias, atol=2e-3)


@pytest.mark.parametrize("condition", ["strict", "transductive_corpus"])
def test_a_refit_standardises_by_validation_speakers_too(tmp_path, own_cache, condition):
    where = tones(tmp_path / "set")
    file, small = speech("functionals_logistic", *where, f"data.speech.standardise={condition}")
    train.run(file, small, output=tmp_path)
    encoder = AffectModel.from_pretrained(run_in(tmp_path)).encoder
    settings = load_config(run_in(tmp_path) / "config.yaml")
    assert settings.objective.refit
    manifest = build_manifest(settings)
    seen = [
        item["features"]
        for split in ("train", "validation")
        for item in build_loader(settings, manifest, split, encoder.preprocess).rows
    ]
    strict = condition == "strict"
    mean = np.mean(seen, axis=0) if strict else np.zeros(encoder.dim)
    np.testing.assert_allclose(encoder.standardise.mean, mean, rtol=1e-4, atol=1e-4)
    known = [rows_of(run_in(tmp_path), split) for split in ("train", "validation")]
    points = np.concatenate([rows.embeddings for rows in known]).astype(np.float64)
    labels = np.concatenate([rows.labels for rows in known])
    line = LogisticRegression(C=0.05, class_weight="balanced", max_iter=5000).fit(points, labels)
    asked = rows_of(run_in(tmp_path), "test")
    expected = line.predict_proba(asked.embeddings)
    np.testing.assert_allclose(asked.probabilities("classification"), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoder.layers=1", r"encoder\.name=functionals has weights to train.*layers=0"),
        ("encoder={name: crnn}", r"encoder\.name=crnn has weights.*use encoder\.name=functionals"),
        ("data.speech.augment={}", r"set data\.speech\.augment=null"),
        ("data.speech.composition={}", r"set data\.speech\.composition=null"),
    ],
)
def test_speech_that_changes_in_training_is_refused(tmp_path, own_cache, override, message):
    file, small = speech("functionals_svm", *tones(tmp_path / "set"), override)
    with pytest.raises(ValueError, match=message):
        train.run(file, small, output=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["functionals_logistic", "functionals_svm"])
def test_generated_speech_is_told_apart_above_chance(tmp_path, name):
    pytest.importorskip("soundfile")
    pytest.importorskip("torchaudio")
    pytest.importorskip("espeakng_loader")
    file, small = speech(name, "data.corpus=demo_speech", "data.holdout=0.1")
    train.run(file, small, output=tmp_path)
    card = evaluate.run(run_in(tmp_path), split="test")
    assert card["n"] == len(rows_of(run_in(tmp_path), "test"))
    assert card["metrics"]["uar"]["value"] > 0.35  # chance is 0.25
