"""Raw IDX files, read with every header checked against the file.

Torchvision reads these files too, but checks little more than their existence: training would use a damaged file, or
fail with an unrelated message.
"""

from pathlib import Path

import numpy as np

from chaos_lightning.data.errors import DataError
from chaos_lightning.data.images import ImageSet

TRAIN = "train"
TEST = "t10k"

# Third byte: 8-bit unsigned values; fourth byte: number of dimensions.
_MAGIC_NUMBERS = {"images": 0x00000803, "labels": 0x00000801}


def file_name(prefix: str, kind: str) -> str:
    """Return the name of a raw file, as torchvision spells it.

    Args:
        prefix: `TRAIN` or `TEST`.
        kind: "images" or "labels".
    """
    return f"{prefix}-{kind}-idx{_MAGIC_NUMBERS[kind] % 256}-ubyte"


FILE_NAMES = tuple(file_name(prefix, kind) for prefix in (TRAIN, TEST) for kind in ("images", "labels"))


def read_image_set(folder: Path, prefix: str, image_size: tuple[int, ...], num_classes: int) -> ImageSet:
    """Read the images and labels of the training or the test set.

    Args:
        folder: Folder of the raw files.
        prefix: `TRAIN` or `TEST`.
        image_size: Expected rows and columns of an image, in pixels.
        num_classes: Number of classes; labels are 0 to ``num_classes - 1``.

    Raises:
        DataError: A file is missing, damaged, of another kind or of another image size, holds other labels, or
            the two do not belong together.
    """
    image_file, label_file = (folder / file_name(prefix, kind) for kind in ("images", "labels"))
    pixels, labels = _read(image_file, "images"), _read(label_file, "labels")
    if pixels.shape[1:] != image_size:
        raise _damaged(image_file, f"holds images of {_times(pixels.shape[1:])} pixels, not {_times(image_size)}")
    if len(pixels) != len(labels):
        raise _damaged(label_file, f"holds {len(labels)} labels for the {len(pixels)} images of {image_file.name}")
    if labels.max() >= num_classes:
        raise _damaged(label_file, f"holds the label {labels.max()}, but labels are 0 to {num_classes - 1}")
    return ImageSet.from_arrays(pixels, labels, str(image_file))


def _read(path: Path, kind: str) -> np.ndarray:
    """Read one file, (N, rows, columns) or (N,), uint8."""
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from error
    magic = _integer(data, 0)
    if magic != _MAGIC_NUMBERS[kind]:
        found = next((other for other, number in _MAGIC_NUMBERS.items() if number == magic), "something else")
        raise _damaged(
            path, f"should hold {kind} (IDX number {_MAGIC_NUMBERS[kind]}) but starts like {found} ({magic})"
        )
    num_dimensions = magic % 256
    shape = tuple(_integer(data, 1 + dimension) for dimension in range(num_dimensions))
    header_size = 4 * (1 + num_dimensions)
    expected_size = header_size + int(np.prod(shape, dtype=object))
    if len(data) != expected_size or expected_size == header_size:
        raise _damaged(
            path,
            f"has {len(data)} bytes, but its header announces {_times(shape)} values, {expected_size} bytes",
        )
    return data[header_size:].reshape(shape)


def _integer(data: np.ndarray, place: int) -> int:
    """Read the big-endian 32-bit integer at `place` in the header; a cut header gives a smaller number."""
    return int.from_bytes(data[4 * place : 4 * place + 4].tobytes(), "big")


def _times(sizes: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in sizes)


def _damaged(path: Path, finding: str) -> DataError:
    return DataError(
        f"{path} {finding}. Put an intact copy of this file there, or remove the folder {path.parent} "
        "to have the data set downloaded again."
    )
