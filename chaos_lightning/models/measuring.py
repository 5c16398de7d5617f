"""Measures of generated images against real ones, in validation and test."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from chaos_lightning.metrics.class_measures import ClassMeasures
from chaos_lightning.metrics.evaluation import Evaluation, StageMeasures, four_measures
from chaos_lightning.models.updates import ManualUpdates
from chaos_lightning.shapes import Shape, num_values

if TYPE_CHECKING:
    from chaos_lightning.data import EvaluationBatch


class Measured(ManualUpdates):
    """A module that measures its images in validation and test.

    Attributes:
        image_shape: shape of a sample, see :mod:`chaos_lightning.shapes`.
        sampling_time: T, the time at which the activity is read out as an image; 0 for generators without such a time.
        measure_times: times at which validation and test measure, T among them.
        evaluation: the measures of the last validation or test; None before.
        training_names: names that training logs, which callbacks may monitor.
        further_measures: what callbacks add to :meth:`make_measures`: functions that make measures by their names.
    """

    image_shape: Shape
    sampling_time: float
    measure_times: list[float]
    evaluation: Evaluation | None
    training_names: ClassVar[tuple[str, ...]] = ()
    further_measures: dict[str, Callable[[], dict[str, Metric | MetricCollection]]]
    _stage_measures: dict[str, StageMeasures]

    @property
    def num_pixels(self) -> int:
        """Number of values of a sample, over all channels."""
        return num_values(self.image_shape)

    def evaluation_images(self, batch: "EvaluationBatch") -> dict[float, Tensor]:
        """Generate as many images as there are real ones, ``(B, *image_shape)`` at each of the measure times.

        Every validation makes them from the same random numbers, so that two validations differ by the weights alone.
        """
        raise NotImplementedError

    def make_measures(self) -> MetricCollection:
        """Make the measures of validation and test: the four of accuracy, to which subclasses may add their own.

        Each is a metric with ``update(images, real=...)``, whose value is a scalar.
        """
        return four_measures(self.num_pixels)

    def class_measures(self) -> ClassMeasures | None:
        """Return the measures of each class; None for generators that know no classes."""
        return None

    def validation_step(self, batch: "EvaluationBatch", batch_idx: int) -> Tensor:
        """Generate as many images as there are real ones, measure both, and return the generated images at time T."""
        return self._measure("val", batch)

    def test_step(self, batch: "EvaluationBatch", batch_idx: int) -> Tensor:
        """Generate and measure images as in :meth:`validation_step`."""
        return self._measure("test", batch)

    def on_validation_epoch_start(self) -> None:
        """Reset the measures, which may hold images of a run that was broken off."""
        self._start_measuring("val")

    def on_test_epoch_start(self) -> None:
        """Reset the measures, which may hold images of a run that was broken off."""
        self._start_measuring("test")

    def on_validation_epoch_end(self) -> None:
        """Compute and log the measures."""
        if not self.trainer.sanity_checking:
            self._log_measures("val")

    def on_test_epoch_end(self) -> None:
        """Compute and log the measures."""
        self._log_measures("test")

    def _start_measuring(self, stage: str) -> None:
        if stage not in self._stage_measures:
            self._stage_measures[stage] = StageMeasures(self.measure_times, self._all_measures, self.class_measures())
        self._stage_measures[stage].to(self.device).reset()

    def _all_measures(self) -> MetricCollection:
        measures = self.make_measures()
        for make in self.further_measures.values():
            measures.add_metrics(make())
        return measures

    @torch.no_grad()
    def _measure(self, stage: str, batch: "EvaluationBatch") -> Tensor:
        generated = self.evaluation_images(batch)
        measures = self._stage_measures[stage]
        measures.update(batch.images, generated, batch.floor_images)
        if measures.classes is not None:
            self.measure_classes(measures.classes, batch)
        return generated[self.sampling_time]

    def measure_classes(self, measures: ClassMeasures, batch: "EvaluationBatch") -> None:
        """Add a batch to the measures of :meth:`class_measures`."""
        raise NotImplementedError

    def _log_measures(self, stage: str) -> None:
        measures = self._stage_measures[stage]
        num_samples = torch.tensor(measures.num_samples, device=self.device)
        num_samples = self.trainer.strategy.reduce(num_samples, reduce_op="sum")
        step = self.global_step or self._loaded_step
        evaluation = measures.compute(stage, step, self.sampling_time, int(num_samples))
        self.evaluation = evaluation
        logged = {f"{stage}_floor/{name}": value for name, value in evaluation.floors.items()}
        for time, values in evaluation.measures.items():
            at_time = time == self.sampling_time
            logged |= {
                f"{stage}/{name}" if at_time else f"{stage}_at_t/{name}/t={time:g}": value
                for name, value in values.items()
            }
        if evaluation.classes is not None:
            overall = evaluation.classes.overall.values
            logged |= {f"{stage}_classes/{name}": value for name, value in overall.items()}
        self.log_now(logged)
