"""The commands of docs/matrix.md train every cell of its table, with every seed that it has."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

from typer.testing import CliRunner

from affectrep.cli import app
from affectrep.evaluation.results import read_results
from tests.benchmarks.objective_matrix import CORPORA

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## Commands\n\n```bash\n(.*?)```", re.DOTALL | re.MULTILINE)
TOLD = re.compile(r"^# \w+: .*\((\d+) cells\b", re.MULTILINE)
CELL = re.compile(r"(?P<name>\w+?)(?:\.(?P<target>\w\w))?-(?P<seed>\d+)")


def cells(commands: str, tmp_path: Path) -> list[tuple[str, str, int]]:
    """Return configuration, target and seed of every cell; bash reads the words, as for a user."""
    script = "affectrep() { printf '%s\\0' \"$@\"; printf '\\n'; }\npython() { :; }\n"
    words = re.sub(r"<\w+>", "data", commands)
    found = subprocess.run(
        ["bash", "-ec", script + words], cwd=ROOT, capture_output=True, check=True
    )
    listed = []
    for line in found.stdout.decode().splitlines():
        dry = [*line.split("\0")[:-1], "--dry-run", "--output", str(tmp_path)]
        shown = CliRunner().invoke(app, dry)
        assert shown.exit_code == 0, shown.output
        folders = re.findall(
            rf"^not there\s+{re.escape(str(tmp_path))}/(\S+)", shown.output, re.MULTILINE
        )
        matches = [re.fullmatch(CELL, folder) for folder in folders]
        listed += [(one["name"], one["target"] or "", int(one["seed"])) for one in matches if one]
    return listed


def test_every_cell_of_the_table_is_trained(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    section = SECTION.search((ROOT / "docs/matrix.md").read_text("utf-8"))
    assert section is not None
    listed = cells(section[1], tmp_path)
    assert len(listed) == len(set(listed)) == sum(map(int, TOLD.findall(section[1])))
    seeds: dict[str, set[int]] = defaultdict(set)
    for name, _, seed in listed:
        seeds[name].add(seed)
    assert set(seeds) == {name for corpus in CORPORA for name in corpus.cells.values()}
    assert {target for _, target, _ in listed} == {"", "en", "de", "ur", "it", "pl"}
    for corpus in CORPORA:
        table = read_results(ROOT / "recipes" / corpus.recipe / "results.csv")
        table = table[(table["split"] == "test") & (table["metric"] == corpus.metric)]
        for name in corpus.cells.values():
            assert set(table[table["config"] == name]["seed"]) <= seeds[name], name
