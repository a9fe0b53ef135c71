"""affectrep: learn representations of emotion from text, speech and faces.

Example:
    >>> import affectrep
    >>> affectrep.__version__
    '0.1.0'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affectrep.model import AffectModel

__all__ = ["AffectModel", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the model class when it is first asked for: `affectrep --help` needs no torch."""
    if name == "AffectModel":
        from affectrep.model import AffectModel

        return AffectModel
    raise AttributeError(f"module 'affectrep' has no attribute {name!r}")
