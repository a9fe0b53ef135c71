"""The section about the representation: what embeddings keep apart, before and after training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from affectrep.reporting.figures import number, title, with_interval
from affectrep.reporting.page import section, table
from affectrep.reporting.subject import Subject

__all__ = ["structure"]

Part = Mapping[str, Any]
_PARTS = ("representation", "leakage")
_MEANT = {
    "knn_accuracy": "rows whose nearest training rows name the right class",
    "knn_weighted_f1": "the same vote, each class by its number of rows",
    "knn_perturbed_mean": "the same vote under random similarities near the cosine",
    "knn_perturbed_worst": "the worst of them",
    "random_cosine": "near 1 all rows point one way",
    "silhouette": "-1 to 1; above 0 a row lies nearer to its own class than to the next one",
    "alignment": "squared distance of two rows of a class, 0 to 4; lower is tighter",
    "uniformity": "-8 to 0; lower fills the space more evenly",
    "effective_rank": "directions that the embedding uses",
    "family_auc": "1/2 cannot tell sister classes apart",
}
_WORDS = (
    "Measured on the embeddings themselves, whatever the classifier does with them. A class lies "
    "apart when its rows are near one another and far from others."
)
_PLANE = " The classes are the quadrants of valence and arousal."
_BEFORE = " Before training: the same rows through the encoder as it was when training began."


def structure(subject: Subject) -> str:
    """Return the figures about the representation; empty where no run was evaluated for them.

    Those of leakage stand with them where they were taken before training as well.
    """
    if not any("representation" in card or _before(card, "leakage") for card in subject.cards):
        return ""
    compared = any(_before(card, part) for card in subject.cards for part in _PARTS)
    words = _WORDS + _PLANE * (subject.task == "regression") + _BEFORE * compared + subject.spans
    rows = list(_rows(subject, compared))
    header = ["Figure", "Meaning", *(["Before training", "After"] if compared else ["Value"])]
    heading, place = subject.heading("Representation"), subject.anchor("representation")
    return section(place, heading, words, _verdict(subject), table(header, rows, words=2))


def _before(card: Part, part: str) -> Part:
    found: Part = (card.get(part) or {}).get("before") or {}
    return found


def _rows(subject: Subject, compared: bool) -> Iterator[list[str]]:
    for part in _PARTS:
        cards = [card for card in subject.cards if part in card]
        if not cards or (part == "leakage" and not _before(cards[0], part)):
            continue
        for name in cards[0][part]["metrics"]:
            after = with_interval(name, subject.figure(name, part=part))
            then = [number(name, _then(subject, part, name))] if compared else []
            yield [title(name), _MEANT.get(name, ""), *then, after]


def _then(subject: Subject, part: str, name: str) -> float | None:
    """Return the mean over seeds of a figure before training."""
    found = [_before(card, part).get("metrics", {}).get(name) for card in subject.cards]
    values = [one["value"] for one in found if one is not None]
    return sum(values) / len(values) if values else None


def _verdict(subject: Subject) -> str:
    cards = [card["representation"] for card in subject.cards if "representation" in card]
    if not cards:
        return ""
    now = subject.figure("knn_accuracy", part="representation")["value"]
    then = _then(subject, "representation", "knn_accuracy")
    before = f", {number('knn_accuracy', then)} before training" if then is not None else ""
    words = (
        f"The {cards[0]['neighbours']} nearest training rows name the right class of "
        f"{number('knn_accuracy', now)} of 100 rows{before}."
    )
    return f'<p class="verdict">{escape(words)}</p>'
