"""What every part of the configuration is: strict and fixed once read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Section"]


class Section(BaseModel):
    """A part of the configuration: an unknown key is an error, values do not change later.

    No number is infinite or none at all (``.inf`` and ``.nan`` in YAML).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
