from __future__ import annotations

import pandas as pd
import pytest

from affectrep.data.crosslingual import (
    Protocol,
    apply_protocol,
    assign_splits,
    require_hygiene,
    target_rows,
)
from affectrep.data.manifest import CorpusInfo, Manifest
from tests.tiny_paper import paper_settings

CLASSES = ["angry", "happy", "neutral", "sad"]
# corpus, language, speakers; en has two corpora
CORPORA = [("meld", "en", 6), ("ravdess", "en", 4), ("esd", "zh", 5), ("emodb", "de", 5)]
CORPORA += [("cafe", "fr", 4), ("urdu", "ur", 6)]


def table() -> pd.DataFrame:
    """Every speaker says two clips of each class; an Urdu speaker has one class only."""
    lines = []
    for corpus, language, people in CORPORA:
        for who in range(people):
            for number in range(8):
                label = CLASSES[who % 4] if corpus == "urdu" else CLASSES[number % 4]
                lines.append(
                    (f"{corpus}/{who}/{number}", label, f"{corpus}/{who}", language, corpus)
                )
    columns = ["id", "label", "speaker", "language", "corpus"]
    return pd.DataFrame(lines, columns=columns).assign(path="x.wav", split="train")


def counts(rows: pd.DataFrame, split: pd.Series, column: str) -> dict[str, set[str]]:
    return {name: set(rows.loc[split == name, column]) for name in ("train", "validation", "test")}


def disjoint(found: dict[str, set[str]]) -> bool:
    return sum(map(len, found.values())) == len(set().union(*found.values()))


@pytest.mark.parametrize("target", ["en", "zh", "de", "fr", "ur"])
@pytest.mark.parametrize("seed", [0, 1])
def test_leave_one_language_out(target, seed):
    rows = table()
    split = assign_splits(rows, Protocol("leave_language_out", target, holdout=0.2, seed=seed))
    languages = counts(rows, split, "language")
    others = {"en", "zh", "de", "fr", "ur"} - {target}
    assert languages == {"train": others, "validation": others, "test": {target}}
    assert (split[rows["language"] == target] == "test").all()
    assert disjoint(counts(rows, split, "speaker"))
    assert set(split) == {"train", "validation", "test"}


def test_classes_stay_on_both_sides_where_speakers_have_one_class():
    rows = table()
    for seed in range(5):
        split = assign_splits(rows, Protocol("leave_language_out", "de", holdout=0.2, seed=seed))
        urdu = rows["language"] == "ur"
        labels = counts(rows[urdu], split[urdu], "label")
        # two classes have two speakers, the others one: those cannot be held out
        assert labels["train"] == set(CLASSES)
        assert labels["validation"] == {"angry", "happy"}


def test_validation_speakers_are_the_same_for_every_target():
    rows = table()
    found = []
    for target in ("de", "fr"):
        split = assign_splits(rows, Protocol("leave_language_out", target, holdout=0.2))
        held = rows[(split == "validation") & rows["language"].isin(["en", "zh", "ur"])]
        found.append(set(held["speaker"]))
    assert found[0] == found[1]


def test_leave_one_corpus_out_keeps_the_language():
    rows = table()
    split = assign_splits(rows, Protocol("leave_corpus_out", "ravdess", holdout=0.2))
    corpora = counts(rows, split, "corpus")
    assert corpora["test"] == {"ravdess"}
    assert "meld" in corpora["train"]
    assert "ravdess" not in corpora["train"] | corpora["validation"]


def test_one_source_leaves_the_other_languages_unused():
    rows = table()
    split = assign_splits(rows, Protocol("source_to_target", "de", ("zh",), holdout=0.2))
    languages = counts(rows, split, "language")
    assert languages == {"train": {"zh"}, "validation": {"zh"}, "test": {"de"}}
    assert set(rows.loc[split == "", "language"]) == {"en", "fr", "ur"}


def test_the_nine_settings_of_the_paper():
    rows, settings = table(), paper_settings(holdout=0.2)
    assert len(settings) == 9
    for setting in settings:
        split = assign_splits(rows, setting)
        same = assign_splits(rows, Protocol("leave_language_out", setting.target, holdout=0.2))
        assert split.equals(same)
        assert "ur" in set(rows.loc[split == "train", "language"])
        assert setting.sources[0] in set(rows.loc[split == "train", "language"])
    assert {setting.target for setting in settings} == {"de", "fr", "zh"}


@pytest.mark.parametrize("target", ["de", "emodb", "en", "urdu"])
def test_every_speaker_is_tested_in_one_fold(target):
    rows, tested = table(), []
    for fold in range(4):
        protocol = Protocol("folds", target, fold=fold, folds=4, holdout=0.2)
        split = assign_splits(rows, protocol)
        speakers = counts(rows, split, "speaker")
        assert disjoint(speakers)
        assert all(speakers.values())
        assert (split[~target_rows(rows, protocol)] == "").all()
        tested += sorted(speakers["test"])
    wanted = rows[(rows["language"] == target) | (rows["corpus"] == target)]
    assert sorted(tested) == sorted(wanted["speaker"].unique())


def test_the_labels_of_a_zero_shot_target_move_nothing():
    rows = table()
    protocol = Protocol("leave_language_out", "de", holdout=0.2)
    turned = rows.copy()
    turned.loc[turned["language"] == "de", "label"] = "sad"
    assert assign_splits(turned, protocol).equals(assign_splits(rows, protocol))


def test_the_order_of_rows_moves_nothing():
    rows = table()
    protocol = Protocol("leave_language_out", "de", holdout=0.2)
    turned = rows.iloc[::-1]
    assert assign_splits(turned, protocol).sort_index().equals(assign_splits(rows, protocol))


def test_official_test_rows_of_a_source_are_not_used_and_those_of_the_target_are():
    rows = table().assign(official_split=None)
    rows.loc[rows["id"].str.fullmatch("(meld|emodb)/0/.*"), "official_split"] = "test"
    split = assign_splits(rows, Protocol("leave_language_out", "de", holdout=0.2))
    assert set(split[rows["official_split"] == "test"]) == {"", "test"}
    assert set(split[rows["id"].str.startswith("meld/0/")]) == {""}
    assert set(split[rows["language"] == "de"]) == {"test"}


def test_a_language_with_one_speaker_is_trained_on_and_said():
    rows = table()
    rows = rows[(rows["language"] != "fr") | (rows["speaker"] == "cafe/0")].reset_index(drop=True)
    manifest = apply_protocol(manifest_of(rows), Protocol("leave_language_out", "de", holdout=0.2))
    french = manifest.rows[manifest.rows["language"] == "fr"]
    assert set(french["split"]) == {"train"}
    assert "fr has one speaker, who is trained on: none is held out." in manifest.info.notes


def manifest_of(rows: pd.DataFrame) -> Manifest:
    info = CorpusInfo("set", "Set", "speech", "classification", CLASSES, "own", "invented")
    return Manifest(rows, info)


def test_the_manifest_says_what_was_done():
    protocol = Protocol("source_to_target", "de", ("ur",), holdout=0.2)
    manifest = apply_protocol(manifest_of(table()), protocol)
    notes = manifest.info.notes
    assert notes[0] == "Protocol: source_to_target sources=ur target=de, holdout 0.2, seed 0."
    assert "test: de, 40 clips of 5 speakers." in notes
    assert any(
        note.startswith("validation: ur,") and note.endswith("none of them neutral or sad.")
        for note in notes
    )
    unused = 8 * (6 + 4 + 5 + 4)
    assert manifest.info.dropped == {f"not used by {protocol.name}": unused}
    assert len(manifest.rows) == len(table()) - unused
    assert manifest.rows.index.tolist() == list(range(len(manifest.rows)))


BREACHES = [
    ("leave_language_out", "de", "emodb/0/0", "train", "1 rows of the target de are in train"),
    ("leave_language_out", "de", "emodb/0/0", "validation", "a zero-shot target is tested only"),
    ("leave_language_out", "de", "esd/0/0", "test", "1 rows do not belong into"),
    ("folds", "de", "esd/0/0", "train", "1 rows do not belong into"),
    ("leave_corpus_out", "meld", "meld/1/2", "train", "1 rows of the target meld"),
]


@pytest.mark.parametrize(("kind", "target", "row", "split", "message"), BREACHES)
def test_a_breach_is_refused(kind, target, row, split, message):
    rows, protocol = table(), Protocol(kind, target, holdout=0.2)
    found = assign_splits(rows, protocol)
    found[rows["id"] == row] = split
    with pytest.raises(ValueError, match=message):
        require_hygiene(rows, found, protocol)


def test_a_row_of_no_source_is_refused():
    rows, protocol = table(), Protocol("source_to_target", "de", ("zh",), holdout=0.2)
    split = assign_splits(rows, protocol)
    split[rows["id"] == "cafe/0/0"] = "train"
    with pytest.raises(ValueError, match="1 rows do not belong into source_to_target"):
        require_hygiene(rows, split, protocol)


@pytest.mark.parametrize(("kind", "other"), [("leave_language_out", "train"), ("folds", "test")])
def test_a_shared_speaker_is_refused(kind, other):
    rows, protocol = table(), Protocol(kind, "de", folds=3, holdout=0.2)
    split = assign_splits(rows, protocol)
    first = rows.index[split == "validation"][0]
    split[first] = other
    shared = rows.loc[first, "speaker"]
    with pytest.raises(ValueError, match=f"1 speakers are in .* and in .*: {shared}"):
        require_hygiene(rows, split, protocol)


def test_the_same_speaker_name_in_source_and_target_is_refused():
    rows = table()
    rows.loc[rows["speaker"] == "emodb/0", "speaker"] = "esd/0"
    with pytest.raises(ValueError, match=r"speakers are in (train|validation) and in test: esd/0"):
        assign_splits(rows, Protocol("leave_language_out", "de", holdout=0.2))


def test_a_row_to_train_on_needs_a_speaker_and_a_target_row_does_not():
    rows, protocol = table(), Protocol("leave_language_out", "de", holdout=0.2)
    rows.loc[rows["corpus"] == "emodb", "speaker"] = None
    assert (assign_splits(rows, protocol) == "test").sum() == 40
    rows.loc[rows["id"] == "cafe/0/0", "speaker"] = None
    with pytest.raises(ValueError, match="1 rows of cafe have no speaker, and whole speakers"):
        assign_splits(rows, protocol)


def test_a_row_without_language_is_refused():
    rows = table()
    rows.loc[0, "language"] = None
    with pytest.raises(ValueError, match="1 rows of meld have no language, and a row without"):
        assign_splits(rows, Protocol("leave_language_out", "de"))


def test_an_unknown_target_or_source_is_named_with_what_there_is():
    rows = table()
    with pytest.raises(ValueError, match="no row has the target pl .* de, en, fr, ur, zh"):
        assign_splits(rows, Protocol("leave_language_out", "pl"))
    with pytest.raises(ValueError, match="no row has the source pl: there are de, en, fr, ur, zh"):
        assign_splits(rows, Protocol("source_to_target", "de", ("pl",)))


def test_a_source_with_one_speaker_gives_no_validation():
    rows = table()
    rows = rows[(rows["language"] != "zh") | (rows["speaker"] == "esd/0")]
    with pytest.raises(ValueError, match="leaves the split validation empty: add speakers"):
        assign_splits(rows, Protocol("source_to_target", "de", ("zh",)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "leave_one_out", "target": "de"}, "the protocol 'leave_one_out' is unknown"),
        ({"kind": "folds", "target": ""}, "needs a target"),
        ({"kind": "source_to_target", "target": "de"}, "needs sources, such as sources=en"),
        ({"kind": "leave_corpus_out", "target": "de", "sources": ("en",)}, "takes no sources"),
        ({"kind": "paper", "target": "ur", "sources": ("en",)}, "a target of de, fr, zh"),
        ({"kind": "paper", "target": "de", "sources": ("ur",)}, "one source of en, zh, de, fr"),
        ({"kind": "paper", "target": "de", "sources": ("en", "zh")}, "one source"),
        ({"kind": "paper", "target": "de", "sources": ("de",)}, "is also a source"),
        ({"kind": "folds", "target": "de", "fold": 5}, "got fold=5 folds=5"),
        ({"kind": "folds", "target": "de", "holdout": 0.6}, r"a holdout in \(0, 0.5\], got 0.6"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Protocol(**settings)


@pytest.mark.parametrize(
    "protocol",
    [
        Protocol("leave_language_out", "de"),
        Protocol("leave_corpus_out", "emodb"),
        Protocol("source_to_target", "de", ("en", "zh")),
        Protocol("folds", "emodb", fold=3, folds=4),
        *paper_settings(),
    ],
    ids=lambda protocol: protocol.name,
)
def test_a_name_parses_to_its_protocol(protocol):
    assert Protocol.parse(protocol.name) == protocol


@pytest.mark.parametrize("words", ["folds de", "folds target=de fold=x", "folds target=de k=3", ""])
def test_other_words_are_refused(words):
    with pytest.raises(ValueError, match="protocol"):
        Protocol.parse(words)


@pytest.mark.parametrize(
    "words",
    [
        "leave_language_out target=DE",
        "source_to_target sources=EN,Zh target=De",
        "folds target=DE fold=1 folds=4",
        "leave_language_out target=fr without=DE",
        "speakers without=DE",
        "leave_corpus_out target=emodb",
    ],
)
def test_codes_are_compared_in_any_case(words):
    rows = table()
    protocol = Protocol.parse(words, holdout=0.2)
    plain = Protocol.parse(words.lower(), holdout=0.2)
    expected = assign_splits(rows, plain)
    mixed = rows["language"].where(rows.index % 2 == 0, rows["language"].str.upper())
    mixed = rows.assign(language=mixed)
    for one in (protocol, plain):
        assert assign_splits(rows, one).equals(expected)
        assert assign_splits(mixed, one).equals(expected)
    german = mixed[mixed["language"].str.lower() == "de"].index
    if protocol.kind in ("leave_language_out", "source_to_target"):
        assert not expected[german].isin(["train", "validation"]).any()
        leaked = expected.copy()
        leaked[german[1]] = "train"  # written DE
        with pytest.raises(ValueError, match="zero-shot|do not belong"):
            require_hygiene(mixed, leaked, plain)


def test_a_protocol_has_one_name_whatever_its_case():
    assert Protocol.parse("leave_language_out target=DE without=It").name == (
        "leave_language_out target=de without=it"
    )
    assert Protocol("leave_corpus_out", "MyCorpus").target == "MyCorpus"
    assert Protocol("paper", "DE", ("EN",)) == Protocol("paper", "de", ("en",))
    with pytest.raises(ValueError, match="is also a source"):
        Protocol("source_to_target", "de", ("DE",))
    with pytest.raises(ValueError, match="de is used and left out"):
        Protocol("leave_language_out", "de", without=("DE",))


def test_a_language_can_be_left_out_altogether():
    rows = table()
    inner = Protocol.parse("leave_language_out target=fr without=de")
    split = assign_splits(rows, inner)
    assert set(rows.loc[split == "test", "language"]) == {"fr"}
    assert not split[rows["language"] == "de"].any()
    outer = assign_splits(rows, Protocol.parse("leave_language_out target=fr"))
    kept = (rows["language"] != "de") & (split != "")
    assert (split[kept] == outer[kept]).all()  # the same speakers are held out
    leaked = split.mask(rows["language"] == "de", "train")
    with pytest.raises(ValueError, match="do not belong"):
        require_hygiene(rows, leaked, inner)
    with pytest.raises(ValueError, match="used and left out"):
        Protocol("leave_language_out", "de", without=("de",))


@pytest.mark.parametrize("seed", [0, 1])
def test_whole_speakers_of_every_language_are_held_out(seed):
    rows = table()
    protocol = Protocol.parse("speakers", holdout=0.2, seed=seed)
    split = assign_splits(rows, protocol)
    assert disjoint(counts(rows, split, "speaker"))
    languages = counts(rows, split, "language")
    assert languages["train"] == languages["test"] == set(rows["language"])
    assert set(split) == {"train", "validation", "test"}
    assert 0.1 < (split == "test").mean() < 0.35
    moved = assign_splits(rows.sample(frac=1, random_state=3), protocol)
    assert (moved.sort_index() == split).all()
    assert protocol.name == "speakers"


def test_held_out_speakers_have_no_target():
    with pytest.raises(ValueError, match="no target"):
        Protocol("speakers", "de")
    rows = table()
    split = assign_splits(rows, Protocol("speakers", "", without=("de",)))
    assert (split[rows["language"] == "de"] == "").all()
