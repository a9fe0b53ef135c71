"""Language material of the generated demo text corpus. All of it was invented for this project."""

from affectrep.data.corpora.demo_text_templates import anger, fear, joy, sadness, shame, surprise
from affectrep.data.corpora.demo_text_templates.fillers import AUTHORS, FILLERS, Author
from affectrep.data.corpora.demo_text_templates.shared import CONTEXTS, HEDGES, INTENSITIES
from affectrep.data.corpora.demo_text_templates.wordings import Wordings

EVENTS: dict[str, dict[str, Wordings]] = {
    "anger": anger.EVENTS,
    "joy": joy.EVENTS,
    "fear": fear.EVENTS,
    "sadness": sadness.EVENTS,
    "surprise": surprise.EVENTS,
    "shame": shame.EVENTS,
}
REACTIONS: dict[str, dict[str, Wordings]] = {
    "anger": anger.REACTIONS,
    "joy": joy.REACTIONS,
    "fear": fear.REACTIONS,
    "sadness": sadness.REACTIONS,
    "surprise": surprise.REACTIONS,
    "shame": shame.REACTIONS,
}

__all__ = [
    "AUTHORS",
    "CONTEXTS",
    "EVENTS",
    "FILLERS",
    "HEDGES",
    "INTENSITIES",
    "REACTIONS",
    "Author",
    "Wordings",
]
