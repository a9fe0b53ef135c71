from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from affectrep.data.images import (
    face_package,
    image_content,
    image_size,
    read_image,
    square_crop,
)
from tests.data.pictures import noise, write

WHITE, RED = (255, 255, 255), (200, 10, 30)


def test_rgb_comes_as_it_is(tmp_path):
    pixels = noise(5, 7)
    found = read_image(write(tmp_path / "a.png", pixels))
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels)
    found[:] = 0  # memory of its own


def test_red_is_the_first_channel(tmp_path):
    Image.new("RGB", (16, 16), RED).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg")[8, 8].astype(int) - RED).max() < 6


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    grey = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8))
    ending = "tif" if mode == "CMYK" else "png"
    image = grey.convert("RGB").convert(mode) if mode == "CMYK" else grey.convert(mode)
    image.save(tmp_path / f"a.{ending}")
    found = read_image(tmp_path / f"a.{ending}")
    assert found.shape == (2, 2, 3)
    assert np.abs(found.astype(int) - np.array([[0, 255], [255, 0]])[..., None]).max() <= 2


def test_sixteen_bits_keep_white_white_and_do_not_wrap(tmp_path):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    for name in ("a.png", "a.tif"):
        write(tmp_path / name, values)
        assert read_image(tmp_path / name)[0, :, 0].tolist() == [0, 1, 128, 255]
    write(tmp_path / "wide.tif", values.astype(np.int32))
    assert read_image(tmp_path / "wide.tif")[0, :, 2].tolist() == [0, 1, 128, 255]


def test_numbers_without_a_white_are_refused(tmp_path):
    for values in (np.array([[0.5, 2.5]], np.float32), np.array([[-3, 70000]], np.int32)):
        path = write(tmp_path / "a.tif", values)
        with pytest.raises(ValueError, match=r"a\.tif: cannot be read .* with no stated white"):
            read_image(path)


def test_alpha_lies_over_white(tmp_path):
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = [0, 128, 255]
    found = read_image(write(tmp_path / "a.png", pixels))
    assert found[0, :, 0].tolist() == [255, 127, 0]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    palette.putpalette([*RED, 0, 0, 255])
    palette.save(tmp_path / "p.png", transparency=0)
    assert read_image(tmp_path / "p.png")[0].tolist() == [list(WHITE), [0, 0, 255]]


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (4, lambda x: x[::-1]),
        (5, lambda x: x.transpose(1, 0, 2)),
        (6, lambda x: np.rot90(x, -1)),
        (7, lambda x: x[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)
@pytest.mark.parametrize("kind", ["rgb", "alpha", "16 bit"])
def test_the_camera_s_orientation_is_applied(tmp_path, orientation, turn, kind):
    pixels = noise(3, 5)
    if kind == "16 bit":
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    exif = Image.Exif()
    exif[0x0112] = orientation
    full = np.full((3, 5, 1), 255, np.uint8)
    stored = {
        "rgb": pixels,
        "alpha": np.concatenate([pixels, full], axis=2),
        "16 bit": pixels[..., 0].astype(np.uint16) * 257,
    }[kind]
    write(tmp_path / "a.png", stored, exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), turn(pixels))


def test_odd_notes_of_a_camera_do_not_hide_the_pixels(tmp_path):
    pixels = noise(16, 24)

    def stored(exif: bytes, name: str = "a.jpg"):
        write(tmp_path / name, pixels, exif=exif, quality=95)
        return read_image(tmp_path / name)

    plain = stored(b"")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = b"Exif\0\0" + exif.tobytes()
    assert np.array_equal(stored(turned), np.rot90(plain, -1))
    # a resolution, and then its unit, that is text: Pillow cannot write what it has read
    for tag in (b"\x01\x1a", b"\x01\x28"):
        odd = b"\x00\x02" + b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
        odd += tag + b"\x00\x02\x00\x00\x00\x03" + b"ab\x00\x00"
        found = stored(b"Exif\0\0MM\x00*\x00\x00\x00\x08" + odd + b"\x00\x00\x00\x00")
        assert np.array_equal(found, np.rot90(plain, -1))
    # no orientation can be read at all
    for broken in (b"Exif\0\0junkjunk", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0", turned[:-9]):
        assert np.array_equal(stored(broken), plain)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_the_size_is_the_upright_one(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path / f"a.{ending}", noise(3, 5), exif=exif)
    assert image_size(path) == read_image(path).shape[1::-1]


def test_a_name_that_is_too_long_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"xx\.png: does not exist or is no file"):
        read_image(tmp_path / ("x" * 300 + ".png"))


@pytest.mark.parametrize("error", [TypeError, KeyError, AttributeError])
def test_whatever_a_decoder_stumbles_over_is_a_broken_file(tmp_path, monkeypatch, error):
    path = write(tmp_path / "a.png", noise())

    def load(image):
        raise error("odd")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    with pytest.raises(ValueError, match=r"a\.png: cannot be read as an image: .*odd"):
        read_image(path)


def test_of_large_pictures_and_broken_notes_pillow_says_nothing(tmp_path):
    Image.new("1", (10_000, 9_000)).save(tmp_path / "large.png")
    odd = b"Exif\0\0II*\0\x08\0\0\0\1\0"
    write(tmp_path / "odd.jpg", noise(), exif=odd)
    code = (
        "import sys; from affectrep.data.images import image_size, read_image; "
        "assert image_size(sys.argv[1]) == (10_000, 9_000); read_image(sys.argv[2])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "large.png"), str(tmp_path / "odd.jpg")]
    assert subprocess.run(command, check=True, capture_output=True).stderr == b""


def test_an_animation_gives_its_first_image(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, WHITE)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert np.abs(read_image(tmp_path / "a.gif")[0, 0].astype(int) - RED).max() < 10


def test_broken_files_are_named(tmp_path):
    whole = (tmp_path / "whole.png", tmp_path / "whole.jpg")
    for path in whole:
        write(path, noise(64, 64))
    for path in whole:
        cut = tmp_path / f"cut{path.suffix}"
        cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(ValueError, match=f"{cut}: cannot be read as an image"):
            read_image(cut)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no image")
    for name, words in {
        "gone.png": "does not exist",
        "": "is no file",
        "empty.png": "0 bytes",
        "text.png": "in no known format",
    }.items():
        with pytest.raises(ValueError, match=f"^{tmp_path / name}: .*{words}"):
            read_image(tmp_path / name)


def test_the_hash_is_of_shape_and_pixels(tmp_path):
    pixels = noise(4, 6)
    expected = hashlib.sha256(b"4 6\n" + pixels.tobytes()).hexdigest()
    assert image_content(pixels) == expected
    assert image_content(read_image(write(tmp_path / "a.png", pixels))) == expected
    assert image_content(read_image(write(tmp_path / "a.bmp", pixels))) == expected
    assert image_content(pixels.transpose(1, 0, 2)) != expected
    assert image_content(pixels[:, ::-1]) != expected
    for wrong in (pixels[..., 0], pixels.astype(np.float32), pixels[:0]):
        with pytest.raises(ValueError, match="expected pixels"):
            image_content(wrong)


def test_the_whole_image_is_its_middle_square():
    pixels = noise(10, 16)
    assert np.array_equal(square_crop(pixels, None, margin=0.3, side_px=10), pixels[:, 3:13])
    tall = noise(9, 6)
    assert np.array_equal(square_crop(tall, None, margin=0, side_px=6), tall[1:7])


def test_a_box_is_cut_with_its_margin():
    pixels = noise(40, 40)
    assert np.array_equal(
        square_crop(pixels, (10, 12, 8), margin=0.25, side_px=12), pixels[10:22, 8:20]
    )
    assert np.array_equal(
        square_crop(pixels, (10, 12, 8), margin=-0.25, side_px=4), pixels[14:18, 12:16]
    )


def test_edge_pixels_repeat_outside():
    pixels = noise(6, 6)
    found = square_crop(pixels, (-2, -3, 10), margin=0, side_px=10)
    expected = np.pad(pixels, [(3, 1), (2, 2), (0, 0)], mode="edge")
    assert np.array_equal(found, expected)


def test_shrinking_averages():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = square_crop(stripes, None, margin=0, side_px=8).astype(int)
    assert np.abs(small - 127).max() < 12  # taking every eighth column would give 0 or 255


def test_fractions_of_a_pixel_count():
    ramp = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[None, :, None], 20, axis=0)
    ramp = np.repeat(ramp, 3, axis=2)
    moved = square_crop(ramp, (4.5, 4, 8), margin=0, side_px=8)[4, 1:7, 0].astype(int)
    assert np.abs(moved - (np.arange(1, 7) * 10 + 45)).max() <= 1


@pytest.mark.parametrize(
    ("box", "margin", "side", "words"),
    [
        ((0, 0, 0), 0, 8, "side above 0"),
        ((float("nan"), 0, 4), 0, 8, "finite box"),
        ((0, 0, 4), -0.5, 8, "margin above -0.5"),
        ((50, 0, 4), 0, 8, "meets the image of 12 x 12"),
        ((0, -9, 4), 0, 8, "meets the image"),
        ((0, 0, 1e6), 0, 8, "at most four times"),
        (None, 0, 0, "side_px of at least 1"),
    ],
)
def test_impossible_squares_are_refused(box, margin, side, words):
    with pytest.raises(ValueError, match=words):
        square_crop(noise(), box, margin=margin, side_px=side)


def test_a_missing_package_names_the_extra():
    with pytest.raises(ImportError, match=r"affectrep\[face\]"):
        face_package("no_such_package")
