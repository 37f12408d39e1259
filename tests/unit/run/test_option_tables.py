"""The tables of options in the documentation say what the records say."""

import runpy
from pathlib import Path

import pytest

from agebo_hpc.run.option import OptionGroup
from agebo_hpc.run.options import OPTIONS, START_OPTIONS

ROOT = Path(__file__).parents[3]
TABLES = runpy.run_path(str(ROOT / "scripts" / "option_tables.py"))
PAGES = sorted((ROOT / "docs").glob("*.rst"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_the_tables_that_the_records_make(page):
    text = page.read_text()
    assert TABLES["page_with_tables"](text) == text, "run scripts/option_tables.py"


def test_the_page_of_options_has_every_option_and_every_group():
    text = (ROOT / "docs" / "options.rst").read_text()
    for record in (*OPTIONS.values(), *START_OPTIONS.values()):
        assert record.name == "data" or f"* - ``{record.spelling}" in text, record.name
    assert all(f".. begin options {group.value}\n" in text for group in OptionGroup)


def test_a_table_that_was_changed_by_hand_is_found_and_mended():
    text = (ROOT / "docs" / "training.rst").read_text()
    changed = text.replace("Passes over the training rows.", "Passes over all rows.")
    assert changed != text
    assert TABLES["page_with_tables"](changed) == text
