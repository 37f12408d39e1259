"""Sphinx's settings: the pages of docs/ and the reference from the docstrings, as HTML.

Nothing is fetched from the network, and neither TensorFlow nor MPI is loaded. Pages that GitHub
shows link to one another by file name; `link_pages` makes such links lead to the built page.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from glossary_links import link_words  # noqa: E402

import agebo_hpc  # noqa: E402
from agebo_hpc import __version__  # noqa: E402
from agebo_hpc.interface.search import search  # noqa: E402

# The reference tells of the function; the package of that name is called as it.
agebo_hpc.search = search

project = "agebo_hpc"
author = "agebo_hpc contributors"
project_copyright = author
release = version = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
root_doc = "index"
html_theme = "furo"
html_title = f"agebo_hpc {release}"
html_show_sourcelink = False
html_copy_source = False
# ``--out`` is two hyphens, in headings too.
smartquotes = False

# In docstrings a name in single backticks is a link where the reference has that name.
default_role = "autolink"
autosummary_generate = False
# What only trains is not looked at; seconds of imports less.
autodoc_mock_imports = ["tensorflow", "keras", "horovod", "mpi4py"]
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
maximum_signature_line_length = 88
numpydoc_show_class_members = False

# Every class of this package that a signature names has its place in the reference. What a
# docstring says of an inner module is for readers of the source, and names of other libraries are
# not looked up, which would need the network.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!agebo_hpc\b).*"),
    (r"py:obj", r"agebo_hpc\.\w+\..*"),
    (r"py:class", r"agebo_hpc\..*\.Value"),
    # How targets are stored is no part of the interface: predictions come back in their own unit.
    (r"py:class", r"agebo_hpc\.data\.target\.\w+Coding"),
    # The table of metrics is in training.rst.
    (r"py:class", r"agebo_hpc\.metrics\.record\.Metric"),
]


def link_pages(app: Sphinx, tree: nodes.document, docname: str) -> None:
    """Let links to the sources of pages, as GitHub follows them, lead to the built pages.

    A link whose text is the file's name is shown with the page's title.
    """
    for reference in tree.findall(nodes.reference):
        target, _, part = reference.get("refuri", "").partition("#")
        name = target.removeprefix("../")
        if ":" in target or not (name.endswith(".rst") or name in ELSEWHERE):
            continue
        page = ELSEWHERE.get(name, name.removeprefix("docs/").removesuffix(".rst"))
        if page not in app.env.found_docs:
            raise ValueError(f"{docname} links to {target}, which is no page")
        uri = app.builder.get_relative_uri(docname, page)
        reference["refuri"] = f"{uri}#{part}" if part else uri
        if reference.astext().endswith(".rst"):
            reference[:] = [nodes.Text(app.env.titles[page].astext())]


def readable_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: Any
) -> tuple[str | None, Any] | None:
    """Leave out what is no Python: defaults that a data class makes, calls of a protocol."""
    if signature is None:
        return None
    if getattr(obj, "_is_protocol", False):
        return "", returns
    return signature.replace("<factory>", "..."), returns


ELSEWHERE = {
    "README.rst": "index",
    "CONTRIBUTING.rst": "contributing",
    "CHANGELOG.rst": "changelog",
}
"""Pages beside the package, by the page here that shows them or stands for them."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what is added to Sphinx here."""
    app.connect("doctree-resolved", link_pages)
    app.connect("doctree-resolved", link_words)
    app.connect("autodoc-process-signature", readable_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
