"""Writes the tables of docs/benchmarks.md from the files of pytest-benchmark.

Files with the same number of threads, as when a part was measured apart, become one section.
python -m tests.benchmarks.report one.json two.json
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured:begin -->", "<!-- measured:end -->"
HEAD = (
    "| rows | device | affectrep, ms | metric-learning, ms | times as fast | affectrep, MiB "
    "| metric-learning, MiB | share of memory |\n|---|---|---|---|---|---|---|---|"
)

Run = dict[str, Any]


def page_with(page: str, runs: list[Run]) -> str:
    """Return the page with the text between its two markers replaced.

    Raises:
        ValueError: if the page does not hold the markers.
    """
    if not (BEGIN in page and END in page):
        raise ValueError(f"expected {BEGIN} and {END} in {PAGE}")
    before, rest = page.split(BEGIN)
    together: dict[int, Run] = {}
    for run in runs:
        first = together.setdefault(run["machine_info"]["threads"], run | {"benchmarks": []})
        first["benchmarks"] = first["benchmarks"] + run["benchmarks"]
    measured = "\n\n".join(section(run) for run in together.values())
    return f"{before}{BEGIN}\n\n{measured}\n\n{END}{rest.split(END)[1]}"


def section(run: Run) -> str:
    """Return one run as a heading, what it ran on, and its tables."""
    groups: dict[str, list[Run]] = {}
    for one in run["benchmarks"]:
        groups.setdefault(one["group"], []).append(one)
    threads = run["machine_info"]["threads"]
    clock = run["machine_info"]["clock"]
    title = f"### {threads} thread{'s' * (threads > 1)} ({clock})"
    parts = [title, _machine(run), "\n".join([HEAD, *_supcon(groups)])]
    others = [*_alone(groups), *_margin(groups), *_import(groups), *_steps(groups)]
    if others:
        parts.append("\n".join(["| what | measured | target |", "|---|---|---|", *others]))
    return "\n\n".join(parts)


def _steps(groups: dict[str, list[Run]]) -> list[str]:
    found = {one["params"]["name"]: one["stats"]["median"] for one in groups.get("step", [])}
    return [
        f"| training step of 64 texts, {name}, beside cross-entropy "
        f"| {1000 * took:,.0f} ms / {1000 * found['ce']:,.0f} ms = {took / found['ce']:.2f} "
        f"| {'1.5 at most' if name.startswith('aml') else ''} |"
        for name, took in found.items()
        if name != "ce"
    ]


def _machine(run: Run) -> str:
    about, commit = run["machine_info"], run["commit_info"]
    cpu = f"{about['cpu'].get('brand_raw', about['processor'])}, {about['cpu']['count']} cores"
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    changed = " with uncommitted changes" if commit["dirty"] else ""
    return (
        f"{run['datetime'][:10]}, commit {commit['id'][:7]}{changed}; {cpu}; "
        f"{about['gpu'] or 'no GPU'}; Python {about['python_version']}, {versions}."
    )


def _supcon(groups: dict[str, list[Run]]) -> list[str]:
    lines = []
    for name, both in groups.items():
        found = re.fullmatch(r"supcon (\d+) (cpu|cuda)", name)
        if found is None or len(both) != 2:
            continue
        ours, theirs = sorted(both, key=lambda one: one["params"]["library"] != "affectrep")
        seconds = [_median(one) for one in (ours, theirs)]
        mib = [one["extra_info"]["mib"] for one in (ours, theirs)]
        lines.append(
            f"| {int(found[1]):,} | {found[2]} | {_ms(seconds[0])} | {_ms(seconds[1])} "
            f"| {seconds[1] / seconds[0]:.1f} | {mib[0]:.0f} | {mib[1]:,.0f} "
            f"| {mib[0] / mib[1]:.1%} |"
        )
    return lines


def _alone(groups: dict[str, list[Run]]) -> list[str]:
    lines = []
    for one in groups.get("supcon 32768 alone", []):
        seconds, mib = one["extra_info"]["seconds"], one["extra_info"]["mib"]
        lines.append(f"| SupCon, 32,768 rows, cpu | {seconds:.0f} s, {mib:.0f} MiB | under 4 GB |")
    for name, ones in groups.items():
        found = re.fullmatch(r"supcon (\d+) share (\w+)", name)
        if found is not None:
            share, seconds = ones[0]["extra_info"]["share"], _median(ones[0])
            lines.append(
                f"| SupCon, {int(found[1]):,} rows, {found[2]}: share of the matrix-product peak "
                f"| {share:.0%} in {seconds:.3g} s | reported |"
            )
    return lines


def _margin(groups: dict[str, list[Run]]) -> list[str]:
    seconds = {one["name"]: _median(one) for one in groups.get("margin", [])}
    margin = seconds.pop("test_adaptive_margin", None)
    if margin is None:
        return []
    lines = [f"| adaptive margin, 256 rows of 16 values | {_ms(margin)} ms | |"]
    for name, step in seconds.items():
        pixels = name.partition("[")[2].rstrip("]")
        lines.append(
            f"| ResNet-18 training step, 256 images of {pixels} pixels "
            f"| {_ms(step)} ms: the margin is {margin / step:.2%} of it | under 10 % |"
        )
    return lines


def _import(groups: dict[str, list[Run]]) -> list[str]:
    return [
        f"| import affectrep.objectives beside import torch, CPU time | "
        f"{one['extra_info']['objectives']:.2f} s / {one['extra_info']['torch']:.2f} s = "
        f"{one['extra_info']['objectives'] / one['extra_info']['torch']:.2f} | under 1.5 |"
        for one in groups.get("import", [])
    ]


def _median(one: Run) -> float:
    return float(one["stats"]["median"])


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:,.0f}"


if __name__ == "__main__":
    found = [json.loads(Path(word).read_text(encoding="utf-8")) for word in sys.argv[1:]]
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
