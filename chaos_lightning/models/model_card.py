"""The model card of a network on the Hugging Face Hub."""

from collections.abc import Mapping
from typing import Any

import yaml

from chaos_lightning.checkpoints import training_data
from chaos_lightning.metrics.catalogue import MEASURES
from chaos_lightning.metrics.evaluation import Evaluation


def model_card(checkpoint: Mapping[str, Any], evaluation: Evaluation, repo_id: str, licence: str) -> str:
    """Write the card: what the network is, its measures beside their floors, how to use it and how it was trained.

    Args:
        checkpoint: the network's checkpoint, with its settings.
        evaluation: the measures of the network.
        repo_id: ``owner/repository``.
        licence: licence of the weights, by its name on the Hub.
    """
    settings, header = dict(checkpoint["hyper_parameters"]), checkpoint["chaos_lightning"]
    seed = settings.pop("seed", 0)
    network = {"class_path": settings.pop("_class_path", header["class_path"])}
    settings = {name: value for name, value in settings.items() if not name.startswith("_")}
    config: dict[str, Any] = {"seed_everything": seed, "model": {**network, "init_args": settings}}
    data = training_data(dict(checkpoint))
    about_data = "images that the file does not name"
    if data is not None:
        data["init_args"].pop("seed", None)
        config["data"] = data
        about_data = str(data["class_path"]).rpartition(".")[2].removesuffix("DataModule")
    steps = checkpoint["global_step"]
    config["trainer"] = {"max_steps": steps}
    split = {"val": "validation", "test": "test"}[evaluation.stage]
    values, floors = evaluation.measures[evaluation.sampling_time], evaluation.floors
    rows = [
        f"| {MEASURES[name].label if name in MEASURES else name} | {value:.3g} | {floors.get(name, float('nan')):.3g} |"
        for name, value in values.items()
    ]
    layers = " x ".join(map(str, header["layer_sizes"]))
    return "\n".join(
        [
            "---",
            "library_name: chaos-lightning",
            f"license: {licence}",
            "tags: [chaos, recurrent-neural-network, contrastive-hebbian-learning, unconditional-image-generation]",
            "---",
            f"# {header['architecture']} network trained on {about_data}",
            "",
            f"A chaotic recurrent network of {layers} units that generates images at time T = "
            f"{evaluation.sampling_time:g}, trained by contrastive Hebbian learning (arXiv:2405.10822) for {steps:,} "
            f"steps with chaos_lightning {header['version']}.",
            "",
            "## Measures",
            "",
            f"Of {evaluation.num_samples:,} samples against as many {split} images. The floor is the value that as "
            "many real training images reach.",
            "",
            "| measure | value | floor |",
            "|---|---|---|",
            *rows,
            "",
            "## Use",
            "",
            "```python",
            "from chaos_lightning import ChaoticGenerator",
            "",
            f'images = ChaoticGenerator.from_pretrained("{repo_id}").sample(100, seed=0)  # in [-1, 1]',
            "```",
            "",
            "## Training",
            "",
            "`chaos-lightning fit --config config.yaml`, with these settings in `config.yaml` and, where the run had "
            "one, its schedule of the learning rate as `model.init_args.lr_scheduler`:",
            "",
            "```yaml",
            yaml.safe_dump(config, sort_keys=False).rstrip(),
            "```",
            "",
        ]
    )
