"""What is wrong with the values of a configuration, in a sentence each."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from pydantic import ValidationError

from affectrep.config.keys import kinds_of, known_keys, section_at

__all__ = ["mistakes"]

_ALIKE = 0.6  # of two keys, from which one may be meant for the other
_SHOWN = 3  # places of a key that stands elsewhere


def mistakes(error: ValidationError) -> Iterator[str]:
    """Yield a sentence for each problem that the schema has found, with the mend.

    Args:
        error: of ``Config.model_validate``.
    """
    for problem in error.errors():
        parts, kind = _place([str(part) for part in problem["loc"]])
        key = ".".join(parts)
        if problem["type"] == "extra_forbidden":
            yield _unknown(parts, kind)
        elif problem["type"] == "missing":
            yield f"{key} is missing."
        elif problem["type"] in ("union_tag_not_found", "union_tag_invalid"):
            yield f"{key}.name must say which one it is: {', '.join(kinds_of(key))}."
        elif problem["type"] == "value_error":
            yield str(problem["ctx"]["error"])
        else:
            yield f"{key}={problem['input']!r}: {problem['msg']}."


def _place(location: list[str]) -> tuple[list[str], str | None]:
    """Part the keys from the name of an alternative, which pydantic puts behind its section."""
    if len(location) > 1 and location[1] in kinds_of(location[0]):
        return [location[0], *location[2:]], location[1]
    return location, None


def _unknown(parts: list[str], kind: str | None) -> str:
    key, (*path, last) = ".".join(parts), parts
    owners = [other for other in (kinds_of(path[0]) if path else ()) if _has(path, other, last)]
    if owners and kind is not None:
        return (
            f"{key} belongs to {', '.join(owners)}, not to {kind}: leave it out; "
            f'"{path[0]}={{{_least(path[0], kind)}}}" replaces the whole section of a file.'
        )
    section = section_at(path, kind)
    allowed = list(section.model_fields) if section is not None else []
    near = difflib.get_close_matches(last, allowed, n=1, cutoff=_ALIKE)
    found = [".".join([*path, *near])] if near else _elsewhere(last)
    if found:
        return f"unknown key {key}; did you mean {' or '.join(found)}?"
    return f"unknown key {key}; {'.'.join(path) or 'a configuration'} has {', '.join(allowed)}."


def _has(path: list[str], kind: str, last: str) -> bool:
    section = section_at(path, kind)
    return section is not None and last in section.model_fields


def _least(key: str, kind: str) -> str:
    """Return what an alternative cannot do without, as YAML between braces."""
    needed = [
        f"{name}: …"
        for name, info in kinds_of(key)[kind].model_fields.items()
        if info.is_required() and name != "name"
    ]
    return ", ".join([f"name: {kind}", *needed])


def _elsewhere(last: str) -> list[str]:
    """Return the keys of the same name in other sections, the outer ones first."""
    same = {key for key in known_keys() if key.rpartition(".")[2] == last}
    return sorted(same, key=lambda key: (key.count("."), key))[:_SHOWN]
