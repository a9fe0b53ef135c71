from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from affectrep.encoders.checkpoint import commit_of, hidden_size, load_pretrained, locate
from tests.encoders.tiny import TEXTS, tiny_checkpoint


def test_a_folder_is_read_without_its_pooler(tiny: Path) -> None:
    found = load_pretrained(str(tiny), max_tokens=16)
    assert any("pooler" in key for key in load_file(tiny / "model.safetensors"))
    assert not any("pooler" in key for key in found.backbone.state_dict())
    assert found.reference is None
    assert hidden_size(found.config) == 16
    assert json.loads(json.dumps(found.config)) == found.config


def test_half_precision_weights_become_float32(tiny: Path, tmp_path: Path) -> None:
    half = tiny_checkpoint(tmp_path / "half")
    weights = {k: v.half() for k, v in load_file(tiny / "model.safetensors").items()}
    save_file(weights, Path(half) / "model.safetensors", metadata={"format": "pt"})
    found = load_pretrained(half, max_tokens=16).backbone
    assert {value.dtype for value in found.parameters()} == {torch.float32}


@pytest.mark.parametrize("model_type", ["roberta", "electra"])
def test_other_architectures(model_type: str, tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path, model_type=model_type, embedding_size=16, pad_token_id=0)
    found = load_pretrained(folder, max_tokens=16)
    inputs = found.preprocess(TEXTS)
    features = found.backbone(**inputs).last_hidden_state
    assert features.shape == (*inputs["input_ids"].shape, 16)


def test_dropout_is_set_by_the_architectures_own_name(tiny: Path) -> None:
    found = load_pretrained(str(tiny), max_tokens=16, dropout=0.3, attention_dropout=0.0)
    assert found.config["hidden_dropout_prob"] == 0.3
    assert found.config["attention_probs_dropout_prob"] == 0.0
    assert found.backbone.embeddings.dropout.p == 0.3  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_implementations_agree(tiny: Path, dtype: torch.dtype) -> None:
    found = load_pretrained(str(tiny), max_tokens=16)
    backbone, inputs = found.backbone.eval(), found.preprocess(TEXTS)
    kept = inputs["attention_mask"].bool()
    outputs = []
    for name in ("eager", "sdpa"):
        backbone.set_attn_implementation(name)  # type: ignore[operator]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            outputs.append(backbone(**inputs).last_hidden_state[kept].float())
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(*outputs, atol=tolerance, rtol=tolerance)


def test_too_many_tokens_are_refused(tiny: Path) -> None:
    with pytest.raises(ValueError, match="max_tokens is 64, but the encoder reads at most 32"):
        load_pretrained(str(tiny), max_tokens=64)


def test_weights_of_another_model_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = Path(tiny_checkpoint(tmp_path / "torn"))
    weights = load_file(folder / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"its weights lack encoder\.layer\.1\.output"):
        load_pretrained(str(folder), max_tokens=16)


def test_folders_that_do_not_serve(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        locate(str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"has no config\.json"):
        locate(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="cannot be used"):
        load_pretrained(str(tmp_path))


def test_an_unreachable_hub_names_a_folder_that_would_serve() -> None:
    with pytest.raises(ValueError, match=r"A folder \./bert-nowhere with config\.json"):
        load_pretrained("affectrep-tests/bert-nowhere")


def test_a_hub_checkpoint_is_pinned_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository that lies in the hub's cache, as after a download; its branch then moves on."""
    from huggingface_hub import constants

    from affectrep.encoders.text import TextEncoder

    old, new = "0123456789abcdef0123456789abcdef01234567", "f" * 40
    repository = tmp_path / "models--lab--tiny-bert"
    tiny_checkpoint(repository / "snapshots" / old)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(old, encoding="utf-8")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert commit_of("lab/tiny-bert") == old
    encoder = TextEncoder("lab/tiny-bert", tuning="frozen", max_tokens=16).eval()
    reference = {"checkpoint": "lab/tiny-bert", "revision": old}
    assert encoder.stored_reference() == reference
    model = tmp_path / "model"
    model.mkdir()
    encoder.save(model)

    later = Path(tiny_checkpoint(repository / "snapshots" / new))
    weights = {k: v + 0.1 for k, v in load_file(later / "model.safetensors").items()}
    save_file(weights, later / "model.safetensors", metadata={"format": "pt"})
    (repository / "refs" / "main").write_text(new, encoding="utf-8")
    moved = TextEncoder("lab/tiny-bert", tuning="frozen", max_tokens=16).eval()
    assert moved.stored_reference() == {**reference, "revision": new}
    again = TextEncoder.restore(
        model, encoder.weights(), settings={"tuning": "frozen"}, reference=reference
    ).eval()
    inputs = encoder.preprocess(TEXTS)
    expected = encoder(inputs).embeddings
    assert again(inputs).embeddings.equal(expected)
    assert not torch.allclose(moved(inputs).embeddings, expected, atol=1e-3)


def test_a_folder_has_no_commit(tiny: Path) -> None:
    assert commit_of(str(tiny)) is None
