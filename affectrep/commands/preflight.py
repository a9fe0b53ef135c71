"""Everything that is wrong with a corpus, found before anything is trained or written."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from affectrep.build import cut_texts, strong_threshold
from affectrep.config import Config
from affectrep.config.objectives import CAFConfig
from affectrep.data.cache_folder import cache_folder
from affectrep.data.checks import Problem, check_manifest
from affectrep.data.manifest import Manifest

__all__ = ["find_problems", "training_problems"]


def find_problems(
    manifest: Manifest, *, read_sound: bool = True, threshold: float | None = None
) -> list[Problem]:
    """Return every problem of a manifest and, for speech, of its sound files, errors first.

    Sound files are read once, under a progress bar on a terminal; what was measured is kept in
    the folder of AFFECTREP_CACHE, and read again only for files that changed.

    Args:
        manifest: of any modality.
        read_sound: False leaves the sound files out, where another process reads them.
        threshold: radius from which a row of valence and arousal is strong, where an objective
            groups rows; NaN where the labels do not split.

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

        problems += check_faces(manifest.rows, threshold=threshold)
    unique: dict[tuple[str, str], Problem] = {}
    for problem in problems:  # both judge leaks of speakers and of equal sounds, in the same words
        unique.setdefault((problem.kind, problem.message), problem)
    order = ("error", "warning", "note")
    return sorted(unique.values(), key=lambda problem: order.index(problem.severity))


def training_problems(
    config: Config, manifest: Manifest, *, read_sound: bool = True
) -> list[Problem]:
    """Return every problem of a manifest that a configuration is to be trained on.

    Rows are grouped as its objective groups them, rows without any label are an error, and texts
    that its encoder cuts are counted.

    Args:
        config: its ``objective``.
        manifest: of its corpus.
        read_sound: as in `find_problems`; False does not count texts either.

    Raises:
        ImportError: as `find_problems`.
    """
    section, threshold = config.objective, None
    if isinstance(section, CAFConfig) and section.critic != "none" and not _by_batch(section):
        with suppress(ValueError):  # of wrong labels, which the checks name with their rows
            threshold = strong_threshold(config, manifest)
    problems = [
        replace(problem, severity="error") if problem.kind == "unlabelled" else problem
        for problem in find_problems(manifest, read_sound=read_sound, threshold=threshold)
    ]
    return problems + (cut_texts(config, manifest) if read_sound else [])


def _by_batch(section: CAFConfig) -> bool:
    """Whether each batch has a threshold of its own, so that none of all rows can fail."""
    rule, scope = section.grouping.get("rule"), section.grouping.get("scope")
    return section.threshold is None and (rule == "code" or scope == "batch")
