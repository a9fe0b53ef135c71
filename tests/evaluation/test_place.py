from __future__ import annotations

import pytest

from affectrep.data.crosslingual import Protocol
from affectrep.evaluation.place import Place

FOLD = "folds target=de fold=2 folds=5"


def place(words: str, **speech: str) -> Place:
    found = Place.of({"data": {"protocol": words, "speech": speech}})
    assert found is not None
    return found


@pytest.mark.parametrize("config", [{}, {"data": None}, {"data": {"protocol": "single_label"}}])
def test_other_protocols_have_no_place(config):
    assert Place.of(config) is None


def test_a_fold_is_a_part_of_the_pooled_target():
    fold = place(FOLD, standardise="transductive_speaker")
    assert fold.is_fold
    assert fold.setting == "transductive_speaker de fold 2/5"
    pooled = place(fold.pooled_protocol, standardise="transductive_speaker")
    assert pooled.pooled
    assert not pooled.is_fold
    assert pooled.setting == fold.pooled_setting == "transductive_speaker de"
    assert pooled.pooled_protocol == fold.pooled_protocol == "folds target=de fold=all folds=5"


def test_no_command_can_train_a_pooled_run():
    with pytest.raises(ValueError, match="fold=all"):
        Protocol.parse(place(FOLD).pooled_protocol)


def test_settings_of_the_zero_shot_protocols():
    assert place("leave_language_out target=it without=de").setting == "strict it without de"
    assert place("source_to_target sources=en target=de").setting == "strict en>de"
    assert not place("leave_language_out target=it").is_fold
