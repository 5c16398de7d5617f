"""Measures of networks that know classes: images asked for by class, and the class read off images."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_calibration_error

from chaos_lightning.functional.checks import SampleCountError, as_labelled_training_rows
from chaos_lightning.functional.class_balance import nearest_labels
from chaos_lightning.metrics.catalogue import ERROR_FUNCTIONS
from chaos_lightning.metrics.rows import RowMetric


@dataclass(frozen=True)
class ClassFigures:
    """Measures of one class, or of all together; NaN where there are too few images.

    Attributes:
        name: the class as a number, or "all".
        num_images: held-out images, and as many generated ones.
        values: measure name to value.
        floors: measure name to what real images reach; lacks measures of reading.
    """

    name: str
    num_images: int
    values: dict[str, float]
    floors: dict[str, float]


@dataclass(frozen=True)
class ClassEvaluation:
    """What networks that know classes are measured by: class by class, and over all together."""

    classes: list[ClassFigures]
    overall: ClassFigures


class ClassMeasures(RowMetric):
    """How well a network that knows classes makes what it is asked for, and reads what it is shown.

    The images are compared with held-out images of the same class by the accuracy measures. ``class_agreement`` is
    the share of them whose nearest training image is of the class asked for; its floor is that of held-out images,
    which is no more than what the nearest neighbour can tell. ``accuracy`` and ``calibration_error`` (expected
    calibration error, 15 bins) are those of the classes that the network reads off held-out images.

    Args:
        training_images: Shape ``(M, ...)``, pixels in [-1, 1], for the class agreement and the floors.
        training_labels: Shape ``(M,)``, integers from 0.
        num_classes: Number of classes.
        kwargs: Further arguments of :class:`torchmetrics.Metric`.

    Raises:
        TypeError: If the training images are not a floating tensor.
        ValueError: If a shape or a value is wrong.
    """

    training_images: Tensor
    training_labels: Tensor

    def __init__(self, training_images: Tensor, training_labels: Tensor, num_classes: int, **kwargs: Any) -> None:
        rows = as_labelled_training_rows(training_images, training_labels).float()
        super().__init__(rows.shape[1], **kwargs)
        self.num_classes = num_classes
        self.register_buffer("training_images", rows, persistent=False)
        self.register_buffer("training_labels", training_labels, persistent=False)
        self.add_row_state("real_images", torch.empty(0, self.num_pixels))
        self.add_row_state("generated_images", torch.empty(0, self.num_pixels))
        self.add_row_state("labels", torch.empty(0, dtype=torch.int64))
        self.add_row_state("probabilities", torch.empty(0, num_classes))

    def update(self, real: Tensor, labels: Tensor, generated: Tensor, probabilities: Tensor) -> None:
        """Add held-out images and what belongs to them.

        Args:
            real: Held-out images, ``(N, ...)``, pixels in [-1, 1].
            labels: Their classes, ``(N,)``, int64.
            generated: Images asked for by these classes, ``(N, ...)``, pixels in [-1, 1].
            probabilities: Classes read off the held-out images, ``(N, classes)``.

        Raises:
            TypeError: If images are not a floating tensor.
            ValueError: If a shape or a value is wrong.
        """
        if not len(real) == len(labels) == len(generated) == len(probabilities):
            sizes = [len(rows) for rows in (real, labels, generated, probabilities)]
            raise ValueError(f"images, labels, generated images and probabilities must be equally many, got {sizes}")
        self.append_rows("real_images", self._rows(real, real=True).to(torch.float32, copy=True))
        self.append_rows("generated_images", self._rows(generated, real=False).to(torch.float32, copy=True))
        self.append_rows("labels", labels.clone())
        self.append_rows("probabilities", probabilities.to(torch.float32, copy=True))

    def compute(self) -> dict[str, Tensor]:
        """All measures: shape ``(classes + 1,)`` each, the last entry over all classes, and the floors ``floor/...``.

        Raises:
            SampleCountError: If there are no images.
        """
        real, generated = self.all_rows("real_images"), self.all_rows("generated_images")
        labels, probabilities = self.all_rows("labels"), self.all_rows("probabilities")
        if not len(labels):
            raise SampleCountError("there are no images to measure")
        floor = self._training_images_like(labels)
        groups = [(labels == label).nonzero().squeeze(1) for label in range(self.num_classes)]
        groups.append(torch.arange(len(labels), device=labels.device))

        values: dict[str, Tensor] = {"num_images": torch.tensor([len(rows) for rows in groups])}
        for prefix, images in (("", generated), ("floor/", floor)):
            for name, function in ERROR_FUNCTIONS.items():
                values[prefix + name] = _over(groups, lambda rows, f=function, x=images: f(real[rows], x[rows]))
        for prefix, images in (("", generated), ("floor/", real)):
            agrees = nearest_labels(images, self.training_images, self.training_labels) == labels
            values[prefix + "class_agreement"] = _over(groups, lambda rows, x=agrees: x[rows].double().mean())
        for name, measure in (
            ("accuracy", lambda p, y: multiclass_accuracy(p, y, self.num_classes, average="micro")),
            ("calibration_error", lambda p, y: multiclass_calibration_error(p, y, self.num_classes)),
        ):
            values[name] = _over(groups, lambda rows, f=measure: f(probabilities[rows], labels[rows]))
        return values

    def evaluate(self) -> ClassEvaluation:
        """The measures as plain numbers."""
        table = {name: value.tolist() for name, value in self.compute().items()}
        num_images = table.pop("num_images")
        figures = []
        for place, name in enumerate([*map(str, range(self.num_classes)), "all"]):
            values = {measure: column[place] for measure, column in table.items()}
            floors = {measure: values.pop(measure) for measure in table if measure.startswith("floor/")}
            floors = {measure.removeprefix("floor/"): value for measure, value in floors.items()}
            figures.append(ClassFigures(name, num_images[place], values, floors))
        return ClassEvaluation(figures[:-1], figures[-1])

    def _training_images_like(self, labels: Tensor) -> Tensor:
        """Training images with given labels, each once; the first of a class again where there are too few."""
        images = torch.empty(len(labels), self.num_pixels, device=labels.device)
        for label in labels.unique().tolist():
            rows = (labels == label).nonzero().squeeze(1)
            of_class = (self.training_labels == label).nonzero().squeeze(1)
            if not len(of_class):
                raise SampleCountError(f"there are no training images of class {label}")
            images[rows] = self.training_images[of_class[torch.arange(len(rows), device=labels.device) % len(of_class)]]
        return images


def _over(groups: list[Tensor], measure: Any) -> Tensor:
    """A measure of each group of rows, float64, NaN for groups that are too small for it."""
    values = []
    for rows in groups:
        try:
            values.append(float(measure(rows)) if len(rows) else torch.nan)
        except SampleCountError:
            values.append(torch.nan)
    return torch.tensor(values, dtype=torch.float64)
