"""Tiny data sets on disk, a download server, and the full data where it is to be had."""

import gzip
import hashlib
import os
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

NUM_TRAIN, NUM_TEST = 29, 7


def encode_idx(values):
    """Encode uint8 values as an IDX file."""
    header = (0x800 + values.ndim, *values.shape)
    return b"".join(number.to_bytes(4, "big") for number in header) + values.tobytes()


def raw_files():
    """Tiny files: the first pixel of an image is its row number, from 100 on in the test file."""
    files = {}
    for prefix, count, first in (("train", NUM_TRAIN, 0), ("t10k", NUM_TEST, 100)):
        images = np.random.default_rng(first).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        images[:, 0, 0] = first + np.arange(count)
        labels = (np.arange(count) % 10).astype(np.uint8)
        files[f"{prefix}-images-idx3-ubyte"] = encode_idx(images)
        files[f"{prefix}-labels-idx1-ubyte"] = encode_idx(labels)
    return files


@pytest.fixture
def idx_bytes():
    return encode_idx


@pytest.fixture
def data_dir(tmp_path):
    """A folder with a tiny MNIST and FashionMNIST."""
    root = tmp_path / "data"
    for name in ("MNIST", "FashionMNIST"):
        folder = root / name / "raw"
        folder.mkdir(parents=True)
        for file, content in raw_files().items():
            (folder / file).write_bytes(content)
    return root


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


class Mirror:
    """A download server on this machine that counts what it is asked for."""

    def __init__(self):
        self.files = {f"{name}.gz": gzip.compress(content) for name, content in raw_files().items()}
        self.resources = [(name, hashlib.md5(content).hexdigest()) for name, content in self.files.items()]
        self.requests = Counter()
        self.seconds_per_file = 0.0
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.lstrip("/")
                # torchvision asks once for redirections only, and says so in this header.
                if self.headers.get("Method") != "HEAD":
                    mirror.requests[name] += 1
                time.sleep(mirror.seconds_per_file)
                content = mirror.files.get(name)
                self.send_response(403 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def mirror(monkeypatch):
    """A server that offers the tiny data set as MNIST."""
    mirror = Mirror()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [mirror.url])
    monkeypatch.setattr(datasets.MNIST, "resources", mirror.resources)
    yield mirror
    mirror.server.shutdown()
    mirror.server.server_close()


@pytest.fixture(scope="session")
def full_data_dir():
    """The folder of the full data sets: CHAOS_LIGHTNING_DATA, or `shared/data` beside the repository."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("CHAOS_LIGHTNING_DATA", beside))
    if not (folder / "MNIST" / "raw").is_dir() or not (folder / "FashionMNIST" / "raw").is_dir():
        pytest.skip(f"no full MNIST and FashionMNIST in {folder}; set CHAOS_LIGHTNING_DATA to their folder")
    return folder
