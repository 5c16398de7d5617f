"""Images from files of any program."""

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.io import ImageReadMode, read_image

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.images import as_labels, as_rates


def read_images(path: str | Path) -> tuple[Tensor, Tensor | None]:
    """Read images as rates, and labels if the file has them.

    Args:
        path: An ``.npz`` file with an array ``images`` (or a single array) and perhaps ``labels``, a ``.pt`` file with
            a tensor or a dict of such, or a folder of PNG images, read in order of their names as grey values.
            8-bit pixels stand for [-1, 1]; floating ones must be in [-1, 1], and a warning says so if none is below 0.

    Returns:
        Images ``(N, ...)``, float32 in [-1, 1], and labels ``(N,)``, int64, or None.

    Raises:
        DataError: If there is nothing there, or nothing that can be read as such images; says what and where.
    """
    images, labels = read_arrays(path)
    return as_rates(images, str(path)), None if labels is None else as_labels(labels, len(images), str(path))


def read_arrays(path: str | Path) -> tuple[Tensor, Tensor | None]:
    """Read images and labels as they are in the file, see :func:`read_images`.

    Returns:
        Images ``(N, ...)``, and labels or None, of any type.

    Raises:
        DataError: If there is nothing there, or nothing that can be read as images; says what and where.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f"there are no images at {path}: name a .npz or .pt file, or a folder of PNG images")
    arrays = _read_arrays(path)
    images = arrays["images"]
    if images.ndim < 3 or len(images) == 0:
        raise DataError(f"{path} holds no images: its array has shape {tuple(images.shape)}, not (N, height, width)")
    return images, arrays.get("labels")


def _read_arrays(path: Path) -> dict[str, Tensor]:
    if path.is_dir():
        return {"images": _read_folder(path)}
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                contents = {name: file[name] for name in file.files if file[name].dtype.kind in "uif"}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} cannot be read as .npz: {error}") from error
        return _pick(path, {name: torch.from_numpy(array) for name, array in contents.items()})
    if path.suffix == ".pt":
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch.load lets through whatever its many formats raise on damaged files
            raise DataError(f"{path} cannot be read as a file of tensors: {error}") from error
        return _pick(path, loaded if isinstance(loaded, dict) else {"images": loaded})
    raise DataError(f"{path} is neither a .npz or .pt file nor a folder of PNG images")


def _pick(path: Path, contents: dict[str, Tensor]) -> dict[str, Tensor]:
    tensors = {name: value for name, value in contents.items() if isinstance(value, Tensor)}
    if "images" not in tensors and len(tensors) == 1:
        tensors = {"images": next(iter(tensors.values()))}
    if "images" not in tensors:
        raise DataError(f"{path} has no array named 'images', but {sorted(contents)}")
    return tensors


def _read_folder(folder: Path) -> Tensor:
    files = sorted(folder.glob("*.png"))
    if not files:
        raise DataError(f"there are no PNG images in {folder}")
    images = []
    for file in files:
        try:
            images.append(read_image(str(file), ImageReadMode.GRAY))
        except RuntimeError as error:
            raise DataError(f"{file} cannot be read as a PNG image: {error}") from error
        if images[-1].shape != images[0].shape:
            sizes = [tuple(image.shape[1:]) for image in (images[0], images[-1])]
            raise DataError(f"{file} has {sizes[1]} pixels, but {files[0].name} has {sizes[0]}")
    return torch.stack(images)
