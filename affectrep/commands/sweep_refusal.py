"""Whether an objective applies to a corpus at all: where it cannot, that is no error."""

from __future__ import annotations

import traceback

from affectrep.build import build_manifest, build_objective
from affectrep.build import objective as builder
from affectrep.config import Config
from affectrep.config.objectives import FittedConfig

__all__ = ["refusal"]


def refusal(config: Config) -> str:
    """Return why a configuration's objective does not fit the labels or columns of its corpus.

    Only what ``build_objective`` itself refuses counts, not what a part of it does: a wrong value
    is a mistake. Other trouble is for training to tell.

    Args:
        config: of a run that could not be trained.

    Returns:
        An empty word where the objective applies, or that cannot be told.
    """
    if isinstance(config.objective, FittedConfig):
        return ""
    try:
        manifest = build_manifest(config)
        build_objective(config, manifest, dim=1)
    except ValueError as error:
        raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
        return " ".join(str(error).split()) if raised_in == builder.__file__ else ""
    except Exception:
        return ""
    return ""
