"""The pages that people read, and the commands in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLES = {"mnist.md", "fashion_mnist.md"}  # written by ``compare``
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "configs").rglob("*.md") if path.name not in TABLES),
    ROOT / "tests" / "benchmarks" / "README.md",
]


def name_of(page: Path) -> str:
    """The place of a page within the project."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """What stands between fences of a language."""
    return re.findall(rf"^```{language}\n(.+?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def commands_in_blocks(page: Path) -> list[str]:
    """Commands of blocks of shell, each on one line, without what stands before the program's name."""
    text = "\n".join(blocks(page, "bash")).replace("\\\n", " ")
    found = re.findall(r"(?:^|&& |-m )((?:chaos-lightning|chaos_lightning) .+)$", text, flags=re.MULTILINE)
    return [" ".join(command.replace("chaos_lightning", "chaos-lightning", 1).split()) for command in found]


def spans(page: Path) -> list[str]:
    """Pieces of code within the text."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def commands_in_text(page: Path) -> list[str]:
    """Commands within the text."""
    return [span for span in spans(page) if span.startswith("chaos-lightning ")]
