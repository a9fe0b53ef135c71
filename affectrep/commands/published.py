"""``affectrep published``: a paper's figures against those obtained, and what a run still needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from affectrep.commands.published_needs import missing_checkpoints, missing_corpora
from affectrep.config import Config, load_config
from affectrep.data.corpus_folders import corpus_folders
from affectrep.evaluation.published import (
    MEAN,
    Obtained,
    obtained,
    obtained_mean,
    read_checkpoints,
    read_published,
)
from affectrep.evaluation.results import read_results

__all__ = ["TITLES", "run"]

TITLES = {
    "baseline1": "Baseline 1",
    "baseline2": "Baseline 2",
    "without_speaker": "without speaker",
    "without_supcon": "without SupCon",
    "proposed": "Proposed",
    "upper": "Upper bound",
}
_METRICS = {"uar": "UAR", "macro_f1": "F1"}
console = Console(soft_wrap=True, markup=False, highlight=False)


@dataclass(frozen=True)
class _Study:
    """A recipe's published settings, its results, and the encoder of each source language."""

    settings: dict[str, tuple[str, str]]  # name -> source, target
    printed: dict[tuple[str, str, str], float]  # setting, system, metric -> value
    results: dict[tuple[str, str, str], Obtained]  # configuration, condition, metric
    checkpoints: dict[str, str]
    config: Config

    def obtained(self, setting: str, system: str, metric: str) -> Obtained:
        """Return what a system reached in a setting, or on average over all of them."""
        if setting == MEAN:
            return obtained_mean([self.obtained(one, system, metric) for one in self.settings])
        source, target = self.settings[setting]
        conditions = [f"strict {setting}"]
        if system == "upper" and self.checkpoints[source] == self._own_checkpoint():
            conditions.append(f"strict {target}")  # the configuration's own encoder
        found = (self.results.get((f"paper_{system}", one, metric)) for one in conditions)
        return next(filter(None, found), Obtained())

    def cells(self, setting: str, system: str) -> Iterator[str]:
        """Yield printed and obtained of each metric in per cent, then the number of seeds."""
        for metric in _METRICS:
            value = self.printed.get((setting, system, metric))
            yield "?" if value is None else f"{value * 100:.2f}"
            yield str(self.obtained(setting, system, metric))
        yield str(len(self.obtained(setting, system, "uar").seeds))

    def state(self, setting: str) -> str:
        """Return which systems a setting was not tested with."""
        waiting = [
            title for name, title in TITLES.items() if not self.obtained(setting, name, "uar").seeds
        ]
        if not waiting:
            return "complete"
        return "not run" if len(waiting) == len(TITLES) else f"not run: {', '.join(waiting)}"

    def _own_checkpoint(self) -> str:
        return str(getattr(self.config.encoder, "checkpoint", ""))


def run(recipe: Path, overrides: Sequence[str] = ()) -> None:
    """Print published against obtained, then what each setting still needs.

    Args:
        recipe: folder with ``published.csv``, ``checkpoints.csv`` and, once something was run,
            ``results.csv``; its configurations are ``configs/<recipe>/paper_*.yaml``.
        overrides: ``data.root=FOLDER``, or any other key of these configurations.

    Raises:
        FileNotFoundError: if the recipe has no published figures.
        ValueError: if a file or an override is not in order.
    """
    study = _study(recipe, overrides)
    console.print(_table(study))
    lines = [
        "Per cent; obtained: mean ± sd over seeds. The paper tested on a tenth of the target,",
        "whose files are not known; here all of it is tested. ? is not known of the paper.",
    ]
    console.print("\n".join([*lines, "", *_state(study, recipe)]))


def _study(recipe: Path, overrides: Sequence[str]) -> _Study:
    published = read_published(recipe / "published.csv")
    config = load_config(
        recipe.parent.parent / "configs" / recipe.name / "paper_proposed.yaml", list(overrides)
    )
    rows = published[published["setting"] != MEAN].drop_duplicates("setting")
    settings = {
        str(name): (str(source), str(target))
        for name, source, target in zip(
            rows["setting"], rows["source"], rows["target"], strict=True
        )
    }
    checkpoints = read_checkpoints(recipe / "checkpoints.csv")
    unknown = sorted({source for source, _ in settings.values()} - set(checkpoints))
    if unknown:
        raise ValueError(f"{recipe / 'checkpoints.csv'} has no encoder for {', '.join(unknown)}")
    keys = zip(published["setting"], published["system"], published["metric"], strict=True)
    printed = dict(zip(keys, published["value"], strict=True))
    results = obtained(read_results(recipe / "results.csv"))
    return _Study(settings, printed, results, checkpoints, config)


def _table(study: _Study) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("setting", "system"):
        table.add_column(name, no_wrap=True)
    for title in _METRICS.values():
        table.add_column(f"{title} published", justify="right")
        table.add_column("obtained", justify="right", no_wrap=True)
    table.add_column("seeds", justify="right")
    for setting in (*study.settings, MEAN):
        for system, title in TITLES.items():
            table.add_row(setting, title, *study.cells(setting, system))
    return table


def _state(study: _Study, recipe: Path) -> Iterator[str]:
    """Say of each setting what it needs and which systems were not run, then give the reasons."""
    corpora = _corpora(study.config)
    encoders = missing_checkpoints(
        dict.fromkeys(study.checkpoints[source] for source, _ in study.settings.values())
    )
    yield "To run the settings:"
    for setting, (source, _) in study.settings.items():
        needs = [f"corpora {', '.join(corpora)}"] if corpora else []
        if study.checkpoints[source] in encoders:
            needs.append(f"encoder {study.checkpoints[source]}")
        missing = f"missing: {'; '.join(needs)}" if needs else "nothing is missing"
        yield f"  {setting}  {study.state(setting)}; {missing}"
    reasons: dict[str, list[str]] = {}
    for name, reason in {**corpora, **encoders}.items():
        reasons.setdefault(reason, []).append(name)
    if reasons:
        yield "Why:"
        yield from (f"  {', '.join(names)}: {reason}" for reason, names in reasons.items())
        yield "docs/corpora_speech.md says where the corpora and the encoders come from."
    yield f"Then: bash {recipe / 'run.sh'} paper data.root={study.config.data.root or '<folder>'}"


def _corpora(config: Config) -> dict[str, str]:
    roots = config.data.speech.roots
    try:
        folders = corpus_folders(config.data.root, roots)
    except ValueError as error:  # no root is given
        return dict.fromkeys(roots, str(error))
    return missing_corpora(folders)
