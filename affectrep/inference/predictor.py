"""Texts, sound files, faces or videos to what a finished model says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from affectrep.model import AffectModel

__all__ = ["Predictor"]

_SHOWN = 20
_FPS = 5.0
_GIVE = {
    "text": "this model reads text: give texts to predict",
    "speech": "this model hears speech: give sound files to predict_clips",
    "face": "this model sees faces: give pictures to predict_faces, or a video to predict_video",
}


class Predictor:
    """Predict with a model in ``eval()``, the rows of a batch being of similar length.

    Args:
        model: a finished model; it is moved to the device.
        device: None takes a GPU where there is one.

    Raises:
        ValueError: if the model needs statistics of the speakers or the corpus that it hears.

    Example:
        >>> predictor = Predictor.load("goemotions")  # doctest: +SKIP
        >>> predictor.predict(["What a day!"])[0]["label"]  # doctest: +SKIP
        'joy'
    """

    def __init__(self, model: AffectModel, *, device: str | torch.device | None = None) -> None:
        default = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device or default)
        condition = model.meta.get("standardise", "strict")
        if condition != "strict":
            whom = "speaker" if condition.endswith("speaker") else "corpus"
            raise ValueError(
                f"this model was trained on features standardised by each {whom} ({condition}): it "
                f"needs statistics of the {whom} it hears, which single clips do not give. Use a "
                "model trained with data.speech.standardise=strict"
            )
        self.model = model.to(self.device).eval()

    @classmethod
    def load(cls, name: str | Path, *, device: str | torch.device | None = None) -> Predictor:
        """Read a model for prediction: a folder, a run, a shipped model or a hub id.

        Raises:
            ValueError: if there is no such model, or it cannot predict single clips.
        """
        return cls(AffectModel.from_pretrained(name, inference=True), device=device)

    @property
    def modality(self) -> Literal["text", "speech", "face"]:
        """What the model reads: texts, sound files, or pictures and videos of faces."""
        preprocess = self.model.encoder.preprocess
        if hasattr(preprocess, "size_px"):
            return "face"
        return "speech" if hasattr(preprocess, "sample_rate_hz") else "text"

    @property
    def sees_crops(self) -> bool:
        """Whether a model of faces has no detector of its own: it was trained on ready crops."""
        return self.modality == "face" and self.model.encoder.preprocess.detector == "none"

    @property
    def threshold(self) -> float:
        """Probability from which a multi-label model names a class.

        The one that was chosen on validation at the end of training, stored in meta; else 0.5.
        """
        return float(self.model.meta.get("threshold", 0.5))

    @property
    def frame_rate(self) -> float:
        """Frames a second that are read of a video: the model's meta value ``fps``, else 5."""
        return float(self.model.meta.get("fps", _FPS))

    @property
    def guesses_rate(self) -> bool:
        """Whether a model of clips does not know how far apart the frames of its clips were."""
        clips = self.modality == "face" and self.model.encoder.preprocess.frames > 1
        return clips and "fps" not in self.model.meta

    @torch.inference_mode()
    def scores(self, texts: Sequence[str], *, batch_size: int = 64) -> Tensor:
        """Return probabilities, or valence and arousal, ``(texts, outputs)`` on the CPU.

        Raises:
            ValueError: if a text is empty or not a string, or the model does not read text.
        """
        self._require("text")
        for position, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"text {position} is {text!r}, expected a text that is not empty")
        preprocess = self.model.encoder.preprocess
        lengths = preprocess.lengths(texts)
        order = sorted(range(len(texts)), key=lengths.__getitem__)
        result = torch.empty(len(texts), len(self.model.outputs))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            inputs = preprocess([texts[row] for row in rows])
            on_device = {key: value.to(self.device) for key, value in inputs.items()}
            found = self.model.probabilities(self.model(on_device).predictions)
            result[torch.tensor(rows)] = found.cpu()
        return result

    def predict(self, texts: Sequence[str], *, batch_size: int = 64) -> list[dict[str, Any]]:
        """Return one dictionary per text, in their order.

        With classes it has ``text``, ``label`` (the most probable) and ``probabilities`` by class
        in the model's order; a multi-label model adds ``labels``, those from the threshold on,
        which may be none. A regression has ``text``, ``valence`` and ``arousal``.

        Raises:
            ValueError: if a text is empty or not a string, or the model does not read text.
        """
        scores = self.scores(texts, batch_size=batch_size).tolist()
        return [self._row({"text": text}, row) for text, row in zip(texts, scores, strict=True)]

    def predict_clips(
        self,
        paths: Sequence[str | Path],
        *,
        batch_size: int = 64,
        broken: dict[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return one dictionary per sound file, in their order.

        It is that of `predict` with ``path``, ``duration_s`` (s) and ``segments`` in place of
        ``text``. Any rate and any number of channels will do. Of a clip that is longer than what
        the model was trained on, all segments are heard and their logits averaged.

        Args:
            paths: WAV, FLAC, OGG or MP3 files.
            batch_size: segments a batch.
            broken: receives path -> reason of the files that cannot be read, which then have no
                dictionary; None refuses them.

        Raises:
            ValueError: if the model does not hear speech, or files cannot be read; all are named.
            ImportError: if soundfile or torchaudio is not installed.
        """
        self._require("speech")
        # only this modality needs its packages
        from affectrep.inference.segments import predict_clips

        names = [str(path) for path in paths]
        found = predict_clips(self.model, names, device=self.device, batch_size=batch_size)
        _report("sound files cannot be read", found.broken, broken)
        scores = self.model.probabilities(found.logits).tolist()
        facts = zip(names, found.seconds, found.segments, scores, strict=True)
        return [
            self._row({"path": name, "duration_s": round(seconds, 3), "segments": count}, row)
            for name, seconds, count, row in facts
            if name not in found.broken
        ]

    def predict_faces(
        self,
        paths: Iterable[str | Path],
        *,
        detector: str | None = None,
        all_faces: bool = False,
        batch_size: int = 64,
        broken: dict[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return one dictionary per picture, or per face with ``all_faces``, in their order.

        It has ``path``, ``face`` (its number from 1, the largest first), ``valence``, ``arousal``
        and ``quadrant``, or what `predict` says of classes, with a second head ``expression``, and
        then ``box`` (left, top, side in px of the upright picture; None without a detector) and
        ``faces`` (how many were found; 0 where the square in the middle had to do).

        Args:
            paths: image files; read once, so a progress bar may stand around them.
            detector: none (ready crops), cascade or yunet:<file>; auto takes ready crops as they
                are and lets the cascade look at other pictures, or their middle where it finds
                none; None takes the model's.
            all_faces: predict all faces of a picture; otherwise the largest.
            batch_size: faces a batch.
            broken: receives path -> reason of the pictures that cannot be read or hold no face,
                which then have no dictionary; None refuses them.

        Raises:
            ValueError: if the model does not see faces, the detector cannot be used, or pictures
                cannot be read; all are named.
            ImportError: if Pillow, or OpenCV for a detector, is not installed.
        """
        self._require("face")
        from affectrep.inference.faces import FaceFinder, predict_faces

        finder = FaceFinder(self.model.encoder.preprocess, detector=detector)
        found = predict_faces(
            self.model,
            paths,
            finder=finder,
            all_faces=all_faces,
            device=self.device,
            batch_size=batch_size,
        )
        _report("pictures cannot be used", found.broken, broken)
        scores = self.model.probabilities(found.logits).tolist()
        return [
            self._face_row({"path": face.path, "face": face.number}, row)
            | {"box": _rounded(face.box), "faces": face.faces}
            for face, row in zip(found.faces, scores, strict=True)
        ]

    def predict_video(
        self,
        path: str | Path,
        *,
        fps: float | None = None,
        detector: str | None = None,
        batch_size: int = 64,
    ) -> Iterator[dict[str, Any]]:
        """Yield one dictionary per frame, in the order of time, while the video is read.

        It is that of `predict_faces` for the largest face, with ``time_s`` (s from the start) and
        ``frame`` (its number in the video, from 0) in place of ``face``. Where no face is found
        ``faces`` is 0 and all that is predicted is None.

        Args:
            path: of the video.
            fps: frames a second that are read; None takes `frame_rate`.
            detector: as for `predict_faces`; with auto a frame without a face is one, too.
            batch_size: frames a batch.

        Raises:
            ValueError: if the model does not see faces, or the video, the rate or the detector
                cannot be used.
            ImportError: if OpenCV or Pillow is not installed.
        """
        self._require("face")
        from affectrep.inference.faces import FaceFinder
        from affectrep.inference.video import predict_video

        finder = FaceFinder(self.model.encoder.preprocess, detector=detector)
        fps = self.frame_rate if fps is None else fps
        frames = predict_video(
            self.model, path, fps=fps, finder=finder, device=self.device, batch_size=batch_size
        )
        for found in frames:
            row = None
            if found.logits is not None:
                row = self.model.probabilities(found.logits[None])[0].tolist()
            known = {"path": str(path), "time_s": round(found.time_s, 3), "frame": found.frame}
            yield self._face_row(known, row) | {"box": _rounded(found.box), "faces": found.faces}

    def _require(self, modality: str) -> None:
        if self.modality != modality:
            raise ValueError(_GIVE[self.modality])

    def _face_row(self, known: dict[str, Any], scores: list[float] | None) -> dict[str, Any]:
        """Return a row with the word of its quadrant; without scores all but ``known`` is None.

        A second head adds ``expression``.
        """
        width, names = len(self.model.outputs), self.model.settings["heads"]["expressions"] or []
        given = scores or [0.0] * (width + len(names))
        row = self._row(known, given[:width])
        if names:
            second = dict(zip(names, given[width:], strict=True))
            row["expression"] = max(second, key=second.__getitem__)
        if self.model.task == "regression":
            # only this modality names quadrants
            from affectrep.evaluation.quadrants import quadrant

            row["quadrant"] = quadrant(row["valence"], row["arousal"])
        return row if scores else {**dict.fromkeys(row), **known}

    def _row(self, row: dict[str, Any], scores: list[float]) -> dict[str, Any]:
        """Return what is known of an input with what the model says of it."""
        named = dict(zip(self.model.outputs, scores, strict=True))
        if self.model.task == "regression":
            return {**row, **named}
        row = {**row, "label": max(named, key=named.__getitem__)}
        if self.model.task == "multilabel":
            row["labels"] = [name for name, value in named.items() if value >= self.threshold]
        return {**row, "probabilities": named}


def _rounded(box: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return None if box is None else tuple(round(value, 1) for value in box)


def _report(what: str, found: Mapping[str, str], broken: dict[str, str] | None) -> None:
    """Hand over path -> reason, or refuse where nobody takes it."""
    if broken is not None:
        broken.update(found)
    elif found:
        lines = [f"\n- {reason}" for reason in list(found.values())[:_SHOWN]]
        raise ValueError(f"{len(found)} {what}:{''.join(lines)}")
