"""The name of a run's folder: its configuration, the setting it was trained for, its seed."""

from __future__ import annotations

from affectrep.config import Config
from affectrep.data.setting import setting_name, setting_slug

__all__ = ["run_name"]


def run_name(config: Config) -> str:
    """Return ``<name>-<seed>``, with the target of a cross-lingual protocol between the two.

    Example:
        >>> data = {"corpus": "demo_speech", "protocol": "leave_language_out target=de"}
        >>> run_name(Config(name="x", data=data, encoder={"name": "functionals"}))
        'x.de-0'
        >>> run_name(Config(name="x", data={"corpus": "demo_text"}, encoder={"checkpoint": "y"}))
        'x-0'
    """
    slug = setting_slug(setting_name(config.data.protocol, config.data.speech.standardise))
    return f"{config.name}{'.' if slug else ''}{slug}-{config.seed}"
