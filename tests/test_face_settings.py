"""The configurations of faces are what their names say, and run on corpora in official layouts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("PIL")
pytest.importorskip("cv2")

from affectrep.build import build_manifest, build_model, build_objective
from affectrep.commands import evaluate, report, train
from affectrep.config import Config, differing_keys, load_config
from affectrep.data.manifest import CorpusInfo, Manifest
from affectrep.model import AffectModel
from affectrep.training.optimizers import OptimizerSettings
from tests import tiny_faces
from tests.encoders.tiny_vision import tiny_vision
from tests.tiny_faces import ALEXNET, CLIPS, CONFIGS, RESNET, SMALL

FILES = sorted(CONFIGS.glob("*.yaml"))
NAMES = [file.stem for file in FILES]
GAMES = {"caf": "ContrastGame", "fisher": "FisherGame", "sphere": "SphereGame", "gram": "GramGame"}
# the paper's Table 4: four critics, three margins, plain regression, and two readings of CAF
SYSTEMS = ("plain", "caf", "caf_constant", "caf_linear", "fisher", "sphere", "gram")
BESIDE = ("supcon", "aml", "triplet", "reversal")  # beside the regression
NAMED = {"reversal": "domain_adversarial"}
READINGS = ("caf_literal", "caf_code")
CODE = {"optimizer.betas", "optimizer.decay_factor", "optimizer.decay_fraction"}
SIZES = {"resnet18": RESNET, "alexnet_tuned": ALEXNET, "video_resnet": CLIPS}


def load(name: str, *overrides: str) -> Config:
    return load_config(CONFIGS / f"{name}.yaml", list(overrides))


def invented() -> Manifest:
    """Frames of two people in each split, strong and weak, without a file."""
    angle = np.linspace(0, 6, 24)
    radius = np.tile([0.9, 0.1, 0.8, 0.2], 6)
    rows = pd.DataFrame(
        {
            "id": [f"f{number}" for number in range(24)],
            "split": np.repeat(["train", "validation", "test"], 8),
            "path": "none.png",
            "valence": radius * np.cos(angle),
            "arousal": radius * np.sin(angle),
            "subject": [f"p{number // 4}" for number in range(24)],
            "video": [f"v{number // 4}" for number in range(24)],
            "frame": np.tile(range(4), 6),
        }
    )
    rows["time_s"] = rows["frame"] / 5
    info = CorpusInfo("x", "X", "face", "regression", None, "own", "invented")
    return Manifest(rows, info)


def built(name: str, *overrides: str) -> tuple[Config, AffectModel, Any]:
    config = load(name)
    config = load(name, *SIZES[config.encoder.name], *overrides)
    if config.encoder.name == "video_resnet":
        pytest.importorskip("torchvision")
    model = build_model(config, invented())
    return config, model, build_objective(config, invented(), dim=model.encoder.dim)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if not {"18", "clips", "vit"} & set(name.split("_"))]
)
def test_critic_margin_and_grouping_are_those_of_the_name(name: str) -> None:
    config, model, objective = built(name)
    words = name.split("_")
    critic = next((word for word in words if word in GAMES), None)
    if critic is None:
        own = next((word for word in words if word in BESIDE), None)
        assert config.objective.name == NAMED.get(own, own or "av_regression")
        assert own or {"plain", "augmented"} & set(words)
        if own == "aml":
            return
        assert [phase.name for phase in objective.phases()] == ["main"]
        return
    assert type(objective.game).__name__ == GAMES[critic]
    grouping = objective.grouper.grouping
    rule = next(
        (word for word in words if word.startswith("kmeans")), "code" if "code" in words else "otsu"
    )
    assert f"{grouping.rule}{grouping.centres if grouping.rule == 'kmeans' else ''}" == rule
    if critic == "caf":
        margin = objective.game.rule
        kind = next((word for word in words if word in ("constant", "linear")), "adaptive")
        assert margin.kind == kind
        assert kind != "linear" or margin.epochs == config.training.epochs
        assert (margin.value, margin.start, margin.slope) == (0.2, 0.1, 0.005)
    per_batch = {"literal", "unhinged", "code"} & set(words)
    assert grouping.scope == ("batch" if per_batch else "dataset")
    assert torch.isnan(objective.grouper.threshold) == bool(per_batch)
    names = [phase.name for phase in objective.phases()]
    order = ["critic", "adversarial", "main"]
    assert names == (["main", *order[:2]] if "code" in words else order)
    players = {player for phase in objective.phases() for player in phase.updates}
    assert players <= {*model.players(), *objective.players()}
    assert not any("critic" in key or "head." in key for key in model.state_dict())


def test_readings_differ_as_their_names_say() -> None:
    parts = {
        name: built(f"ferplus_caf{name}")[2].game
        for name in ("", "_half", "_mi", "_delta", "_literal", "_unhinged")
    }
    adaptive = {name: game.rule.adaptive for name, game in parts.items()}
    contrast = {name: game.loss.contrast for name, game in parts.items()}
    plain = adaptive[""]
    assert (plain.information, plain.delta) != ("none", "none")
    assert (adaptive["_mi"].information, adaptive["_mi"].delta) == (plain.information, "none")
    assert (adaptive["_delta"].information, adaptive["_delta"].delta) == ("none", plain.delta)
    assert (adaptive["_literal"].information, adaptive["_literal"].delta) == ("paired", "paper")
    weights = {name: one.negative_weight for name, one in contrast.items()}
    assert (weights[""], weights["_half"], weights["_literal"]) == (1.0, 0.5, 0.5)
    assert weights["_unhinged"] == 1.0
    hinges = {name for name, one in contrast.items() if one.hinge}
    assert hinges == {"", "_half", "_mi", "_delta"}


@pytest.mark.parametrize("centres", [2, 3, 5])
def test_kmeans_on_another_corpus_is_an_override(centres: int) -> None:
    words = ("objective.grouping.rule=kmeans", f"objective.grouping.centres={centres}")
    page = (CONFIGS.parents[1] / "docs" / "caf.md").read_text(encoding="utf-8")
    assert centres != 3 or " ".join(words) in page
    _, _, objective = built("affectnet_resnet_caf", *words)
    assert objective.grouper.grouping == built(f"ferplus_caf_kmeans{centres}")[2].grouper.grouping


def test_the_whole_of_table_4_is_there() -> None:
    for backbone in ("resnet", "alexnet"):
        wanted = {f"affectnet_{backbone}_{system}" for system in (*SYSTEMS, *READINGS)}
        assert wanted == {name for name in NAMES if name.startswith(f"affectnet_{backbone}")}
    assert {f"ferplus_{system}" for system in (*SYSTEMS, *READINGS)} <= set(NAMES)
    assert {f"ferplus_alexnet_{system}" for system in SYSTEMS} <= set(NAMES)


TABLES = {"affectnet_resnet": 9, "affectnet_alexnet": 9, "ferplus": 9}
TABLES |= {"ferplus_alexnet": 7, "demo": 2}


@pytest.mark.parametrize("set_", TABLES)
def test_systems_of_a_table_differ_in_the_objective_alone(set_: str) -> None:
    base = load(f"{set_}_plain")
    names = [f"{set_}_{system}" for system in (*SYSTEMS, *READINGS)]
    names = [name for name in NAMES if name in names]
    assert len(names) == TABLES[set_]
    for name in names:
        keys = differing_keys(base, load(name)).keys()
        beside = {key for key in keys if key.split(".")[0] not in ("name", "objective")}
        # the released code trains otherwise, too; a rate that falls in no steps has no step to set
        expected = set(CODE if name.endswith("_code") else ())
        if base.optimizer.schedule != "step":
            expected -= {"optimizer.decay_factor", "optimizer.decay_fraction"}
        assert beside == expected, name


@pytest.mark.parametrize("set_", ["affectnet_resnet", "affectnet_alexnet", "ferplus"])
def test_the_released_codes_critic_and_training_are_its_own(set_: str) -> None:
    config, _, objective = built(f"{set_}_caf_code")
    kinds = [type(layer).__name__ for layer in objective.players()["critic"].layers]
    assert kinds == ["Linear", "Linear", "Dropout", "ReLU", "Linear"]
    assert config.optimizer.betas == config.optimizer.adversary_betas == (0.5, 0.9)
    settings = OptimizerSettings(**config.optimizer.model_dump())
    if config.optimizer.schedule == "step":  # all of training are 50,000 steps
        found = [settings.factor(steps / 50_000) for steps in (4_999, 5_000, 10_000, 49_999)]
        assert found == pytest.approx([1.0, 0.9, 0.81, 0.9**9])


def test_lora_on_a_vit_is_plain_regression_with_few_weights_to_train(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    kept = load("ferplus_vit_lora").encoder.preprocess
    assert (kept["size_px"], kept["resize_px"]) == (224, 240)
    words = [f"encoder.checkpoint={tiny_vision(tmp_path)}"]
    words += ["encoder.preprocess={size_px: 32, resize_px: 36}"]
    config = load("ferplus_vit_lora", *words)
    model = build_model(config, invented())
    trained = {name for name, value in model.encoder.named_parameters() if value.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    objective = build_objective(config, invented(), dim=model.encoder.dim)
    assert [phase.name for phase in objective.phases()] == ["main"]
    pictures = [torch.zeros(3, 36, 36, dtype=torch.uint8)]
    assert model(model.encoder.preprocess(pictures)).predictions.shape == (1, 2)


@pytest.mark.parametrize("system", ["plain", "caf"])
def test_the_network_for_small_faces_differs_in_what_it_sees_and_how_long(system: str) -> None:
    config = load(f"ferplus_small_{system}")
    assert set(differing_keys(load(f"ferplus_{system}"), config)) == {
        "name",
        "encoder.stem",
        "encoder.width",
        "encoder.preprocess.size_px",
        "encoder.preprocess.resize_px",
        "training.epochs",
    }
    assert (config.training.epochs, config.heads.hidden, config.heads.dropout) == (60, [64], 0.2)
    encoder = build_model(config, invented()).encoder
    first = encoder.conv1
    assert (first.kernel_size, first.stride, first.out_channels) == ((3, 3), (1, 1), 64)
    pictures = [torch.zeros(3, 54, 54, dtype=torch.uint8)]
    assert encoder(encoder.preprocess(pictures)).features.shape == (1, 512, 6, 6)


@pytest.mark.parametrize("backbone", ["resnet", "alexnet"])
def test_corpora_of_the_paper_share_what_the_paper_shares(backbone: str) -> None:
    first = load(f"affectnet_{backbone}_caf")
    for corpus in ("afew_va", "affwild"):
        other = load(f"{corpus}_{backbone}_caf")
        # how faces are cut out is the corpus' own: some give crops, some boxes, some whole frames
        keys = {key for key in differing_keys(first, other) if not key.startswith("data.face.")}
        own = {"optimizer.decay_fraction"} if corpus == "affwild" else set()
        assert keys <= {"name", "data.corpus", "data.protocol", "training.epochs", *own}, corpus
        # times .8 every 10,000 steps, of 50,000 or, on Aff-Wild, of 100,000
        steps = 100_000 if corpus == "affwild" else 50_000
        settings = OptimizerSettings(**other.optimizer.model_dump())
        found = [settings.factor(step / steps) for step in (9_999, 10_000, 20_000)]
        assert found == pytest.approx([1.0, 0.8, 0.64])
    assert first.data.batch_size == {"resnet": 128, "alexnet": 256}[backbone]
    assert first.heads.hidden == [64, 8]
    sizes = first.encoder.preprocess
    assert (sizes["size_px"], sizes["resize_px"]) == (224, 256)
    assert first.optimizer.adversarial_lr_factor == 0.1


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("af")])
def test_faces_are_cut_out_of_what_each_corpus_gives(name: str) -> None:
    found = load(name).data.face
    corpus = next(word for word in ("affectnet", "afew_va", "affwild") if name.startswith(word))
    wanted = {"affectnet": ("none", 0.0), "afew_va": ("none", 0.15), "affwild": ("cascade", 0.1)}
    assert (found.detector, found.margin) == wanted[corpus]


@pytest.mark.parametrize("backbone", ["resnet", "alexnet"])
def test_no_whole_frame_of_affwild_is_trained_on(
    backbone: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finder(detector: str) -> Any:
        assert detector == "cascade"
        return lambda pixels: [(8.0, 4.0, 32.0)]

    monkeypatch.setattr("affectrep.data.face_boxes.faces_finder", finder)
    root = tiny_faces.affwild(folder / "corpus", videos=6, frames=6)
    config = load(f"affwild_{backbone}_caf", f"data.root={root}")
    rows = build_manifest(config).rows
    assert (rows[["box_left", "box_top", "box_side"]] == [8.0, 4.0, 32.0]).all(axis=None)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("affectnet_alexnet_caf", 3.05e6, 3.07e6), ("affectnet_resnet_caf", 11.1e6, 11.3e6)],
)
def test_networks_have_the_sizes_of_the_paper(name: str, least: float, most: float) -> None:
    config = load(name)
    model = build_model(config, invented())
    assert least < sum(weight.numel() for weight in model.parameters()) < most
    critic = build_objective(config, invented(), dim=model.encoder.dim).players()["critic"]
    if "alexnet" in name:  # 3.65 million with its critic
        assert sum(weight.numel() for weight in critic.parameters()) == 592_496


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def whole(folder: Path, name: str, *overrides: str) -> tuple[Path, dict[str, Any]]:
    """Train, evaluate and report; return the run folder and its card."""
    train.run(CONFIGS / f"{name}.yaml", [*SMALL, *overrides], output=folder / "runs")
    (run,) = (folder / "runs").glob(f"{name}*")
    card = evaluate.run(run)
    page = report.run([run], folder / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg;base64," in page
    assert np.isfinite([one["value"] for one in card["metrics"].values()]).all()
    return run, card


# the drawn videos show no face
FACELESS = (*RESNET, "data.protocol=fps=10", "data.face.detector=none")
CORPORA: list[tuple[str, Callable[..., Path], tuple[str, ...]]] = [
    ("affectnet_resnet_caf", tiny_faces.affectnet_lists, RESNET),
    ("affectnet_alexnet_caf", tiny_faces.affectnet_later, ALEXNET),
    ("afew_va_resnet_caf", tiny_faces.afew_va, RESNET),
    ("affwild_resnet_caf", tiny_faces.affwild, FACELESS),
    ("affwild_resnet_caf", tiny_faces.affwild2, (*FACELESS, "data.corpus=affwild2")),
]


@pytest.mark.parametrize(
    ("name", "make", "overrides"), CORPORA, ids=[make.__name__ for _, make, _ in CORPORA]
)
def test_a_corpus_of_the_paper_runs_from_its_official_folder(
    name: str, make: Callable[..., Path], overrides: tuple[str, ...], folder: Path
) -> None:
    root = make(folder / "corpus")
    run, card = whole(folder, name, f"data.root={root}", *overrides)
    environment = json.loads((run / "environment.json").read_text())
    assert environment["finished"]
    # the critic had something to do in most batches
    assert environment["skipped_phases"].get("critic", 0) < environment["steps"] / 2
    numbers = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    told = {(line["phase"], line["name"]) for line in numbers}
    assert ("main", "regression") in told
    assert ("critic", "critic") in told
    assert {("validation", "critic_auc"), ("validation", "critic_spread")} <= told
    assert all(np.isfinite(line["value"]) for line in numbers if line["phase"] == "main")
    known = make is tiny_faces.afew_va
    assert card["persons"]["independent"] == known
    start = "Person-independent: none of" if known else "Not person-independent"
    assert card["persons"]["sentence"].startswith(start)
    stored = AffectModel.from_pretrained(str(run / "model"))
    assert not any("critic" in key for key in stored.state_dict())
    assert stored.meta["corpus"] == card_title(name, overrides)


def card_title(name: str, overrides: tuple[str, ...]) -> str:
    if "data.corpus=affwild2" in overrides:
        return "Aff-Wild2"
    return {"affe": "AffectNet", "afew": "AFEW-VA", "affw": "Aff-Wild"}[name[:4]]


def narrow(**_: Any) -> torch.nn.Module:
    """Two convolutions in place of a network of 33 million weights."""
    network = torch.nn.Module()
    network.stem = torch.nn.Conv3d(3, 8, 3, stride=2, padding=1)
    for number in (1, 2, 3):
        setattr(network, f"layer{number}", torch.nn.ReLU())
    network.layer4 = torch.nn.Conv3d(8, 512, 1)
    return network


@pytest.mark.parametrize("kind", ["r3d_18", "r2plus1d_18"])
@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_temporal_comparators_read_clips(
    kind: str, real: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = pytest.importorskip("torchvision.models.video")
    if not real:
        monkeypatch.setattr(video, kind, narrow)
    root = tiny_faces.afew_va(folder / "corpus")
    name = f"afew_va_{kind}"
    assert load(name).encoder.kind == kind
    run, card = whole(folder, name, f"data.root={root}", *CLIPS)
    assert card["n"] == len(build_manifest(load(name, f"data.root={root}")).split("test"))
    table = pd.read_parquet(run / "predictions" / "test.parquet")
    assert {"video", "frame"} <= set(table)
    model = AffectModel.from_pretrained(str(run / "model"))
    assert model.encoder.preprocess.frames == 4
    assert model.meta["stride"] == 1


@pytest.mark.parametrize("name", [name for name in NAMES if "18" in name or "clips" in name])
def test_networks_over_time_are_plain_regression_on_clips(name: str) -> None:
    config, model, objective = built(name, "data.face.stride=2")
    assert [phase.name for phase in objective.phases()] == ["main"]
    frames = load(name).encoder.preprocess.get("frames", 1)
    if name.endswith("_frame"):
        assert (config.encoder.name, frames, model.meta.get("fps")) == ("resnet18", 1, None)
        return
    assert config.encoder.kind.startswith("r3d" if "r3d" in name else "r2plus1d")
    assert frames == (4 if name.startswith("demo") else 8)
    assert (model.meta["stride"], model.meta["fps"]) == (2, 5.0)
