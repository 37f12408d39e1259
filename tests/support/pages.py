"""What pages of the documentation show and the tests run.

A block is marked by a comment before it: ``.. run by the tests: STORY``, an empty line, then a
``code-block``.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(
    r"^\.\. run by the tests: (?P<story>\S+)\n\n\.\. code-block:: \w+\n\n"
    r"(?P<lines>(?: {3}.*\n|\n)+)",
    re.MULTILINE,
)


def blocks(page: Path, story: str) -> list[str]:
    """Return the text of the blocks that are marked with a story, in order."""
    found = _BLOCK.finditer(page.read_text() + "\n")
    return [dedent(block["lines"]) for block in found if block["story"] == story]


def commands(page: Path, story: str) -> list[str]:
    """Return the lines behind a prompt in the blocks of a story, in order."""
    lines = "".join(blocks(page, story)).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
