"""Choose the best classical systems for each target by leaving out one source language at a time.

    python -m tests.benchmarks.speech_selection features --root DIR --out OUT --copy none  # and 0
    python -m tests.benchmarks.speech_selection score --out OUT --condition strict
    python -m tests.benchmarks.speech_selection choose --out OUT --condition strict

The rule and the grid stand in docs/speech_protocol.md, written before the first score. Each pair
of languages is left out once: the model of the other three is scored on both, on one of them for
the target that the other is. No model is fitted on four languages here, so no target is read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks import speech_levers as lever
from tests.benchmarks.speech_levers import LIMIT, Line, Rows

__all__ = ["Speech", "choose", "load", "score_pair", "write_features"]

Array = NDArray[Any]
Key = tuple[str, ...]  # features, standardisation, weights, copies, classifier, adaptation

LANGUAGES = ("en", "de", "ur", "it", "pl")
FEATURES = ("egemaps_quiet", "egemaps", "functionals", "joined_small", "joined", "joined_stable")
SMALL = ("pitch", "loudness", "voice", "spectrum", "perturbation", "timing")
LOUD = ("loudness_sma3", "equivalentSoundLevel")
CS, WHITE_CS, SHARES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.2), (0.001, 0.003, 0.01), (0.1, 0.3, 0.6)
WEIGHTS = ("class", "corpus")
STANDARDS = {
    "strict": ("pooled", "corpus", "speaker"),
    "corpus": ("corpus", "quantile", "coral"),
    "speaker": ("corpus", "quantile", "coral", "speaker", "speaker_shrunk"),
}
REFERENCE: Key = ("reference", "pooled", "class", "0", "logistic 0.05", "none")


@dataclass(frozen=True)
class Speech:
    """Blocks of features of all clips (raw, rms, own), of their altered copies, and the rows."""

    blocks: list[dict[str, Array]]  # the clips, then each copy
    names: dict[str, list[str]]
    rows: Rows

    def features(self, name: str, copy: int = 0) -> Array:
        """Return the features of a name, (rows, dim) float64; copies have no ``reference``."""
        block = self.blocks[copy]
        quiet = [not one.startswith(LOUD) for one in self.names["raw"]]
        small = [one.split(".")[0] in SMALL for one in self.names["own"]]
        parts = {
            "reference": [("raw", slice(None))],
            "egemaps": [("rms", slice(None))],
            "egemaps_quiet": [("rms", quiet)],
            "functionals": [("own", slice(None))],
            "joined_small": [("rms", quiet), ("own", small)],
            "joined": [("rms", quiet), ("own", slice(None))],
        }
        chosen = [(block[part], kept) for part, kept in parts[name.removesuffix("_stable")]]
        return np.concatenate([x[:, columns] for x, columns in chosen], axis=1).astype(np.float64)


def load(folder: Path) -> Speech:
    """Read what `write_features` wrote; copies as far as they are there."""
    paths = [folder / f"feats_{copy}.npz" for copy in ("none", 0)]
    tables = [dict(np.load(path)) for path in paths if path.exists()]
    first = tables[0]
    codes = np.unique(first["label"], return_inverse=True)[1]
    rows = Rows(np.zeros((len(codes), 0)), codes, first["language"], first["speaker"])
    names = {block: first[f"names_{block}"].tolist() for block in ("raw", "own")}
    assert all((table["id"] == first["id"]).all() for table in tables)
    return Speech(tables, names, rows)


def write_features(root: Path, folder: Path, copy: int | None) -> Path:
    """Compute the blocks of all clips, or of an altered copy of them; minutes on one core."""
    from affectrep.data.audio import read_waveform
    from affectrep.data.augment_audio import AudioAugment, Draw
    from affectrep.data.corpora.speech_set import prepare
    from affectrep.encoders.egemaps import EgemapsPreprocess
    from affectrep.encoders.functionals import FunctionalsPreprocess

    rms, own = EgemapsPreprocess(), FunctionalsPreprocess()
    raw = EgemapsPreprocess(level="none", remove_dc=False)
    effects = AudioAugment(
        speed=Draw(0.5, 0.9, 1.1),
        tempo=Draw(0.5, 0.85, 1.15),
        pitch_semitones=Draw(0.5, -2, 2),
        formant=Draw(0.5, 0.9, 1.1),
    )
    rows = prepare(root).rows
    found: dict[str, list[Array]] = {"rms": [], "own": []} | ({"raw": []} if copy is None else {})
    for path, name in zip(rows["path"].astype(str), rows["id"].astype(str), strict=True):
        clip = read_waveform(path, sample_rate_hz=16000)
        if copy is not None:
            clip = effects(clip, 16000, name=name, seed=0, copy=copy)
        for block, preprocess in (("rms", rms), ("own", own), ("raw", raw)):
            if block in found:
                found[block].append(preprocess.features(clip))
    columns = {name: np.array(rows[name].tolist()) for name in ("label", "speaker", "language")}
    names = {"names_raw": np.array(raw.names), "names_own": np.array(own.names)}
    target = folder / f"feats_{'none' if copy is None else copy}.npz"
    blocks = {block: np.stack(values) for block, values in found.items()}
    np.savez(target, **blocks, **columns, **names, id=np.array(rows["id"].tolist()))
    return target


@dataclass(frozen=True)
class _Cell:
    """One way to prepare features: training rows with weights, and the two languages left out."""

    key: Key  # features, standardisation, weights, copies
    train: Rows
    weight: Array
    left: list[Rows]


def _strict_cells(speech: Speech, train: Array, left: list[Array], name: str) -> Iterator[_Cell]:
    whole = speech.rows.with_x(speech.features(name))
    known = 1 if name == "reference" else len(speech.blocks)
    copies = [speech.features(name, copy)[train] for copy in range(1, known)]
    rows, apart = whole.take(train), [whole.take(mask) for mask in left]
    for kind in ("pooled",) if name == "reference" else STANDARDS["strict"]:
        sources, others = lever.source_standardised(
            rows,
            copies,
            [one.x for one in apart],
            kind,
            limit=np.inf if name == "reference" else LIMIT,
        )
        if name.endswith("stable"):
            kept = lever.stable(rows.with_x(sources[0]))
            sources, others = ([x[:, kept] for x in part] for part in (sources, others))
        moved = [one.with_x(x) for one, x in zip(apart, others, strict=True)]
        for weights, count in product(WEIGHTS, sorted({0, len(copies)})):
            if count and weights == "class":
                continue
            weight = lever.weights_of(rows, weights)
            joined = _repeated(rows.with_x(sources[0]), sources[1 : 1 + count])
            share = np.tile(weight, 1 + count) / (1 + count)
            yield _Cell((name, kind, weights, str(count)), joined, share, moved)


def _repeated(rows: Rows, copies: list[Array]) -> Rows:
    columns = (np.tile(one, 1 + len(copies)) for one in (rows.y, rows.corpus, rows.speaker))
    return Rows(np.concatenate([rows.x, *copies]), *columns)


def _own_cells(speech: Speech, train: Array, left: list[Array], name: str) -> Iterator[_Cell]:
    whole = speech.rows.with_x(speech.features(name))
    for kind in STANDARDS["speaker"]:
        x = lever.own_standardised(whole, kind)
        found = whole.with_x(x)
        rows, apart = found.take(train), [found.take(mask) for mask in left]
        if name.endswith("stable"):
            kept = lever.stable(rows)
            rows, *apart = (one.with_x(one.x[:, kept]) for one in (rows, *apart))
        rows, *apart = (one.with_x(one.x.clip(-LIMIT, LIMIT)) for one in (rows, *apart))
        yield _Cell((name, kind, "corpus", "0"), rows, lever.weights_of(rows, "corpus"), apart)


def _lines(cell: _Cell) -> Iterator[tuple[str, Line]]:
    paths = [("logistic", CS, lever.logistic_path(cell.train, cell.weight, CS))]
    paths.append(("lda", SHARES, lever.discriminants(cell.train, cell.weight, SHARES)))
    for kappa in (0.0, 10.0):
        lines = lever.whitened_path(cell.train, cell.weight, WHITE_CS, kappa)
        paths.append((f"wccn{kappa:g}", WHITE_CS, lines))
    for name, settings, lines in paths:
        for setting, line in zip(settings, lines, strict=True):
            yield f"{name} {setting:g}", line


def _machine(cell: _Cell) -> list[Array]:
    from sklearn.svm import SVC

    gamma = 1 / (cell.train.x.shape[1] * cell.train.x.var())
    machine = SVC(C=1.0, gamma=gamma).fit(cell.train.x, cell.train.y, sample_weight=cell.weight)
    return [machine.decision_function(one.x) for one in cell.left]


def _answers(cell: _Cell, own: bool) -> Iterator[tuple[Key, list[Array]]]:
    """Yield each candidate of a cell with its logits on the two languages left out."""
    if cell.key[0] == "reference":
        (line,) = lever.logistic_path(cell.train, cell.weight, (0.05,))
        yield REFERENCE, [line(one.x) for one in cell.left]
        return
    for name, line in _lines(cell):
        said = [line(one.x) for one in cell.left]
        yield (*cell.key, name, "none"), said
        if own:
            yield (*cell.key, name, "balance"), [lever.balanced(one) for one in said]
    if cell.key[1:] == ("pooled", "class", "0"):
        yield (*cell.key, "svm 1", "none"), _machine(cell)
    if own:
        said = [lever.self_trained(cell.train, cell.weight, one.x) for one in cell.left]
        yield (*cell.key, "lda 0.3", "self"), said


def _ensembles(said: dict[Key, list[Array]], condition: str) -> Iterator[tuple[Key, list[Array]]]:
    """Yield means of the logits of one linear classifier over features, standardisations, both."""
    members: dict[Key, list[list[Array]]] = {}
    for key, logits in said.items():
        if key == REFERENCE or key[4].startswith("svm") or key[1] == "coral":
            continue
        members.setdefault(("all", *key[1:]), []).append(logits)
        if condition == "strict":
            members.setdefault((key[0], "all", *key[2:]), []).append(logits)
            members.setdefault(("all", "all", *key[2:]), []).append(logits)
    for key in sorted(members, key=lambda key: key[:2] == ("all", "all")):
        yield key, [np.mean(parts, axis=0) for parts in zip(*members[key], strict=True)]


def score_pair(speech: Speech, pair: tuple[str, str], condition: str) -> dict[str, list[float]]:
    """Return the UAR of every candidate on each of the two languages left out.

    Args:
        speech: features of all clips.
        pair: two languages; the candidates are fitted on the other three.
        condition: strict, corpus or speaker; speaker has the candidates of corpus among its own.
    """
    left = [speech.rows.corpus == name for name in pair]
    train = ~(left[0] | left[1])
    names = (("reference",) if condition == "strict" else ()) + FEATURES
    cells = _strict_cells if condition == "strict" else _own_cells
    said: dict[Key, list[Array]] = {}
    for name in names:
        for cell in cells(speech, train, left, name):
            for key, logits in _answers(cell, condition != "strict"):
                said[key] = [one.astype(np.float32) for one in logits]
    said |= dict(_ensembles(said, condition))
    truth = [speech.rows.y[mask] for mask in left]
    return {
        " | ".join(key): [_uar(y, x) for y, x in zip(truth, logits, strict=True)]
        for key, logits in said.items()
    }


def _uar(y: Array, logits: Array) -> float:
    right = logits.argmax(1) == y
    return float(np.mean([right[y == c].mean() for c in np.unique(y)]))


def choose(scores: dict[str, dict[str, list[float]]], condition: str) -> dict[str, Any]:
    """Return for each target the candidate with the best mean over its four inner languages.

    Args:
        scores: pair of languages ("en de") -> what `score_pair` returned.
        condition: strict, corpus or speaker.
    """
    names = [name for name in next(iter(scores.values())) if _belongs(name, condition)]
    found = {}
    for target in LANGUAGES:
        inner: dict[str, list[float]] = {name: [] for name in names}
        for pair, table in scores.items():
            left = pair.split()
            if target in left:
                place = 1 - left.index(target)
                for name in names:
                    inner[name].append(table[name][place])
        means = {name: float(np.mean(values)) for name, values in inner.items()}
        best = max(means, key=means.__getitem__)  # of equals the first
        found[target] = {"candidate": best, "score": means[best], "inner": inner[best]}
        found[target]["languages"] = [
            one
            for pair in scores
            for one in pair.split()
            if target in pair.split() and one != target
        ]
        found[target]["reference"] = means.get(" | ".join(REFERENCE))
    return found


def _belongs(name: str, condition: str) -> bool:
    # the corpus condition was scored with that of speakers, as a part of it
    return condition != "corpus" or name.split(" | ")[1] in STANDARDS["corpus"]


def main() -> None:
    """Compute features, score one condition resumably, or choose."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["features", "score", "choose"])
    parser.add_argument("--root", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--copy", default="none")
    parser.add_argument("--condition", choices=list(STANDARDS), default="strict")
    asked = parser.parse_args()
    if asked.task == "features":
        copy = None if asked.copy == "none" else int(asked.copy)
        print(write_features(asked.root, asked.out, copy))
        return
    stem = f"scores_{asked.condition.replace('corpus', 'speaker')}"
    files = {
        pair: asked.out / f"{stem}_{'_'.join(pair)}.json" for pair in combinations(LANGUAGES, 2)
    }
    if asked.task == "choose":
        scores = {" ".join(pair): json.loads(file.read_text()) for pair, file in files.items()}
        print(json.dumps(choose(scores, asked.condition), indent=1))
        return
    speech = load(asked.out)
    for pair, file in files.items():
        # an empty file: another process is at it
        if not file.exists():
            file.touch()
            file.write_text(json.dumps(score_pair(speech, pair, asked.condition)))


if __name__ == "__main__":
    main()
