"""Files of the report: figures, their numbers, and the page that shows them."""

import base64
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from chaos_lightning.files import written_at_once

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 960px; margin: 2em auto;
       padding: 0 1em; }}
h1 {{ font-size: 1.6em; }} h2 {{ font-size: 1.2em; margin-top: 2.2em; }}
img {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; }} td, th {{ padding: 0.15em 1em 0.15em 0; text-align: left; vertical-align: top; }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
figure {{ margin: 0; }} figcaption {{ color: #333; }} .missing {{ border-left: 4px solid #D55E00; padding-left: 1em; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


@dataclass(frozen=True)
class Section:
    """A section of the report: a figure with heading, caption and numbers.

    Attributes:
        name: Name of its files, without suffix.
        title: Heading.
        caption: Caption in plain text.
        figure: Figure; None if there is nothing to draw, and the caption says why.
        columns: Numbers of the figure, as columns of equal length.
        arrays: Images of the figure, by name.
    """

    name: str
    title: str
    caption: str
    figure: Figure | None = None
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def write_section(folder: Path, section: Section) -> str:
    """Write a figure and its numbers; return its part of the page, as HTML that holds the picture."""
    lines = [f"<h2>{escape(section.title)}</h2>"]
    if section.figure is None:
        for suffix in (".png", ".csv", ".npz"):  # of an earlier report, which would contradict the page
            (folder / section.name).with_suffix(suffix).unlink(missing_ok=True)
        return "\n".join([*lines, f'<p class="missing">{escape(section.caption)}</p>'])
    picture = folder / f"{section.name}.png"
    with written_at_once(picture) as temporary:
        section.figure.savefig(temporary, format="png")
    encoded = base64.b64encode(picture.read_bytes()).decode()
    files = [picture.name]
    if section.columns:
        files.append(f"{section.name}.csv")
        with (
            written_at_once(folder / files[-1]) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(section.columns)
            writer.writerows(zip(*section.columns.values(), strict=True))
    if section.arrays:
        files.append(f"{section.name}.npz")
        arrays: dict[str, Any] = dict(section.arrays)
        with written_at_once(folder / files[-1]) as temporary, temporary.open("wb") as archive:
            np.savez_compressed(archive, **arrays)
    links = ", ".join(f'<a href="{name}">{name}</a>' for name in files)
    lines += [
        f'<figure><img src="data:image/png;base64,{encoded}" alt="{escape(section.title)}">',
        f"<figcaption>{escape(section.caption)} Files: {links}.</figcaption></figure>",
    ]
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str] = (), numbers: bool = False) -> str:
    """Write a table as HTML; with ``numbers``, all columns but the first hold numbers."""
    attribute = [' class="number"' if numbers and column else "" for column in range(len(rows[0]))]
    lines = []
    for cells, tag in [(header, "th"), *((row, "td") for row in rows)]:
        parts = zip(attribute, cells, strict=False)
        lines.append("<tr>" + "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in parts) + "</tr>")
    return "<table>\n" + "\n".join(line for line in lines if line != "<tr></tr>") + "\n</table>"


def write_page(folder: Path, title: str, parts: Sequence[str]) -> Path:
    """Write ``index.html``, which needs no other file."""
    path = folder / "index.html"
    with written_at_once(path) as temporary:
        temporary.write_text(_PAGE.format(title=escape(title), body="\n".join(parts)), encoding="utf-8")
    return path
