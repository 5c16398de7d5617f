"""PNG files byte by byte, of kinds that libraries do not write."""

import struct
import zlib

import numpy as np

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6


def chunk(name, content):
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def png_bytes(values, kind=GREY, depth=8, extra=b""):
    """Encode values of shape (rows, columns) or (rows, columns, channels), whole numbers below 2**depth."""
    values = np.asarray(values)
    rows, columns = values.shape[:2]
    if depth < 8:  # several pixels a byte, the first in the highest bits
        bits = (values[..., np.newaxis] >> np.arange(depth)[::-1]) & 1
        lines = np.packbits(bits.reshape(rows, -1).astype(np.uint8), axis=1)
    else:
        lines = values.astype({8: np.uint8, 16: ">u2"}[depth])
    header = struct.pack(">IIBBBBB", columns, rows, depth, kind, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
