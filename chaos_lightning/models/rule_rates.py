"""Learning rates of couplings and biases, in the unit of the learning rule, and schedules that respect them."""

from math import isclose
from typing import Any

import torch

from chaos_lightning.learning import LearningRule, rate_in_units
from chaos_lightning.models.chains import ChainSampler


class RuleRates(ChainSampler):
    """A chaotic network whose learning rule says how rates of couplings and biases differ, and in which unit they are.

    Attributes:
        rule: the learning rule.
    """

    rule: LearningRule

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Make a new optimiser of couplings and biases, with a group of their own for biases whose settings differ.

        Biases may have another learning rate. They never have weight decay, because a bias that decays moves the mean
        activity away from the data.
        """
        optimizer = super().make_optimizer()
        group = optimizer.param_groups[0]
        group["lr"] *= rate_in_units(self.rule.rate_unit, self.layout.num_units)
        own = {"lr": self.rule.bias_rate * group["lr"]}
        if "weight_decay" in group:
            own["weight_decay"] = 0.0
        if any(group[name] != value for name, value in own.items()):
            biases = list(self.network.biases)
            of_biases = {id(bias) for bias in biases}
            group["params"] = [each for each in group["params"] if id(each) not in of_biases]
            optimizer.add_param_group({"params": biases, **own})
        return optimizer

    def configure_optimizers(self) -> Any:
        """Make optimiser and schedule.

        Raises:
            ValueError: as for every generator, and if the schedule gives couplings and biases the same rate, ignoring
                ``bias_rate``.
        """
        configured = super().configure_optimizers()
        optimizer = configured["optimizer"] if isinstance(configured, dict) else configured
        rates, bias_rate = [group["lr"] for group in optimizer.param_groups], self.rule.bias_rate
        self._check_unit(optimizer, configured)
        if len(rates) > 1 and not isclose(rates[1], bias_rate * rates[0], rel_tol=1e-6, abs_tol=1e-30):
            schedule = type(configured["lr_scheduler"]["scheduler"]).__name__
            raise ValueError(
                f"{schedule} sets the rates of couplings and biases itself, {rates[0]:g} and {rates[1]:g}, but "
                f"bias_rate={bias_rate:g}: set bias_rate=1, or take a schedule that scales rates, such as "
                "CosineAnnealingLR"
            )
        return configured

    def _check_unit(self, optimizer: torch.optim.Optimizer, configured: Any) -> None:
        """Refuse a schedule that gives rates by itself, in no unit, where they have one."""
        if self.rule.rate_unit == "1" or configured is optimizer:
            return
        schedule, unscheduled = configured["lr_scheduler"]["scheduler"], self.make_optimizer().param_groups[0]["lr"]
        if optimizer.param_groups[0].get("initial_lr", unscheduled) != unscheduled or getattr(schedule, "eta_min", 0):
            raise ValueError(
                f"{type(schedule).__name__} sets learning rates itself (max_lr or eta_min), but rate_unit="
                f"{self.rule.rate_unit} gives them in a unit: leave eta_min 0, take a schedule that scales rates, or "
                "set rate_unit=1"
            )
