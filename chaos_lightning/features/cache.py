"""The folder of trained classifiers, one file for each data set."""

import json
import os
import zlib
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from chaos_lightning.features.classifier import ImageClassifier
from chaos_lightning.files import expanded, written_at_once

SUFFIX = ".safetensors"

KEY = "chaos_lightning_classifier"
"""Entry of a file's metadata that says how to make the classifier, as JSON."""


def classifier_path(name: str, pixels: Tensor, labels: Tensor, cache_dir: str | None = None) -> Path:
    """Return the file of the classifier of a data set, whether it is there or not.

    Args:
        name: name of the data set.
        pixels: its training images, 8-bit; data sets that differ in an image or a label have other files.
        labels: their classes.
        cache_dir: folder of the files; by default ``chaos_lightning/classifiers`` in the folder that the environment
            variable ``XDG_CACHE_HOME`` names, or in ``~/.cache``.
    """
    checksum = 0
    for tensor in (pixels, labels):
        checksum = zlib.crc32(tensor.cpu().numpy().tobytes(), checksum)
    return _folder(cache_dir) / f"{name}-{checksum:08x}{SUFFIX}"


def save_classifier(classifier: ImageClassifier, path: Path) -> None:
    """Write a classifier into a file; a reader never sees half of it."""
    settings = {"image_shape": classifier.image_shape, "num_classes": classifier.num_classes}
    weights = {name: weight.cpu().contiguous() for name, weight in classifier.state_dict().items()}
    with written_at_once(path) as temporary:
        save_file(weights, temporary, metadata={KEY: json.dumps(settings)})


def load_classifier(path: str | Path) -> ImageClassifier:
    """Read a classifier that :func:`save_classifier` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds something else.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}: chaos-lightning classifier trains a classifier and names it")
    try:
        with safe_open(path, framework="pt") as file:
            settings = json.loads((file.metadata() or {})[KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} holds no classifier: give a file that chaos-lightning classifier wrote") from error
    classifier = ImageClassifier(**settings)
    classifier.load_state_dict(weights)
    return classifier.eval()


def _folder(cache_dir: str | None) -> Path:
    if cache_dir is not None:
        return Path(expanded(cache_dir))
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else Path.home() / ".cache"  # as the standard has it
    return base / "chaos_lightning" / "classifiers"
