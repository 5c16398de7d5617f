"""Alarms when training goes wrong."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn

from chaos_lightning.callbacks.generator import as_generator
from chaos_lightning.callbacks.signatures import SIGNATURES, Reading, Thresholds
from chaos_lightning.metrics.catalogue import ERRORS
from chaos_lightning.metrics.warning_signs import SIGNS, WarningSigns

IMAGES_LOOKED_AT = 500
"""Most images of a validation from which signs are computed: enough for shares, cheap beside the measures."""

LEAST_IMAGES = 100
"""Fewest images for an alarm: shares of classes or near copies need a few images of each of ten classes."""


class TrainingAlarms(Callback):
    """Warns once when a failure signature appears, with numbers and advice, and says when it is over.

    Noise, mode collapse, inversion and plateaus are looked for at every validation, in the samples and measures that
    validation makes anyway. The onset of divergence is looked for in the largest potential of the free phase, at every
    training step (on a GPU at every logged one). The numbers behind the alarms are logged as
    ``signs/...``.

    Args:
        enabled: false switches all alarms off.
        least_correlation: lowest correlation of neighbouring pixels; samples below it are noise.
        least_class_share: lowest share of the data's classes among samples; fewer classes mean collapse.
        most_identical: largest share of samples that are nearly identical to another one; more mean collapse.
        most_inverted: largest share of samples that are negatives; more mean inversion.
        sign_patience: number of validations in a row that must show noise, collapse or inversion, since one may pass:
            early samples are still noise, or all alike.
        plateau_patience: number of validations without progress of any measure that mean a plateau.
        largest_potential: largest potential; above it training is about to diverge.

    Raises:
        ValueError: for a patience below 1, or a share outside [0, 1].
    """

    def __init__(
        self,
        enabled: bool = True,
        least_correlation: float = 0.3,
        least_class_share: float = 0.5,
        most_identical: float = 0.75,
        most_inverted: float = 0.25,
        sign_patience: int = 2,
        plateau_patience: int = 5,
        largest_potential: float = 1_000.0,
    ) -> None:
        for name, patience in (("sign_patience", sign_patience), ("plateau_patience", plateau_patience)):
            if patience < 1:
                raise ValueError(f"{name} must be at least 1 validation, but is {patience}")
        shares = {"least_class_share": least_class_share, "most_identical": most_identical}
        for name, share in {**shares, "most_inverted": most_inverted}.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be a share from 0 to 1, but is {share}")
        self.enabled = enabled
        self.sign_patience = sign_patience
        self.thresholds = Thresholds(
            least_correlation, least_class_share, most_identical, most_inverted, plateau_patience, largest_potential
        )
        self._signs: WarningSigns | None = None
        self._latest_signs: dict[str, float] = {}
        self._errors: list[dict[str, float]] = []
        self._in_a_row: dict[str, int] = {}
        self._sounding: set[str] = set()

    @property
    def logged_names(self) -> list[str]:
        """Names that it logs, which other callbacks may monitor."""
        return ["signs/largest_potential", *(f"signs/{name}" for name in SIGNS)] if self.enabled else []

    # Divergence

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the largest potential of the step."""
        generator = as_generator(pl_module)
        largest, limit = generator.largest_potential, self.thresholds.largest_potential
        if not self.enabled or largest is None:
            return
        if trainer.global_step % max(1, trainer.log_every_n_steps) == 0:  # type: ignore[attr-defined]
            generator.log_now({"signs/largest_potential": largest})
        message = None
        if largest > limit:
            message = (
                f"training is about to diverge: the largest potential is {largest:.3g} (limit {limit:g}; training "
                f"stops at 10,000). Lower the learning rate (now {generator.learning_rate:g})"
            )
        self._sound("divergence", message, trainer.global_step)

    # Signs in the samples

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the images of the last validation."""
        self._latest_signs = {}
        if self._signs is not None:
            self._signs.reset()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the first images of the validation, and the samples made for them."""
        if not self._watches(trainer):
            return
        if self._signs is None:
            self._signs = WarningSigns(tuple(batch.images.shape[1:])).to(pl_module.device)
        wanted = max(0, IMAGES_LOOKED_AT - batch.first_index)
        self._signs.update(batch.images[:wanted], batch.labels[:wanted], outputs[:wanted])

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compute and log the signs over all processes."""
        if not self._watches(trainer) or self._signs is None:
            return
        num_images = torch.tensor(self._signs.num_images, device=pl_module.device)
        if int(trainer.strategy.reduce(num_images, reduce_op="sum")) < LEAST_IMAGES:
            return
        self._latest_signs = {name: float(value) for name, value in self._signs.compute().items()}
        self._signs.reset()
        as_generator(pl_module).log_now({f"signs/{name}": value for name, value in self._latest_signs.items()})

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sound the alarms."""
        generator = as_generator(pl_module)
        evaluation = generator.evaluation
        if not self._watches(trainer) or evaluation is None:
            return
        measures = evaluation.measures[evaluation.sampling_time]
        self._errors.append({name: measures[name] for name in ERRORS})
        is_chaotic = generator.largest_potential is not None
        reading = Reading(self._latest_signs, self._errors, evaluation.floors, generator.learning_rate, is_chaotic)
        for name, signature in SIGNATURES.items():
            patience = 1 if name == "plateau" else self.sign_patience  # a plateau counts validations itself
            if name == "plateau" or reading.signs:
                message = signature(reading, self.thresholds)
                self._in_a_row[name] = self._in_a_row.get(name, 0) + 1 if message else 0
                self._sound(name, message if self._in_a_row[name] >= patience else None, evaluation.step)

    def _watches(self, trainer: Trainer) -> bool:
        is_training = bool(trainer.optimizers)
        return self.enabled and is_training and not trainer.sanity_checking

    def _sound(self, name: str, message: str | None, step: int) -> None:
        """Warn at the first message of an alarm; say that the alarm is over when there is none any more."""
        if message and name not in self._sounding:
            self._sounding.add(name)
            rank_zero_warn(f"At step {step:,} {message}.")
        elif not message and name in self._sounding:
            self._sounding.discard(name)
            rank_zero_info(f"At step {step:,} the alarm about {name} is over.")

    # Checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Save everything noticed so far, so that a resumed run neither repeats a warning nor forgets a plateau."""
        return {
            "errors": self._errors,
            "in_a_row": self._in_a_row,
            "sounding": sorted(self._sounding),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._errors = list(state_dict["errors"])
        self._in_a_row = dict(state_dict["in_a_row"])
        self._sounding = set(state_dict["sounding"])
