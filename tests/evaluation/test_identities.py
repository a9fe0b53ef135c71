from __future__ import annotations

import pandas as pd

from affectrep.evaluation.identities import EQUAL_ERROR_RATES, identity_column, in_words
from affectrep.evaluation.metric_names import TITLES


def test_the_column_that_names_somebody() -> None:
    rows = pd.DataFrame({"speaker": ["a", None], "subject": ["p", "q"]})
    assert identity_column(rows) == "speaker"
    assert identity_column(rows.assign(speaker=None)) == "subject"
    assert identity_column(rows[["subject"]]) == "subject"
    assert identity_column(rows.assign(speaker=None, subject=float("nan"))) is None
    assert identity_column(pd.DataFrame({"text": ["x"]})) is None


def test_words_follow_the_column() -> None:
    said = "all speakers of the split: an interval over speakers needs 3, a speaker of utterances"
    assert in_words(said, "speaker") == said
    assert "speaker" not in in_words(said, "subject")
    assert "utterance" not in in_words(said, "subject")


def test_rates_have_titles_of_their_own() -> None:
    titles = {TITLES[name] for name in EQUAL_ERROR_RATES.values()}
    assert titles == {"Equal error rate, unseen speakers", "Equal error rate, unseen identities"}
