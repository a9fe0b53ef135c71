from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from affectrep.inference.predictor import Predictor
from affectrep.model import AffectModel
from tests.encoders.tiny import TEXTS

CLASSES = ["joy", "anger", "fear"]


def make(tiny: Path, **changes: Any) -> Predictor:
    encoder = {"checkpoint": str(tiny), "max_tokens": 16}
    return Predictor(AffectModel(encoder=encoder, **{"classes": CLASSES, **changes}), device="cpu")


def test_order_and_batches_do_not_matter(tiny: Path) -> None:
    predictor = make(tiny)
    texts = [*TEXTS, "day", "what a happy day", "angry"]
    together = predictor.scores(texts, batch_size=2)
    for row, text in enumerate(texts):
        alone = predictor.scores([text])[0]
        torch.testing.assert_close(together[row], alone, atol=1e-5, rtol=1e-5)
    assert predictor.scores([]).shape == (0, 3)


def test_one_label(tiny: Path) -> None:
    rows = make(tiny).predict(TEXTS)
    assert [row["text"] for row in rows] == TEXTS
    for row in rows:
        named = row["probabilities"]
        assert list(named) == CLASSES
        assert sum(named.values()) == pytest.approx(1, abs=1e-5)
        assert named[row["label"]] == max(named.values())
        assert "labels" not in row


def test_several_labels_and_their_threshold(tiny: Path) -> None:
    row = make(tiny, task="multilabel", meta={"threshold": 0.0}).predict(["day"])[0]
    assert row["labels"] == CLASSES
    row = make(tiny, task="multilabel", meta={"threshold": 1.0}).predict(["day"])[0]
    assert row["labels"] == []
    assert make(tiny, task="multilabel").threshold == 0.5


def test_valence_and_arousal(tiny: Path) -> None:
    predictor = make(tiny, task="regression", classes=None)
    row = predictor.predict(["day"])[0]
    assert sorted(row) == ["arousal", "text", "valence"]
    raw = predictor.model(predictor.model.encoder.preprocess(["day"])).predictions[0]
    assert [row["valence"], row["arousal"]] == pytest.approx(raw.tolist(), abs=1e-6)


def test_texts_that_cannot_be_read(tiny: Path) -> None:
    with pytest.raises(ValueError, match="text 1 is ' '"):
        make(tiny).predict(["day", " "])
    with pytest.raises(ValueError, match="text 0 is None"):
        make(tiny).predict([None])  # type: ignore[list-item]


@pytest.mark.processes
def test_a_cold_start_leaves_slow_imports_out(tiny: Path, tmp_path: Path) -> None:
    """Each of these costs 0.5 to 4 s; without them a start takes about 1.5 s of computing."""
    encoder = {"checkpoint": str(tiny), "max_tokens": 16, "tuning": "lora"}
    folder = AffectModel(encoder=encoder, classes=CLASSES).save_pretrained(tmp_path / "model")
    code = (
        "import sys; from affectrep.commands.predict import run; run(sys.argv[1], ['day']); "
        "slow = ['transformers', 'peft', 'datasets', 'pandas', 'sklearn', 'scipy', 'accelerate', "
        "'torch._dynamo', 'huggingface_hub', 'torchaudio', 'soundfile']; "
        "assert not (found := set(slow) & set(sys.modules)), found"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
