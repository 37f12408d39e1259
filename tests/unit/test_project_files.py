"""Files around the package: requirements, constraints, documentation, scripts."""

import configparser
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import docutils.core
import docutils.utils
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agebo_hpc import __version__

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.rst", "CONTRIBUTING.rst", "CHANGELOG.rst")]
# The front page is a table of contents, which Sphinx alone understands.
FRONT = ROOT / "docs" / "index.rst"
PAGES += sorted(set((ROOT / "docs").glob("*.rst")) - {FRONT})
SCRIPTS = [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"]

TARGETS = ["setup", "demo", "test", "test-long", "test-mpi-%", "test-slurm", "lint", "bench"]
TARGETS += ["docs", "setup-docs", "clean", "help"]
TOOLS = ["bash", "cat", "cut", "sha256sum", "dirname", "mktemp", "rm", "tail", "id", "env", "grep"]
TOOLS += ["mkdir", "mv"]


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements() -> dict[str, Requirement]:
    parser = setup_cfg()
    lines = parser["options"]["install_requires"].splitlines()
    for extra in parser["options.extras_require"].values():
        lines += extra.splitlines()
    parsed = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(item.name): item for item in parsed}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("name", sorted(requirements()))
def test_a_requirement_is_pinned_to_a_version_in_its_range(name):
    pinned = constraints()
    assert name in pinned, f"{name} of setup.cfg is not in constraints.txt"
    assert requirements()[name].specifier.contains(pinned[name])


def test_dependencies_of_dependencies_are_pinned_too():
    pinned, seen, todo = constraints(), set(), list(requirements())
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for line in needed:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(canonicalize_name(requirement.name))
    missing = {name for name in seen if name not in pinned}
    assert not missing, f"add to constraints.txt: {sorted(missing)}"


def test_each_requirement_says_who_needs_it():
    text = (ROOT / "setup.cfg").read_text()
    core = text.split("install_requires =")[1].split("[options.packages.find]")[0]
    lines = [line.strip() for line in core.splitlines() if line.strip()]
    for before, line in zip(lines, lines[1:], strict=False):
        assert line.startswith("#") or before.startswith("#"), f"who needs {line}?"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_valid_restructuredtext(page):
    docutils.core.publish_doctree(
        page.read_text(),
        source_path=str(page),
        settings_overrides={"halt_level": docutils.utils.Reporter.WARNING_LEVEL},
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_points_to_are_there(page):
    for target in re.findall(r"<([\w./-]+\.(?:rst|svg|py|sh|txt))>`_", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} points to {target}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.rst")), ids=lambda page: page.name)
def test_modules_and_tests_that_a_page_names_are_there(page):
    for name in re.findall(r"``((?:agebo_hpc|tests)/[\w./-]*)``", page.read_text()):
        assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_the_architecture_page_names_every_room():
    page = (ROOT / "docs" / "architecture.rst").read_text()
    rooms = [place.parent.name for place in (ROOT / "agebo_hpc").glob("*/__init__.py")]
    assert not [room for room in rooms if f"``{room}/``" not in page]


def test_every_page_is_in_the_table_of_contents():
    listed = re.findall(r"^   ([\w/]+)$", FRONT.read_text(), re.MULTILINE)
    pages = sorted(page.stem for page in (ROOT / "docs").glob("*.rst") if page != FRONT)
    assert sorted(listed) == sorted([*pages, "reference/index"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_shell_script_parses_and_stops_at_the_first_error(script):
    subprocess.run(["bash", "-n", script], check=True)
    assert "set -euo pipefail" in script.read_text()
    assert script.stat().st_mode & 0o111, f"{script.name} is not executable"


def test_help_lists_every_target():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in TARGETS:
        assert re.search(rf"^  {target} +\S", done.stdout, re.MULTILINE), target


def test_the_changelog_has_an_entry_for_this_version():
    assert re.search(rf"^{re.escape(__version__)}", (ROOT / "CHANGELOG.rst").read_text(), re.M)


def test_setup_without_a_compiler_says_so_and_installs_nothing(tmp_path):
    for tool in TOOLS:
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True)
        (tmp_path / tool).symlink_to(found.stdout.strip())
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "setup_environment.sh"],
        env={"PATH": str(tmp_path), "PYTHON": sys.executable, "VENV": str(tmp_path / "venv")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "no C++ compiler" in done.stderr and "module load gcc" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_setup_with_an_old_python_names_the_version_that_is_needed(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "setup_environment.sh"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(old), "VENV": str(tmp_path / "venv")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Python 3.9.2" in done.stderr and "3.11" in done.stderr
    assert not (tmp_path / "venv").exists()
