"""Configuration files, overrides and the words about what is wrong with them."""

from __future__ import annotations

import pytest
import yaml

from affectrep.config import load_config, parse_config, to_yaml
from affectrep.config.keys import known_keys

TEXT = """
name: x
data: {corpus: demo_text}
encoder: {checkpoint: "bundled:minilm"}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(TEXT)
    return path


def test_overrides_reach_into_sections(file):
    config = load_config(file, ["training.epochs=2", "objective.name=supcon", "data.root=/a b"])
    assert (config.training.epochs, config.objective.name, config.data.root) == (
        2,
        "supcon",
        "/a b",
    )


def test_labels_that_are_numbers_are_words(file):
    config = load_config(file, ["data.labels={0: sad, '1': joy}"])
    assert config.data.labels == {"0": "sad", "1": "joy"}
    assert parse_config(yaml.safe_load(to_yaml(config))) == config


@pytest.mark.parametrize("key", ["yes", "off", "1.5", "null"])
def test_a_label_that_yaml_takes_for_something_else_is_to_be_quoted(file, key):
    with pytest.raises(ValueError, match=r"data\.labels: YAML reads a key as .*: quote the key"):
        load_config(file, [f"data.labels={{{key}: joy}}"])
    assert load_config(file, [f"data.labels={{'{key}': joy}}"]).data.labels == {key: "joy"}


def test_numbers_without_a_point_are_numbers(file):
    assert load_config(file, ["optimizer.encoder_lr=5e-5"]).optimizer.encoder_lr == 5e-5


def test_the_resolved_configuration_reads_back_alike(file, tmp_path):
    own = ["objective.name=supcon", "objective.weight=0.3", "optimizer.betas=[0.5, 0.8]"]
    config = load_config(file, own)
    (tmp_path / "resolved.yaml").write_text(to_yaml(config))
    assert load_config(tmp_path / "resolved.yaml") == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainign.epochs=2", "unknown key trainign; did you mean training?"),
        ("training.epoch=2", "unknown key training.epoch; did you mean training.epochs?"),
        ("objective.temprature=2", "did you mean objective.temperature?"),
        ("optimizer.foo=1", "unknown key optimizer.foo; optimizer has encoder_lr, head_lr, "),
        ("foo=1", "unknown key foo; a configuration has name, recipe, task, seed, data, "),
        ("epochs=2", "unknown key epochs; did you mean training.epochs?"),
        ("heads.encoder_lr=2", "did you mean optimizer.encoder_lr?"),
        ("data.speech.max_second=2", "data.speech.max_second; did you mean data.speech.max_sec"),
        ("training.epochs=many", "training.epochs='many'"),
        ("training.epochs", "expected key.sub=value"),
        (
            "objective.name=arcface",
            "objective.name must say which one it is: cross_entropy, supcon",
        ),
        ("seed=-1", "seed=-1"),
        ("optimizer.betas=[0.5, 1]", "optimizer.betas.1=1: Input should be less than 1."),
    ],
)
def test_a_wrong_override_is_named_with_the_mend(file, override, message):
    with pytest.raises(ValueError, match="(?s).*") as error:
        load_config(file, ["objective.name=supcon", override])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["objective={name: domain_adversarial, contrast: {}}", "objective.name=cross_entropy"],
            "objective.contrast belongs to aml, domain_adversarial, caf, not to cross_entropy: "
            'leave it out; "objective={name: cross_entropy}" replaces the whole section',
        ),
        (
            ["encoder={name: functionals, layers: 1}", "encoder.name=speech"],
            "encoder.layers belongs to functionals, egemaps, not to speech: leave it out; "
            '"encoder={name: speech, checkpoint: …}" replaces the whole section',
        ),
    ],
)
def test_a_key_of_another_alternative_is_said_to_be_one(file, overrides, message):
    with pytest.raises(ValueError, match="belongs to") as error:
        load_config(file, overrides)
    assert message in str(error.value)


def test_what_replaces_a_section_does(file):
    first = ["objective={name: domain_adversarial, contrast: {}}"]
    config = load_config(file, [*first, "objective={name: cross_entropy}"])
    assert config.objective.name == "cross_entropy"


def test_a_key_inside_a_dictionary_of_sections_is_found(file):
    wrong = "objective={name: domain_adversarial, domains: {speaker: {wieght: 1}}}"
    meant = "objective.domains.speaker.wieght; did you mean objective.domains.speaker.weight?"
    with pytest.raises(ValueError, match="unknown key") as error:
        load_config(file, [wrong])
    assert meant in str(error.value)


def test_all_problems_come_at_once(file):
    with pytest.raises(ValueError, match="(?s).*") as error:
        load_config(file, ["training.epochs=0", "heads.droput=0.1", "seed=x"])
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize(("objective", "key"), [("supcon", "reads"), ("aml", "space")])
def test_contrast_on_projections_needs_a_projection_head(file, objective, key):
    asked = [f"objective.name={objective}", f"objective.{key}=projections"]
    with pytest.raises(
        ValueError, match=f"objective.{key} is projections but heads.projection_dim"
    ):
        load_config(file, asked)
    assert load_config(file, [*asked, "heads.projection_dim=8"]).heads.projection_dim == 8


def test_a_missing_file_names_a_near_one(file):
    with pytest.raises(ValueError, match=r"Did you mean .*x.yaml"):
        load_config(file.with_name("y.yaml"))


@pytest.mark.parametrize("text", ["just words", "a: [", "\xff"])
def test_what_is_no_configuration_is_refused(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="bad.yaml"):
        load_config(path)


def test_overrides_do_not_change_the_values_given():
    values = {"name": "x", "data": {"corpus": "c"}, "encoder": {"checkpoint": "c"}}
    parse_config(values, ["data.corpus=d"])
    assert values["data"] == {"corpus": "c"}


def test_every_key_is_known():
    keys = set(known_keys())
    assert {"name", "data.corpus", "encoder.lora.rank", "objective.temperature"} <= keys


def test_values_of_one_target_stand_in_the_file(tmp_path):
    values = {
        "name": "x",
        "data": {"corpus": "speech_set", "protocol": "leave_language_out target=en"},
        "encoder": {"name": "functionals"},
        "training": {"epochs": 2},
        "per_target": {"de": ["training.epochs=3", "seed=4"]},
    }
    german = "data.protocol=leave_language_out target=de"
    assert parse_config(values).training.epochs == 2
    chosen = parse_config(values, [german])
    assert (chosen.training.epochs, chosen.seed) == (3, 4)
    assert parse_config(values, [german, "training.epochs=5"]).training.epochs == 5
    assert "per_target" in values  # the caller's own are left alone
    path = tmp_path / "resolved.yaml"
    path.write_text(to_yaml(chosen))
    assert load_config(path) == chosen


@pytest.mark.parametrize("wrong", [["seed=1"], {"de": "seed=1"}])
def test_values_of_targets_of_another_form_are_refused(wrong):
    values = {"name": "x", "data": {"corpus": "c"}, "encoder": {"checkpoint": "c"}}
    with pytest.raises(ValueError, match="per_target holds a list"):
        parse_config(values | {"per_target": wrong})


@pytest.mark.parametrize("key", ["name", "recipe"])
@pytest.mark.parametrize(
    "wrong", ["../x", "a/b", "a\\b", "a\nb", ".x", "-x", "", "a\x00", "a\x7f", "a\u2028b"]
)
def test_a_name_that_leaves_the_folder_is_refused(key, wrong):
    values = {"name": "x", "data": {"corpus": "c"}, "encoder": {"checkpoint": "c"}}
    with pytest.raises(ValueError, match=f"^configuration: {key}=.* cannot name a folder") as error:
        parse_config(values | {key: wrong})
    assert len(str(error.value).splitlines()) == 1
    for right in ("goemotions_aml", "x.de+1", "[neutral] 1", "ü", "weight0.3"):
        assert getattr(parse_config(values | {key: right}), key) == right


def test_a_number_without_end_is_refused(file):
    for wrong in ("optimizer.encoder_lr=.inf", "optimizer.weight_decay=.nan"):
        with pytest.raises(ValueError, match=wrong.split("=")[0] + "=.*finite number"):
            load_config(file, [wrong])


@pytest.mark.parametrize("key", ["seed", "data.split_seed", "data.label_noise.seed"])
def test_a_seed_that_no_generator_takes_is_refused(file, key):
    load_config(file, [f"{key}={2**32 - 1}"])
    with pytest.raises(ValueError, match=f"{key}=.*less than or equal to 4294967295"):
        load_config(file, [f"{key}={2**32}"])
