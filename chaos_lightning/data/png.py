"""PNG images as grey levels or colours."""

from pathlib import Path

import numpy as np
from lightning.pytorch.utilities import rank_zero_warn
from PIL import Image

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.values import BRIGHTNESS, KEEP_COLOURS

_OTHER_IMAGES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".tif", ".tiff", ".webp"}


def read_grey(path: Path) -> np.ndarray:
    """Read a PNG image as grey levels. A colour counts by its brightness, 0.299 red + 0.587 green + 0.114 blue.

    Returns:
        Shape ``(rows, columns)``, uint8, or uint16 if the file has 16 bits a pixel.

    Raises:
        DataError: It is no PNG image, is not opaque, or has 16 bits a colour.
    """
    return _read(path, colour=False)[0]


def read_png_folder(folder: Path, colour: bool = False) -> np.ndarray:
    """Read the PNG images of a folder as grey levels or colours, in order of their names.

    Warns of what is left out, and of colours that are lost.

    Args:
        folder: The folder.
        colour: Whether to keep colours; a grey image has three equal channels then.

    Returns:
        Shape ``(N, 1, rows, columns)``, uint8 or uint16, or ``(N, 3, rows, columns)``.

    Raises:
        DataError: There are none, or they differ in size or depth, or one cannot be read, see :func:`read_grey`.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".png")
    others = _others(folder)
    if not files:
        found = f"but {', '.join(others)}: " if others else "and no images of other kinds: "
        raise DataError(
            f"there are no PNG images in {folder}, {found}save them there as .png, or as an array in an .npz file, "
            "which can hold labels too"
        )
    images, coloured = [], []
    for file in files:
        image, is_coloured = _read(file, colour)
        images.append(image)
        coloured += [file.name] if is_coloured else []
        if image.shape != images[0].shape:
            raise DataError(f"{file} has {image.shape[:2]} pixels, but {files[0].name} has {images[0].shape[:2]}")
        if image.dtype != images[0].dtype:
            depths = [8 * image.itemsize for image in (image, images[0])]
            raise DataError(f"{file} has {depths[0]} bits a pixel, but {files[0].name} has {depths[1]}: save all alike")
    if others:
        rank_zero_warn(f"{folder} also holds {', '.join(others)}, which are left out: only its PNG images are read.")
    if coloured and not colour:
        rank_zero_warn(
            f"{folder} holds {len(coloured)} images in colour, as {coloured[0]}, which are read as grey by their "
            f"brightness{KEEP_COLOURS}."
        )
    stack = np.stack(images)
    return np.moveaxis(stack, 3, 1) if colour else stack[:, np.newaxis]


def _read(path: Path, colour: bool) -> tuple[np.ndarray, bool]:
    """Read an image as grey levels, or as colours with the channels last, and whether there are colours in it."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.load()
            # Pillow reads 16 bits a colour as 8. The header of every PNG file has the depth in its 25th byte.
            with path.open("rb") as file:
                depth = file.read(25)[24]
    except Exception as error:  # Pillow lets through whatever its decoder raises on damaged files
        raise DataError(f"{path} cannot be read as a PNG image: {error}") from error
    is_grey = image.mode in ("1", "L") or image.mode.startswith("I")
    if depth == 16 and not is_grey:
        raise DataError(f"{path} has 16 bits a colour: save it in grey without transparency, or with 8 bits a colour")
    if not _is_opaque(image, depth):
        raise DataError(
            f"{path} is transparent in places, and which grey these are is not said: put it on a black or white "
            "background first, and save it without transparency"
        )
    if is_grey:
        levels = np.asarray(image.convert("L") if depth < 8 else image)
        levels = levels.astype(np.uint16 if depth == 16 else np.uint8)
        return (np.stack([levels] * 3, axis=-1) if colour else levels), False
    colours = np.asarray(image.convert("RGB"))
    is_coloured = bool((colours != colours[..., :1]).any())
    return (colours if colour else (colours @ np.array(BRIGHTNESS) >> 15).astype(np.uint8)), is_coloured


def _is_opaque(image: Image.Image, depth: int) -> bool:
    if image.mode in ("RGB", "1", "L") or image.mode.startswith("I"):
        transparent = image.info.get("transparency")  # a single level or colour
        if transparent is None:
            return True
        matches = np.asarray(image) == np.asarray(transparent)
        # With fewer than 8 bits Pillow stretches the levels, but not the transparent one.
        return depth >= 8 and not (matches.all(axis=-1) if image.mode == "RGB" else matches).any()
    return int(np.asarray(image.convert("RGBA"))[..., 3].min()) == 255


def _others(folder: Path) -> list[str]:
    """List what else is in a folder of images, for messages: images of other kinds, and folders."""
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    kinds = [path.suffix.lower() for path in paths if path.is_file()]
    others = [f"{kinds.count(kind)} {kind} files" for kind in sorted(_OTHER_IMAGES.intersection(kinds))]
    folders = sorted(path.name for path in paths if path.is_dir())
    if folders:
        others.append("the folders " + ", ".join(folders[:3]) + (" and more" if len(folders) > 3 else ""))
    return others
