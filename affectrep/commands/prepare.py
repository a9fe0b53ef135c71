"""``affectrep prepare``: read a corpus, check it, show its data card and compare row lists."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from affectrep.build import build_manifest, cut_texts
from affectrep.commands.preflight import find_problems, group_problems, setting_problems
from affectrep.commands.prepare_options import NearSearch
from affectrep.config import Config, load_config
from affectrep.data.checks import Problem, require_clean
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.data.rows import compare_rows, write_rows

__all__ = ["class_counts", "label_maps", "run"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_LARGE = 10_000
"""Rows from which on a row list is written as one file per split."""


def run(
    config: Path,
    overrides: list[str] | None = None,
    *,
    rows: Path | None = None,
    write_rows_to: Path | None = None,
    write_set_to: Path | None = None,
    near: NearSearch | None = None,
) -> Manifest:
    """Print the data card of the corpus that a configuration names.

    Args:
        config: the configuration's file.
        overrides: ``key.sub=value`` instead of the file's values.
        rows: row list to compare with; a clip list of speech (``id,sha256,duration_s``) also cuts
            its clips out of the corpus, before anything is written.
        write_rows_to: where to write the row list; more than 10,000 rows become one file a split,
            clips without splits a clip list.
        write_set_to: folder for the tables of a speech set, one per corpus; it can be the
            data.root of corpus speech_set. Sound files stay where they are.
        near: which near-duplicates to list; None, or one without a model, lists none.

    Raises:
        ValueError: if the data has errors, differs from the row list, or is no speech where a
            speech set is to be written: after everything that is known has been printed.
        FileNotFoundError: if the data or the row list is missing.
    """
    settings = load_config(config, overrides or [])
    manifest = build_manifest(settings)
    problems = find_problems(manifest)
    clip_list = rows if rows is not None and _is_clip_list(manifest, rows) else None
    # a clip list has no splits: a protocol makes these of the clips; unlabelled faces are read only
    unlabelled = any(problem.kind == "unlabelled" for problem in problems)
    listed = clip_list is not None or (write_rows_to is not None and _are_clips(manifest))
    if listed or unlabelled:
        problems = [problem for problem in problems if problem.kind != "empty_split"]
    # a corpus can be read for another purpose than training, which refuses these
    problems += [
        replace(problem, severity="warning") for problem in setting_problems(settings, manifest)
    ]
    problems += group_problems(settings, manifest)
    problems += cut_texts(settings, manifest, download=False)
    _print_card(manifest, problems)
    require_clean(problems, shown=True)
    if clip_list is not None:
        manifest = _select_clips(manifest, clip_list)
    if write_rows_to is not None:
        for file in _write_list(manifest, write_rows_to):
            console.print(f"Row list written to {file}")
    if write_set_to is not None:
        _write_set(manifest, write_set_to)
    if near is not None and near.model is not None:
        _look_for_duplicates(settings, manifest, near)
    if rows is not None and clip_list is None:
        _compare(manifest, rows)
    return manifest


def class_counts(manifest: Manifest) -> pd.DataFrame:
    """Return how many rows of each split have each class: a line per class, a column per split.

    Example:
        >>> from affectrep.data.manifest import CorpusInfo
        >>> info = CorpusInfo("x", "X", "text", "multilabel", ["calm", "glad"], "own", "own")
        >>> table = pd.DataFrame({"id": ["1", "2"], "split": ["train", "test"], "text": ["a", "b"],
        ...                       "labels": [["calm", "glad"], ["glad"]]})
        >>> class_counts(Manifest(table, info))["train"].to_dict()
        {'calm': 1, 'glad': 1}
    """
    classes = manifest.info.classes or []
    counts = {}
    for split in SPLITS:
        part = manifest.rows[manifest.rows["split"] == split]
        if manifest.info.task == "multilabel":
            found = Counter(label for labels in part["labels"] for label in labels)
        else:
            found = Counter(part["label"])
        counts[split] = [found[name] for name in classes]
    return pd.DataFrame(counts, index=classes)


def label_maps(rows: pd.DataFrame) -> list[str]:
    """Return per corpus a sentence that says which of its emotion words became which class.

    Args:
        rows: of a speech manifest, with ``source_label``.

    Example:
        >>> label_maps(pd.DataFrame({"corpus": ["x"] * 3, "label": ["happy", "happy", "sad"],
        ...                          "source_label": ["joy", "happiness", "sad"]}))
        ['labels of x: happiness -> happy (1), joy -> happy (1), sad (1)']
    """
    lines = []
    for corpus, part in rows.groupby("corpus", sort=True):
        counts = part.groupby(["source_label", "label"]).size()
        words = [
            f"{word if word == label else f'{word} -> {label}'} ({count:,})"
            for (word, label), count in counts.items()
        ]
        lines.append(f"labels of {corpus}: {', '.join(words)}")
    return lines


def _look_for_duplicates(config: Config, manifest: Manifest, near: NearSearch) -> None:
    # models and batches are slow to import, and prepare needs them for nothing else
    from affectrep.commands.near_duplicates import find_near_duplicates, show_near_duplicates

    assert near.model is not None
    found = find_near_duplicates(config, manifest, near.model, similarity=near.similarity)
    show_near_duplicates(found, manifest, write_to=near.write_to)


def _write_set(manifest: Manifest, folder: Path) -> None:
    needed = {"corpus", "source_label", "official_split"}
    if manifest.info.modality != "speech" or not needed <= set(manifest.rows):
        raise ValueError(f"{manifest.info.title} is no speech corpus: --write-set has no table")
    # only this modality needs its packages
    from affectrep.data.corpora.speech_tables import write_speech_set

    for file in write_speech_set(manifest, folder):
        console.print(f"Table written to {file}")
    root = shlex.quote(f"data.root={folder}")
    console.print(f"Use it as data.corpus=speech_set {root}")


def _print_card(manifest: Manifest, problems: list[Problem]) -> None:
    info = manifest.info
    lines = [f"{info.title}: {info.modality}, {info.task}", f"licence: {info.licence}"]
    lines += [f"source: {info.source}"]
    if info.generated:
        lines.append("generated: written by a program; figures on it are no benchmark")
    if {"corpus", "source_label"} <= set(manifest.rows):
        lines += label_maps(manifest.rows)
    lines += [f"left out: {count:,} rows, {reason}" for reason, count in info.dropped.items()]
    lines += [f"note: {note}" for note in info.notes]
    console.print(Text("\n".join(lines)))
    console.print(_table(manifest))
    styles = {"error": "red", "warning": "yellow", "note": ""}
    for problem in problems:
        console.print(Text(f"{problem.severity}: {problem}", style=styles[problem.severity]))


def _table(manifest: Manifest) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("class" if manifest.info.classes else "")
    for split in SPLITS:
        table.add_column(split, justify="right")
    if manifest.info.classes:
        for name, counts in class_counts(manifest).iterrows():
            table.add_row(Text(str(name)), *(f"{count:,}" for count in counts))
        table.add_section()
    sizes = manifest.rows["split"].value_counts()
    table.add_row("rows", *(f"{sizes.get(split, 0):,}" for split in SPLITS), style="bold")
    return table


def _compare(manifest: Manifest, rows: Path) -> None:
    differences = compare_rows(manifest, rows)
    if not differences:
        console.print(f"identical: the rows are those of {rows}")
        return
    lines = "".join(f"\n- {line}" for line in differences)
    raise ValueError(f"the rows are not those of {rows}:{lines}")


def _write_list(manifest: Manifest, file: Path) -> list[Path]:
    """Write which rows there are; clips that no protocol has split yet as a clip list."""
    if not _are_clips(manifest):
        return write_rows(manifest, file, per_split=len(manifest.rows) > _LARGE)
    # only this modality needs its packages
    from affectrep.data.corpora.clip_lists import write_clip_list

    return [write_clip_list(manifest, file)]


def _are_clips(manifest: Manifest) -> bool:
    """Whether these are clips that no protocol has split."""
    return manifest.info.modality == "speech" and manifest.rows["split"].nunique() == 1


def _is_clip_list(manifest: Manifest, rows: Path) -> bool:
    if manifest.info.modality != "speech":
        return False
    # only this modality needs its packages
    from affectrep.data.corpora.clip_lists import is_clip_list

    return is_clip_list(rows)


def _select_clips(manifest: Manifest, rows: Path) -> Manifest:
    """Say what is true of each clip of a list, and return those that are there."""
    from affectrep.data.corpora.clip_lists import select_clips

    found, comparison = select_clips(manifest, rows)
    states = comparison.states()
    counts = Counter(states.values())
    if len(counts) > 1:
        for name, state in states.items():
            if state != "identical":
                console.print(Text(f"{name}: {state}"))
    told = ", ".join(f"{count:,} {state}" for state, count in counts.most_common())
    extra = f"; {len(comparison.extra):,} others are left out" if comparison.extra else ""
    console.print(Text(f"{rows}: {len(states):,} clips, {told}{extra}"))
    faults = "".join(f"\n- {line}" for line in comparison.faults())
    if faults:
        raise ValueError(f"the clips are not those of {rows}:{faults}")
    return found
