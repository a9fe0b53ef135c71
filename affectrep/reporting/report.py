"""One self-contained HTML file about a run, several seeds of it, or several configurations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import combinations
from pathlib import Path

from affectrep.data.whole_file import whole_file
from affectrep.evaluation.attainable import attainable_p, fewest_units
from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.multiple import with_holm
from affectrep.evaluation.pairing import compare_pairs, pair_runs
from affectrep.evaluation.setting_pairing import compare_settings, has_settings, pair_settings
from affectrep.reporting.adversary import adversary_section
from affectrep.reporting.critic_traces import critic_section
from affectrep.reporting.curves import learning
from affectrep.reporting.faces import faces
from affectrep.reporting.figures import number, p_value, title, with_interval
from affectrep.reporting.groups import groups
from affectrep.reporting.leakage import leakage_section
from affectrep.reporting.mining import mining
from affectrep.reporting.next_commands import next_commands
from affectrep.reporting.page import document, section, table
from affectrep.reporting.persons import person_banners, persons
from affectrep.reporting.reliability import reliability
from affectrep.reporting.reproduction import environment
from affectrep.reporting.scatter import maps
from affectrep.reporting.sections import (
    classes,
    confusions,
    data_card,
    figures,
    side_by_side,
)
from affectrep.reporting.structure import structure
from affectrep.reporting.subject import Subject, by_corpus, gather
from affectrep.reporting.tables import verdict
from affectrep.reporting.track import tracks
from affectrep.reporting.va_plane import va_plane

__all__ = ["report_html", "write_report"]

_MOST_PAIRS = 6
_ATTAINABLE = (
    "The smallest attainable p is that of a test by exchange of the paired units of which there "
    "are fewest{}. Student's t, which is used here, has no such limit: a p below it rests on "
    "differences that are normal."
)
GENERATED = "This corpus is generated. It shows that the machinery works; it is not a benchmark."


def write_report(paths: Sequence[Path], output: Path) -> Path:
    """Write the report of some run folders and return its path; an earlier one stays until then.

    Raises:
        FileNotFoundError: if a folder holds no run.
        ValueError: if there is no run.
    """
    html = report_html(paths)
    with whole_file(output) as partial:
        partial.write_text(html, encoding="utf-8")
    return output


def report_html(paths: Sequence[Path]) -> str:
    """Return the report as HTML that loads nothing from outside.

    Configurations are compared within their corpus; runs of several corpora follow one another.
    """
    subjects = gather(paths)
    corpora = by_corpus(subjects)
    several = len(corpora) > 1
    body, leads = "", []
    for place, (name, mine) in enumerate(corpora.items()):
        part = _corpus(mine, count=len(subjects))
        body += f'<h1 id="corpus-{place}">{escape(name)}</h1>{_apart(part, place)}' * several
        body += part * (not several)
        leads.append(f"{name}: {_lead(mine)}" if several else _lead(mine))
    return document(
        " and ".join(_plain(subject.name) for subject in subjects)
        if len(subjects) < 4
        else f"{len(subjects)} configurations",
        ", ".join(corpora),
        " ".join(leads),
        list(dict.fromkeys(banner for mine in corpora.values() for banner in _banners(mine))),
        _navigation(body) + body,
    )


def _corpus(subjects: Sequence[Subject], *, count: int) -> str:
    """Return the sections about configurations of one corpus; ``count`` is of all corpora."""
    first, parts = subjects[0], [comparison(subjects)]
    for subject in subjects:
        parts += [figures(subject), faces(subject, subjects=count)]
        parts.append(learning(subjects) if subject is first else "")
        parts += [confusions(subject), groups(subject), mining(subject), classes(subject)]
        parts.append(reliability(subject))
        shown = (va_plane, tracks, persons, critic_section, adversary_section, maps)
        parts += [one(subject, subjects=count) for one in shown]
        parts.append(structure(subject))
    parts.append(leakage_section(subjects))
    return "".join([*parts, data_card(first), environment(subjects), next_commands(subjects)])


def _apart(html: str, place: int) -> str:
    """Return sections that every corpus has once under addresses of their own."""
    return re.sub(
        r'id="(comparison|learning|leakage|data|environment|next)"', rf'id="\1-{place}"', html
    )


def comparison(subjects: Sequence[Subject]) -> str:
    """Return configurations on one axis, and each pair of them in words."""
    chart = side_by_side(subjects)
    if not chart:
        return ""
    shown = [subject for subject in subjects if subject.cards]
    metric = shown[0].metric
    pairs, left_out = _pairs(shown)
    found = compared(pairs, metric)
    words = (
        f"{title(metric)} of the same rows, paired over rows and seeds. The smallest detectable "
        "effect is the one that such data would have shown in 80 % of cases."
    )
    several = any(isinstance(one, Compared) and one.found.holm is not None for one in found)
    if several:
        words += (
            " The words go by Holm's p, which allows for all these comparisons; intervals and "
            "smallest detectable effects are of each comparison by itself."
        )
    verdicts = "".join(
        f'<p class="verdict">{escape(_said(one, a, b))}</p>'
        for one, (a, b) in zip(found, pairs, strict=True)
    )
    header = ["Compared", "Seeds", "Effect", "95 % interval", "p"]
    header += ["Holm's p"] * several + ["Smallest attainable p", "Smallest detectable"]
    rows = [
        _line(one, f"{a.name} - {b.name}")
        for one, (a, b) in zip(found, pairs, strict=True)
        if isinstance(one, Compared)
    ]
    limits = _ATTAINABLE.format(", before Holm's factor" if several else "")
    told = table(header, rows) + f"<p>{escape(limits)}</p>" if rows else ""
    return section("comparison", "Comparison", words, left_out, verdicts, told, chart)


def _pairs(shown: Sequence[Subject]) -> tuple[list[tuple[Subject, Subject]], str]:
    """Return what is compared, and in HTML what is not: of many, all but the pairs of the first."""
    pairs = [(b, a) for a, b in combinations(shown, 2) if a.setting == b.setting]
    if len(pairs) <= _MOST_PAIRS:
        return pairs, ""
    first: dict[str, Subject] = {}
    for subject in shown:
        first.setdefault(subject.setting, subject)
    kept = [(b, a) for b, a in pairs if a is first[a.setting]]
    other = next(pair for pair in pairs if pair not in kept)
    names = ", ".join(dict.fromkeys(a.name for _, a in kept))
    said = (
        f"These are {len(pairs)} pairs. Shown are the {len(kept)} with {names}, which was given "
        "first; another pair is compared by, for example:"
    )
    sides = (" ".join(str(run.shown_path) for run in subject.runs) for subject in other)
    command = "affectrep compare {} --against {}".format(*sides)
    return kept, f"<p>{escape(said)}</p><pre>{escape(command)}</pre>"


@dataclass(frozen=True)
class Compared:
    """A comparison, and how many units of each kind it pairs."""

    found: Difference
    units: Mapping[str, int]


def compared(pairs: Sequence[tuple[Subject, Subject]], metric: str) -> list[Compared | str]:
    """Return each comparison, adjusted for their number, or why there is none."""
    found: list[Compared | str] = []
    for a, b in pairs:
        paths = [[run.path for run in subject.runs] for subject in (a, b)]
        try:
            found.append(_compared(*paths, split=a.split or "test", metric=metric))
        except (ValueError, OSError) as error:
            found.append(str(error))
    done = iter(with_holm([one.found for one in found if isinstance(one, Compared)]))
    return [replace(one, found=next(done)) if isinstance(one, Compared) else one for one in found]


def _compared(
    side_a: Sequence[Path], side_b: Sequence[Path], *, split: str, metric: str
) -> Compared:
    """Compare two configurations on one setting, as ``affectrep compare`` does."""
    if has_settings([side_a, side_b]):
        (settings,) = pair_settings(side_a, [side_b], split=split)
        (found,) = compare_settings(settings).targets.values()
        return Compared(found[metric], settings.units)
    pairing = pair_runs(side_a, side_b, split=split)
    return Compared(compare_pairs(pairing, resamples=2000)[metric], pairing.units)


def _said(one: Compared | str, a: Subject, b: Subject) -> str:
    if isinstance(one, str):
        return f"{a.name} and {b.name} were not compared: {one}"
    return verdict(one.found, a.name, b.name)


def _line(compared: Compared, names: str) -> list[str]:
    one, (unit, count) = compared.found, fewest_units(compared.units)
    metric = one.metric
    return [
        names,
        str(one.seeds),
        number(metric, one.effect, sign=True),
        f"{number(metric, one.low, sign=True)} to {number(metric, one.high, sign=True)}",
        p_value(one.p),
        *([] if one.holm is None else [p_value(one.holm)]),
        f"{p_value(attainable_p(count))} ({count:,} {unit})",
        number(metric, one.detectable),
    ]


def _lead(subjects: Sequence[Subject]) -> str:
    first = subjects[0]
    if not first.cards:
        return "Not evaluated yet: the report shows the training only."
    seeds = sorted({run.seed for subject in subjects for run in subject.runs})
    metric = first.metric
    best = ", ".join(
        f"{with_interval(metric, s.figure(metric))} ({_plain(s.name)})"
        if len(subjects) > 1
        else with_interval(metric, s.figure(metric))
        for s in subjects
        if s.cards
    )
    numbers = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return f"{title(metric)} {best} on {first.cards[0]['n']:,} {first.split} rows, {numbers}."


def _banners(subjects: Sequence[Subject]) -> list[str]:
    info = subjects[0].info
    found = [GENERATED] if info.get("generated") else []
    if info.get("accept_leaks"):
        found.append(f"Some rows stand in two splits, accepted because: {info['accept_leaks']}")
    warnings = [w for s in subjects for card in s.cards for w in card.get("warnings", [])]
    return found + person_banners(subjects) + list(dict.fromkeys(warnings))


def _navigation(body: str) -> str:
    names = {
        "comparison": "Comparison",
        "figures": "Figures",
        "faces": "Faces",
        "learning": "Learning",
        "confusions": "Confusions",
        "groups": "Groups",
        "mining": "Mining",
        "classes": "Classes",
        "reliability": "Reliability",
        "plane": "Valence and arousal",
        "tracks": "Tracks",
        "persons": "Persons",
        "critic": "Critic",
        "adversary": "Adversary",
        "map": "Map",
        "representation": "Representation",
        "leakage": "Leakage",
        "data": "Data",
        "environment": "Environment",
        "next": "Next",
    }
    found = ((re.search(rf'id="({name}(?:-\d+)?)"', body), words) for name, words in names.items())
    links = "".join(f'<a href="#{there[1]}">{words}</a>' for there, words in found if there)
    return f"<nav>{links}</nav>"


def _plain(name: str) -> str:
    return name.replace("_", " ")
