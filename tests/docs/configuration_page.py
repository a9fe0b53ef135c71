"""Write ``docs/configuration.md`` from the schema: ``python -m tests.docs.configuration_page``."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from affectrep.config import Config
from affectrep.config.keys import kinds_of, sections_in
from affectrep.data.corpora import CORPORA
from affectrep.data.manifest import DOMAINS
from affectrep.encoders.egemaps import EgemapsPreprocess
from affectrep.encoders.functionals import FunctionalsPreprocess
from affectrep.encoders.image_preprocess import ImagePreprocess
from affectrep.encoders.logmel import LogMelPreprocess
from affectrep.encoders.spec_augment import SpecAugment
from affectrep.encoders.video_resnet import VideoResNetEncoder
from affectrep.evaluation.evaluate import metric_names

__all__ = ["PAGE", "page", "rows_of"]

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
TASKS = typing.get_args(Config.model_fields["task"].annotation)
WORDS = {int: "integer", float: "number", str: "text", bool: "true or false", Any: "anything"}
WORDS[type(None)] = "`null`"
FORMS: dict[Any, Callable[[list[str]], str]] = {
    typing.Union: lambda parts: " or ".join(dict.fromkeys(parts)),
    types.UnionType: lambda parts: " or ".join(dict.fromkeys(parts)),
    list: lambda parts: f"list of {parts[0]}",
    tuple: lambda parts: f"list of {len(parts)}: {parts[0]}",
    dict: lambda parts: f"mapping of {parts[0]} to {parts[1]}",
}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
FREE: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "`encoder.preprocess` of `functionals`": ("preprocess", FunctionalsPreprocess, {}),
    "`encoder.preprocess` of `egemaps`": ("preprocess", EgemapsPreprocess, {}),
    "`encoder.preprocess` of `crnn`": ("preprocess", LogMelPreprocess, {}),
    "`encoder.spec_augment` of `crnn`": ("spec_augment", SpecAugment, {}),
    "`encoder.preprocess` of `resnet18`, `alexnet_tuned` and `vision`": (
        "preprocess",
        ImagePreprocess,
        {},
    ),
    "`encoder.preprocess` of `video_resnet`": (
        "preprocess",
        ImagePreprocess,
        VideoResNetEncoder.defaults,
    ),
}
HEAD = """# Configuration keys

Written by `python -m tests.docs.configuration_page` from the schema in `affectrep/config`; a test
compares the two. A configuration is a YAML file with a section for each word below; any value can
be given on the command line as `key.sub=value`, a whole section as `"objective={name: supcon}"`.
`affectrep train CONFIG --show-config` prints every value that holds, defaults included. `null` is
"none" or "leave it out". Beside the sections, `per_target` may hold overrides for each target of a
cross-lingual protocol: `per_target: {de: [objective.c=0.1]}`."""


def page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD, "## The configuration", _table(rows_of(Config, "", nested=False))]
    for key, info in Config.model_fields.items():
        sections = list(sections_in(info.annotation))
        if not sections:
            continue
        parts.append(f"## `{key}`")
        if key == "objective":
            parts += _objectives()
        elif kinds_of(key):
            parts += _alternatives(key)
        else:
            parts += [_first_line(sections[0]), _table(rows_of(sections[0], f"{key}."))]
        parts += NOTES.get(key, list)()
    return "\n\n".join(parts) + "\n"


def rows_of(section: type[BaseModel], prefix: str, *, nested: bool = True) -> list[list[str]]:
    """Return key, type, default and meaning of each key of a section, nested ones with dots.

    The keys of a section that occurs several times below one are listed once.
    """
    return list(_rows(section, prefix, nested, {}))


def _rows(
    section: type[BaseModel], prefix: str, nested: bool, seen: dict[type, str]
) -> Iterator[list[str]]:
    for name, info in section.model_fields.items():
        key, inner = prefix + name, list(sections_in(info.annotation))
        known = seen.get(inner[0]) if inner and nested else None
        meaning = _escaped(info.description or "")
        if known is not None:
            meaning += f"; keys as of `{known}`"
        yield [f"`{key}`", _type(info), _default(info, bool(inner)), meaning]
        if nested and known is None:
            for part in inner:
                seen[part] = key
                yield from _rows(part, f"{key}.", nested, seen)


def _alternatives(key: str) -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in kinds_of(key))
    yield f"One of {names}, by `{key}.name`."
    for name, section in kinds_of(key).items():
        yield f"### `{key}` with `name: {name}`"
        yield _first_line(section)
        yield _table(rows_of(section, f"{key}."))


def _objectives() -> Iterator[str]:
    kinds = kinds_of("objective")
    names = ", ".join(f"`{name}`" for name in kinds)
    yield (
        f"One of {names}, by `objective.name`; `cross_entropy` where the section is left out. "
        "Formulas and keys are in [objectives](objectives.md), those of `fitted` here."
    )
    yield "### `objective` with `name: fitted`"
    yield _first_line(kinds["fitted"])
    yield _table(rows_of(kinds["fitted"], "objective."))


def _free_keys() -> Iterator[str]:
    for title, (name, maker, own) in FREE.items():
        yield f"### Keys of {title}"
        told = _arguments(maker)
        yield _table(
            [
                [f"`encoder.{name}.{key}`", _word(own.get(key, item.default)), told[key]]
                for key, item in inspect.signature(maker).parameters.items()
            ],
            head=("key", "default", "meaning"),
        )


def _arguments(maker: Any) -> dict[str, str]:
    """Return what the docstring says of each argument."""
    text = inspect.cleandoc(maker.__doc__).partition("Args:\n")[2]
    block = re.split(r"\n\n|\n(?=\S)", text)[0]
    entries = re.findall(r"^    (\w+): (.+(?:\n        .+)*)", block, flags=re.MULTILINE)
    return {name: _escaped(" ".join(words.split()).rstrip(".")) for name, words in entries}


def _escaped(words: str) -> str:
    """Return words of the code as Markdown shows them."""
    return words.replace("``", "`").replace("<", "\\<")


def _metrics() -> Iterator[str]:
    yield "### What `training.select` may be"
    rows = [[f"`{task}`", ", ".join(f"`{name}`" for name in metric_names(task))] for task in TASKS]
    yield _table(rows, head=("task", "figures of validation"))
    yield (
        "The lowest `cross_entropy` and `rmse` is the best, of all others the highest. What they "
        "mean: [evaluation](evaluation.md)."
    )


def _corpora() -> Iterator[str]:
    yield "### What `data.corpus` may be"
    names = ", ".join(f"`{name}`" for name in sorted(CORPORA))
    yield (
        f"{names}. How to get them: [text](corpora.md), [speech](corpora_speech.md), "
        "[faces](corpora_faces.md); a table or a speech set of one's own: [own data](own_data.md). "
        "These pages also say what `data.protocol` may be."
    )


def _clusters() -> Iterator[str]:
    yield "### What `evaluation.cluster` may be"
    names = ", ".join(f"`{name}`" for name in (*DOMAINS, "video"))
    yield f"{names}, where the corpus has that column."


NOTES = {"training": _metrics, "data": _corpora, "encoder": _free_keys, "evaluation": _clusters}


def _table(
    rows: list[list[str]], head: tuple[str, ...] = ("key", "type", "default", "meaning")
) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _first_line(section: type[BaseModel]) -> str:
    return inspect.cleandoc(section.__doc__ or "").partition("\n")[0]


def _default(info: FieldInfo, section: bool) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    return "as below" if section and value is not None else _word(value)


def _word(value: object) -> str:
    """Return a value as YAML would have it."""
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def _type(info: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(limit, name):.10g}"
        for limit in info.metadata
        for name, sign in BOUNDS.items()
        if getattr(limit, name, None) is not None
    ]
    return ", ".join([_kind(info.annotation), *limits])


def _kind(annotation: Any) -> str:
    """Return a type in words."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{word}`" for word in inner)
    if origin is typing.Annotated:
        return _kind(inner[0])
    if origin is not None:
        return FORMS[origin]([_kind(one) for one in inner])
    return WORDS.get(annotation, "section")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
