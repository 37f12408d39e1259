"""Links from the first appearance of a word on each page to the glossary.

The words are the targets in glossary.rst, so a word that is added there is linked. The sources
stay plain, as GitHub and editors show them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

GLOSSARY = Path(__file__).with_name("glossary.rst")
AMBIGUOUS = {"target", "node", "n", "parent", "problem", "packed", "exclusive", "life", "skip"}
"""Words that often mean something else: a computer, a target of make, a problem that occurred."""

OTHERWISE = r"(?<!process )(?<!mean )(?<!threaded )(?<!of another )"
"""What stands before a word that has another meaning: process manager, mean rank."""


def words(text: str) -> dict[str, str]:
    """Return the words that are linked, by the identifiers of their targets in the page."""
    found = re.findall(r"^_`.*$", text, re.MULTILINE)
    terms = [term for line in found for term in re.findall(r"_`([^`]+)`", line)]
    return {nodes.make_id(term): term for term in terms if term not in AMBIGUOUS}


def pattern(terms: dict[str, str]) -> re.Pattern[str]:
    """Return what finds the words, also plural and at the start of a sentence; longest first."""
    ordered = sorted(terms.items(), key=lambda item: -len(item[1]))
    kinds = [
        f"(?P<{name.replace('-', '_')}>[{term[0].upper()}{term[0]}]{re.escape(term[1:])}s?)"
        for name, term in ordered
    ]
    return re.compile(rf"(?<![\w-]){OTHERWISE}(?:{'|'.join(kinds)})(?![\w-]| tests?\b)")


def link_words(app: Sphinx, tree: nodes.document, docname: str) -> None:
    """Link each word where it first appears in a paragraph of a page."""
    if docname == "glossary" or docname.startswith(("reference/", "changelog", "contributing")):
        return
    left = words(GLOSSARY.read_text())
    uri = app.builder.get_relative_uri(docname, "glossary")
    for text in list(tree.findall(nodes.Text)):
        if left and isinstance(text.parent, nodes.paragraph):
            text.parent.replace(text, list(_pieces(str(text), left, uri)))


def _pieces(text: str, left: dict[str, str], uri: str) -> list[nodes.Node]:
    pieces: list[nodes.Node] = []
    while left and (match := pattern(left).search(text)):
        assert match.lastgroup is not None
        name = match.lastgroup.replace("_", "-")
        del left[name]
        pieces.append(nodes.Text(text[: match.start()]))
        link = nodes.reference("", match[0], internal=True, refuri=f"{uri}#{name}")
        pieces.append(nodes.inline("", "", link, classes=["word"]))
        text = text[match.end() :]
    return [piece for piece in [*pieces, nodes.Text(text)] if piece.astext()]
