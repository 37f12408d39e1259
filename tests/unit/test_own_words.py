"""No option of the command line in a message of an estimator."""

import re
from pathlib import Path

import pytest

from agebo_hpc.interface.own_words import in_own_words

SAID = [
    ("--epochs is 0; give 1 or more.", "epochs is 0; give 1 or more."),
    ("--processes is (0,); give numbers.", "processes is (0,); give numbers."),
    ("--seed and --size are both given.", "random_state and ensemble_size are both given."),
    ("The 2.5 rows of x.y are few.", "The 2.5 rows of x.y are few."),
]


@pytest.mark.parametrize(("message", "words"), SAID)
def test_options_that_are_parameters_have_their_names(message, words):
    assert in_own_words(message, "T") == words


def test_advice_that_only_the_command_line_has_is_replaced():
    message = (
        "Column 'a.b' is numeric but holds text: 'x.' (2 of the cells). Correct these cells, or "
        "use --categorical a.b or --drop a.b."
    )
    said = in_own_words(message, "T")
    assert said.startswith("Column 'a.b' is numeric but holds text: 'x.' (2 of the cells). ")
    assert "leave the column out of X" in said and "--" not in said


def test_the_target_is_y():
    said = in_own_words("Target 'T' is 3 in all 9 rows; choose another column with --target.", "T")
    assert said == "y is 3 in all 9 rows. Correct y, or use the other kind of estimator."


def test_a_message_with_nothing_else_keeps_its_beginning():
    said = in_own_words("Nothing was found, try `agebo-hpc resume run`.", "T")
    assert said == "Nothing was found, try `."


def test_no_message_of_the_project_keeps_an_option():
    package = Path(__file__).parents[2] / "agebo_hpc"
    texts = [
        text
        for room in ("data", "models", "execution", "run", "simulation", "space")
        for file in (package / room).rglob("*.py")
        for text in re.findall(r'"([^"\\n]*--[a-z][^"\\n]*)"', file.read_text())
    ]
    assert len(texts) > 30
    for text in texts:
        assert not re.search(r"(?<![\w-])--[a-z]", in_own_words(f"It is so. {text}", "T")), text
