"""Help without the markup of docstrings."""

import re
from typing import Any

from jsonargparse import ArgumentParser


class PlainHelp(ArgumentParser):
    """Parser whose help names things without the markup of docstrings, such as ``:class:``."""

    def format_help(self, *args: Any, **kwargs: Any) -> str:
        """Write the help; names lose their roles, which only documentation turns into links."""
        return re.sub(r":[\w:]+:(`+)~?([^`]+)\1", r"\2", super().format_help(*args, **kwargs))
