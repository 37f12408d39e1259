"""The documentation as `make docs` builds it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the directory with the HTML pages, built without a warning."""
    place = tmp_path_factory.mktemp("documentation")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", place / "trees"]
        + [ROOT / "docs", place / "html"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return place / "html"


@pytest.mark.long
def test_links_between_pages_lead_to_pages_and_headings_that_are_there(built):
    pages = {page: page.read_text() for page in built.rglob("*.html")}
    assert len(pages) > 30
    for page, text in pages.items():
        for target in re.findall(r'href="([^"]+)"', text):
            name, _, part = target.partition("#")
            if ":" in name or "?" in name or not name.endswith(".html"):
                assert not name.endswith(".rst"), f"{page.name} links to {target}"
                continue
            there = (page.parent / name).resolve()
            assert there.exists(), f"{page.name} links to {target}"
            assert not part or there not in pages or f'id="{part}"' in pages[there], (
                f"{page.name} links to {target}"
            )


@pytest.mark.long
def test_the_reference_has_the_parameters_of_the_docstrings(built):
    trainers = (built / "reference" / "trainers.html").read_text()
    for name in ("Trainer.prepare", "PreparedTraining.run", "Outcome", "Slot"):
        assert f'id="agebo_hpc.{name}"' in trainers
    assert "Cores that a training in this slot may use" in trainers
