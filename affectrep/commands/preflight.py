"""What is wrong with a corpus, or with settings beside it, found before anything is trained."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

from affectrep.build import cut_texts, grouping_fault
from affectrep.commands.family_files import known_families
from affectrep.config import Config
from affectrep.data.cache_folder import cache_folder
from affectrep.data.checks import Problem, check_manifest
from affectrep.data.manifest import DOMAINS, Manifest
from affectrep.evaluation.evaluate import metric_names

__all__ = [
    "check_cluster",
    "find_problems",
    "group_problems",
    "setting_problems",
    "training_problems",
]


def find_problems(manifest: Manifest, *, read_sound: bool = True) -> list[Problem]:
    """Return every problem of a manifest and, for speech, of its sound files, errors first.

    Sound files are read once, under a progress bar on a terminal; what was measured is kept in
    the folder of AFFECTREP_CACHE, and read again only for files that changed.

    Args:
        manifest: of any modality.
        read_sound: False leaves the sound files out, where another process reads them.

    Raises:
        ImportError: if the packages that sound needs are not installed.
    """
    problems = check_manifest(manifest)
    if manifest.info.modality == "speech" and read_sound:
        # only this modality needs its packages
        from affectrep.data.audio_checks import check_audio

        problems += check_audio(
            manifest.rows,
            cache_folder=cache_folder() / "checks",
            accept_leaks=manifest.info.accept_leaks,
        )
    if manifest.info.modality == "face":
        from affectrep.data.face_checks import check_faces

        problems += check_faces(manifest.rows)
    unique: dict[tuple[str, str], Problem] = {}
    for problem in problems:  # both judge leaks of speakers and of equal sounds, in the same words
        unique.setdefault((problem.kind, problem.message), problem)
    order = ("error", "warning", "note")
    return sorted(unique.values(), key=lambda problem: order.index(problem.severity))


def setting_problems(config: Config, manifest: Manifest) -> list[Problem]:
    """Return what stands in a configuration and would fail once its run is trained, as errors.

    ``training.select`` is a figure of the task, ``evaluation.cluster`` a column of the corpus, and
    ``evaluation.families`` a file for its classes. Their kind is ``setting``.

    Args:
        config: of a run to be.
        manifest: of its corpus.
    """
    problems = []
    for check in (
        partial(_check_select, config),
        partial(check_cluster, config, manifest),
        partial(_check_families, config, manifest),
    ):
        try:
            check()
        except (ValueError, OSError) as error:
            problems.append(Problem("setting", str(error)))
    return problems


def group_problems(config: Config, manifest: Manifest) -> list[Problem]:
    """Return a warning where CAF cannot part strong training rows from weak ones.

    Args:
        config: its ``objective``; another than CAF groups no rows.
        manifest: of its corpus.
    """
    found = None
    with suppress(ValueError):  # of wrong labels or options, which others name
        found = grouping_fault(config, manifest)
    return [] if found is None else [Problem("no_groups", found, severity="warning")]


def check_cluster(config: Config, manifest: Manifest) -> None:
    """Pass where intervals can resample by ``evaluation.cluster``, or are not to.

    Raises:
        ValueError: if the corpus has no such column, or leaves it empty; it names those there are.
    """
    cluster, rows = config.evaluation.cluster, manifest.rows
    # what stored predictions carry of a row, but for its place in a video
    known = [name for name in (*DOMAINS, "video") if name in rows and rows[name].notna().any()]
    if cluster is None or cluster in known:
        return
    lack = "leaves this column empty" if cluster in rows else "has no such column"
    if cluster in rows and rows[cluster].notna().any():
        lack = "names no people or recordings in this column"
    mend = f"null or one of {', '.join(known)}" if known else "null, as it has no column for that"
    raise ValueError(
        f"evaluation.cluster={cluster}, but {manifest.info.title} {lack}: set it to {mend}"
    )


def _check_select(config: Config) -> None:
    select, names = config.training.select, metric_names(config.task)
    if select not in names:
        raise ValueError(
            f"training.select={select}, but task={config.task} is scored on validation by "
            f"{', '.join(names)}: set one of these"
        )


def _check_families(config: Config, manifest: Manifest) -> None:
    try:
        known_families(config, manifest, None)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"evaluation.families={config.evaluation.families}: {str(error).rstrip('.')}. To train "
            "without a file set it to null: `affectrep evaluate --families` takes one later"
        ) from None


def training_problems(
    config: Config, manifest: Manifest, *, read_sound: bool = True
) -> list[Problem]:
    """Return every problem of a manifest that a configuration is to be trained on, errors first.

    Rows without any label are an error, texts that its encoder cuts are counted, rows that its
    objective cannot group are said, and each of `setting_problems` is an error.

    Args:
        config: its ``objective``, ``training`` and ``evaluation``.
        manifest: of its corpus.
        read_sound: as in `find_problems`; False does not count texts either.

    Raises:
        ImportError: as `find_problems`.
    """
    problems = setting_problems(config, manifest) + [
        replace(problem, severity="error") if problem.kind == "unlabelled" else problem
        for problem in find_problems(manifest, read_sound=read_sound)
    ]
    problems += group_problems(config, manifest)
    return problems + (cut_texts(config, manifest) if read_sound else [])
