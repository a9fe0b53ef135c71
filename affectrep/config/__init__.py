"""Typed, strict configuration: YAML files plus ``key.sub=value`` overrides."""

from affectrep.config.load import differing_keys, load_config, parse_config, to_yaml
from affectrep.config.schema import Config

__all__ = ["Config", "differing_keys", "load_config", "parse_config", "to_yaml"]
