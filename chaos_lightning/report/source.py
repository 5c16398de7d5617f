"""The record of a training, in the folder of its run."""

from dataclasses import dataclass
from pathlib import Path

from chaos_lightning.metrics.catalogue import ERRORS
from chaos_lightning.metrics.record import RECORD, read_record


@dataclass(frozen=True)
class TrainingHistory:
    """Errors at T over a training run, as validation wrote them.

    Attributes:
        path: File that holds them.
        steps: Training steps of the validations, ascending.
        values: Measure name to its values, one for each step.
        floors: Measure name to the values that real images reach, one for each step.
        num_samples: Samples of the newest validation, and as many real images.
    """

    path: Path
    steps: list[int]
    values: dict[str, list[float]]
    floors: dict[str, list[float]]
    num_samples: int


def read_history(ckpt_path: Path, sampling_time: float) -> TrainingHistory | None:
    """Read the errors of the run that a checkpoint belongs to.

    They are looked for beside the checkpoint and one folder up, where ``fit`` writes them.

    Returns:
        The errors; None if there are none.

    Raises:
        ValueError: If the file is there but cannot be read.
    """
    folders = [ckpt_path.absolute().parent, ckpt_path.absolute().parent.parent]
    path = next((folder / RECORD for folder in folders if (folder / RECORD).is_file()), None)
    if path is None:
        return None
    at_sampling_time = {step: times.get(sampling_time, {}) for step, times in sorted(read_record(path).items())}
    whole = {step: entries for step, entries in at_sampling_time.items() if entries.keys() >= set(ERRORS)}
    if not whole:
        return None
    return TrainingHistory(
        path,
        list(whole),
        {name: [entries[name].value for entries in whole.values()] for name in ERRORS},
        {name: [entries[name].floor for entries in whole.values()] for name in ERRORS},
        list(whole.values())[-1][ERRORS[0]].num_samples,
    )
