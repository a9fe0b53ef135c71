"""The objectives need torch and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CODE = """
import json, sys
import torch
before = set(sys.modules)
import affectrep.objectives
print(json.dumps(sorted(set(sys.modules) - before)))
"""
HEAVY = (
    "transformers peft torchaudio torchvision datasets pandas sklearn scipy pydantic matplotlib "
    "accelerate huggingface_hub yaml typer rich"
)


@pytest.fixture(scope="module")
def imported() -> set[str]:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.processes
def test_no_heavy_package_comes_with_the_objectives(imported):
    assert "affectrep.objectives.supcon" in imported
    assert not {name.partition(".")[0] for name in imported} & set(HEAVY.split())


@pytest.mark.processes
def test_no_other_room_comes_with_the_objectives(imported):
    own = {name.split(".")[1] for name in imported if name.startswith("affectrep.")}
    assert own <= {"objectives", "batch"}


@pytest.mark.processes
def test_they_work_with_torch_alone():
    blocked = f"import sys; sys.modules.update(dict.fromkeys({HEAVY.split()}));"
    code = (
        f"{blocked} import torch; from affectrep.objectives import SupConLoss; "
        "assert SupConLoss()(torch.eye(4), torch.tensor([0, 0, 1, 1])) > 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
