"""The settings that a checkpoint holds, as defaults of the command line."""

from pydoc import locate
from typing import Any

from chaos_lightning.checkpoints import is_at_hand, read_header, require_at_hand, training_data
from chaos_lightning.models.settings import accepted_settings


def settings_of(checkpoint: dict[str, Any], *, other_data: str | None) -> dict[str, Any]:
    """Read model, data and seed of a training.

    Args:
        checkpoint: checkpoint of the training.
        other_data: data that the user asks for instead, if any.

    Raises:
        ValueError: if the data module of the training is not at hand, and nothing else was asked for.
    """
    saved, header = checkpoint["hyper_parameters"], read_header(checkpoint)
    # The seed of both comes from seed_everything.
    settings = {name: value for name, value in saved.items() if name != "seed" and not name.startswith("_")}
    class_path = saved.get("_class_path", header.get("class_path", header["architecture"]))
    class_ = locate(class_path)
    if isinstance(class_, type):  # which may fix settings in its constructor
        settings = {name: settings[name] for name in settings.keys() & accepted_settings(class_)}
    defaults = {"model": {"class_path": class_path, "init_args": settings}, "seed_everything": saved.get("seed", 0)}
    data = training_data(checkpoint)
    if data is not None and other_data is None:
        require_at_hand(data)
    if data is not None and is_at_hand(data):
        data["init_args"].pop("seed", None)
        defaults["data"] = data
    return defaults
