"""Checks of the settings that may change when a checkpoint is loaded, and when a run goes on from it."""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from chaos_lightning.checkpoints.header import plain
from chaos_lightning.checkpoints.training_data import check_unseen, training_data_name
from chaos_lightning.dynamics import as_wiring

SETTINGS_OF_OPTIMIZERS = ("lr", "momentum", "dampening", "nesterov", "betas", "eps", "alpha", "weight_decay", "amsgrad")
"""Settings of torch's optimisers that change the result of training."""


def check_frozen_couplings(saved: Mapping[str, Any], asked: Mapping[str, Any], layer_sizes: Sequence[int]) -> None:
    """Refuse a gain or wiring that differs from the checkpoint, because the frozen couplings come from the checkpoint.

    Args:
        saved: settings in the checkpoint.
        asked: settings of the network that loads it.
        layer_sizes: units of each layer.

    Raises:
        ValueError: if gain or wiring differ; the message gives the values in the checkpoint.
    """
    gain = saved.get("gain")
    if gain != asked.get("gain"):
        raise ValueError(
            f"the checkpoint holds frozen couplings of gain {gain}, but gain={asked.get('gain')} was asked for: set "
            f"gain={gain}"
        )
    if gain is not None:
        wirings = [as_wiring(settings.get("wiring"), len(layer_sizes), gain) for settings in (saved, asked)]
        if wirings[0] != wirings[1]:
            raise ValueError(
                f"the checkpoint holds a network with the wiring {list(wirings[0])}, but {list(wirings[1])} was asked "
                "for: take that of the checkpoint"
            )


def check_settings_of_run(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse to go on with another seed or another learning rule; warn of settings that the checkpoint lacks.

    The memory of the rule and the state of the optimiser in the checkpoint fit only the rule of its own run.

    Args:
        saved: settings in the checkpoint.
        own: settings of the network that goes on.

    Raises:
        ValueError: if the seed or the rule differ, with advice.
    """
    if own.get("seed") != saved.get("seed"):
        raise ValueError(
            f"the checkpoint is of a run with seed {saved.get('seed')}, and it cannot go on with seed "
            f"{own.get('seed')}: its frozen couplings and its data are those of its own seed"
        )
    before, now = (_rule_that_stays(settings) for settings in (saved, own))
    if before != now:
        raise ValueError(
            f"the checkpoint is of a run with the rule {before}, and it cannot go on with {now}: train a new network "
            "for that"
        )
    unsaid = sorted(_compared(own).keys() - _compared(saved).keys())
    if unsaid:
        rank_zero_warn(
            f"the checkpoint does not say {', '.join(unsaid)}: training goes on with "
            + ", ".join(f"{name}={_compared(own)[name]}" for name in unsaid)
        )


def warn_of_other_settings(saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Warn of settings that differ between the checkpoint and the network that loads it."""
    before, now = _compared(saved), _compared(own)
    differing = sorted(name for name in before.keys() & now.keys() - {"seed"} if plain(now[name]) != before[name])
    if differing:
        asked, kept = (", ".join(f"{name}={values[name]}" for name in differing) for values in (now, before))
        rank_zero_warn(f"the checkpoint comes from a network with {kept}, and goes on with {asked}")


def check_data(checkpoint: dict[str, Any], data: LightningDataModule, stage: str | None) -> None:
    """Refuse to validate with images that were trained on; warn if training goes on with other data.

    Args:
        checkpoint: checkpoint of the training.
        data: data module of the validation, or of the training that goes on.
        stage: "validate" or "fit"; nothing is checked in other stages.

    Raises:
        ValueError: if the training has seen validation images.
    """
    if stage == "validate":
        check_unseen(checkpoint, data)  # type: ignore[arg-type]
    before, now = training_data_name(checkpoint), type(data).__name__
    if before not in ("", now) and stage == "fit":
        rank_zero_warn(f"the checkpoint was trained on {before}, and goes on with {now}")


def check_decay(schedules: Sequence[Mapping[str, Any]], max_steps: int) -> None:
    """Refuse to continue training beyond the end of the learning rate's decay.

    Args:
        schedules: states of the checkpoint's learning rate schedules.
        max_steps: number of training steps of the run.

    Raises:
        ValueError: if a schedule would let the learning rate rise again.
    """
    for schedule in schedules:
        end = schedule.get("T_max")
        if end is not None and max_steps > end > 0:
            raise ValueError(
                f"the learning rate of the checkpoint's run decays until step {end:,}, after which it would rise "
                f"again, but max_steps={max_steps:,}: train a new network for as long"
            )


def check_optimizer(saved: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]) -> None:
    """Refuse settings of the optimiser that differ from the checkpoint: torch would silently use the checkpoint's.

    Args:
        saved: groups of parameters of the checkpoint's optimiser.
        asked: groups of parameters of an optimiser with the settings asked for.

    Raises:
        ValueError: if settings differ, with both values.
    """
    for own, before in zip(asked, saved, strict=False):
        # A schedule changes lr and keeps the rate with which it began as initial_lr.
        own, before = ({**group, "lr": group.get("initial_lr", group["lr"])} for group in (own, before))
        cycled = ("momentum", "betas") if "base_momentum" in before else ()  # by the schedule
        names = [name for name in SETTINGS_OF_OPTIMIZERS if name in own and name in before and name not in cycled]
        differing = [name for name in names if plain(own[name]) != before[name]]
        if differing:
            kept, other = (", ".join(f"{n}={group[n]}" for n in differing) for group in (before, own))
            raise ValueError(
                f"the checkpoint's optimiser has {kept}, but {other} was asked for: training goes on with the "
                "settings that it began with. Ask for these, or train a new network"
            )


def check_schedule(saved: Sequence[Mapping[str, Any]], asked: Any, max_steps: int) -> None:
    """Refuse another schedule of the learning rate: it would have no effect, as torch takes that of the checkpoint.

    A decay that ends with training may be left before its end.

    Args:
        saved: states of the checkpoint's schedules, of which there is one at most.
        asked: the schedule as asked for; None without one.
        max_steps: training steps as asked for.

    Raises:
        ValueError: with what differs.
    """
    if asked is None or not saved:
        before, now = ("a schedule" if saved else "none"), ("none" if asked is None else type(asked).__name__)
        differing = {"schedule": (before, now)} if before != now else {}
    else:
        differing = {
            name: (before, now)
            for name, (before, now) in _differing_settings(saved[0], asked).items()
            if not (name in ("T_max", "total_iters") and now == max_steps and before is not None and now < before)
        }
    if differing:
        kept, other = (", ".join(f"{name}={each[place]}" for name, each in differing.items()) for place in (0, 1))
        raise ValueError(
            f"the learning rate of the checkpoint's run has the schedule {kept}, but {other} was asked for: training "
            "goes on with the one that it began with. Ask for that, or train a new network"
        )


def _differing_settings(saved: Mapping[str, Any], asked: Any) -> dict[str, tuple[Any, Any]]:
    """Compare the state of a schedule with one as asked for: name of each setting that differs to both values."""
    now = asked.state_dict()
    public = [{name for name in state if name[0] != "_" and name != "verbose"} for state in (saved, now)]
    if public[0] != public[1]:  # another class, of which the state does not tell the name
        own = {name: saved[name] for name in sorted(public[0] - {"last_epoch", "base_lrs"})}
        return {"schedule": (own, type(asked).__name__)}
    names = {"_milestones", *signature(type(asked)).parameters} & now.keys() - {"last_epoch"}
    found = {name: (saved[name], now[name]) for name in sorted(names) if plain(now[name]) != plain(saved[name])}
    for before, each in zip(saved.get("_schedulers", ()), getattr(asked, "_schedulers", ()), strict=False):
        found |= _differing_settings(before, each)
    return found


def _compared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a network by dotted names, without the ones that are checked elsewhere."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if name.startswith("_") or name in ("optimizer", "wiring"):
            continue
        if isinstance(value, Mapping) and "class_path" in value:
            flat[name] = value["class_path"].rpartition(".")[2]
            flat |= {f"{name}.{key}": entry for key, entry in (value.get("init_args") or {}).items()}
        else:
            flat[name] = value
    return flat


def _rule_that_stays(settings: Mapping[str, Any]) -> str:
    """Describe the part of a rule that must stay the same through a run: its class, and the rate of the biases."""
    flat = _compared(settings)
    return f"{flat.get('rule')} with bias_rate={flat.get('rule.bias_rate')}"
