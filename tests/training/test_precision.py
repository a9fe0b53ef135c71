"""The precision that "auto" stands for."""

from __future__ import annotations

import pytest
import torch

from affectrep.training.precision import has_bf16, settled_precision


def _processor(monkeypatch, **found):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16", "bf16"])
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch, name):
    _processor(monkeypatch, avx2=True, **{name: True})
    assert settled_precision("auto", "cpu") == "bf16"


def test_auto_is_fp32_elsewhere(monkeypatch):
    _processor(monkeypatch, avx2=True, avx512_bf16=False)
    assert settled_precision("auto", "cpu") == "fp32"
    _processor(monkeypatch)
    assert settled_precision("auto", "cpu") == "fp32"
    assert settled_precision("auto", "mps") == "fp32"


@pytest.mark.parametrize("held", [True, False])
def test_a_gpu_is_asked_for_bf16_of_its_own(monkeypatch, held):
    asked = []

    def supported(including_emulation=True):
        asked.append(including_emulation)
        return held

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert has_bf16("cuda") is held
    assert asked == [False]


@pytest.mark.parametrize("wanted", ["fp32", "bf16"])
def test_what_is_named_stays(monkeypatch, wanted):
    _processor(monkeypatch, avx512_bf16=True)
    assert settled_precision(wanted, "cpu") == wanted


def test_fp16_needs_a_gpu():
    assert settled_precision("fp16", "cuda") == "fp16"
    with pytest.raises(ValueError, match="needs a GPU"):
        settled_precision("fp16", "cpu")
