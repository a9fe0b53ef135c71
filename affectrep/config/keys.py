"""The dotted keys of the schema, and the sections that they lead to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from affectrep.config.schema import Config

__all__ = ["kinds_of", "known_keys", "section_at", "sections_in"]


def known_keys(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Yield every dotted key of the schema, those of all alternatives of a section included.

    Example:
        >>> [key for key in known_keys() if key.startswith("training.p")]
        ['training.precision', 'training.patience']
    """
    for name, info in model.model_fields.items():
        yield prefix + name
        for section in sections_in(info.annotation):
            yield from known_keys(section, f"{prefix}{name}.")


def sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that a type holds, in the order in which they are written."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from sections_in(inner)


def kinds_of(key: str) -> dict[str, type[BaseModel]]:
    """Return the alternatives of a section of the configuration by name; none where there is one.

    Example:
        >>> list(kinds_of("objective"))[:2], kinds_of("training")
        (['cross_entropy', 'supcon'], {})
    """
    info = Config.model_fields.get(key)
    found = {}
    for section in sections_in(info.annotation) if info is not None else ():
        if "name" in section.model_fields:
            (name,) = get_args(section.model_fields["name"].annotation)
            found[str(name)] = section
    return found


def section_at(path: Sequence[str], kind: str | None = None) -> type[BaseModel] | None:
    """Return the section that a path of keys leads to; None where there is none.

    The keys of a dictionary of sections, such as ``speaker`` in ``objective.domains.speaker``, lead
    to that section.

    Args:
        path: keys from the root of the configuration.
        kind: alternative of the first section, where it comes in several.

    Example:
        >>> section_at(["objective", "domains", "speaker"], "domain_adversarial").__name__
        'HiddenDomainConfig'
    """
    section: type[BaseModel] = Config
    named = False  # whether the keys of a dictionary may follow
    for i, part in enumerate(path):
        info = section.model_fields.get(part)
        if info is None:
            if not named:
                return None
            named = False
            continue
        inner = list(sections_in(info.annotation))
        if i == 0 and kind is not None:
            inner = [kinds_of(part)[kind]]
        if not inner:
            return None
        section, named = inner[0], get_origin(info.annotation) is dict
    return section
