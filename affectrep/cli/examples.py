"""What stands below the help of a verb: commands that can be given as they are."""

from __future__ import annotations

__all__ = ["EXAMPLES", "ORDER", "epilog"]

ORDER = (
    "affectrep prepare configs/fec_text/demo.yaml",
    "affectrep train configs/fec_text/demo.yaml",
    "affectrep evaluate runs/demo-0",
    "affectrep compare runs/demo-0 --against runs/demo_ce-0",
    "affectrep report runs/demo-0 --output report.html",
    'affectrep predict runs/demo-0 "I am so glad that you came"',
)
"""The verbs of one run, in the order of use."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "prepare": (
        "affectrep prepare configs/fec_text/demo.yaml",
        "affectrep prepare configs/fec_text/demo.yaml --write-rows rows.csv",
    ),
    "train": (
        "affectrep train configs/fec_text/demo.yaml --dry-run",
        "affectrep train configs/fec_text/demo.yaml objective.weight=0 name=demo_ce",
    ),
    "evaluate": (
        "affectrep evaluate runs/demo-0",
        "affectrep evaluate runs/demo-0 --split validation --representation",
    ),
    "compare": (
        "affectrep compare runs/demo-0 --against runs/demo_ce-0",
        "affectrep compare runs/a-0 runs/a-1 --against runs/b-0 runs/b-1 --metric uar",
    ),
    "predict": (
        'affectrep predict goemotions "You remembered my birthday!"',
        "affectrep predict runs/demo-0 texts.csv --output predictions.csv",
        "affectrep predict runs/ferplus_caf-0 photo.jpg --detector cascade",
    ),
    "report": (
        "affectrep report runs/demo-0 runs/demo_ce-0",
        "affectrep report recipes/fec_text/records/goemotions_ce.csv --output report.html",
    ),
    "sweep": (
        "affectrep sweep configs/fec_text/demo.yaml --seeds 3 --set objective.weight=0,0.5",
        "affectrep sweep configs/fec_text/demo.yaml --seeds 3 --metric macro_f1 --dry-run",
    ),
    "pool": (
        "affectrep pool runs/mine.fold0-0 runs/mine.fold1-0",
        "affectrep pool runs/egemaps_logistic.de-0 runs/egemaps_logistic.it-0",
    ),
    "ensemble": ("affectrep ensemble runs/demo-0 runs/demo-1 runs/demo-2",),
    "published": (
        "affectrep published recipes/ser_crosslingual",
        "affectrep published recipes/ser_crosslingual data.root=corpora",
    ),
    "rescore": ("affectrep rescore recipes/fec_text",),
    "doctor": ("affectrep doctor",),
}


def epilog(verb: str | None = None) -> str:
    r"""Return the text below the help of a verb, or of the program; blank lines part its lines.

    Example:
        >>> epilog("doctor")
        'Example:\n\n$ affectrep doctor'
    """
    if verb is None:
        lines = ("The order of use:", *(f"$ {words}" for words in ORDER))
        return "\n\n".join([*lines, "A verb's own --help has more examples."])
    words = EXAMPLES[verb]
    head = "Example:" if len(words) == 1 else "Examples:"
    return "\n\n".join([head, *(f"$ {one}" for one in words)])
