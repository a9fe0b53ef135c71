from __future__ import annotations

import pytest

from affectrep.data.group_protocol import GroupProtocol, check_fold, read_groups


@pytest.mark.parametrize(
    "protocol",
    [
        GroupProtocol("folds"),
        GroupProtocol("folds", "author", fold=3, folds=10),
        GroupProtocol("leave_group_out", "corpus", "emodb"),
        GroupProtocol("leave_group_out", "speaker", "Ann  van Lee = x"),
    ],
    ids=lambda protocol: protocol.name,
)
def test_a_name_reads_as_its_protocol(protocol):
    assert read_groups(protocol.name) == (protocol, None)


def test_folds_alone_are_the_first_of_five():
    assert read_groups("folds")[0] == read_groups("fold=0")[0] == GroupProtocol("folds")


def test_other_words_are_left_to_the_corpus():
    assert read_groups("fps=5 fold=1 folds=3") == (GroupProtocol("folds", fold=1, folds=3), "fps=5")
    for words in ("single_label", "leave_language_out target=de", "folds target=de fold=1 folds=5"):
        assert read_groups(words) == (None, words)
    assert read_groups(None) == read_groups("") == (None, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("folds fold=x", r"the word 'fold=x': expected fold=<int>"),
        ("folds fold=5 folds=5", "got fold=5 folds=5"),
        ("folds fold=0 folds=1", "got fold=0 folds=1"),
        ("folds column=mood", "column=mood: use one of speaker, author, subject, language, corpus"),
        ("folds column=author value=ann", "takes no value"),
        ("leave_group_out column=author", "needs a column and a group"),
        ("leave_group_out value=ann", "needs a column and a group"),
    ],
)
def test_what_does_not_fit_is_said(words, message):
    with pytest.raises(ValueError, match=message):
        read_groups(words)


def test_a_fold_that_is_there_passes():
    check_fold(4, 5)
    with pytest.raises(ValueError, match="got fold=-1 folds=5"):
        check_fold(-1, 5)
