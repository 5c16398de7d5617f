"""A device that multiplies in low precision, where the program lets it."""

import pytest
import torch


def is_allowed():
    if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        return torch.backends.cuda.matmul.fp32_precision != "ieee"
    return torch.get_float32_matmul_precision() != "highest"  # torch before 2.9


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU, and TF32 is of GPUs alone")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=needs_gpu)])
def low_precision(request, monkeypatch):
    """Ask for low precision in every way there is; the device to do it on.

    Many processors have no products of low precision, and autocast leaves those with an ``out`` alone. So that asking
    acts everywhere, ``torch.mm`` rounds as a processor would that has them.
    """
    multiply = torch.mm

    def rounding_multiply(first, second, *, out=None):
        if first.dtype == torch.float32 and is_allowed():
            first, second = first.bfloat16().float(), second.bfloat16().float()
        return multiply(first, second, out=out)

    monkeypatch.setattr(torch, "mm", rounding_multiply)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast(request.param, dtype=torch.bfloat16):
            yield torch.device(request.param)
    finally:
        torch.set_float32_matmul_precision("highest")
