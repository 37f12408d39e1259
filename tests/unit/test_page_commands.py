"""What the pages tell you to type: commands, options, scripts and targets of make are there."""

import re
from pathlib import Path

import click
import pytest
from pages import DOCS

from agebo_hpc.cli.main import cli

ROOT = DOCS.parent
PAGES = [*sorted(DOCS.glob("*.rst")), ROOT / "README.rst", ROOT / "CONTRIBUTING.rst"]
SCRIPTS = "\n".join(path.read_text() for path in sorted((ROOT / "scripts").rglob("*.py")))
NOTHING_TO_TYPE = ("index", "glossary", "architecture", "changelog", "contributing")
UNTIL_THE_NEXT = r"[^|;&>#`]*"  # pipe, command or remark


def typed(page: Path) -> list[str]:
    """Return lines behind a prompt or in blocks, and commands in the sentences of a page."""
    text = re.sub(r"\\\n\s*", " ", page.read_text())
    lines = re.findall(
        r"^ +(?:\$ )?((?:\S+ )*?(?:agebo-hpc|python|make|scripts/) .*)$", text, re.M
    )
    literals = re.findall(r"``(.+?)``", text, re.DOTALL)
    said = [words for words in literals if "agebo-hpc" in words or "scripts/" in words]
    return lines + [" ".join(words.split()) for words in said]


def words_behind(start: str, line: str) -> list[list[str]]:
    """Return the words that follow each `start` of a line, up to a pipe or a remark."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "QUOTED", line)
    found = re.findall(rf"{start} ({UNTIL_THE_NEXT})", plain)
    return [[word for word in text.split() if word not in ("…", "...")] for text in found]


def parse(words: list[str]) -> None:
    """Parse the words of a command as it does, and run nothing; raises click.UsageError."""
    command: click.Command = cli
    context = click.Context(cli, info_name="agebo-hpc")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no command {words[0]}")
        command, words = found, words[1:]
        context = click.Context(
            command, parent=context, info_name=command.name, **command.context_settings
        )
    command.make_parser(context).parse_args(list(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_have_the_options_that_it_shows(page):
    for line in typed(page):
        for words in words_behind("(?:agebo-hpc|-m agebo_hpc)", line):
            try:
                parse(words)
            except click.UsageError as error:
                raise AssertionError(f"{page.name}: {line}: {error.format_message()}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_of_a_page_are_there_with_the_options_that_it_shows(page):
    for line in typed(page):
        for script, rest in re.findall(rf"\b(scripts/[\w/]+\.(?:py|sh))({UNTIL_THE_NEXT})", line):
            assert (ROOT / script).exists(), f"{page.name} names {script}"
            if script.endswith(".py"):
                for option in re.findall(r"--[a-z][\w-]*", rest):
                    assert f'"{option}"' in SCRIPTS, f"{page.name}: {script} {option}"


def test_a_command_that_is_not_there_would_be_found():
    for words in (["serach", "table.h5"], ["search", "--max-eval-uations", "3"], ["data", "make"]):
        with pytest.raises(click.UsageError):
            parse(words)


def test_the_pages_show_commands():
    assert sum(len(words_behind("agebo-hpc", line)) for p in PAGES for line in typed(p)) > 100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_what_to_type(page):
    if page.stem in NOTHING_TO_TYPE:
        return
    begin = page.read_text().splitlines()[:45]
    assert any(re.match(r" +(\$ |agebo-hpc )", line) for line in begin)
