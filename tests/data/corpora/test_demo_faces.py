import hashlib
import sys
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.data.checks import check_manifest
from affectrep.data.corpora import demo_faces
from affectrep.data.corpora.demo_faces_actions import (
    ACTION_UNITS,
    EXPRESSIONS,
    PROTOTYPES,
    action_units,
    expression,
)
from affectrep.data.corpora.demo_faces_people import people
from affectrep.data.corpora.demo_faces_render import render
from affectrep.data.corpora.demo_faces_scenes import (
    Pose,
    draw_clips,
    draw_pictures,
    rating_ceiling,
)
from affectrep.data.images import image_content, read_image
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.evaluation.metrics import regression_metrics

FROZEN = {
    "images": "3b8a7a64caae2a1390cfddaf04606f27eb1e3865f5a5d57f215b5193a13208f3",
    "clips": "ec72e7d5b24275cf15ca2b81d1745b58b1c490c9298de450e3de7a96e359cf64",
}
FROZEN_PIXELS = "10e4b5db1673f9e9c5919c20539064a384037e3059beb64ec0d132786884e1f8"
GOLDEN_MEANS = [159.8, 145.1, 153.9]
FROZEN_PILLOW = "12.3.0"
STRAIGHT = Pose(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
ORDER = list(ACTION_UNITS)


@pytest.fixture(scope="module")
def pillow():
    return pytest.importorskip("PIL")


@pytest.fixture(scope="module")
def drawn():
    return draw_pictures()


@pytest.fixture(scope="module")
def filmed():
    return draw_clips()


@pytest.fixture(scope="module")
def thin(drawn):
    """Two pictures of every person."""
    return drawn[::16]


@pytest.fixture(scope="module")
def made(pillow, thin, tmp_path_factory):
    """The thin corpus, prepared: root, manifest, CPU seconds."""
    root = tmp_path_factory.mktemp("demo_faces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_faces, "draw_pictures", lambda seed: thin)
        start = time.process_time()
        manifest = demo_faces.prepare(root)
        return root, manifest, time.process_time() - start


@pytest.fixture
def prepare(made, thin, filmed, monkeypatch):
    """Prepare the thin corpus again, under other arguments."""
    monkeypatch.setattr(demo_faces, "draw_pictures", lambda seed: thin)
    splits = demo_faces._splits(0.1, 0)
    of = {splits[filmed[start].person.name]: start for start in range(0, 3000, 12)}
    few = [scene for start in sorted(of.values()) for scene in filmed[start : start + 12]]
    monkeypatch.setattr(demo_faces, "draw_clips", lambda seed: few)
    return lambda **given: demo_faces.prepare(made[0], **given)


def digest(scenes):
    found = hashlib.sha256()
    for scene in scenes:
        numbers = [scene.valence, scene.arousal, *scene.rated, *scene.actions]
        numbers += [*vars(scene.pose).values(), scene.setting.light, scene.setting.noise]
        words = [scene.name, scene.setting.cover, scene.setting.noise_seed, scene.frame]
        found.update(repr([*words, *(f"{number:.5f}" for number in numbers)]).encode())
    return found.hexdigest()


def posed(scene, **actions):
    """The scene with a quiet, straight face, but for some actions."""
    calm = tuple(actions.get(f"au{au}", 0.0) for au in ORDER)
    setting = replace(scene.setting, noise=0.0, cover="")
    return replace(scene, actions=calm, pose=STRAIGHT, setting=setting)


def plain(drawn):
    """A scene of each of some people without beard and glasses."""
    looks = [scene for scene in drawn[::32] if not scene.person.look.beard]
    return [scene for scene in looks if not scene.person.look.glasses][:12]


def grey(scene):
    return render(scene).mean(axis=2)


# --- the draw


def test_every_person_has_as_many_pictures(drawn):
    names = pd.Series([scene.person.name for scene in drawn])
    assert len(drawn) == 4000
    assert set(names.value_counts()) == {32}
    assert len({scene.name for scene in drawn}) == 4000
    assert len({scene.setting.noise_seed for scene in drawn}) == 4000


def test_no_two_people_look_alike():
    def looks(person):
        return [v for v in vars(person.look).values() if isinstance(v, float)]

    table = np.array([looks(person) for person in people()])
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    assert min(np.abs(a - b).max() for a, b in combinations(table, 2)) > 0.4
    assert len({person.name for person in people()}) == 125


def test_the_draw_is_frozen(drawn, filmed):
    assert digest(drawn) == FROZEN["images"]
    assert digest(filmed) == FROZEN["clips"]


def test_another_seed_draws_others_of_the_same_people(drawn):
    other = draw_pictures(1)
    assert [scene.person for scene in other] == [scene.person for scene in drawn]
    assert all(a.setting != b.setting for a, b in zip(other, drawn, strict=True))
    assert np.mean([a.valence == b.valence for a, b in zip(other, drawn, strict=True)]) < 0.01
    for draw in (draw_pictures, draw_clips):
        with pytest.raises(ValueError, match="must be 0 or more, not -1"):
            draw(-1)


def test_truth_fills_the_circumplex_and_is_dense_near_neutral(drawn):
    truth = np.array([(scene.valence, scene.arousal) for scene in drawn])
    assert np.abs(truth).max() <= 1
    assert np.abs(np.corrcoef(truth.T)[0, 1]) < 0.15
    radius = np.hypot(*truth.T)
    inner = (radius < 0.3).sum() / 0.3**2
    outer = ((radius > 0.6) & (radius < 0.9)).sum() / (0.9**2 - 0.6**2)
    assert inner > 2 * outer
    for sign in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        assert 0.15 < np.all(truth * sign > 0, axis=1).mean() < 0.35


def test_labels_are_the_truth_and_the_raters_error(drawn):
    error = np.array(
        [(s.rated[0] - s.valence, s.rated[1] - s.arousal) for s in drawn if abs(s.valence) < 0.5]
    )
    np.testing.assert_allclose(error.std(axis=0), 0.2 / 5**0.5, rtol=0.06)
    assert np.abs(error[:, 0].mean()) < 0.006


def test_ceiling_is_the_best_ccc_of_any_line_through_the_truth(drawn):
    rows = pd.DataFrame(
        [(*s.rated, s.valence, s.arousal) for s in drawn[::4]],
        columns=["valence", "arousal", "true_valence", "true_arousal"],
    )
    best = rating_ceiling(rows)
    for axis in ("valence", "arousal"):
        true, said = rows[f"true_{axis}"].to_numpy(), rows[axis].to_numpy()
        found = []
        for scale in np.linspace(0.9, 1.1, 41):
            line = said.mean() + scale * (true - true.mean())
            found.append(regression_metrics(said, line)["ccc"])
        assert max(found) <= best[axis] + 1e-9
        assert max(found) == pytest.approx(best[axis], abs=1e-4)
        assert 0.97 < best[axis] < 0.985
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        rating_ceiling(rows[:1])


def test_a_resting_face_confounds_persons():
    rest = np.array([person.style.shown(np.zeros(len(ORDER))) for person in people()])
    for au in (12, 15, 4, 1, 5, 43):
        share = (rest[:, ORDER.index(au)] > 0.1).mean()
        assert 0.1 < share < 0.6, au
    up, down = rest[:, ORDER.index(12)], rest[:, ORDER.index(15)]
    assert (np.minimum(up, down) == 0).all()


def test_a_smile_lifts_corners_that_hang_at_rest():
    sad = max(people(), key=lambda person: person.style.rest[ORDER.index(15)])
    smile = np.zeros(len(ORDER))
    assert sad.style.shown(smile)[ORDER.index(15)] > 0.4
    smile[ORDER.index(12)] = 1.0
    assert sad.style.shown(smile)[ORDER.index(15)] == 0.0


# --- the actions


def test_each_prototype_shows_its_own_actions():
    for name, prototype in PROTOTYPES.items():
        found = dict(zip(ORDER, action_units(prototype.valence, prototype.arousal), strict=True))
        for au, strength in prototype.actions.items():
            assert found[au] > 0.35 * strength, (name, au)


def test_actions_are_the_weighted_mean_written_out():
    valence, arousal, manner = -0.3, 0.5, np.linspace(-1, 1, len(PROTOTYPES))
    top, below = np.zeros(len(ORDER)), 0.0
    for lean, prototype in zip(manner, PROTOTYPES.values(), strict=True):
        away = (valence - prototype.valence) ** 2 + (arousal - prototype.arousal) ** 2
        weight = np.exp(lean - away / (2 * 0.3**2))
        top += weight * np.array([prototype.actions.get(au, 0.0) for au in ORDER])
        below += weight
    np.testing.assert_allclose(action_units(valence, arousal, manner), top / below)
    with pytest.raises(ValueError, match=r"in \[-1, 1\], got 1.2 and 0"):
        action_units(1.2, 0)


def test_facs_sense_of_the_table():
    """Valence goes with AU12 against AU15 and AU4, arousal with AU5 and AU25 against AU43."""
    grid = [(v, a) for v in np.linspace(-0.8, 0.8, 9) for a in np.linspace(-0.8, 0.8, 9)]
    shown = np.array([action_units(*place) for place in grid])
    related = np.corrcoef(np.array(grid).T, shown.T)[:2, 2:]
    valence, arousal = (dict(zip(ORDER, row, strict=True)) for row in related)
    assert min(valence[12], valence[6]) > 0.3
    assert max(valence[15], valence[4], valence[9]) < -0.3
    assert min(arousal[5], arousal[25], arousal[26]) > 0.4
    assert arousal[43] < -0.6


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ((0.1, -0.1), "neutral"),
        ((0.8, 0.3), "happy"),
        ((0.8, -0.1), "happy"),
        ((0.15, 0.85), "surprised"),
        ((-0.45, 0.85), "afraid"),
        ((-0.7, 0.45), "angry"),
        ((-0.7, -0.35), "sad"),
        ((0.0, -0.85), "sleepy"),
        ((0.5, -0.5), "calm"),
    ],
)
def test_words(place, word):
    assert expression(*place) == word
    assert word in EXPRESSIONS


# --- the pictures


def test_the_first_pictures_are_golden(pillow, drawn):
    first = [render(scene) for scene in drawn[:3]]
    means = [round(float(picture.mean()), 1) for picture in first]
    assert means == pytest.approx(GOLDEN_MEANS, abs=1.0)
    if pillow.__version__ == FROZEN_PILLOW:  # another one may draw edges otherwise
        assert image_content(np.concatenate(first)) == FROZEN_PIXELS


def test_a_picture_is_the_same_twice_and_another_noise_changes_little(pillow, drawn):
    one = render(drawn[5])
    render(drawn[6])
    assert one.shape == (64, 64, 3)
    assert one.dtype == np.uint8
    assert (render(drawn[5]) == one).all()
    other = replace(drawn[5], setting=replace(drawn[5].setting, noise_seed=1))
    away = np.abs(render(other).astype(int) - one)
    assert 0 < away.mean() < 3 * drawn[5].setting.noise


def test_valence_moves_the_corners_of_the_mouth(pillow, drawn):
    """The dark line of the mouth is higher at its ends for a smile, lower for a frown."""
    for scene in plain(drawn):
        middle = 32 - 27.5 * (scene.person.look.mouth_height - 0.04)
        rows = slice(int(middle) - 8, int(middle) + 9)
        ends = [int(32 - 27.5 * 0.33), int(32 + 27.5 * 0.33)]
        height = {}
        for name, does in {"smile": {"au12": 1.0}, "frown": {"au15": 1.0}}.items():
            change = grey(posed(scene)) - grey(posed(scene, **does))
            dark = np.maximum(change[rows, ends[0] - 2 : ends[1] + 3], 0)
            edge = dark[:, [0, 1, 2, 3, -4, -3, -2, -1]].sum(axis=1)
            height[name] = (edge * np.arange(len(edge))).sum() / edge.sum()
        assert height["smile"] < height["frown"] - 2, scene.person.name


def test_arousal_opens_eyes_and_mouth(pillow, drawn):
    for scene in plain(drawn):
        look = scene.person.look
        eye = (slice(26, 36), slice(int(32 + 27.5 * look.eye_distance) - 5, None))
        eye = (eye[0], slice(eye[1].start, eye[1].start + 10))
        pale = {
            name: (render(posed(scene, **does)).min(axis=2)[eye] > 150).sum()
            for name, does in {"wide": {"au5": 1.0}, "shut": {"au43": 1.0}}.items()
        }
        if look.skin[2] < 140:  # of fair skin a closed lid is pale, too
            assert pale["wide"] > pale["shut"] + 5, scene.person.name
        closed, gaping = (
            render(posed(scene, **does)) for does in ({}, {"au25": 1.0, "au26": 1.0, "au27": 1.0})
        )
        changed = np.abs(closed.astype(int) - gaping).sum(axis=2) > 60
        assert changed[40:62, 20:44].mean() > 0.2
        assert changed[:20].mean() < 0.02


@pytest.mark.parametrize("au", ORDER)
def test_every_action_shows(pillow, drawn, au):
    base = {"au25": 1.0} if au in (26, 27) else {}
    moved = [
        (grey(posed(scene, **base, **{f"au{au}": 1.0})) - grey(posed(scene, **base)))
        for scene in plain(drawn)[:4]
    ]
    assert min(np.abs(one).max() for one in moved) > 12


def small_pixels(rows):
    """Grey pictures of 32 px, each with mean 0 and standard deviation 1."""
    pixels = np.stack([read_image(path).mean(axis=2) for path in rows["path"]])
    small = pixels.reshape(len(rows), 32, 2, 32, 2).mean(axis=(2, 4)).reshape(len(rows), -1)
    small = small - small.mean(axis=1, keepdims=True)
    return small / small.std(axis=1, keepdims=True)


def same_person(rows):
    """The share of pictures whose nearest picture is of the same person."""
    small, subject = small_pixels(rows), rows["subject"].to_numpy()
    like = small @ small.T
    np.fill_diagonal(like, -np.inf)
    return (subject[like.argmax(axis=1)] == subject).mean()


def test_pixels_tell_who_it_is(made):
    assert same_person(made[1].rows) > 10 / 249


@pytest.mark.slow
def test_the_whole_corpus_is_quick_and_pixels_tell_something_of_new_people(pillow, tmp_path):
    start = time.process_time()
    rows = demo_faces.prepare(tmp_path).rows
    assert time.process_time() - start < 60
    assert len(rows) == 4000
    seen, new = (rows["split"] != "test").to_numpy(), (rows["split"] == "test").to_numpy()
    small, truth = small_pixels(rows), rows[["valence", "arousal"]].to_numpy()
    square = small[seen].T @ small[seen] + 30 * np.eye(small.shape[1])
    said = small @ np.linalg.solve(square, small[seen].T @ truth[seen])
    for axis in (0, 1):
        assert 0.2 < regression_metrics(truth[new, axis], said[new, axis])["ccc"] < 0.6
    assert same_person(rows) > 0.2


# --- clips


def test_clips_are_smooth_tracks_with_one_blink(filmed):
    assert len(filmed) == 3000
    clips = [filmed[start : start + 12] for start in range(0, 3000, 12)]
    assert pd.Series([clip[0].person.name for clip in clips]).value_counts().unique() == [2]
    for clip in clips:
        assert [scene.frame for scene in clip] == list(range(12))
        assert len({scene.name.partition("/")[0] for scene in clip}) == 1
        track = np.array([(scene.valence, scene.arousal) for scene in clip])
        length = np.hypot(*(track.max(axis=0) - track.min(axis=0)))
        steps = np.hypot(*np.diff(track, axis=0).T)
        assert steps.max() <= 0.8 * length + 1e-6
        yaw = [scene.pose.yaw for scene in clip]
        assert np.ptp(np.diff(yaw)) < 1e-9
        assert sum(scene.actions[ORDER.index(43)] == 1.0 for scene in clip) >= 1
    moved = [
        np.hypot(clip[0].valence - clip[6].valence, clip[0].arousal - clip[6].arousal)
        for clip in clips
    ]
    assert np.median(moved) > 0.3
    back = [abs(c[11].valence - c[0].valence) < abs(c[6].valence - c[0].valence) for c in clips]
    assert np.mean(back) > 0.7


def test_clips_have_video_frame_and_time(prepare):
    manifest = prepare(protocol="clips")
    rows = manifest.rows
    assert rows["video"].nunique() == 3
    assert rows["frame"].tolist() == [*range(12)] * 3
    np.testing.assert_allclose(rows["time_s"], rows["frame"] / 6)
    assert rows.groupby("split")["subject"].nunique().tolist() == [1, 1, 1]
    assert all(Path(path).is_file() for path in rows["path"])
    assert [problem for problem in check_manifest(manifest) if problem.severity == "error"] == []


# --- the manifest


def test_manifest(made):
    _, manifest, seconds = made
    rows, info = manifest.rows, manifest.info
    assert info.generated
    assert info.task == "regression"
    assert rows["generated"].all()
    assert any("no benchmark" in note for note in info.notes)
    assert [problem for problem in check_manifest(manifest) if problem.severity == "error"] == []
    assert rows["path"].map(lambda path: Path(path).is_absolute()).all()
    assert [image_content(read_image(path)) for path in rows["path"]] == rows["content"].tolist()
    assert rows["content"].is_unique
    assert set(rows["expression"]) <= set(EXPRESSIONS)
    assert seconds * 4000 / len(rows) < 60
    assert rows["path"].map(lambda path: Path(path).stat().st_size).mean() < 12_000


def test_people_of_the_splits_are_disjoint(made):
    rows = made[1].rows
    subjects = [set(rows.loc[rows["split"] == name, "subject"]) for name in SPLITS]
    assert [len(names) for names in subjects] == [85, 10, 30]
    assert not any(a & b for a, b in combinations(subjects, 2))


def test_test_people_are_the_same_for_every_seed_and_holdout(prepare):
    def of(split, **given):
        rows = prepare(**given).rows
        return set(rows.loc[rows["split"] == split, "subject"])

    assert (
        of("test", seed=3, holdout=0.4)
        == of("test")
        == {person.name for person in people() if person.held_out}
    )
    assert len(of("validation", holdout=0.4)) == 38
    assert of("validation", seed=3) != of("validation")


def test_ceiling_of_a_split_is_in_the_notes(made):
    manifest = made[1]
    best = demo_faces.ceiling(manifest)
    test = manifest.split("test")
    for axis, value in best.items():
        assert value == pytest.approx(np.corrcoef(test[axis], test[f"true_{axis}"])[0, 1])
        assert any(f"{value:.3f} for {axis}" in note for note in manifest.info.notes)


def test_manifest_survives_save_and_load(made, tmp_path):
    manifest = made[1]
    loaded = Manifest.load(manifest.save(tmp_path))
    assert loaded.fingerprint() == manifest.fingerprint()


def test_pictures_are_drawn_once_and_again_where_one_is_gone(pillow, drawn, monkeypatch, tmp_path):
    some = drawn[:4]
    first = demo_faces.write_pictures(tmp_path, some)

    def refuse(*_):
        raise AssertionError("drawn again")

    with monkeypatch.context() as patch:
        patch.setattr(demo_faces, "_draw_one", refuse)
        assert demo_faces.write_pictures(tmp_path, some).equals(first)
        with pytest.raises(AssertionError, match="drawn again"):
            demo_faces.write_pictures(tmp_path, drawn[:3])
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    Path(first["path"][1]).unlink()
    assert demo_faces.write_pictures(tmp_path, some).equals(first)
    assert all(Path(path).is_file() for path in first["path"])


def test_the_cache_folder_is_the_default(pillow, drawn, monkeypatch, tmp_path):
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path))
    path = Path(demo_faces.write_pictures(None, drawn[:1])["path"][0])
    assert path.relative_to(tmp_path).parts[0].startswith("demo_faces-")


# --- what goes wrong


def test_missing_pillow_is_a_clear_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ValueError, match=r"pip install 'affectrep\[face\]'"):
        demo_faces.prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_clear_sentence(pillow, drawn, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="Drawing demo_faces: the files cannot be written: .*file"):
        demo_faces.write_pictures(tmp_path / "file", drawn[:1])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"columns": {"a": "b"}}, "data.columns"),
        ({"labels": {"a": "b"}}, "data.labels"),
        ({"protocol": "video"}, "no protocol 'video'; expected images or clips"),
        ({"holdout": 0.001}, "leaves some of 95 people .* got 0.001"),
        ({"holdout": 1.0}, "leaves some of 95 people .* got 1.0"),
    ],
)
def test_arguments_without_sense_are_refused(prepare, given, words):
    with pytest.raises(ValueError, match=words):
        prepare(**given)
