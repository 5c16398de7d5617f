"""The data set that a network was trained on, according to its checkpoint."""

from pydoc import locate
from typing import Any

from chaos_lightning.data.datamodule import ImageDataModule


def training_data(checkpoint: dict[str, Any]) -> dict[str, Any] | None:
    """Return class path and settings of the training's data module; None if the checkpoint does not name it."""
    settings = dict(checkpoint.get("datamodule_hyper_parameters", {}))
    class_path = settings.get("_class_path")
    if class_path is None:
        return None
    return {
        "class_path": class_path,
        "init_args": {name: value for name, value in settings.items() if not name.startswith("_")},
    }


def training_data_name(checkpoint: dict[str, Any]) -> str:
    """Return the class name of the training's data module; empty if the checkpoint does not name it."""
    data = training_data(checkpoint)
    return "" if data is None else str(data["class_path"]).rpartition(".")[2]


def without_places(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a checkpoint where the images lay on the machine of its training, for readers on other machines."""
    data = dict(checkpoint.get("datamodule_hyper_parameters", {}))
    if data.pop("data_dir", None) is not None:
        data["_left_out"] = ["data_dir"]
    return {**checkpoint, "datamodule_hyper_parameters": data}


def check_unseen(checkpoint: dict[str, Any], data: ImageDataModule) -> None:
    """Refuse validation images if training has seen some of them.

    Raises:
        ValueError: if the training drew other validation images from the same data set; the message gives its settings.
    """
    settings = checkpoint.get("datamodule_hyper_parameters", {})
    if training_data_name(checkpoint) not in ("", type(data).__name__):
        return
    if "data_dir" in settings.get("_left_out", ()) and data.hparams.get("data_dir") is None:
        raise ValueError(
            "some of these validation images may have been trained on: the network has learned from the full data set, "
            "of which they are a sample. Take test images, or give --data.data_dir DIR"
        )
    if settings.get("train") != data.hparams.get("train"):  # images from another file
        return
    names = [name for name in ("seed", "num_validation") if name in settings]
    if "test" in settings and settings.get("num_validation") is None:
        names.append("test")  # validation images were as many as test images
    differing = [name for name in names if settings[name] != data.hparams.get(name)]
    if differing:
        own = ", ".join(f"{name}={settings[name]}" for name in differing)
        raise ValueError(
            f"some of these validation images were trained on: the checkpoint's run drew its own with {own}. "
            "Take these settings, or test images instead"
        )


def is_at_hand(data: dict[str, Any]) -> bool:
    """Return whether the class that :func:`training_data` names can be found."""
    class_ = locate(data["class_path"])
    return isinstance(class_, type) and issubclass(class_, ImageDataModule)


def require_at_hand(data: dict[str, Any]) -> None:
    """Refuse data if the class that :func:`training_data` names cannot be found.

    Raises:
        ValueError: if it cannot be found, with its name.
    """
    if not is_at_hand(data):
        raise ValueError(f"the checkpoint was trained on {data['class_path']}, which is not at hand: name --data")


def make_training_data(checkpoint: dict[str, Any]) -> ImageDataModule:
    """Make the data module of the training.

    Raises:
        ValueError: if the checkpoint does not name it, or if its class cannot be found.
    """
    noted = training_data(checkpoint)
    if noted is None:
        raise ValueError("the checkpoint does not tell which data set it was trained on: name it with --data")
    require_at_hand(noted)
    data: ImageDataModule = locate(noted["class_path"])(**noted["init_args"])  # type: ignore[operator]
    return data
