"""Text from outside does nothing where it is shown."""

import io
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agebo_hpc.reporter import ListReporter
from agebo_hpc.run.run_log import logging_to
from agebo_hpc.streams import SafeText, write_as_is
from agebo_hpc.text import counted, harmless, noun, one_line

ACTIVE = [
    *("\x1b[31m", "\x1b]0;title\x07", "\r", "\b", "\x00", "\x0b", "\x0c", "\x7f"),
    *("\x85", "\x9b2J", "\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\u2029", "\udc9b"),
    "\U000e0041",
]


@pytest.mark.parametrize("text", ACTIVE)
def test_what_does_something_is_shown_as_an_escape(text):
    for made in (harmless(f"a{text}b"), one_line(f"a{text}b")):
        assert text[0] not in made and made.startswith("a\\") and made.endswith("b")


def test_letters_of_all_languages_stay():
    text = "naïve Ünïcödé 漢字 العربية עברית हिन्दी 👩‍🔬 − a\tb\n"
    assert harmless(text) == text


@given(st.text())
def test_nothing_active_is_left(text):
    assert not any(unicodedata.category(letter) == "Cc" for letter in one_line(text))
    left = {letter for letter in harmless(text) if unicodedata.category(letter) == "Cc"}
    assert left <= {"\n", "\t"}


def test_a_stream_shows_escapes_but_for_the_programs_own():
    raw = io.BytesIO()
    stream = SafeText(raw, encoding="utf-8", newline="\n")
    write_as_is(stream, "\r\x1b[K")
    stream.write("name \x1b[2J\n")
    stream.flush()
    assert raw.getvalue() == b"\r\x1b[Kname \\x1b[2J\n"


def test_a_record_is_one_line_of_the_log(tmp_path):
    logger = logging.getLogger("agebo_hpc.test")
    with logging_to(tmp_path / "log.txt", ListReporter()):
        logger.info("a name %s", "with\ntouch /tmp/x\r\x1b[2J")
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            logger.exception("failed")
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(r"INFO a name with\ntouch /tmp/x\r\x1b[2J")


def test_a_number_has_its_noun():
    assert counted(1, "evaluation") == "1 evaluation"
    assert counted(0, "slot") == "0 slots" and counted(12_000, "row") == "12,000 rows"
    assert counted(2, "process", "processes") == "2 processes"
    assert counted(1, "process", "processes") == "1 process"
    assert noun(1.0, "evaluation") == "evaluation" and noun(1.5, "evaluation") == "evaluations"
