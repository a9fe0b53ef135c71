"""Every objective is built from a configuration, with what corpus and model know."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from affectrep.build import NotApplicableError, build_objective, grouping_fault
from affectrep.config import parse_config
from affectrep.config.objectives import ObjectiveConfig
from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.objectives import OBJECTIVES, CircumplexClasses

CLASSES = ["calm", "glad", "sad"]


def manifest(task: str = "classification") -> Manifest:
    rows = pd.DataFrame({"id": [str(i) for i in range(12)], "text": [f"t {i}" for i in range(12)]})
    rows["split"] = ["train"] * 8 + ["validation"] * 2 + ["test"] * 2
    rows["speaker"] = ["ann", "ann", "ann", "bob", "eva", "eva", "kim", "kim", *"wxyz"]
    rows["language"] = ["en"] * 4 + ["de"] * 4 + ["en", "de"] * 2
    if task == "regression":
        rows["valence"] = [0.1, 0.2, 0.9, -0.8, 0.0, 0.1, -0.9, 0.7] + [0.0] * 4
        rows["arousal"] = [0.1, 0.0, 0.5, 0.6, -0.1, 0.2, 0.4, -0.6] + [0.0] * 4
    else:
        rows["label"] = (CLASSES * 4)[:12]
    classes = None if task == "regression" else CLASSES
    return Manifest(rows, CorpusInfo("x", "X", "text", task, classes, "own", "own"))


def config(objective: dict, task: str = "classification", **sections):
    values = {
        "name": "x",
        "recipe": "fec_text",
        "task": task,
        "data": {"corpus": "table"},
        "encoder": {"checkpoint": "bundled:minilm"},
        "objective": objective,
        **sections,
    }
    return parse_config(values)


def names_in_configuration() -> set[str]:
    union = ObjectiveConfig.__origin__
    return {section.model_fields["name"].default for section in union.__args__}


def test_the_configuration_knows_every_objective():
    # fitted is no objective of the training loop
    assert names_in_configuration() == {*OBJECTIVES, "fitted"}


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_an_objective_is_built_by_name_alone(name):
    # caf on classes has to be told which of them are strong
    task = "regression" if name in ("caf", "av_regression") else "classification"
    objective = build_objective(config({"name": name}, task), manifest(task), dim=4)
    assert objective.phases()[-1].name == "main"


@pytest.mark.parametrize("critic", ["caf", "fisher", "sphere", "gram", "none"])
def test_one_value_changes_the_critic(critic):
    built = config({"name": "caf", "critic": critic}, "regression")
    objective = build_objective(built, manifest("regression"), dim=4)
    assert ("critic" in objective.players()) == (critic != "none")


def test_the_groups_are_found_in_the_training_labels():
    """The threshold is Otsu's of the training rows; one that is given is kept."""
    found = build_objective(config({"name": "caf"}, "regression"), manifest("regression"), dim=4)
    labels = torch.tensor([[0.1, 0.1], [0.9, 0.6]])
    assert found.grouper(labels).strong.tolist() == [False, True]
    given = config({"name": "caf", "threshold": 0.1}, "regression")
    fixed = build_objective(given, manifest("regression"), dim=4)
    assert fixed.grouper(labels).strong.tolist() == [True, True]


def test_the_linear_margin_knows_the_epochs():
    values = {"name": "caf", "margin": "linear"}
    objective = build_objective(config(values, "regression"), manifest("regression"), dim=4)
    assert objective.game.rule.epochs == 4


def test_domains_come_from_the_corpus():
    hidden = {"scope": "per_language", "balanced": True, "weight": 0.2}
    values = {
        "name": "domain_adversarial",
        "contrast": {"domain": "language"},
        "domains": {"speaker": hidden},
    }
    objective = build_objective(config(values), manifest(), dim=4)
    term = objective.terms["speaker"]
    assert term.options.classes.count == 4
    assert list(term.options.classes.rows) == [3, 1, 2, 2]  # ann bob eva kim
    assert list(term.options.classes.groups) == [1, 1, 0, 0]  # de en
    assert objective.targets.domains == ("language", "speaker")


def test_a_domain_that_is_not_there_is_refused():
    values = {"name": "domain_adversarial", "domains": {"corpus": {}}}
    with pytest.raises(ValueError, match="needs the column corpus, which X does not have"):
        build_objective(config(values), manifest(), dim=4)


def test_a_regression_objective_needs_continuous_labels():
    with pytest.raises(ValueError, match="av_regression needs continuous as labels"):
        build_objective(config({"name": "av_regression"}), manifest(), dim=4)


@pytest.mark.parametrize("name", ["supcon", "triplet", "aml", "domain_adversarial"])
def test_a_loss_of_pairs_stands_beside_either_task(name):
    """Beside regression the pairs are of quadrants, of rows as strong as Otsu's threshold."""
    extra = {"contrast": {}} if name == "domain_adversarial" else {}
    on_classes = build_objective(config({"name": name, **extra}), manifest(), dim=4)
    assert on_classes.targets.labels == "classes"
    rows = manifest("regression")
    beside = build_objective(config({"name": name, **extra}, "regression"), rows, dim=4)
    assert beside.targets.labels == "continuous"
    found = [part for part in beside.modules() if isinstance(part, CircumplexClasses)]
    caf = build_objective(config({"name": "caf"}, "regression"), rows, dim=4)
    assert found[0].radius == pytest.approx(float(caf.grouper.threshold))


def test_quadrants_need_labels_of_two_strengths():
    rows = manifest("regression")
    rows.rows[["valence", "arousal"]] = 0.5
    with pytest.raises(ValueError, match="labels of X are all of one strength"):
        build_objective(config({"name": "supcon"}, "regression"), rows, dim=4)


def test_caf_plays_on_classes_of_high_intensity():
    values = {"name": "caf", "strong_classes": ["sad", "glad"], "class_weights": "balanced"}
    objective = build_objective(config(values), manifest(), dim=4)
    assert objective.targets.labels == "classes"
    assert objective.grouper(torch.tensor([0, 1, 2])).strong.tolist() == [False, True, True]
    assert objective.task.class_weights is not None
    with pytest.raises(NotApplicableError, match="needs continuous.*or name .*strong_classes"):
        build_objective(config({"name": "caf"}), manifest(), dim=4)
    unknown = config({"name": "caf", "strong_classes": ["sad", "mad"]})
    with pytest.raises(ValueError, match="mad is no class of X; there are calm, glad, sad"):
        build_objective(unknown, manifest(), dim=4)


def test_classes_that_are_all_strong_leave_the_task_alone():
    values = config({"name": "caf", "strong_classes": CLASSES})
    with pytest.warns(UserWarning, match="none of 8 rows is of a weak class; CAF trains without"):
        objective = build_objective(values, manifest(), dim=4)
    assert [phase.name for phase in objective.phases()] == ["main"]


@pytest.mark.parametrize(
    ("task", "values"),
    [
        ("classification", {"strong_classes": CLASSES}),
        ("classification", {"strong_classes": ["sad", "glad"]}),
        ("regression", {"threshold": 0.01}),
        ("regression", {"grouping": {"rule": "code", "strong_upper": None}}),
        ("regression", {"grouping": {"strong_upper": 0.05}}),
        ("regression", {"threshold": 0.01, "critic": "none"}),
        ("regression", {}),
    ],
)
@pytest.mark.filterwarnings("ignore:grouping is impossible")
def test_the_fault_of_groups_is_what_the_objective_remarks(task, values):
    settings = config({"name": "caf", **values}, task)
    objective = build_objective(settings, manifest(task), dim=4)
    assert [fault for fault in [grouping_fault(settings, manifest(task))] if fault] == list(
        objective.remarks()
    )


def test_missing_labels_are_no_fault_of_groups():
    rows = manifest("regression")
    rows.rows.loc[0, "valence"] = float("nan")
    assert grouping_fault(config({"name": "caf", "threshold": 0.01}, "regression"), rows) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("supcon", {"class_weights": "balanced"}),
        ("aml", {"label_smoothing": 0.1}),
        ("caf", {"strong_classes": ["sad"]}),
    ],
)
def test_words_about_classes_are_refused_beside_regression(name, values):
    with pytest.raises(ValueError, match=f"{next(iter(values))} is about classes"):
        config({"name": name, **values}, "regression")


def test_aml_knows_classes_and_width():
    values = {"name": "aml", "mining": {"negatives": 3}, "price": {"validity": 0.1}}
    objective = build_objective(config(values), manifest(), dim=7)
    assert objective.confusion.classes == 3
    assert objective.metric.dim == 7
    assert objective.options.mining.negatives == 3
    assert objective.options.price.validity == 0.1


def test_a_misspelt_key_names_the_nearest():
    with pytest.raises(ValueError, match="adversary"):
        config({"name": "aml", "adversry": "dro"})


def test_the_space_of_aml_gives_its_metric_the_width():
    heads = {"projection_dim": 3}
    for space, width in [("projections", 3), ("embeddings", 4)]:
        found = config({"name": "aml", "space": space}, heads=heads)
        objective = build_objective(found, manifest(), dim=4)
        assert objective.memory.rows().embeddings.shape[1] == width


def test_a_ramp_stays_ganins_when_only_its_start_is_given():
    values = {"name": "domain_adversarial", "domains": {"speaker": {"schedule": {"start": 0.2}}}}
    objective = build_objective(config(values), manifest(), dim=4)
    assert objective.terms["speaker"].options.schedule.kind == "ganin"


@pytest.mark.parametrize(
    ("contrast", "task", "message"),
    [
        ({"reads": "projections"}, "classification", "set heads.projection_dim=128"),
        ({}, "multilabel", "objective.contrast needs one class a row, but task is multilabel"),
    ],
)
def test_contrast_that_cannot_be_is_refused_at_once(contrast, task, message):
    with pytest.raises(ValueError, match=message):
        config({"name": "domain_adversarial", "contrast": contrast}, task)
