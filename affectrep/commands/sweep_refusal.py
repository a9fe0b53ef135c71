"""Whether an objective applies to a corpus at all: where it cannot, that is no error."""

from __future__ import annotations

from affectrep.build import NotApplicableError, build_manifest, build_objective
from affectrep.config import Config
from affectrep.config.objectives import FittedConfig

__all__ = ["refusal"]


def refusal(config: Config) -> str:
    """Return why a configuration's objective does not fit the labels or columns of its corpus.

    A wrong value is a mistake and no such reason; other trouble is for training to tell.

    Args:
        config: of a run that could not be trained.

    Returns:
        An empty word where the objective applies, or that cannot be told.
    """
    if isinstance(config.objective, FittedConfig):
        return ""
    try:
        build_objective(config, build_manifest(config), dim=1)
    except NotApplicableError as error:
        return " ".join(str(error).split())
    except Exception:
        return ""
    return ""
