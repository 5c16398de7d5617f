"""The common base of all baselines: samples without a sampling time, and training steps down a loss."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from chaos_lightning.dynamics import draw_by_chain
from chaos_lightning.models.divergence import TrainingDivergedError, check_pixels
from chaos_lightning.models.generator import ImageGenerator
from chaos_lightning.sampling import ChainLoader, ChainRange

if TYPE_CHECKING:
    from chaos_lightning.data import EvaluationBatch, Minibatch

# Uses of random numbers: no two uses ever share any.
TRAINING, EVALUATION, SAMPLING = range(3)


class Baseline(ImageGenerator):
    """A generator whose samples have no sampling time; its measures are noted under time 0."""

    sampling_time = 0.0
    measure_times = [0.0]  # noqa: RUF012 - nobody changes it

    def generate(self, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Generate samples ``first_sample`` to ``first_sample + num_samples``, ``(num_samples, pixels)`` in [-1, 1].

        Args:
            num_samples: number of images.
            seed: seed of the samples, for example for training.
            first_sample: index of the first sample; a sample depends only on the seed and its own index.
        """
        raise NotImplementedError

    def draw(self, num_units: int, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Draw N(0, 1) for a range of samples, ``(num_samples, num_units)``, with device and type of the weights.

        Arguments are as in :meth:`generate`; ``num_units`` is the number of units of a sample.
        """
        drawn = draw_by_chain(num_units, num_samples, seed=seed, first_chain=first_sample, device=self.device)
        return drawn.to(self.dtype)

    def on_train_batch_start(self, batch: "Minibatch", batch_idx: int) -> None:
        """Refuse images that are not in [-1, 1]."""
        if self.may_wait_for_device(self.global_step):
            check_pixels(float(torch.linalg.vector_norm(batch.images, float("inf"))), self.global_step)

    def learn(self, gradients: Iterable[Tensor], losses: Mapping[str, Tensor]) -> None:
        """Finish a training step: step optimiser and schedule, and log the losses.

        Args:
            gradients: gradients of the trainable parameters, in their order.
            losses: name to scalar.

        Raises:
            TrainingDivergedError: if a loss is not finite.
        """
        step = self.global_step
        if self.may_wait_for_device(step):
            for name, loss in losses.items():
                if not torch.isfinite(loss):
                    raise TrainingDivergedError(
                        f"training diverged at step {step}: {name} is {float(loss)}. {self.advice_on_divergence}"
                    )
        self.descend(gradients)
        self.step_schedule()
        if self.is_logging_step(step):
            values = {f"train/{name}": float(loss) for name, loss in losses.items()}
            self.log_now({**values, "train/learning_rate": self.learning_rate})

    @torch.no_grad()
    def sample(self, num_samples: int, *, seed: int | None = None, chains_at_once: int = 500) -> Tensor:
        """Generate images, see :meth:`ImageGenerator.sample`."""
        if seed is None:
            seed = int(torch.randint(2**31, ()))
        return torch.cat([self.predict_step(samples, 0) for samples in ChainLoader(num_samples, chains_at_once, seed)])

    @torch.no_grad()
    def predict_step(self, batch: ChainRange, batch_idx: int) -> Tensor:
        """Generate a range of samples, as :meth:`sample` numbers them."""
        seed = (batch.seed, SAMPLING)
        return self._as_images(self.generate(batch.num_chains, seed=seed, first_sample=batch.first_chain))

    def evaluation_images(self, batch: "EvaluationBatch") -> dict[float, Tensor]:
        """Generate samples with the same random numbers in every validation."""
        seed = (self.seed, EVALUATION)
        images = self.generate(len(batch.images), seed=seed, first_sample=batch.first_index)
        return {self.sampling_time: self._as_images(images)}

    def _as_images(self, rows: Tensor) -> Tensor:
        return rows.float().view(-1, *self.image_shape)
