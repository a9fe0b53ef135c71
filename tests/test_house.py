"""The house rules that no other tool checks: layout, sizes, configurations, words in files."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import affectrep
from affectrep.build import build_model, build_objective
from affectrep.config import Config, load_config
from affectrep.config.objectives import FittedConfig
from affectrep.data.corpora import CORPORA
from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.evaluation.results import readme_is_current
from affectrep.model import AffectModel
from affectrep.training.fitted_run import FittedRun
from affectrep.training.run_folder import RunFolder
from tests.encoders.tiny_speech import tiny_speech
from tests.encoders.tiny_vision import tiny_vision

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "affectrep").rglob("*.py"))
CONFIGS = sorted((ROOT / "configs").glob("*/*.yaml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked() -> list[Path]:
    """Files that git knows or would take in; all that are not hidden where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        found = (path for part in PARTS for path in (ROOT / part).rglob("*"))
        return [path for path in found if path.is_file()]
    paths = [ROOT / name for name in names.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


PARTS = ("affectrep", "configs", "docs", "recipes", "tests", ".ci")
TEXTS = [
    path
    for path in tracked()
    if path.suffix in {".py", ".md", ".sh", ".yaml", ".toml", ".cfg", ".txt", ".css", ".html", ""}
]
PAGES = [path for path in TEXTS if path.suffix == ".md"]


def test_every_module_imports():
    names = [item.name for item in pkgutil.walk_packages(affectrep.__path__, "affectrep.")]
    assert "affectrep.cli" in names
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_modules_and_functions_stay_small(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 350, "a module has at most 350 lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1:] if ast.get_docstring(node) else node.body
            lines = first[-1].end_lineno - first[0].lineno + 1 if first else 0
            assert lines <= 40, f"{node.name} has {lines} lines of code, at most 40"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_console_reads_brackets_as_markup(path):
    """A folder ``p[/old]`` or a class ``[calm]`` is shown as it is called."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Console"):
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert given.get("markup") == "False", f"line {node.lineno}: Console(markup=False)"


def test_no_room_has_a_name_that_says_nothing():
    forbidden = {"utils", "util", "common", "helpers", "helper", "misc", "manager"}
    assert not [path for path in MODULES if path.stem in forbidden or path.parent.name in forbidden]


def test_recipes_hold_no_python():
    assert not list((ROOT / "recipes").rglob("*.py"))
    for recipe in (ROOT / "recipes").iterdir():
        if recipe.is_dir():
            assert (recipe / "run.sh").is_file(), recipe
            assert (recipe / "README.md").is_file(), recipe


# Put together here, so that this file does not name them itself.
FORBIDDEN = {
    "a machine's path": r"(?<![\w.\])}])/" + r"(?:work|farm|home|root)/[\w.]",
    "a registry's address": r"index-url[= ]+h" + r"ttp|pypi\.org/simple",
    "an unfinished place": r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what):
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{relative(path)}:{number}: {line.strip()[:80]}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found


@pytest.mark.parametrize("path", CONFIGS, ids=relative)
def test_configuration_is_in_order(path):
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    config = load_config(path, [])
    assert config.name == path.stem
    assert config.recipe in (path.parent.name, None)
    assert config.recipe is not None or config.data.corpus.startswith("demo_")
    assert config.data.corpus in CORPORA
    sections = set(values) - {"per_target"}
    assert sections == set(Config.model_fields), "a configuration names every section"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 55


def invented(task: str) -> Manifest:
    if task == "regression":
        return invented_faces()
    info = CorpusInfo("x", "X", "text", task, ["calm", "glad", "sad"], "own", "own")
    count = 12
    labels = ["calm", "glad", "sad"] * 4
    rows = pd.DataFrame({"id": [str(i) for i in range(count)]})
    rows["text"] = [f"text {i}" for i in range(count)]
    rows["split"] = ["train"] * 6 + ["validation"] * 3 + ["test"] * 3
    rows["speaker"] = [f"s{i}" for i in range(count)]
    rows["language"] = ["de", "en", "fr"] * 4
    if task == "multilabel":
        rows["labels"] = [[label] for label in labels]
    else:
        rows["label"] = labels
    return Manifest(rows, info)


def invented_faces() -> Manifest:
    rows = pd.DataFrame({"id": [f"f{i}" for i in range(12)], "path": "none.png"})
    rows["split"] = ["train"] * 6 + ["validation"] * 3 + ["test"] * 3
    rows["valence"], rows["arousal"] = [0.8, 0.1, -0.2] * 4, [0.7, -0.1, 0.0] * 4
    rows["subject"] = rows["video"] = [f"s{i // 3}" for i in range(12)]
    rows["expression"] = ["happy", "calm", "sad"] * 4
    rows["frame"], rows["time_s"] = [0, 1, 2] * 4, [0.0, 0.2, 0.4] * 4
    return Manifest(rows, CorpusInfo("x", "X", "face", "regression", None, "own", "own"))


BUILT: dict[str, AffectModel] = {}


def model_of(config: Config) -> AffectModel:
    """Build a model once for all configurations that ask for the same one."""
    parts = config.model_dump_json(include={"task", "encoder", "heads"})
    if parts not in BUILT:
        BUILT[parts] = build_model(config, invented(config.task))
    return BUILT[parts]


@pytest.fixture(scope="module")
def speech_checkpoint(tmp_path_factory):
    return tiny_speech(tmp_path_factory.mktemp("speech"), "wav2vec2-group")


@pytest.fixture(scope="module")
def vision_checkpoint(tmp_path_factory):
    return tiny_vision(tmp_path_factory.mktemp("vision"))


@pytest.mark.parametrize("path", CONFIGS, ids=relative)
def test_configuration_builds(path, speech_checkpoint, vision_checkpoint):
    config = load_config(path, [])
    if config.encoder.name == "speech":  # of the hub: a tiny one of its kind stands in
        config = load_config(path, [f"encoder.checkpoint={speech_checkpoint}"])
    if config.encoder.name in ("video_resnet", "vision"):
        pytest.importorskip("torchvision")
    if config.encoder.name == "vision":
        config = load_config(path, [f"encoder.checkpoint={vision_checkpoint}"])
    manifest = invented(config.task)
    strong = getattr(config.objective, "strong_classes", None)
    if strong is not None:  # names of the corpus: the invented one gets them, too
        manifest.info.classes.extend(strong)
        manifest.rows.loc[:1, "label"] = strong[0]
    model = model_of(config)
    if isinstance(config.objective, FittedConfig):
        assert model.encoder.is_fixed
        FittedRun(config, manifest, RunFolder(path), torch.device("cpu"))
        return
    objective = build_objective(config, manifest, dim=model.encoder.dim)
    players = {name for phase in objective.phases() for name in phase.updates}
    assert players <= {*model.players(), *objective.players()}


@pytest.mark.parametrize("results", sorted((ROOT / "recipes").glob("*/results.csv")), ids=relative)
def test_readme_shows_results(results):
    assert readme_is_current(results.parent / "README.md", results)


def test_constraints_are_names_and_versions():
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in CONSTRAINTS)
    pinned = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in CONSTRAINTS}
    assert pinned["torch"] == "2.11.0"
    extras = PROJECT["optional-dependencies"].values()
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        if name != "affectrep":
            assert name in pinned, f"constraints.txt does not pin {name}"
            assert requirement.specifier.contains(pinned[name], prereleases=True), requirement


def test_extras_that_are_promised():
    extras = PROJECT["optional-dependencies"]
    promised = {"speech", "face", "demo", "egemaps", "espeak", "serve", "export", "dev", "all"}
    assert set(extras) == promised
    named = re.search(r"\[(.*)\]", extras["all"][0])
    assert named is not None
    assert set(named[1].split(",")) == promised - {"all"}


def test_text_needs_no_audio_or_vision_package():
    extras = PROJECT["optional-dependencies"]
    waiting = [Requirement(line).name for line in PROJECT["dependencies"] + extras["demo"]]
    needed: set[str] = set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in needed:
            continue
        needed.add(name)
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += [
            requirement.name
            for requirement in map(Requirement, lines)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ]
    assert "torch" in needed
    media = {"torchaudio", "torchvision", "torchcodec", "soundfile", "librosa", "av", "timm"}
    assert not needed & (media | {"opencv-python", "opencv-python-headless", "opensmile"})


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{relative(page)} links to {target}"


def test_changelog_knows_this_version():
    assert f"## {affectrep.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
