"""Whether the rows at hand, and the places of their faces, are those that a run was trained on."""

from __future__ import annotations

from rich.console import Console

from affectrep.data.manifest import Manifest
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["other_boxes", "require_same_rows"]

console = Console(soft_wrap=True, markup=False, highlight=False)


def require_same_rows(stored: StoredRun, manifest: Manifest) -> None:
    """Pass where the rows are those of training; warn where their faces stand in other places.

    Raises:
        FileNotFoundError: if the run does not say which rows those were.
        ValueError: naming the split and what differs.
    """
    known, found = stored.fingerprint, manifest.fingerprint()
    if not known:
        raise FileNotFoundError(
            f"{stored.path / 'data.json'} does not say which rows the run was trained on; "
            "train it again."
        )
    mend = "Restore the corpus, or train again."
    if "face_found" in manifest.rows:
        mend += " Another version of the detector may also find faces in other pictures."
    for name, now in found.items():
        before = known.get(name, {})
        differing = [key for key in now if before.get(key) != now[key]]
        if differing:
            raise ValueError(
                f"{stored.path}: the {name} rows are not those of training "
                f"({before.get('rows', 0)} rows then, {now['rows']} now; "
                f"{', '.join(differing)} differ). {mend}"
            )
    _say_other_boxes(stored, manifest)


def _say_other_boxes(stored: StoredRun, manifest: Manifest) -> None:
    splits = other_boxes(stored.boxes, manifest)
    if not splits:
        return
    cause = "the corpus gives"
    if "face_found" in manifest.rows:
        cause = "the detector finds (its version may be another)"
    console.print(
        f"warning: {cause} other face boxes in {', '.join(splits)} than when this run was trained: "
        "what is predicted now is of other crops"
    )


def other_boxes(then: dict[str, str], manifest: Manifest) -> list[str]:
    """Return the splits whose face boxes are others than then.

    Args:
        then: split -> digest, as `Manifest.box_digests` gave it. A run from before digests were
            kept has none and so no other boxes.
        manifest: of the rows at hand.

    Example:
        >>> import pandas as pd
        >>> from affectrep.data.manifest import CorpusInfo
        >>> info = CorpusInfo("x", "X", "face", "regression", None, "own", "own")
        >>> names = ["id", "split", "path", "valence", "arousal", "box_left", "box_top", "box_side"]
        >>> row = pd.DataFrame([["1", "test", "a.png", 0.1, 0.2, 4.0, 3.0, 30.0]], columns=names)
        >>> other_boxes({}, Manifest(row, info)), other_boxes({"test": "0f"}, Manifest(row, info))
        ([], ['test'])
    """
    now = manifest.box_digests()
    return [name for name, digest in then.items() if now.get(name) != digest]
