import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from affectrep.data.checks import check_manifest
from affectrep.data.corpora import demo_text
from affectrep.data.corpora.demo_text_story import (
    CLASSES,
    Cues,
    cue_table,
    planted_prior,
    posterior,
)
from affectrep.data.corpora.demo_text_templates import (
    AUTHORS,
    CONTEXTS,
    EVENTS,
    FILLERS,
    HEDGES,
    INTENSITIES,
    REACTIONS,
    Wordings,
)
from affectrep.data.keys import normalise_text

SPLITS = ("train", "validation", "test")
FROZEN = {
    "train": (
        "598e32ca0dc84eddf2742583c81e14b0520477af0ee6b59764fbf6acab31bcec",
        "364e256f68b9cdf586321f0c7532af33f42455ca92d20d6bf2b61ece2410fd6d",
    ),
    "validation": (
        "cbff54f4f01ca39688af9b9d846d73a63d0c195298210a7fd298c9390c8685ac",
        "ab7af7bb39033a87653beb0cf270d3ad604e0196f78c255fd55280d2b92fe737",
    ),
    "test": (
        "e8acba9a397d794b2d80a8b5ec9ca30ebe3aa0889626a4b287d80e22a5b809b7",
        "e91f05f1b046fb624a51ef0be84c3da81aade867a42684d7f20a321df2d081df",
    ),
}


def pools() -> Iterator[tuple[str, str, Wordings]]:
    """Every cue: kind, value, wordings."""
    for pool in EVENTS.values():
        yield from (("event", name, wordings) for name, wordings in pool.items())
    for pool in REACTIONS.values():
        yield from (("reaction", name, wordings) for name, wordings in pool.items())
    yield from (("intensity", name, wordings) for name, wordings in INTENSITIES.items())
    yield from (("hedge", name, wordings) for name, wordings in HEDGES.items())
    yield "context", "said", CONTEXTS


def expand(sentence: str, split: str) -> list[str]:
    """All fillings of a sentence, in lower case."""
    slots = sorted(set(re.findall(r"{(\w+)}", sentence)))
    choices = product(*(FILLERS[slot].of(split) for slot in slots))
    return [sentence.format(**dict(zip(slots, chosen, strict=True))).lower() for chosen in choices]


def meanings(split: str) -> dict[str, tuple[str, str]]:
    """Every sentence that a split can hold -> the one cue it says."""
    known: dict[str, tuple[str, str]] = {}
    for kind, value, wordings in pools():
        for template in wordings.of(split):
            for sentence in expand(template, split):
                assert sentence not in known, (sentence, value, known[sentence])
                known[sentence] = (kind, value)
    return known


def read_cues(text: str, end: str, known: dict[str, tuple[str, str]]) -> tuple[Cues, list[str]]:
    """Recover the cues from the text alone, and the sentences that say none."""
    sentences = text.lower().rstrip(".").split(f"{end} ")
    said = [known[sentence] for sentence in sentences if sentence in known]
    rest = [sentence for sentence in sentences if sentence not in known]
    assert len({kind for kind, _ in said}) == len(said), text
    return Cues(**{kind: value for kind, value in said if kind != "context"}), rest


@pytest.fixture(scope="module")
def drawn():
    return demo_text.draw_utterances()


@pytest.fixture(scope="module")
def manifest():
    return demo_text.prepare()


def test_sizes_classes_and_info(manifest):
    assert {name: len(manifest.split(name)) for name in SPLITS} == demo_text.SIZES
    assert manifest.info.classes == list(CLASSES)
    assert 12 <= len(CLASSES) <= 16
    assert manifest.info.generated
    assert "CC0" in manifest.info.licence
    assert any("no benchmark" in note for note in manifest.info.notes)
    assert all(set(manifest.split(name)["label"]) == set(CLASSES) for name in SPLITS)
    assert [p for p in check_manifest(manifest) if p.severity == "error"] == []


def test_texts_are_distinct_over_all_splits(manifest):
    keys = manifest.rows["text"].map(normalise_text)
    assert keys.is_unique
    letters = manifest.rows["text"].map(lambda text: re.sub(r"\W+", " ", text.lower()).strip())
    by_split = {name: set(letters[manifest.rows["split"] == name]) for name in SPLITS}
    assert all(not by_split[a] & by_split[b] for a, b in combinations(SPLITS, 2))


def test_same_seed_same_corpus_and_other_seed_another(manifest):
    assert demo_text.prepare().fingerprint() == manifest.fingerprint()
    other = demo_text.prepare(seed=1)
    assert set(other.rows["text"]) != set(manifest.rows["text"])
    assert {name: len(other.split(name)) for name in SPLITS} == demo_text.SIZES


def test_seed_0_is_frozen(manifest):
    found = {
        name: (value["content"], value["targets"]) for name, value in manifest.fingerprint().items()
    }
    assert found == FROZEN


def test_generation_is_quick():
    start = time.process_time()
    demo_text.prepare(seed=2)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    "given", [{"root": "x"}, {"protocol": "x"}, {"labels": {"a": "b"}}, {"holdout": 0.3}]
)
def test_arguments_without_use_are_refused(given):
    with pytest.raises(ValueError, match=f"no use for data.{next(iter(given))}"):
        demo_text.prepare(**given)


def test_negative_seed_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        demo_text.prepare(seed=-1)


# The wording identifies the cues


@pytest.mark.parametrize("split", SPLITS)
def test_cues_can_be_read_back_from_the_text_alone(split, drawn):
    known = meanings(split)
    authors = {author.name: author for author in AUTHORS[split]}
    for utterance in drawn[split]:
        author = authors[utterance.author]
        cues, rest = read_cues(utterance.text, author.end, known)
        assert cues == utterance.cues, utterance
        assert len(rest) <= 1, utterance
        assert set(rest) <= set(author.openers), utterance


def test_posterior_of_each_row_is_that_of_its_cues(drawn, manifest):
    for split in SPLITS:
        stored = np.array(manifest.split(split)["posterior"].tolist())
        np.testing.assert_allclose(stored.sum(1), 1.0)
        np.testing.assert_allclose(stored, [posterior(row.cues) for row in drawn[split]])


# The splits share meaning, not wording


def test_wordings_are_disjoint_and_many():
    count = 0
    for _, _, wordings in pools():
        assert len(wordings.train) >= 10
        assert len(wordings.validation) >= 5
        assert len(wordings.test) >= 6
        count += sum(len(wordings.of(split)) for split in SPLITS)
    assert count > 900
    sentences = [
        {text.lower() for _, _, wordings in pools() for text in wordings.of(split)}
        for split in SPLITS
    ]
    assert sum(len(part) for part in sentences) == count == len(set.union(*sentences))


def test_fillers_openers_and_authors_are_disjoint():
    for slot, fillers in FILLERS.items():
        parts = [set(fillers.of(split)) for split in SPLITS]
        assert all(not a & b for a, b in combinations(parts, 2)), slot
    openers = [{o for author in AUTHORS[split] for o in author.openers} for split in SPLITS]
    assert all(not a & b for a, b in combinations(openers, 2))
    names = [author.name for split in SPLITS for author in AUTHORS[split]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("split", SPLITS)
def test_no_filler_of_another_split_occurs(split, manifest):
    others = [
        word
        for fillers in FILLERS.values()
        for other in SPLITS
        if other != split
        for word in fillers.of(other)
    ]
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, others)) + r")\b", re.IGNORECASE)
    found = [text for text in manifest.split(split)["text"] if pattern.search(text)]
    assert found == []


def content_words(wordings: tuple[str, ...]) -> set[str]:
    words = re.findall(r"[a-z]{4,}", re.sub(r"{\w+}", " ", " ".join(wordings).lower()))
    return {re.sub(r"(ing|ed|es|s|ly|e)$", "", w) for w in words if w not in ENGLISH_STOP_WORDS}


def test_test_wordings_of_a_cue_share_no_content_word_with_the_others():
    for kind, value, wordings in pools():
        test = content_words(wordings.test)
        assert not test & content_words(wordings.train), (kind, value)
        assert not test & content_words(wordings.validation), (kind, value)


def test_no_text_names_an_emotion(manifest):
    stems = (
        "annoy|angr|anger|furi|joy|enjoy|ecsta|uneas|afraid|terr[io]|disappoint|sad|griev|grief|"
        "surpris|astonish|embarrass|asham|shame"
    )
    pattern = re.compile(rf"\b({stems}|content\b)", re.IGNORECASE)
    assert [text for text in manifest.rows["text"] if pattern.search(text)] == []


# The planted posterior, by a naive reckoning


def test_cue_tables_sum_to_one_and_overlap_inside_a_family():
    for emotion in CLASSES:
        for kind in ("event", "reaction", "intensity", "hedge"):
            assert sum(cue_table(emotion, kind).values()) == pytest.approx(1.0)
    for members in demo_text.planted_families().values():
        tables = [cue_table(emotion, "event") for emotion in members]
        assert all(set(table) == set(tables[0]) for table in tables)
        assert all(min(table.values()) > 0.0 for table in tables)
    with pytest.raises(ValueError, match="no emotion 'bored'"):
        cue_table("bored", "event")


def test_posterior_follows_bayes_rule_written_out():
    cues = Cues("rude_treatment", None, "marked", "certain")
    joint = {
        emotion: prior
        * cue_table(emotion, "event").get("rude_treatment", 0.0)
        * cue_table(emotion, "reaction")[None]
        * cue_table(emotion, "intensity")["marked"]
        * cue_table(emotion, "hedge")["certain"]
        for emotion, prior in zip(CLASSES, planted_prior(), strict=True)
    }
    expected = [joint[emotion] / sum(joint.values()) for emotion in CLASSES]
    np.testing.assert_allclose(posterior(cues), expected)
    with pytest.raises(ValueError, match="no emotion of the demo corpus"):
        posterior(Cues("petty_noise", "trembling"))


def test_posterior_agrees_with_counts_of_many_draws():
    counts: dict[Cues, Counter[str]] = {}
    for seed in range(4):
        for utterance in demo_text.draw_utterances(seed)["train"]:
            cues = Cues(utterance.cues.event, utterance.cues.reaction)
            counts.setdefault(cues, Counter())[utterance.emotion] += 1
    tried = 0
    for cues, found in counts.items():
        total = sum(found.values())
        if total < 100:
            continue
        tried += 1
        joint = planted_prior() * [
            cue_table(e, "event").get(cues.event, 0.0)
            * cue_table(e, "reaction").get(cues.reaction, 0.0)
            for e in CLASSES
        ]
        expected = joint / joint.sum()
        observed = np.array([found[emotion] for emotion in CLASSES]) / total
        error = np.sqrt(expected * (1 - expected) / total)
        assert np.all(np.abs(observed - expected) <= 4.5 * error + 1e-12), cues
    assert tried >= 20


def test_planted_confusions_stay_inside_families_and_leave_a_clear_ceiling():
    matrix = demo_text.planted_confusions()
    np.testing.assert_allclose(matrix.sum(1), 1.0)
    families = demo_text.planted_families()
    member = {emotion: name for name, members in families.items() for emotion in members}
    assert sorted(member) == sorted(CLASSES)
    for i, j in product(range(len(CLASSES)), repeat=2):
        if member[CLASSES[i]] != member[CLASSES[j]]:
            assert matrix[i, j] == 0.0
    assert 0.80 < demo_text.planted_accuracy() < 0.88
    for name, members in families.items():
        codes = [CLASSES.index(emotion) for emotion in members]
        prior = planted_prior()[codes]
        inside = float(prior @ np.diag(matrix)[codes] / prior.sum())
        assert 0.75 < inside < 0.90, name


def test_draws_reach_the_planted_accuracy():
    right = [
        CLASSES[int(np.argmax(posterior(row.cues)))] == row.emotion
        for seed in range(3)
        for rows in demo_text.draw_utterances(seed).values()
        for row in rows
    ]
    error = np.sqrt(0.84 * 0.16 / len(right))
    assert abs(np.mean(right) - demo_text.planted_accuracy()) < 4 * error
