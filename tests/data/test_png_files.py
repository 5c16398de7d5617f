"""PNG files of every kind: read as what they show, or refused by name."""

import warnings

import numpy as np
import pytest
import torch
from png_files import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, PALETTE, chunk, png_bytes

from chaos_lightning import ImageFilesDataModule
from chaos_lightning.data import DataError, read_images, read_mask

random = np.random.default_rng(0)
LEVELS = random.integers(0, 256, (7, 8, 8), dtype=np.uint8)


def save(folder, images, name="{:02}.png", **settings):
    folder.mkdir(exist_ok=True)
    for place, image in enumerate(images):
        (folder / name.format(place)).write_bytes(png_bytes(image, **settings))
    return folder


def read(folder):
    return read_images(folder)[0].squeeze(1).double().numpy()


def rates(levels, white=255):
    return levels.astype(float) * (2 / white) - 1


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def brightness(colours):
    """Of colours, in 8-bit levels, rounded down."""
    return np.floor(colours @ np.array([9794, 19234, 3740]) / 32768)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_images_of_every_depth_reach_from_black_to_white(tmp_path, depth):
    white = 2**depth - 1
    values = random.integers(0, white + 1, (7, 8, 8))
    folder = save(tmp_path / "grey", values, depth=depth)
    assert_close(read(folder), rates(values, white))


def test_levels_of_8_bits_are_exact(tmp_path):
    images, labels = read_images(save(tmp_path / "grey", LEVELS))
    assert torch.equal(images, torch.from_numpy(LEVELS).float().div(127.5).sub(1).unsqueeze(1))
    assert labels is None


def test_colours_count_by_their_brightness_and_that_is_said(tmp_path):
    colours = random.integers(0, 256, (7, 8, 8, 3))
    palette = random.integers(0, 256, (16, 3), dtype=np.uint8)
    places = random.integers(0, 16, (7, 8, 8))
    for folder, shown in (
        (save(tmp_path / "rgb", colours, kind=COLOUR), colours),
        (
            save(tmp_path / "four", places, kind=PALETTE, depth=4, extra=chunk(b"PLTE", palette.tobytes())),
            palette[places],
        ),
    ):
        with pytest.warns(UserWarning, match=rf"{folder.name} holds 7 images in colour, as 00\.png, which are read as"):
            assert_close(read(folder), rates(brightness(shown)))


def test_grey_in_colours_stays_exact_and_without_a_word(tmp_path, recwarn):
    assert_close(read(save(tmp_path / "rgb", np.stack([LEVELS] * 3, axis=-1), kind=COLOUR)), rates(LEVELS))
    opaque = np.stack([LEVELS, np.full_like(LEVELS, 255)], axis=-1)
    assert_close(read(save(tmp_path / "la", opaque, kind=GREY_ALPHA)), rates(LEVELS))
    assert not [warning for warning in recwarn if "colour" in str(warning.message)]


def in_alpha(channels):
    """The drawing in the channel of opacity, on black or white."""
    images = np.full((40, 8, 8, channels), 255, np.uint8)
    images[..., -1] = random.integers(0, 256, (40, 8, 8))
    return images


TRANSPARENT = {
    "grey with alpha": {"images": in_alpha(2), "kind": GREY_ALPHA},
    "colour with alpha": {"images": in_alpha(4), "kind": COLOUR_ALPHA},
    "a transparent level": {"images": LEVELS, "extra": chunk(b"tRNS", b"\0" + LEVELS[0, 0, :1].tobytes())},
    "a transparent level of 16 bits": {
        "images": LEVELS.astype(int) * 257,
        "depth": 16,
        "extra": chunk(b"tRNS", LEVELS[0, 0, :1].tobytes() * 2),
    },
    "a transparent level of 4 bits": {
        "images": LEVELS // 16,
        "depth": 4,
        "extra": chunk(b"tRNS", bytes([0, LEVELS[0, 0, 0] // 16])),
    },
    "a transparent colour": {
        "images": np.stack([LEVELS] * 3, -1),
        "kind": COLOUR,
        "extra": chunk(b"tRNS", b"".join(b"\0" + LEVELS[0, 0, :1].tobytes() for _ in range(3))),
    },
    "a transparent colour of a palette": {
        "images": LEVELS % 4,
        "kind": PALETTE,
        "depth": 2,
        "extra": chunk(b"PLTE", bytes(range(12))) + chunk(b"tRNS", b"\0"),
    },
}


@pytest.mark.parametrize("name", TRANSPARENT)
def test_transparent_images_are_refused_whatever_reads_them(tmp_path, name):
    settings = {"images": LEVELS, **TRANSPARENT[name]}
    folder = save(tmp_path / "drawings", settings.pop("images"), **settings)
    message = r"drawings/00\.png is transparent in places.*put it on a black or white background"
    with pytest.raises(DataError, match=message):
        read_images(folder)
    with pytest.raises(DataError, match=message):
        read_mask(str(folder / "00.png"), (8, 8))
    other = save(tmp_path / "other", LEVELS)
    for files in ((folder, other), (other, folder)):
        with pytest.raises(DataError, match=message):
            ImageFilesDataModule(*map(str, files), batch_size=2, num_validation=3).setup("fit")


def test_16_bits_a_colour_are_refused(tmp_path):
    for kind, channels in ((COLOUR, 3), (GREY_ALPHA, 2), (COLOUR_ALPHA, 4)):
        folder = save(tmp_path / f"deep{kind}", random.integers(0, 65536, (2, 8, 8, channels)), kind=kind, depth=16)
        with pytest.raises(DataError, match=rf"deep{kind}/00\.png has 16 bits a colour: save it in grey"):
            read_images(folder)


def test_endings_may_be_in_capital_letters_and_names_give_the_order(tmp_path):
    folder = save(tmp_path / "mixed", LEVELS[:4], "{}.PNG")
    for place, image in enumerate(LEVELS[4:]):
        (folder / f"{4 + place}.png").write_bytes(png_bytes(image))
    assert_close(read(folder), rates(LEVELS))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([], "there are no PNG images in .*/folder, and no images of other kinds"),
        (
            ["a.jpg", "b.jpg", "c.JPEG"],
            r"in .*/folder, but 1 \.jpeg files, 2 \.jpg files: save them there as \.png, or",
        ),
        (["cat/1.png", "dog/1.png"], "but the folders cat, dog: save them there .*which can hold labels"),
        (
            ["a/1.png", "b/1.png", "c/1.png", "d/1.png", "x.bmp"],
            r"but 1 \.bmp files, the folders a, b, c and more: save",
        ),
    ],
)
def test_a_folder_without_png_images_is_said_with_what_is_in_it(tmp_path, found, message):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in found:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(png_bytes(LEVELS[0]))
    with pytest.raises(DataError, match=message):
        read_images(folder)


def test_images_of_other_kinds_beside_png_images_are_said_to_be_left_out(tmp_path, recwarn):
    folder = save(tmp_path / "folder", LEVELS)
    for name in (".hidden", "readme.txt"):
        (folder / name).write_text("no image")
    read_images(folder)
    assert not recwarn
    (folder / "a.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"folder also holds 1 \.jpg files, which are left out"):
        assert len(read_images(folder)[0]) == 7


def test_images_of_different_sizes_or_depths_are_named(tmp_path):
    folder = save(tmp_path / "folder", LEVELS)
    (folder / "9.png").write_bytes(png_bytes(LEVELS[0], depth=16))
    with pytest.raises(DataError, match=r"9\.png has 16 bits a pixel, but 00\.png has 8"):
        read_images(folder)
    (folder / "9.png").write_bytes(png_bytes(LEVELS[0, :5]))
    with pytest.raises(DataError, match=r"9\.png has \(5, 8\) pixels, but 00\.png has \(8, 8\)"):
        read_images(folder)


def test_a_cut_file_is_refused_by_name(tmp_path):
    whole = png_bytes(LEVELS[0], kind=GREY)
    for length in range(0, len(whole) - 20, 3):  # checksums and an empty chunk end it
        (tmp_path / "cut.png").write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cut\.png cannot be read as a PNG image"):
            read_images(tmp_path)


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_bright_pixels_of_a_mask_of_any_depth_are_hidden(tmp_path, white):
    hidden = random.integers(0, 2, (8, 8))
    (tmp_path / "mask.png").write_bytes(png_bytes(hidden * white, depth=16 if white > 255 else 8))
    assert torch.equal(read_mask(str(tmp_path / "mask.png"), (8, 8)), torch.from_numpy(hidden == 1))


def test_a_mask_that_is_dark_where_it_should_be_bright_is_refused(tmp_path):
    (tmp_path / "mask.png").write_bytes(png_bytes(np.eye(8, dtype=np.uint8) * 100))
    with pytest.raises(DataError, match=r"the mask .*mask\.png holds pixels up to 100 only, where 255 is white"):
        read_mask(str(tmp_path / "mask.png"), (8, 8))


def test_reading_calls_nothing_that_libraries_will_remove(tmp_path):
    save(tmp_path / "folder", LEVELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_images(tmp_path / "folder")
        read_mask(str(tmp_path / "folder" / "00.png"), (8, 8))
