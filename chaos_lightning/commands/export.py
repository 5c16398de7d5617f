"""The command ``chaos-lightning export``: write the weights of a checkpoint into a file."""

from chaos_lightning.checkpoints import SUFFIX, read_checkpoint, read_header, write_weights_file
from chaos_lightning.files import with_ending


def export(ckpt_path: str, output: str) -> None:
    """Write the weights of a checkpoint, with the network's settings, into a .safetensors file.

    Args:
        ckpt_path: checkpoint of a trained network.
        output: file to write; .safetensors is appended if it is missing.
    """
    checkpoint = read_checkpoint(ckpt_path)
    header = read_header(checkpoint)
    path = with_ending(output, SUFFIX)
    write_weights_file(checkpoint, path)
    layers = " x ".join(str(size) for size in header["layer_sizes"])
    print(
        f"Wrote the weights of a {header['architecture']} network ({layers} units, {checkpoint['global_step']:,} "
        f"training steps) to {path}."
    )
