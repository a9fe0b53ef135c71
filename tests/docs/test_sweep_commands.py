"""The commands of the papers' ablation tables in docs/training.md list the cells they should."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affectrep.cli import app

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```bash\n(# (\w+): .*?\((\d+) cells.*?)```", re.DOTALL)
COMMANDS = {
    kind: (command, int(cells))
    for command, kind, cells in BLOCK.findall((ROOT / "docs/training.md").read_text("utf-8"))
}
LANGUAGES = ("en", "de", "ur", "it", "pl")


def cells(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the folders that the command's dry run lists; bash reads the words, as for a user."""
    command = COMMANDS[kind][0].replace("<folder>", "data")
    script = f"affectrep() {{ printf '%s\\0' \"$@\"; }}\n{command}"
    found = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, check=True)
    words = found.stdout.decode().split("\0")[:-1]
    monkeypatch.chdir(ROOT)
    shown = CliRunner().invoke(app, [*words, "--dry-run", "--output", str(tmp_path)])
    assert shown.exit_code == 0, shown.output
    assert f"{COMMANDS[kind][1]} cells: {COMMANDS[kind][1]} not there." in shown.output
    return re.findall(rf"^not there\s+{re.escape(str(tmp_path))}/(\S+)", shown.output, re.MULTILINE)


def test_there_is_one_for_each_paper() -> None:
    assert list(COMMANDS) == ["text", "faces", "speech"]


@pytest.mark.parametrize(
    ("kind", "prefix", "systems"),
    [
        ("text", "empathetic", "aml aml_bilinear aml_pointwise aml_dro supcon lcl ce"),
        ("faces", "ferplus", "plain fisher sphere gram caf caf_constant caf_linear"),
    ],
)
def test_systems_of_one_corpus(kind, prefix, systems, tmp_path, monkeypatch) -> None:
    wanted = [f"{prefix}_{system}-{seed}" for system in systems.split() for seed in range(5)]
    assert cells(kind, tmp_path, monkeypatch) == wanted


def test_six_systems_on_five_languages(tmp_path, monkeypatch) -> None:
    found = cells("speech", tmp_path, monkeypatch)
    names = ("proposed", "without_supcon", "without_speaker", "baseline2")
    wanted = [f"{name}.{target}" for name in names for target in LANGUAGES]
    wanted += [f"baseline1.{s}-{t}" for t in LANGUAGES for s in LANGUAGES if s != t]
    wanted += [f"upper.{target}.fold{fold}" for target in LANGUAGES for fold in range(5)]
    assert Counter(found) == Counter(f"functionals_{w}-{seed}" for w in wanted for seed in range(5))
