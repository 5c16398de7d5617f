"""What the folder of a run says of its training."""

from dataclasses import dataclass
from pathlib import Path

from chaos_lightning.metrics.catalogue import ERRORS
from chaos_lightning.metrics.record import RECORD, read_record


@dataclass(frozen=True)
class TrainingHistory:
    """The measures at T over a training run, as validation wrote them.

    Attributes:
        path: the file they come from.
        steps: training steps of the validations, ascending.
        values: measure name to its values, one a step.
        floors: measure name to what real images reach, one a step.
        num_samples: samples a side of the newest validation.
    """

    path: Path
    steps: list[int]
    values: dict[str, list[float]]
    floors: dict[str, list[float]]
    num_samples: int


def read_history(ckpt_path: Path, sampling_time: float) -> TrainingHistory | None:
    """The measures of the run that a checkpoint belongs to; None if its folder holds none.

    Looks beside the checkpoint and one folder up, where ``fit`` writes them.

    Raises:
        ValueError: if the file is there but cannot be read.
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
