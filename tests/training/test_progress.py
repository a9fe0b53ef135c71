from __future__ import annotations

import pytest

from affectrep.training.progress import Progress


def test_names_in_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(1, 1) as progress:
        progress.validated(0, {"recall [/calm]": 0.5}, "recall [/calm]", best_epoch=0)
    assert "epoch 1/1: validation recall [/calm] 0.5000 (best so far)" in capsys.readouterr().err
