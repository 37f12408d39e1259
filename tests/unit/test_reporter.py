"""What a person is told goes through a reporter: who hands it in decides where it goes."""

import ast
import io
from pathlib import Path

import pytest

import agebo_hpc
from agebo_hpc.errors import AgeboWarning
from agebo_hpc.reporter import ListReporter, StreamReporter, WarningReporter, tell

PACKAGE = Path(agebo_hpc.__file__).parent
DOORS = {"__main__.py", "streams.py", "reporter.py"}
"""What makes the streams safe, what is handed in, and the program itself."""
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "cli" not in p.relative_to(PACKAGE).parts)


class Talk(ast.NodeVisitor):
    """Finds what speaks past the reporter; `main` of a module that is a program may."""

    def __init__(self, is_program):
        self.is_program = is_program
        self.found = []

    def visit_FunctionDef(self, node):
        if not (self.is_program and node.name == "main"):
            self.generic_visit(node)

    def visit_Attribute(self, node):
        is_stream = node.attr in ("stderr", "stdout", "__stderr__", "__stdout__")
        if is_stream and isinstance(node.value, ast.Name) and node.value.id == "sys":
            self.found.append(f"line {node.lineno}: sys.{node.attr}")
        self.generic_visit(node)

    def visit_ImportFrom(self, node):
        names = {alias.name for alias in node.names}
        if node.module == "sys" and names & {"stderr", "stdout"}:
            self.found.append(f"line {node.lineno}: from sys import")
        if node.module == "contextlib" and names & {"redirect_stderr", "redirect_stdout"}:
            self.found.append(f"line {node.lineno}: redirects a stream")

    def visit_Call(self, node):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "print":
            self.found.append(f"line {node.lineno}: print")
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("echo", "secho"):
            self.found.append(f"line {node.lineno}: click.{node.func.attr}")
        self.generic_visit(node)


def talk(text):
    tree = ast.parse(text)
    finder = Talk('if __name__ == "__main__":' in text)
    finder.visit(tree)
    return finder.found


def test_library_code_speaks_through_a_reporter_only():
    silent = {str(module.relative_to(PACKAGE)): module for module in MODULES}
    assert silent.keys() > DOORS
    found = {name: talk(module.read_text()) for name, module in silent.items()}
    assert {name: lines for name, lines in found.items() if lines}.keys() <= DOORS, found


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.stderr.write('x')",
        "import sys\ndef f():\n    print('x', file=sys.stdout)",
        "def main():\n    print('x')",
        "from sys import stderr",
        "from contextlib import redirect_stderr",
        "import click\nclick.echo('x')",
    ],
)
def test_the_search_for_speakers_finds_them(text):
    assert talk(text)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_what_is_said_does_not_stand_in_a_line_of_progress():
    stream = Terminal()
    reporter = StreamReporter(stream)
    reporter.show("1 of 9")
    reporter.show("2 of 9")
    reporter.warn("slow")
    assert stream.getvalue() == "\r\x1b[K1 of 9\r\x1b[K2 of 9\nwarning: slow\n"


def test_in_a_file_progress_is_lines():
    stream = io.StringIO()
    reporter = StreamReporter(stream)
    reporter.show("1 of 9")
    reporter.say("done")
    assert stream.getvalue() == "1 of 9\ndone\n"


def test_in_another_program_warnings_are_warnings_and_the_rest_is_not_said(capfd):
    reporter = WarningReporter()
    reporter.say("note")
    reporter.show("1 of 9")
    with pytest.warns(AgeboWarning, match="slow"):
        reporter.warn("slow")
    assert capfd.readouterr() == ("", "")


def test_lines_that_are_warnings_are_told_as_such():
    reporter = ListReporter()
    tell(reporter, ["groups: 2", "warning: on node a cores are shared"])
    assert reporter.lines == ["groups: 2"]
    assert reporter.warnings == ["on node a cores are shared"]
