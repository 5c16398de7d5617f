"""Imports matplotlib whatever MPLBACKEND says, before torchmetrics does.

The variable may name what is not there, such as a notebook's backend in one of its shell commands, and matplotlib then
cannot be imported. Without a window no backend is needed, so that a wrong one is left out.
"""

import os
import sys
from contextlib import suppress

if "matplotlib" not in sys.modules:
    backend = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if backend:
        os.environ["MPLBACKEND"] = backend
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
