"""The command ``chaos-lightning export``: write the weights of a checkpoint into a file."""

from chaos_lightning.checkpoints import SUFFIX, compacted, read_checkpoint, read_header, write_weights_file
from chaos_lightning.files import make_writable, output_file


def export(ckpt_path: str, output: str, compact: bool = False) -> None:
    """Write the weights of a checkpoint, with the network's settings, into a .safetensors file.

    Args:
        ckpt_path: checkpoint of a trained network.
        output: file to write; .safetensors is appended if it is missing.
        compact: whether to write a fifth: learned couplings in half precision, and of the frozen ones only a checksum,
            because they are drawn again from their seed when the file is read.

    Raises:
        FileNotFoundError: if there is no checkpoint.
        OSError: if the output cannot be written.
        ValueError: if the checkpoint cannot be read, or the output is a folder or has another ending, or if
            the network cannot be made compact.
    """
    path = output_file(output, SUFFIX)
    checkpoint = read_checkpoint(ckpt_path)
    header = read_header(checkpoint)
    if compact:
        checkpoint = compacted(checkpoint)
    make_writable(path.parent)
    write_weights_file(checkpoint, path)
    layers = " x ".join(str(size) for size in header["layer_sizes"])
    print(
        f"Wrote the weights of a {header['architecture']} network ({layers} units, {checkpoint['global_step']:,} "
        f"training steps) to {path}."
    )
