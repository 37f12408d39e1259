"""One record per option: command line, help, checks and the stored request say the same."""

import math
import re
import subprocess
import sys
from dataclasses import fields
from functools import cache

import click
import click.testing
import pytest

from agebo_hpc import AgEBOClassifier, AgEBORegressor
from agebo_hpc.cli.main import COMMANDS, cli
from agebo_hpc.cli.search import resume, search
from agebo_hpc.errors import AgeboError, UsageError
from agebo_hpc.run.compose import RUNNERS
from agebo_hpc.run.notation import read_seconds, write_seconds, write_value
from agebo_hpc.run.option import OnResume, OptionGroup
from agebo_hpc.run.options import EXECUTORS, OPTIONS, RECIPE_OPTIONS, START_OPTIONS
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.space.problem import PRESETS, preset
from agebo_hpc.space.recipe import RECIPE_CHOICES, Recipe

RECORDS = pytest.mark.parametrize("record", OPTIONS.values(), ids=lambda record: record.name)


@cache
def help_of(command, *words):
    return click.testing.CliRunner().invoke(command, [*words], terminal_width=5000).output


def request(**changes):
    return SearchRequest(**{"data": None, "out": "run", **changes})


def test_every_field_of_a_request_has_a_record_and_every_record_a_field():
    assert {each.name for each in fields(SearchRequest)} == set(OPTIONS)


@RECORDS
def test_the_default_of_a_record_is_that_of_the_request(record):
    if record.name == "out":
        return
    expected = {} if record.kind is dict else record.default
    assert getattr(request(), record.name) == expected


@RECORDS
def test_the_whole_help_says_each_option_with_its_default(record):
    if record.name == "data":
        return
    text = help_of(search, "--help-all")
    blocks = re.findall(rf"^  {record.spelling}\b(?:.*\n)(?:    .*\n)*", text, re.M)
    assert len(blocks) == 1
    assert record.help in blocks[0]
    if record.kind is not bool and record.name != "out":
        assert f"default: {record.shown_default}]" in blocks[0]
        assert record.shown_default


@RECORDS
def test_a_default_in_the_help_is_what_the_command_line_would_read(record):
    if record.default is None or record.kind in (bool, dict):
        return
    shown = record.shown_default.split(":")[0]
    assert record.read(shown) == record.default


@pytest.mark.parametrize("field", RECIPE_OPTIONS)
def test_the_default_of_v1_in_the_help_is_that_of_its_recipe(field):
    recipe = preset("v1").recipe
    value = getattr(recipe, field)
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    assert recipe == Recipe()
    assert f"the preset's, {shown} in v1" in RECIPE_OPTIONS[field].unset
    assert RECIPE_OPTIONS[field].names == RECIPE_CHOICES.get(field, ())


def test_the_short_help_has_about_a_dozen_options_in_groups_and_names_the_long_one():
    text = help_of(search, "--help")
    shown = re.findall(r"^  (--[a-z-]+)", text, re.M)
    usual = {r.spelling for r in (*OPTIONS.values(), *START_OPTIONS.values()) if r.usual}
    assert usual < set(shown) and 10 <= len(usual) <= 15
    assert "--help-all" in text and "--kappa" not in text
    headings = [line[:-1] for line in text.splitlines() if re.fullmatch(r"[A-Z]\w+:", line)]
    assert headings == ["Search", "Training", "Scheduling", "Machine", "Limits", "Output", "Other"]


def test_the_whole_help_has_every_group():
    text = help_of(search, "--help-all")
    assert all(f"\n{group.value}:\n" in text for group in OptionGroup)


@pytest.mark.parametrize("words", [["search"], ["resume"], ["experiment"], ["script"], ["submit"]])
def test_commands_with_many_options_show_the_usual_ones_first(words):
    short, whole = help_of(cli, *words, "--help"), help_of(cli, *words, "--help-all")
    assert len(short) < len(whole)
    assert len(re.findall(r"^  --", short, re.M)) <= 20


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_has_a_long_list_of_options_without_groups(name):
    command = cli.get_command(click.Context(cli), name)
    members = command.commands.values() if isinstance(command, click.Group) else [command]
    for each in members:
        shown = help_of(each, "--help")
        assert len(re.findall(r"^  --", shown, re.M)) <= 16, each.name


def wrong_values(record):
    if record.choices and not record.checked_later:
        yield "nonsense"
    if record.kind in (int, float):
        yield from ("nonsense", "nan", "-1", "")
    if record.kind is tuple:
        yield from ("0,1", "x", "")
    if record.kind is int:
        yield "1.5"
    if record.below is not None:
        yield f"{record.below}"
    if record.above is not None:
        yield f"{record.above}"


@RECORDS
def test_a_wrong_value_is_refused_in_one_line_that_names_it_and_what_is_allowed(record):
    for text in wrong_values(record):
        with pytest.raises(click.UsageError) as caught:
            search.make_context("search", ["--out", "run", f"{record.spelling}={text}"])
        said = caught.value.format_message()
        assert record.spelling in said and text in said and "\n" not in said
        assert re.search("choose among|give|write", said), said


@RECORDS
def test_python_refuses_what_the_command_line_refuses(record):
    wrong = {
        int: [0.5, True, -1, "3"],
        float: [math.nan, math.inf, -1.0, "3"],
        tuple: [(), (0,), ("1",), 2],
        bool: ["yes", 1],
    }
    for value in wrong.get(record.kind, ["nonsense"] if record.choices else []):
        if record.checked_later:
            continue
        with pytest.raises(UsageError, match=record.spelling):
            request(**{record.name: value})


@pytest.mark.parametrize("seconds", [0.0, 0.0005, 0.25, 1.0, 59.0, 60.0, 90.0, 5400.0, 1e6])
def test_a_duration_that_is_written_is_read_as_it_was(seconds):
    assert read_seconds(write_seconds(seconds)) == pytest.approx(seconds)


@RECORDS
def test_what_is_written_as_words_is_read_as_it_was(record):
    values = {dict: {"batch_size": 64, "learning_rate": 0.1 + 0.2}, tuple: (1, 2, 4)}
    value = values.get(record.kind, record.default)
    if value is None or record.kind is bool:
        return
    words = [word for text in write_value(value) for word in (record.spelling, text)]
    context = search.make_context("search", ["--out", "run", *words])
    assert context.params[record.name] == value


def test_the_executors_are_those_that_can_be_run_and_presets_those_that_there_are():
    assert set(EXECUTORS) == {"auto", *RUNNERS}
    assert OPTIONS["preset"].names == tuple(PRESETS)
    with pytest.raises(AgeboError, match="v2.*v1-small"):
        request(preset="v2").load_problem()


def test_what_cannot_change_on_resume_is_known_there_and_not_in_its_help():
    text = help_of(resume, "--help-all")
    for record in OPTIONS.values():
        shown = re.search(rf"^  {record.spelling}\b", text, re.M)
        assert (shown is None) == (record.on_resume is OnResume.NEVER), record.name


def test_the_help_loads_no_library_that_trains():
    code = (
        "import sys, agebo_hpc.cli.main as m\n"
        "m.cli(['search', '--help-all'], standalone_mode=False)\n"
        "print([n for n in ('mpi4py', 'tensorflow', 'keras') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    "estimator", [AgEBOClassifier(), AgEBORegressor()], ids=["class", "number"]
)
def test_an_estimator_searches_as_the_command_line_does_where_nothing_is_said(estimator):
    usual = estimator.get_params()
    for name in ("preset", "method", "data_parallel", "processes", "epochs", "metric"):
        assert usual[name] == OPTIONS[name].default
