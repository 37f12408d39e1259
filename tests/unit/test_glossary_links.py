"""The words of the glossary are linked where they first appear on a page of the documentation."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import docutils.core
import pytest
from docutils import nodes

DOCS = Path(__file__).parents[2] / "docs"
PAGE = """
Ranks and slots
===============

A page of ``rank`` and literals::

    rank

Evaluations are trained by *worker groups*, and a process manager starts ranks; each rank
has a slot.
Another evaluation has other ranks, `the slot <elsewhere.html>`_ too.
"""


@pytest.fixture(scope="module")
def links():
    spec = importlib.util.spec_from_file_location("glossary_links", DOCS / "glossary_links.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def app():
    return SimpleNamespace(builder=SimpleNamespace(get_relative_uri=lambda _, to: f"{to}.html"))


def linked(links, app, text, docname="page"):
    tree = docutils.core.publish_doctree(text)
    plain = tree.astext()
    links.link_words(app, tree, docname)
    assert tree.astext() == plain
    found = [node for node in tree.findall(nodes.reference) if node.get("internal")]
    return [(node["refuri"], node.astext()) for node in found]


def test_the_first_appearance_in_a_sentence_is_linked_and_no_other(links, app):
    assert linked(links, app, PAGE) == [
        ("glossary.html#evaluation", "Evaluations"),
        ("glossary.html#rank", "ranks"),
        ("glossary.html#slot", "slot"),
    ]


def test_a_word_of_two_goes_before_its_part(links, app):
    text = "Each trainer rank has rows of the validation part in the run directory."
    names = [uri.partition("#")[2] for uri, _ in linked(links, app, text)]
    assert names == ["trainer-rank", "validation-part", "run-directory"]


@pytest.mark.parametrize("name", ["glossary", "reference/search", "changelog", "contributing"])
def test_pages_of_their_own_kind_stay_as_they_are(links, app, name):
    assert linked(links, app, PAGE, name) == []


@pytest.mark.parametrize(
    "text", ["A process manager.", "Mann-Whitney rank tests.", "frank, ranked, rank-one"]
)
def test_other_meanings_are_not_linked(links, app, text):
    assert linked(links, app, text) == []


def test_every_word_leads_to_its_place_in_the_glossary(links):
    page = docutils.core.publish_doctree((DOCS / "glossary.rst").read_text())
    there = {name for node in page.findall(nodes.target) for name in node["ids"]}
    words = links.words((DOCS / "glossary.rst").read_text())
    assert set(words) == there - {nodes.make_id(word) for word in links.AMBIGUOUS}
    assert {nodes.make_id(word) for word in links.AMBIGUOUS} < there
    for wanted in ("rank", "slot", "worker-group", "anchor", "evaluation", "objective", "rung"):
        assert wanted in words
