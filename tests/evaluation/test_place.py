from __future__ import annotations

import pandas as pd
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


def test_folds_of_one_corpus_have_no_target():
    fold = place("folds fold=2 folds=5")
    assert fold.is_fold
    assert fold.of_groups
    assert not fold.has_target
    assert (fold.setting, fold.pooled_setting) == ("fold 2/5", "folds pooled")
    pooled = place(fold.pooled_protocol)
    assert pooled.pooled
    assert not pooled.is_fold
    assert pooled.setting == "folds pooled"
    assert place("folds column=author fold=1 folds=3").column == "author"


def test_a_group_left_out_is_a_target():
    one = place("leave_group_out column=speaker value=emodb/03")
    assert one.has_target
    assert not one.is_fold
    assert (one.target, one.column, one.setting) == ("emodb/03", "speaker", "speaker emodb/03")
    assert one.in_condition("mean") == "mean"
    assert place(FOLD).in_condition("mean") == "strict mean"


def test_a_group_of_one_person_is_resampled_by_rows():
    table = pd.DataFrame({"speaker": ["a", "a", "b"]})
    table.attrs["cluster"] = "speaker"
    alone = table[:2].copy()
    left_out = place("leave_group_out column=speaker value=a")
    assert left_out.clusters(alone) is None
    assert list(left_out.clusters(table)) == ["a", "a", "b"]
    assert list(place(FOLD).clusters(alone)) == ["a", "a"]
    alone.attrs["cluster"] = None
    assert place(FOLD).clusters(alone) is None
