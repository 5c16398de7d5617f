"""Migration of checkpoints of earlier formats."""

from typing import Any

import torch

from chaos_lightning.checkpoints.header import FORMAT, KEY

PUBLISHED = "chaos_lightning.learning.hebbian.ContrastiveHebbian"
CENTRED = "chaos_lightning.learning.centring.CentredHebbian"


def migrate(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Bring a checkpoint of an earlier format to the present one, in place, and return it.

    A checkpoint of the present format, of a later one or of another program is left as it is.
    """
    header = checkpoint.get(KEY)
    if isinstance(header, dict) and header.get("format") == 1:
        _flat_settings_to_rule(checkpoint.get("hyper_parameters", {}))
        _mean_rates_to_memory(checkpoint.get("state_dict", {}))
        header["format"] = FORMAT
    return checkpoint


def _flat_settings_to_rule(settings: dict[str, Any]) -> None:
    """Collect the settings of the rule, which format 1 kept among the settings of the network."""
    if "gain" not in settings:  # another generator
        return
    centering = settings.pop("centering", 0.0)
    bias_rate = settings.pop("bias_rate", None)
    rule: dict[str, Any] = {
        "bias_rate": bias_rate if bias_rate is not None else 50.0 if centering > 0 else 1.0,
        "reclamp": settings.pop("reclamp", False),
        "l1": settings.pop("l1", 0.0),
    }
    if centering > 0:
        rule["centering"] = centering
    settings["rule"] = {"class_path": CENTRED if centering > 0 else PUBLISHED, "init_args": rule}
    settings["wiring"] = None


def _mean_rates_to_memory(weights: dict[str, Any]) -> None:
    """Join the mean rates of all layers in the rule's memory; format 1 kept each layer apart."""
    names = sorted((name for name in weights if name.startswith("mean_rates.")), key=lambda name: int(name[11:]))
    if names:
        weights["memory.mean_rates"] = torch.cat([weights.pop(name) for name in names])
