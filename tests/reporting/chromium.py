"""A headless Chromium that opens a page from its file path, and what it did there."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium here: the report was not rendered"
)
# Nothing leaves the machine, whatever the page or the browser itself asks for.
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=3000",
    "--enable-logging=stderr",
    "--v=0",
]
_NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND"


@dataclass(frozen=True)
class Visit:
    """What a page made the browser do.

    Args:
        console: lines that the page wrote on the console, errors of its scripts among them.
        requests: what it asked of the network, addresses of requests first; a page that is read
            from the disk asks nothing.
        dom: the page as it stood in the end.
    """

    console: list[str]
    requests: list[str]
    dom: str


def visit(page: Path, *flags: str, dump: bool = True) -> Visit:
    """Open a page from its file path.

    Chromium's own requests (for updates, a dictionary) have no page as their origin and are not
    counted: the network log names for each event the page that it belongs to.

    Args:
        page: the HTML file; the browser's profile and its log lie beside it.
        flags: further ones of Chromium.
        dump: whether the DOM is wanted; not beside ``--print-to-pdf``.

    Raises:
        CalledProcessError: if Chromium ends with an error.
    """
    log, profile = page.with_suffix(".netlog.json"), page.with_suffix(".profile")
    command = [str(BROWSER), *_FLAGS, _NOWHERE, f"--user-data-dir={profile}"]
    command += [f"--log-net-log={log}", *flags, *["--dump-dom"] * dump, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return Visit(console, _requests(json.loads(log.read_text(encoding="utf-8"))), done.stdout)


def _requests(log: dict[str, Any]) -> list[str]:
    """Return what pages from the disk asked for: each event that names one as its origin."""
    assert log["events"], "expected a network log with events"
    parts = [event.get("params", {}) for event in log["events"]]
    mine = [part for part in parts if "file://" in str(part) or _of_a_page(part)]
    addressed = [str(part["url"]) for part in mine if "url" in part]
    return [*addressed, *(str(part) for part in mine if "url" not in part)]


def _of_a_page(part: dict[str, Any]) -> bool:
    nobody = "not an origin"
    return part.get("initiator", nobody) != nobody
