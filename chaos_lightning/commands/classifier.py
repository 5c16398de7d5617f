"""The command ``chaos-lightning classifier``: train the classifier in whose features images are measured."""

import time
from datetime import timedelta
from pathlib import Path

from lightning.pytorch import Trainer

from chaos_lightning.data import ImageDataModule, MNISTDataModule
from chaos_lightning.data.batches import TrainingBatches
from chaos_lightning.features import ImageClassifier, classifier_path, save_classifier
from chaos_lightning.files import make_writable
from chaos_lightning.functional.checks import check_seed

BATCH_SIZE = 100


def classifier(
    data: ImageDataModule | None = None, steps: int = 3_000, seed: int = 0, cache_dir: str | None = None
) -> Path:
    """Train a small convolutional classifier on all training images of a data set, and keep it in a folder of caches.

    Then fit, validate, test, sweep and compare measure in its feature space with --features.network classifier, and
    measure with --features FILE. It takes some two minutes on a core; its accuracy on test images is printed.

    Args:
        data: data set; by default the sample of MNIST in the package.
        steps: number of training steps, of 100 images each.
        seed: seed of the initial weights and of the order of training.
        cache_dir: folder of the classifiers; by default chaos_lightning/classifiers in $XDG_CACHE_HOME or ~/.cache.

    Returns:
        The file.

    Raises:
        DataError: if the data set cannot be read.
        OSError: if the file cannot be written.
        ValueError: if the images are of fewer than two classes, or a number is too small.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, but is {steps}")
    check_seed(seed)
    data = MNISTDataModule() if data is None else data
    data.prepare_data()
    if data.num_classes < 2:
        raise ValueError(
            f"the images of {data.name} have no labels, so that no classifier can learn from them: give labels, or a "
            "network of your own by its class path where one is asked for"
        )
    images, test = data.read_image_sets()
    path = classifier_path(str(data.name), images.pixels, images.labels, cache_dir)
    make_writable(path.parent)
    network = ImageClassifier(data.image_shape, data.num_classes, seed=seed)
    start = time.monotonic()
    trainer = Trainer(max_steps=steps, devices=1, logger=False, enable_checkpointing=False, enable_model_summary=False)
    trainer.fit(network, TrainingBatches(images, min(BATCH_SIZE, len(images)), seed=seed))
    seconds = timedelta(seconds=round(time.monotonic() - start))
    accuracy = network.accuracy(test.images, test.labels)
    save_classifier(network, path)
    print(
        f"Trained a classifier on {len(images):,} images of {data.name} in {seconds}: it reads {100 * accuracy:.2f} % "
        f"of {len(test):,} test images right.\nclassifier  {path}"
    )
    return path
