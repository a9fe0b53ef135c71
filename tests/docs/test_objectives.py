"""The page of the objectives is whole: each name, each key with its default, examples that run."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import typing
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from affectrep import objectives
from affectrep.config.objectives import CAFConfig, ObjectiveConfig
from affectrep.config.section import Section
from affectrep.objectives import OBJECTIVES, CAFSteps, CriticHead, Grouping, Margin, MarginRule
from affectrep.objectives.av_regression import AVRegressionLoss
from affectrep.objectives.contrastive_critic import ContrastiveAdversarialLoss, CriticContrast
from affectrep.objectives.critics import FisherGame, GramGame, SphereGame

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "objectives.md"
TEXT = PAGE.read_text(encoding="utf-8")
NAMES = re.compile(r"(?:`\w+` ?)+")
PARTS = re.split(r"^##+ ", TEXT, flags=re.MULTILINE)
SECTIONS = {part.partition("\n")[0]: part.partition("\n")[2] for part in PARTS}


@cache
def entries() -> dict[str, list[str]]:
    """Sections that begin with a line of names, and those names."""
    found = {}
    for title, body in SECTIONS.items():
        first = body.strip().partition("\n")[0].strip()
        if NAMES.fullmatch(first):
            found[title] = re.findall(r"`(\w+)`", first)
    return found


def unlisted(names: Iterable[str]) -> set[str]:
    return set(names) - {name for listed in entries().values() for name in listed}


def test_every_exported_name_is_listed_once():
    listed = [name for names in entries().values() for name in names]
    assert not unlisted(objectives.__all__), "docs/objectives.md does not list these names"
    assert sorted(listed) == sorted(objectives.__all__), "a name is gone, or is listed twice"


def test_a_new_name_would_be_missed():
    assert unlisted(["pair_loss", "pair_los"]) == {"pair_los"}


@pytest.mark.parametrize("title", [title for title in entries() if "YAML" not in title])
def test_an_entry_says_what_one_needs_to_know(title):
    body = SECTIONS[title]
    said = re.findall(r"^- \*\*(\w+)\.\*\* \S", body, flags=re.MULTILINE)
    assert said == ["Source", "Use", "Beside", "Options"]
    equation = re.search(r"```text\n(.+?)```", body, flags=re.DOTALL)
    assert equation is not None
    assert len(equation[1]) > 20
    examples = doctest.DocTestParser().get_examples(body)
    used = {
        node.id
        for example in examples
        for node in ast.walk(ast.parse(example.source))
        if isinstance(node, ast.Name)
    }
    assert used & set(entries()[title]), "the example uses none of the names"


def test_the_examples_run():
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    assert found.attempted > 100
    assert found.failed == 0


def rows(body: str) -> list[list[str]]:
    """Cells of the table rows of a section, without head and rule."""
    lines = [line for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines][2:]


def keys(name: str) -> dict[str, Any]:
    """Keys and defaults that the page gives for a configuration name."""
    table = rows(SECTIONS[f"Keys of `{name}`"])
    return {row[0].strip("`"): yaml.safe_load(row[1].strip("`")) for row in table}


def sections(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [found for inner in typing.get_args(annotation) for found in sections(inner)]


def defaults(section: type[Section], given: Section | None = None) -> dict[str, Any]:
    """Keys of a section with dots, and their defaults; those of optional ones as well."""
    found: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        if name == "name":
            continue
        value = field.get_default(call_default_factory=True)
        value = value if given is None else getattr(given, name)
        inner, by_domain = sections(field.annotation), isinstance(value, dict)
        if not inner or not isinstance(value, Section):
            found[name] = value
        for part in inner:
            below = defaults(part, value if isinstance(value, Section) else None)
            prefix = f"{name}.<domain>" if by_domain else name
            found |= {f"{prefix}.{key}": default for key, default in below.items()}
    return found


def keywords(*makers: Callable[..., Any]) -> dict[str, Any]:
    """Keywords and defaults of what a free group of CAF's options goes to."""
    parameters = [item for make in makers for item in inspect.signature(make).parameters.items()]
    return {
        name: list(item.default) if isinstance(item.default, tuple) else item.default
        for name, item in parameters
        if name not in ("dim", "kind", "adaptive", "gather")
    }


CAF_GROUPS = {
    "network": (CriticHead,),
    "grouping": (Grouping,),
    "margins": (MarginRule, Margin),
    "contrast": (CriticContrast, ContrastiveAdversarialLoss),
    "fisher": (FisherGame,),
    "sphere": (SphereGame,),
    "gram": (GramGame,),
    "steps": (CAFSteps,),
    "regression": (AVRegressionLoss,),
}


def configured() -> dict[str, type[Section]]:
    union = typing.get_args(typing.get_args(ObjectiveConfig)[0])
    return {section.model_fields["name"].default: section for section in union}


def test_every_configuration_name_has_its_section():
    titles = [title for title in SECTIONS if title.startswith("Keys of ")]
    assert [re.findall("`(.+)`", title)[0] for title in titles] == list(OBJECTIVES)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_key_stands_with_its_default(name):
    expected = defaults(configured()[name])
    if name == "caf":
        for group, makers in CAF_GROUPS.items():
            expected |= {f"{group}.{key}": value for key, value in keywords(*makers).items()}
    assert keys(name) == expected


def test_all_free_groups_of_caf_are_known_here():
    free = {name for name, value in defaults(CAFConfig).items() if isinstance(value, dict)}
    assert free == set(CAF_GROUPS)


def test_the_table_of_names_is_true():
    table = {row[0]: row[1:] for row in rows(SECTIONS["What do I need?"])}
    words = {"classes": "classes", "continuous": "valence, arousal"}
    for name, build in OBJECTIVES.items():
        labels, domains, _, players, phases = table[f"`{name}`"]
        objective = build()
        if name != "domain_adversarial":
            assert labels.startswith(words[objective.targets.labels])
            assert players == (", ".join(objective.players()) or "none")
            assert domains == "none"
            assert not objective.targets.domains
        assert phases.startswith(", ".join(phase.name for phase in objective.phases()))


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_to_a_heading():
    for target in re.findall(r"\]\(([^)]*#[^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        assert anchor in anchors(DOCS / file if file else PAGE), target


def test_the_first_page_leads_here():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in ("objectives.md", "benchmarks.md", "retrieval.md"):
        assert f"]({page})" in index
