"""The section about leakage: what fresh attackers read off the embeddings, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import product
from typing import Any

from affectrep.evaluation.identities import EQUAL_ERROR_RATES, IDENTITIES, in_words
from affectrep.evaluation.intervals import Interval
from affectrep.evaluation.leakage import Leakage, compare_leakage, leakage_path
from affectrep.reporting.figures import number, title, with_interval
from affectrep.reporting.page import figure, section, table
from affectrep.reporting.plots import grouped_intervals, interval_chart
from affectrep.reporting.subject import Subject

__all__ = ["hides_speaker", "leakage_section"]

_SHARES = {
    "speaker_linear": "Speaker, linear attacker",
    "speaker_mlp": "Speaker, hidden layer",
    "language_linear": "Language, linear attacker",
    "language_mlp": "Language, hidden layer",
    "subject_linear": "Identity, linear attacker",
    "subject_mlp": "Identity, hidden layer",
    "emotion_probe": "Emotion, linear attacker",
    "quadrant_probe": "Quadrant, linear attacker",
}
_WHO = ("speaker_mlp", "speaker_linear", "subject_mlp", "subject_linear")  # the sharper one first
_RATES = tuple(EQUAL_ERROR_RATES.values())
_BESIDE = {"emotion_probe": "emotion", "quadrant_probe": "quadrant"}
_BESIDE |= dict.fromkeys(_RATES, "equal error rate on unseen speakers")
_COMPARED = (*(name for name in _SHARES if name != "language_linear"), *_RATES)
_MOST_PAIRS = 6
_WORDS = (
    "Attackers that the encoder never met are trained on its frozen embeddings and asked about "
    "utterances that they did not see: the speaker inside each language, the language, and the "
    "emotion, which says what hiding cost. Above chance: balanced accuracy minus that of a guess, "
    "in per cent; 0 is a guess. Equal error rate: two utterances of speakers that training never "
    "saw, matched by their cosine; 50 is a guess, 0 finds everybody."
)
_FACES = (
    "Attackers that the encoder never met are trained on its frozen embeddings and asked about "
    "images that they did not see: who it is, and the quadrant of valence and arousal or the "
    "emotion, which says what hiding cost. Above chance: balanced accuracy minus that of a guess, "
    "in per cent; 0 is a guess. Equal error rate: two images of people that training never saw, "
    "matched by their cosine; 50 is a guess, 0 finds everybody."
)


def leakage_section(subjects: Sequence[Subject]) -> str:
    """Return the figures of all configurations, what they mean, and their differences.

    Empty where no run was evaluated with ``--leakage``.
    """
    shown = [one for one in subjects if any("leakage" in card for card in one.cards)]
    if not shown:
        return ""
    settings = list(dict.fromkeys((one.setting, _identity(one)) for one in shown))
    parts = []
    for setting, who in settings:
        heading = f"<h3>{escape(setting)}</h3>" if len(settings) > 1 and setting else ""
        mine = [one for one in shown if (one.setting, _identity(one)) == (setting, who)]
        parts += [heading, *_setting(mine)]
    words = _FACES if settings[0][1] == "subject" else _WORDS
    words += next((one.spans for one in shown if one.spans), "")
    return section("leakage", "Leakage", words, *parts)


def _setting(shown: Sequence[Subject]) -> list[str]:
    """Return what is shown of configurations that were trained in one setting."""
    pairs = _pairs(shown)
    found = [(a, b, _compared(a, b)) for a, b in pairs[:_MOST_PAIRS]]
    said = [_difference(a, b, one) for a, b, one in found] or [_single(one) for one in shown[:1]]
    who = _identity(shown[0])
    verdicts = "".join(f'<p class="verdict">{escape(in_words(words, who))}</p>' for words in said)
    left_out = ""
    if len(pairs) > _MOST_PAIRS:
        words = (
            f"The first {_MOST_PAIRS} of {len(pairs)} pairs are compared; give fewer runs to "
            "`affectrep report` for the others."
        )
        left_out = f"<p>{words}</p>"
    shown_parts = [_chart(shown), _rates(shown), _table(shown)]
    return [verdicts, left_out, *shown_parts, _differences(found)]


def hides_speaker(subject: Subject) -> bool:
    """Whether training hid the speaker, or the person of a face, with a weight above 0."""
    domains = (subject.runs[0].config.get("objective") or {}).get("domains") or {}
    return any(float((domains.get(who) or {}).get("weight") or 0) > 0 for who in IDENTITIES)


def _identity(subject: Subject) -> str:
    """Return the column that says who is heard or seen."""
    card = next(card["leakage"] for card in subject.cards if "leakage" in card)
    return str(card["about"].get("identity", "speaker"))


def _pairs(shown: Sequence[Subject]) -> list[tuple[Subject, Subject]]:
    """Pair each that hides the speaker with each that does not; else the first with the others."""
    open_ = [one for one in shown if not hides_speaker(one)]
    closed = [one for one in shown if hides_speaker(one)]
    sides = (closed, open_) if open_ and closed else (shown[:1], shown[1:])
    return list(product(*sides))


def _compared(a: Subject, b: Subject) -> dict[str, Interval] | str:
    """Return the differences over the seeds that both have, or why there are none."""
    by_seed = [{run.seed: run for run in side.runs} for side in (a, b)]
    seeds = _seeds(a, b)
    try:
        if a.split is None or a.split != b.split:
            raise ValueError("they were not evaluated on one split")
        if not seeds:
            raise ValueError("they have no seed in common")
        paths = [[leakage_path(side[seed], a.split) for seed in seeds] for side in by_seed]
        return compare_leakage(*([Leakage.load(path) for path in side] for side in paths))
    except (ValueError, OSError) as error:
        return str(error)


def _difference(a: Subject, b: Subject, found: dict[str, Interval] | str) -> str:
    """Say in a sentence which of two encoders tells more of the speaker, and at what price."""
    if isinstance(found, str):
        return f"The leakage of {a.name} and {b.name} was not compared: {found}"
    name = next((one for one in _WHO if one in found), None)
    if name is None:
        return f"The speaker was not probed for both of {a.name} and {b.name}."
    one = found[name]
    size, span = number(name, abs(one.value)), _span(name, one)
    if one.low <= 0 <= one.high:
        words = (
            f"An attacker reads the speaker off {a.name} and {b.name} alike: the difference of "
            f"{size} points cannot be told from none (95 % interval {span})"
        )
    else:
        way = "less" if one.value < 0 else "more"
        words = (
            f"An attacker reads {size} points {way} of the speaker off {a.name} than off {b.name} "
            f"(95 % interval {span})"
        )
    beside = [
        f"{said} {number(key, found[key].value, sign=True)} points ({_span(key, found[key])})"
        for key, said in _BESIDE.items()
        if key in found
    ]
    more = f" Beside it, {a.name} minus {b.name}: {', '.join(beside)}." if beside else ""
    return f"{words}.{more}"


def _single(subject: Subject) -> str:
    """Say what the figures of one configuration mean."""
    card = next(card["leakage"] for card in subject.cards if "leakage" in card)
    names = [name for name in _WHO if name in card["metrics"]]
    if not names:
        within = " inside a language" if _identity(subject) == "speaker" else ""
        return f"The speaker could not be probed{within}."
    best = max(names, key=lambda name: subject.figure(name, part="leakage")["value"])
    found, chance = subject.figure(best, part="leakage"), card["about"]["probes"][best]["chance"]
    nats = subject.figure(f"{best}_nats", part="leakage")["value"]
    if found["low"] is not None and found["low"] <= 0:
        return "No attacker names the speaker more often than a guess does."
    return (
        f"An attacker names the speaker of {number('uar', found['value'] + chance)} % of the "
        f"utterances where a guess names {number('uar', chance)} %: the embeddings hold "
        f"{max(0.0, nats):.2f} nats or more about who speaks."
    )


def _chart(shown: Sequence[Subject]) -> str:
    """Return each attacker for each configuration, above chance."""
    groups = {words: rows for name, words in _SHARES.items() if (rows := _rows(shown, name))}
    if not groups:
        return ""
    told = "; ".join(
        f"{words}: " + ", ".join(f"{row[0]} {number('uar', row[1])}" for row in rows)
        for words, rows in groups.items()
    )
    alt = f"Balanced accuracy above chance in per cent. {told}."
    if len(shown) > 1:
        return figure("Above chance, per cent", grouped_intervals(groups, alt=alt, reach=[0]))
    rows = [(words, *rows[0][1:]) for words, rows in groups.items()]
    return figure("Above chance, per cent", interval_chart(rows, alt=alt, colour=0, reach=[0]))


def _rates(shown: Sequence[Subject]) -> str:
    who = _identity(shown[0])
    name = EQUAL_ERROR_RATES[who]
    rows = _rows(shown, name)
    if not rows:
        return ""
    told = ", ".join(f"{row[0]} {number(name, row[1])}" for row in rows)
    alt = f"Equal error rate in per cent: {told}. 50 is a guess."
    chart = interval_chart(rows, alt=alt, reach=[0, 0.5])
    caption = in_words("Equal error rate on unseen speakers, per cent (50 is a guess)", who)
    return figure(caption, chart)


def _rows(
    shown: Sequence[Subject], metric: str
) -> list[tuple[str, float, float | None, float | None]]:
    found = [(one.name, one.figure(metric, part="leakage")) for one in _having(shown, metric)]
    return [(name, one["value"], one["low"], one["high"]) for name, one in found]


def _having(shown: Sequence[Subject], metric: str) -> list[Subject]:
    """Return the configurations of which every measured run has the figure."""
    return [
        one
        for one in shown
        if all(metric in card["leakage"]["metrics"] for card in one.cards if "leakage" in card)
    ]


def _table(shown: Sequence[Subject]) -> str:
    """Return all figures, a line each, a column per configuration."""
    cards = [card["leakage"] for one in shown for card in one.cards if "leakage" in card]
    names = list(dict.fromkeys(name for card in cards for name in card["metrics"]))
    about = cards[0]["about"]
    rows = []
    for name in names:
        have = _having(shown, name)
        cells = [
            with_interval(name, one.figure(name, part="leakage")) if one in have else "n/a"
            for one in shown
        ]
        rows.append([title(name), *cells, *_bounds(name, about["probes"])])
    left_out = "; ".join(f"{title(name)}: {why}" for name, why in sorted(about["left_out"].items()))
    words = f"<p>Not measured: {escape(left_out)}.</p>" if left_out else ""
    return table(["Figure", *(one.name for one in shown), "A guess", "At most"], rows) + words


def _bounds(name: str, probes: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return the accuracy (or error rate) of a guess, and the most that the figure can be."""
    if name in _RATES:
        return number(name, 0.5), ""
    if name not in probes:
        return "", ""
    chance = probes[name]["chance"]
    return number(name, chance), number(name, 1 - chance)


def _differences(found: Sequence[tuple[Subject, Subject, dict[str, Interval] | str]]) -> str:
    """Return the differences with their intervals, a line per pair and figure."""
    known = [(a, b, one) for a, b, one in found if not isinstance(one, str)]
    if not known:
        return ""
    rows = [
        [
            f"{a.name} - {b.name}",
            _SHARES.get(name, title(name)),
            number(name, one[name].value, sign=True),
            _span(name, one[name]),
        ]
        for a, b, one in known
        for name in _COMPARED
        if name in one
    ]
    people = in_words("speakers", _identity(known[0][0]))
    words = (
        f"Points, over the same rows and seeds (equal error rate: over {people}), each interval by "
        "itself. Below 0 above chance, or above 0 of the error rate: the first leaks less."
    )
    if any(len(_seeds(a, b)) == 2 for a, b, _ in known):
        words += " Two seeds hardly show how much seeds differ, so intervals are very wide."
    header = ["Compared", "Figure", "Difference", "95 % interval"]
    return f"<h3>Differences</h3><p>{words}</p>" + table(header, rows, words=2)


def _seeds(a: Subject, b: Subject) -> list[int]:
    return sorted({run.seed for run in a.runs} & {run.seed for run in b.runs})


def _span(name: str, one: Interval) -> str:
    return f"{number(name, one.low, sign=True)} to {number(name, one.high, sign=True)}"
