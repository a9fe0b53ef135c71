"""Words for the slots of the sentences and the habits of the invented authors, by split."""

from __future__ import annotations

from dataclasses import dataclass

from affectrep.data.corpora.demo_text_templates.wordings import Wordings

FILLERS = {
    "who": Wordings(
        train=(
            "my neighbour",
            "a colleague",
            "the landlord",
            "my flatmate",
            "the new manager",
            "a classmate",
            "our treasurer",
            "the man from the garage",
            "my tennis partner",
            "the bus driver",
        ),
        validation=(
            "the piano tuner",
            "the caretaker",
            "a teammate",
            "the receptionist",
            "our supplier",
        ),
        test=(
            "the woman next door",
            "somebody at the office",
            "my cousin",
            "a fellow student",
            "my boss",
            "my roommate",
            "an acquaintance",
        ),
    ),
    "friend": Wordings(
        train=(
            "my best friend",
            "my brother",
            "my wife",
            "my daughter",
            "an old friend",
            "my girlfriend",
            "my son",
        ),
        validation=("my nephew", "my husband", "my twin", "my godson"),
        test=("my sister", "my boyfriend", "my mum", "my closest mate", "my uncle"),
    ),
    "elder": Wordings(
        train=("my grandmother", "my father", "my old teacher", "my aunt"),
        validation=("my godfather", "my great-aunt", "my stepmother"),
        test=("my grandad", "my mother", "my mentor", "my granny"),
    ),
    "when": Wordings(
        train=(
            "this morning",
            "yesterday",
            "last night",
            "on Monday",
            "after lunch",
            "two weeks ago",
        ),
        validation=("on Friday", "before dinner", "the other week", "in June"),
        test=("at the weekend", "earlier today", "this afternoon", "on Wednesday", "the other day"),
    ),
}


@dataclass(frozen=True)
class Author:
    """An invented author: habits of writing that say nothing about the emotion."""

    name: str
    openers: tuple[str, ...]
    order: tuple[str, ...]
    end: str = "."
    lower_case: bool = False


STORY = ("context", "event", "reaction", "intensity", "hedge")
FEELING_FIRST = ("intensity", "event", "reaction", "hedge", "context")
EVENT_FIRST = ("event", "intensity", "reaction", "hedge", "context")
LATE_CONTEXT = ("event", "reaction", "context", "intensity", "hedge")

AUTHORS = {
    "train": (
        Author("ada", ("so", "right"), STORY),
        Author("bruno", ("dear diary",), FEELING_FIRST),
        Author("chiara", ("okay",), EVENT_FIRST, lower_case=True),
        Author("dmitri", ("listen",), LATE_CONTEXT),
        Author("elif", ("hello all",), STORY, end="..."),
        Author("farid", ("well", "now then"), EVENT_FIRST),
        Author("greta", ("short note",), LATE_CONTEXT, end=" -"),
        Author("hugo", ("um",), FEELING_FIRST, lower_case=True),
        Author("irma", ("today's entry",), EVENT_FIRST),
        Author("jonas", ("hey",), STORY, end=" -", lower_case=True),
        Author("kofi", ("my friends",), LATE_CONTEXT, end="..."),
        Author("lena", ("see",), FEELING_FIRST),
    ),
    "validation": (
        Author("marta", ("you know",), STORY),
        Author("nils", ("quick update",), EVENT_FIRST, lower_case=True),
        Author("oona", ("ah",), LATE_CONTEXT, end="..."),
        Author("pavel", ("good evening",), FEELING_FIRST),
    ),
    "test": (
        Author("quinn", ("alright",), EVENT_FIRST),
        Author("rosa", ("hi everyone",), STORY, lower_case=True),
        Author("samir", ("look",), LATE_CONTEXT),
        Author("tove", ("a line from me",), FEELING_FIRST, end="..."),
    ),
}
