"""The paper's nine settings and six systems on five tiny corpora in their official layouts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.build import build_manifest, build_model, build_objective
from affectrep.commands import train
from affectrep.config import Config, differing_keys, load_config
from affectrep.data.crosslingual import Protocol, require_hygiene
from affectrep.data.manifest import Manifest
from tests.encoders.tiny_speech import tiny_speech
from tests.tiny_paper import paper_corpora, paper_settings

CONFIGS = Path(__file__).parents[1] / "configs" / "ser_crosslingual"
SYSTEMS = ("baseline1", "baseline2", "proposed", "without_supcon", "without_speaker", "upper")
LANGUAGES = {"en", "zh", "de", "fr", "ur"}
SETTINGS = [(setting.sources[0], setting.target) for setting in paper_settings()]
QUICK = ("data.workers=0", "training.threads=1", "training.epochs=1", "heads.dropout=0.0")


def load(system: str, *overrides: str) -> Config:
    return load_config(CONFIGS / f"paper_{system}.yaml", list(overrides))


def protocol(system: str, source: str, target: str) -> str:
    if system == "upper":
        return f"folds target={target} fold=1 folds=5"
    kind = "source_to_target" if system == "baseline1" else "paper"
    return f"{kind} sources={source} target={target}"


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFECTREP_CACHE", str(folder / "cache"))
        yield paper_corpora(folder / "corpora", speakers=5, takes=3)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_speech(tmp_path_factory.mktemp("encoder"), "wav2vec2-group")


@pytest.mark.parametrize(("source", "target"), SETTINGS, ids=[f"{s}-{t}" for s, t in SETTINGS])
def test_each_setting_builds_with_each_system_and_keeps_the_target_out(
    source: str, target: str, corpora: Path
) -> None:
    known: dict[str, Manifest] = {}
    for system in SYSTEMS:
        words = protocol(system, source, target)
        config = load(system, f"data.root={corpora}", f"data.protocol={words}")
        manifest = known[words] if words in known else build_manifest(config)
        known[words], rows = manifest, manifest.rows
        require_hygiene(rows, rows["split"], Protocol.parse(words))
        heard = {"baseline1": {source}, "upper": {target}}.get(system, LANGUAGES - {target})
        for split in ("train", "validation"):
            assert set(rows.loc[rows["split"] == split, "language"]) == heard
        assert set(rows.loc[rows["split"] == "test", "language"]) == {target}
        assert set(rows.loc[rows["split"] == "test", "label"]) == set(manifest.info.classes or ())
        speakers = {name: set(part["speaker"]) for name, part in rows.groupby("split")}
        assert speakers["test"].isdisjoint(speakers["train"] | speakers["validation"])
        # what the speaker head can name comes from training rows alone
        assert set(manifest.domains()["speaker"]) == speakers["train"]
        players = build_objective(config, manifest, dim=16).players()
        adversary = system in ("proposed", "without_supcon")
        assert [name for name in players if "speaker" in name] == ["speaker"] * adversary


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system_takes_a_step(system: str, corpora: Path, encoder: str, tmp_path: Path) -> None:
    overrides = [
        *QUICK,
        f"data.root={corpora}",
        f"data.protocol={protocol(system, 'fr', 'de')}",
        f"encoder.checkpoint={encoder}",
        "data.speech.composition.steps=1",
    ]
    train.run(CONFIGS / f"paper_{system}.yaml", overrides, output=tmp_path)
    (folder,) = tmp_path.glob(f"paper_{system}.*")
    assert json.loads((folder / "environment.json").read_text())["finished"]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = {line["name"]: line["value"] for line in lines if line["phase"] == "main"}
    assert all(torch.tensor(value).isfinite() for value in losses.values())
    named = " ".join(losses)
    assert ("supcon" in named) == (system in ("proposed", "without_speaker"))
    assert ("speaker" in named) == (system in ("proposed", "without_supcon"))


def test_only_what_was_added_to_the_encoder_is_trained(corpora: Path, encoder: str) -> None:
    config = load("proposed", f"data.root={corpora}", f"encoder.checkpoint={encoder}")
    model = build_model(config, build_manifest(config))
    trained = {name for name, value in model.encoder.named_parameters() if value.requires_grad}
    assert {"layers" in name or "lora" in name or "adapter" in name for name in trained} == {True}
    for part in ("lora", "adapter", "layers"):
        assert any(part in name for name in trained), part


def test_systems_differ_in_one_thing_each() -> None:
    base = load("baseline2")

    def changes(system: str, other: Config = base) -> set[str]:
        keys = differing_keys(other, load(system)).keys() - {"name"}
        return {".".join(key.split(".")[:2]) for key in keys}

    cells = {"data.protocol", "data.speech"}  # one language fills the batch of three
    assert changes("baseline1") == cells
    assert changes("upper", load("baseline1")) == {"data.protocol"}
    assert changes("without_supcon") == {"objective.domains"}
    assert changes("without_speaker") == {"objective.contrast"}
    assert changes("without_supcon", load("proposed")) == {"objective.contrast"}
    assert changes("without_speaker", load("proposed")) == {"objective.domains"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_known_of_the_paper_is_kept(system: str) -> None:
    config = load(system)
    assert set(config.data.speech.roots) == {"meld", "esd", "emodb", "cafe", "urdu"}
    composition = config.data.speech.composition
    assert composition is not None
    assert composition.languages * composition.emotions * composition.utterances == 36
    assert (config.encoder.pooling, config.encoder.tuning) == ("mean", "lora+adapters")
    assert (config.heads.hidden, config.heads.projection_dim) == (0, None)
    objective = config.objective
    if objective.contrast is not None:
        assert (objective.contrast.weight, objective.contrast.domain_weight) == (1.0, 2.5)
        assert (objective.contrast.domain, objective.contrast.reads) == ("language", "embeddings")
    for speaker in objective.domains.values():
        assert (speaker.method, speaker.weight) == ("reversal", 0.3)
