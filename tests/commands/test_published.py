from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from affectrep.commands import published
from affectrep.evaluation.results import Result, write_results

ROOT = Path(__file__).parents[2]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe's facts and configurations beside results of their own."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "recipes" / "ser_crosslingual"
    folder.mkdir(parents=True)
    for name in ("published.csv", "checkpoints.csv"):
        shutil.copy(ROOT / "recipes" / "ser_crosslingual" / name, folder / name)
    configs = tmp_path / "configs" / "ser_crosslingual"
    configs.mkdir(parents=True)
    shutil.copy(ROOT / "configs" / "ser_crosslingual" / "paper_proposed.yaml", configs)
    return folder


def result(system: str, setting: str, value: float, seed: int = 0, metric: str = "uar") -> Result:
    return Result(f"paper_{system}", f"strict {setting}", "test", seed, metric, value, 0, 1, 99)


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_nothing_was_run_yet(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published.run(recipe)
    said = capsys.readouterr().out
    assert said.count("  not run; missing: corpora meld, esd, emodb, cafe, urdu; encoder") == 9
    assert "meld, esd, emodb, cafe, urdu: data.root is not set" in said
    assert "and HF_HUB_OFFLINE is set" in said
    assert "  fr>zh  not run; missing: " in said
    assert "encoder facebook/wav2vec2-base-fr-voxpopuli" in said
    assert "run.sh paper data.root=<folder>" in said


def test_obtained_stands_beside_published(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        result("proposed", "en>de", 0.60),
        result("proposed", "en>de", 0.62, seed=1),
        result("proposed", "en>de", 0.55, metric="macro_f1"),
        result("without_speaker", "zh>de", 0.5),
    ]
    write_results(recipe / "results.csv", rows)
    published.run(recipe, ["data.root=none"])
    table = lines(capsys)
    assert ["en>de", "Proposed", "94.64", "61.0", "±", "1.4", "94.36", "55.0", "2"] in table
    assert ["zh>de", "without", "speaker", "?", "50.0", "?", "not", "run", "1"] in table
    assert ["mean", "Proposed", "82.26", "not", "run", "81.96", "not", "run", "0"] in table
    state = next(line for line in table if line[:2] == ["en>de", "not"])
    assert "not run: Baseline 1, Baseline 2, without speaker, without SupCon, Upper" in (
        " ".join(state)
    )


def test_folds_without_a_source_are_those_of_the_configurations_own_encoder(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [result("upper", "de", 0.9), result("upper", "fr>de", 0.8)]
    write_results(recipe / "results.csv", rows)
    published.run(recipe)
    table = lines(capsys)
    assert ["en>de", "Upper", "bound", "97.22", "90.0", "?", "not", "run", "1"] in table
    assert ["zh>de", "Upper", "bound", "97.22", "not", "run", "?", "not", "run", "0"] in table
    assert ["fr>de", "Upper", "bound", "95.44", "80.0", "?", "not", "run", "1"] in table


def test_a_complete_table_has_its_mean(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [f"{s}>{t}" for t in ("de", "fr", "zh") for s in ("en", "zh", "de", "fr") if s != t]
    systems = published.TITLES
    rows = [result(name, pair, 0.4 + 0.02 * i) for name in systems for i, pair in enumerate(pairs)]
    write_results(recipe / "results.csv", rows)
    published.run(recipe)
    said = capsys.readouterr().out
    assert ["mean", "Baseline", "1", "59.49", "48.0", "58.24", "not", "run", "1"] in [
        line.split() for line in said.splitlines()
    ]
    assert said.count("  complete; missing: ") == 9


def test_what_is_there_is_not_missing(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("soundfile")
    pytest.importorskip("torchaudio")
    from tests.tiny_paper import paper_corpora

    root = paper_corpora(tmp_path / "data")
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        (encoder / name).touch()
    table = recipe / "checkpoints.csv"
    table.write_text(table.read_text().replace("facebook/wav2vec2-base-960h", str(encoder)))
    published.run(recipe, [f"data.root={root}"])
    said = capsys.readouterr().out
    assert "  en>fr  not run; nothing is missing" in said
    assert "  de>fr  not run; missing: encoder facebook/wav2vec2-base-de-voxpopuli-v2" in said
    shutil.rmtree(root / "urdu")
    published.run(recipe, [f"data.root={root}"])
    said = capsys.readouterr().out
    assert "  en>fr  not run; missing: corpora urdu" in said
    assert f"  urdu: there is no folder {root / 'urdu'}" in said


def test_a_source_without_an_encoder_is_refused(recipe: Path) -> None:
    (recipe / "checkpoints.csv").write_text("source,checkpoint\nen,a/b\n")
    with pytest.raises(ValueError, match="has no encoder for de, fr, zh"):
        published.run(recipe)


def test_another_recipe_has_none() -> None:
    with pytest.raises(FileNotFoundError, match="no published figures"):
        published.run(ROOT / "recipes" / "fec_text")


def test_the_table_needs_no_torch(recipe: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from affectrep.commands.published import run; "
        f"run(Path({str(recipe)!r}), ['data.root=none']); sys.exit('torch' in sys.modules)"
    )
    environment = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
