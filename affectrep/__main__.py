"""``python -m affectrep`` is the command ``affectrep``."""

from __future__ import annotations

from affectrep.cli import main

if __name__ == "__main__":
    main()
