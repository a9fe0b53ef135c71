"""Read a configuration file, apply overrides, and say in words what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from affectrep.config.mistakes import mistakes
from affectrep.config.schema import Config

__all__ = ["differing_keys", "load_config", "parse_config", "to_yaml"]


def load_config(path: Path | str, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML configuration and apply ``key.sub=value`` overrides.

    Raises:
        ValueError: for a missing file, broken YAML, an unknown key (with the one that may be meant,
            or those there are) or a value of the wrong kind; every problem is listed.
    """
    path = Path(path)
    if not path.is_file():
        near = difflib.get_close_matches(path.name, _siblings(path), n=1)
        hint = f" Did you mean {path.parent / near[0]}?" if near else ""
        raise ValueError(f"{path}: no such configuration file.{hint}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected keys and values, found {type(values).__name__}.")
    return parse_config(values, overrides, where=str(path))


def parse_config(
    values: dict[str, Any], overrides: Sequence[str] = (), *, where: str = "configuration"
) -> Config:
    """Check plain values and overrides against the schema.

    ``per_target`` may hold overrides by the target of ``data.protocol``; those given here win.

    Raises:
        ValueError: listing every problem in one message.

    Example:
        >>> values = {"name": "x", "data": {"corpus": "demo_text"},
        ...           "encoder": {"checkpoint": "bundled:minilm"}}
        >>> parse_config(values, ["training.epochs=2"]).training.epochs
        2
        >>> parse_config(values, ["training.epoch=2"])
        Traceback (most recent call last):
        ...
        ValueError: configuration: unknown key training.epoch; did you mean training.epochs?
    """
    values = dict(values)
    for override in [*_of_the_target(values, overrides, where), *overrides]:
        _apply(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ValueError("\n".join(f"{where}: {line}" for line in mistakes(error))) from None


def to_yaml(config: Config) -> str:
    """Write every value of the resolved configuration as YAML, defaults included."""
    text: str = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def differing_keys(one: Config, other: Config) -> dict[str, tuple[Any, Any]]:
    """Return the dotted keys whose values differ, with both values.

    Example:
        >>> base = {"name": "x", "data": {"corpus": "c"}, "encoder": {"checkpoint": "c"}}
        >>> differing_keys(parse_config(base), parse_config(base, ["training.epochs=2"]))
        {'training.epochs': (4, 2)}
    """
    first, second = (_flat(config.model_dump(mode="json")) for config in (one, other))
    return {
        key: (first.get(key), second.get(key))
        for key in sorted(first | second)
        if first.get(key) != second.get(key)
    }


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {prefix.rstrip("."): values}
    return {
        key: value
        for name, inner in values.items()
        for key, value in _flat(inner, f"{prefix}{name}.").items()
    }


def _of_the_target(values: dict[str, Any], overrides: Sequence[str], where: str) -> list[str]:
    """Take ``per_target`` out of the values; return the overrides for the target of the protocol.

    A choice that was made for each unseen language by itself is one configuration all the same.
    """
    chosen = values.pop("per_target", {})
    if not isinstance(chosen, dict) or not all(isinstance(one, list) for one in chosen.values()):
        raise ValueError(
            f"{where}: per_target holds a list of key.sub=value for each target, such as "
            "per_target: {de: [objective.c=0.1]}."
        )
    protocol = str((values.get("data") or {}).get("protocol"))
    for override in overrides:
        key, _, text = override.partition("=")
        protocol = text if key.strip() == "data.protocol" else protocol
    target = next((word[7:] for word in protocol.split() if word.startswith("target=")), "")
    return [str(one) for one in chosen.get(target, [])]


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ValueError(f"override {override!r}: expected key.sub=value, such as seed=1.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    *parents, last = key.strip().split(".")
    section = values
    for parent in parents:
        inner = section.get(parent)
        section[parent] = dict(inner) if isinstance(inner, dict) else {}
        section = section[parent]
    section[last] = value


def _siblings(path: Path) -> list[str]:
    return [file.name for file in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
