from __future__ import annotations

from pathlib import Path

import pytest
import torch

from affectrep.encoders.adapters import SPEECH_LORA_DEFAULTS, add_lora
from affectrep.encoders.speech_checkpoint import load_speech
from affectrep.encoders.speech_states import call_projections, hidden_states
from tests.encoders.tiny_speech import KINDS, clips, tiny_speech

FAMILY = [kind for kind in KINDS if kind != "whisper"]


@pytest.mark.parametrize("kind", FAMILY)
def test_states_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = tiny_speech(tmp_path, kind)
    found = load_speech(folder)
    inputs = found.preprocess(clips(1600))
    theirs = AutoModel.from_pretrained(folder).eval()
    expected = theirs(inputs["features"], output_hidden_states=True)
    states, mask = hidden_states(found.backbone.eval(), inputs["features"], inputs["lengths"])
    assert len(states) == 4
    assert mask.all()
    torch.testing.assert_close(states[-1], expected.last_hidden_state, atol=1e-5, rtol=1e-4)
    for own, other in zip(states[:-1], expected.hidden_states[:-1], strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)
    frames = theirs._get_feat_extract_output_lengths(torch.tensor([1600]))
    assert states[0].shape[1] == int(frames)


def test_whisper_is_that_of_transformers_where_that_runs(tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = tiny_speech(tmp_path, "whisper")
    found = load_speech(folder)
    inputs = found.preprocess(clips(16000))  # 1 s fills the 50 positions of the tiny encoder
    assert inputs["features"].shape == (1, 100, 8)
    theirs = AutoModel.from_pretrained(folder).encoder.eval()
    expected = theirs(inputs["features"].transpose(1, 2), output_hidden_states=True)
    states, mask = hidden_states(found.backbone.eval(), inputs["features"], inputs["lengths"])
    assert mask.shape == (1, 50)
    torch.testing.assert_close(states[-1], expected.last_hidden_state, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(states[1], expected.hidden_states[1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_padded_clip_has_the_states_of_the_clip_alone(kind: str, tmp_path: Path) -> None:
    found = load_speech(tiny_speech(tmp_path, kind))
    backbone = found.backbone.eval()
    waveforms = clips(1601, 4800, 990)
    together = found.preprocess(waveforms)
    # what lies in the padding must not matter
    padding = torch.arange(together["features"].shape[1]) >= together["lengths"][:, None]
    if kind != "whisper":
        together["features"][padding] = 3.0
    states, mask = hidden_states(backbone, together["features"], together["lengths"])
    assert not mask.all()
    for row, waveform in enumerate(waveforms):
        alone = found.preprocess([waveform])
        single, kept = hidden_states(backbone, alone["features"], alone["lengths"])
        assert kept.all()
        assert int(mask[row].sum()) == kept.shape[1]
        for own, other in zip(states, single, strict=True):
            torch.testing.assert_close(own[row, mask[row]], other[0], atol=2e-5, rtol=1e-4)


def test_transformers_itself_does_not_keep_that_promise_for_group_norm(tmp_path: Path) -> None:
    """The reason for a front end of our own: without it this test would have no difference."""
    from transformers import AutoModel

    folder = tiny_speech(tmp_path, "wav2vec2-group")
    found, theirs = load_speech(folder), AutoModel.from_pretrained(folder).eval()
    waveforms = clips(1600, 4800)
    batch, alone = found.preprocess(waveforms), found.preprocess(waveforms[:1])
    mask = torch.arange(4800) < batch["lengths"][:, None]
    padded = theirs(batch["features"], attention_mask=mask.long()).last_hidden_state[0]
    single = theirs(alone["features"]).last_hidden_state[0]
    assert (padded[: len(single)] - single).abs().max() > 0.01


def test_transformers_itself_leaves_lora_in_wavlm_without_effect(tmp_path: Path) -> None:
    """The reason for `call_projections`: should this fail one day, that is no longer needed."""
    from transformers import AutoModel

    theirs = AutoModel.from_pretrained(tiny_speech(tmp_path)).eval()
    add_lora(theirs, {**SPEECH_LORA_DEFAULTS, "targets": ["q_proj", "k_proj", "v_proj"]})
    samples = torch.from_numpy(clips(1600)[0])[None]
    before = theirs(samples).last_hidden_state
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            if ".lora_" in name:
                weight.normal_()
    assert theirs(samples).last_hidden_state.equal(before)
    call_projections(theirs)
    assert (theirs(samples).last_hidden_state - before).abs().max() > 0.01
