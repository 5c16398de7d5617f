"""A small convolutional classifier, whose last hidden layer gives the features of images."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

NUM_FEATURES = 128
"""Few beside the thousands of images that are measured: the moments of more features would be known less well."""

IMAGES_AT_ONCE = 500


class LabelledImages(Protocol):
    """A minibatch of images, ``(B, channels, height, width)`` in [-1, 1], with their classes, ``(B,)``."""

    images: Tensor
    labels: Tensor


class ImageClassifier(LightningModule):
    """Two convolutions of stride 2 and two fully connected layers, with rectified units.

    ``forward`` gives features, the rates of the last hidden layer; ``logits`` reads classes off them. Training
    minimises the cross entropy by Adam; the learning rate rises and falls once (L. N. Smith, N. Topin,
    arXiv:1708.07120).

    Args:
        image_shape: channels, height and width of an image; any numbers.
        num_classes: number of classes.
        learning_rate: largest learning rate.
        seed: seed of the initial weights.

    Raises:
        ValueError: if there are fewer than two classes.
    """

    def __init__(
        self, image_shape: Sequence[int], num_classes: int, *, learning_rate: float = 2e-3, seed: int = 0
    ) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"a classifier tells two classes or more apart, but there are {num_classes}")
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.learning_rate = learning_rate
        channels, height, width = self.image_shape
        quarter = -(-height // 4) * -(-width // 4)  # each stride halves a side, upwards
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.body = nn.Sequential(
                *(nn.Conv2d(channels, 32, 5, stride=2, padding=2), nn.ReLU()),
                *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
                nn.Flatten(),
                *(nn.Linear(64 * quarter, NUM_FEATURES), nn.ReLU()),
            )
            self.head = nn.Sequential(nn.Dropout(0.25), nn.Linear(NUM_FEATURES, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        """Compute the features of images ``(N, channels, height, width)`` in [-1, 1]: ``(N, NUM_FEATURES)``."""
        return cast(Tensor, self.body(images))

    def logits(self, features: Tensor) -> Tensor:
        """Compute unnormalised log-probabilities of classes, ``(N, classes)``, from features."""
        return cast(Tensor, self.head(features))

    def training_step(self, batch: LabelledImages, batch_idx: int) -> Tensor:
        """Compute the cross entropy of a minibatch."""
        return cross_entropy(self.logits(self(batch.images)), batch.labels)

    def configure_optimizers(self) -> Any:
        """Make the optimiser, and the schedule of its learning rate over the whole training."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.learning_rate)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @torch.no_grad()
    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Compute the share of images whose most probable class is theirs; leaves the classifier in evaluation mode."""
        self.eval()
        read = [self.logits(self(part.to(self.device))).argmax(1).cpu() for part in images.split(IMAGES_AT_ONCE)]
        return float((torch.cat(read) == labels.cpu()).double().mean())
