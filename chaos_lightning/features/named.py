"""Networks of features by the words that a user has for them."""

import os
from collections.abc import Sequence
from pydoc import locate
from typing import Any

import torch
from torch import nn

from chaos_lightning.features.cache import SUFFIX, classifier_path, load_classifier
from chaos_lightning.features.classifier import ImageClassifier
from chaos_lightning.files import expanded

CLASSIFIER = "classifier"
"""Word for the classifier that the command of this name has trained on the data set."""


def find_features(asked: str, image_shape: Sequence[int], data: Any = None, cache_dir: str | None = None) -> nn.Module:
    """Return the network that a user asks for, in evaluation mode.

    Args:
        asked: :data:`CLASSIFIER`, a file that the command wrote, or the class path of a module, which is made without
            arguments.
        image_shape: channels, height and width of the images to read.
        data: data module of the images; None where none is known, and then the word :data:`CLASSIFIER` means nothing.
        cache_dir: folder of the classifiers, see :func:`classifier_path`.

    Raises:
        FileNotFoundError: if there is no such file, or the data set has no classifier yet.
        ValueError: if there is no such class, or the network cannot read the images.
    """
    network = _found(asked, data, cache_dir)
    if isinstance(network, ImageClassifier) and network.image_shape != tuple(image_shape):
        raise ValueError(f"the classifier reads images of {network.image_shape}, but these are of {tuple(image_shape)}")
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(2, *image_shape))
    except Exception as error:  # a network of the user's own may raise anything
        raise ValueError(f"{asked} cannot read images of {tuple(image_shape)}: {error}") from error
    return network


def _found(asked: str, data: Any, cache_dir: str | None) -> nn.Module:
    if asked == CLASSIFIER:
        return _classifier_of(data, cache_dir)
    if asked.endswith(SUFFIX) or os.path.exists(expanded(asked)):
        return load_classifier(expanded(asked))
    class_ = locate(asked)
    if not (isinstance(class_, type) and issubclass(class_, nn.Module)):
        raise ValueError(
            f"{asked} is no network of features: give {CLASSIFIER}, a file that chaos-lightning classifier wrote, or "
            "the class path of a torch.nn.Module; start in the folder of its module, or put that on the Python path"
        )
    try:
        return class_()
    except TypeError as error:
        raise ValueError(f"{asked} must be made without arguments, but cannot: {error}") from error


def _classifier_of(data: Any, cache_dir: str | None) -> ImageClassifier:
    if data is None:
        raise ValueError(
            f"which data set's {CLASSIFIER} is meant is not known here: give the file that chaos-lightning classifier "
            "wrote"
        )
    images, _ = data.read_image_sets()
    path = classifier_path(data.name, images.pixels, images.labels, cache_dir)
    if not path.exists():
        raise FileNotFoundError(
            f"there is no classifier of {data.name} yet ({path}): train it once with chaos-lightning classifier and "
            "the options --data... of this command"
        )
    return load_classifier(path)
