"""What a later session of a search may change, and what it may not."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import AgeboError, ConfigurationError, DataError
from agebo_hpc.run.notation import write_value
from agebo_hpc.run.option import OnResume
from agebo_hpc.run.options import OPTIONS, RECIPE_OPTIONS, names_of
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.simulation.registry import with_whole_path
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.storage.checks import check_config, first_difference
from agebo_hpc.storage.journal_lines import read_journal
from agebo_hpc.storage.run_directory import RunDirectory

if TYPE_CHECKING:
    from agebo_hpc.space.hyperparameters import HyperparameterSpace
    from agebo_hpc.space.problem import Problem

LIMITS = (*names_of(OnResume.GOAL), "walltime")
"""Options with which a search that is complete goes on."""

NEEDED = (("search", "num_initial"), ("problem", "hyperparameters"), ("problem", "architecture"))
"""What of the configuration of a run is needed beside the request."""


def resume_request(
    run: RunDirectory,
    given: Mapping[str, Any],
    force: bool = False,
    changed: Collection[str] = (),
) -> SearchRequest:
    """Return the stored request of a run with what this session changes.

    Parameters
    ----------
    run
        An existing run directory.
    given
        Fields of `SearchRequest` that were asked for now; None stands for nothing.
    force
        Whether options that make later evaluations differ from earlier ones may change.
    changed
        Names of those that are given to be changed; the others may only be as they were.

    Raises
    ------
    ConfigurationError
        If the run directory has no stored request, or an option differs that must not.
    """
    stored = stored_request(run)
    known = {name: value for name, value in given.items() if value is not None and name != "out"}
    free = names_of(OnResume.START, OnResume.GOAL)
    different = {
        name: value
        for name, value in known.items()
        if name not in free and _plain(name, value) != _plain(name, getattr(stored, name))
    }
    for name, value in different.items():
        _check_change(run, name, (getattr(stored, name), value), force or name in changed)
    # A new goal without a wall time is not to be cut off by the wall time of an earlier session.
    no_walltime = (
        {"walltime": None} if any(known.get(name) for name in names_of(OnResume.GOAL)) else {}
    )
    allowed = {name: value for name, value in known.items() if name in different or name in free}
    return replace(stored, **{**no_walltime, **allowed})


def stored_request(run: RunDirectory) -> SearchRequest:
    """Return the request that a run was started with.

    Raises
    ------
    ConfigurationError
        If there is none.
    DataError
        If it, or what belongs to it, has not the layout that this version reads.
    """
    stored = run.config.get("request")
    if stored is None:
        raise _refusal(
            run,
            f"{run.path}/config.toml has no [request]; it was not written by agebo-hpc search.",
        )
    try:
        request = SearchRequest.from_dict({**stored, "out": str(run.path)})
        for section, name in NEEDED:
            run.config[section][name]
    except (AgeboError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise other_layout(run, error) from error
    return request


def other_layout(run: RunDirectory, error: Exception) -> DataError:
    """Return the error about a configuration that this version cannot read."""
    return DataError(
        f"{str(run.config_path)!r} has another layout than this version of agebo_hpc reads "
        f"({type(error).__name__}: {error}). Resume with the version that wrote it."
    )


def _check_change(run: RunDirectory, name: str, values: tuple[Any, Any], is_meant: bool) -> None:
    record = OPTIONS[name]
    before, now = (record.shown(value) for value in values)
    found = f"The search in {run.path} has {record.spelling} {before}; now it is {now}."
    if record.on_resume is not OnResume.FORCE:
        raise _refusal(run, f"{found} That cannot change; start a new search with --out.")
    if not is_meant:
        settings = [word for text in _words(values[1]) for word in ("--set", f"{name}={text}")]
        command = shlex.join(["agebo-hpc", "resume", str(run.path), *settings])
        raise _refusal(
            run,
            f"{found} Leave it out to go on as before; `{command}` changes it from here on, and "
            "so does --force with the option.",
        )


def _words(value: Any) -> list[str]:
    """Return how a value is typed behind the name of its option."""
    if isinstance(value, bool):
        return ["on" if value else "off"]
    return write_value(value)


def _refusal(run: RunDirectory, text: str) -> ConfigurationError:
    """Return the error for what differs from a run's configuration.

    Raises
    ------
    DataError
        If it is the configuration that was changed.
    """
    check_config(run, read_journal(run.journal_path).events)
    return ConfigurationError(text)


def problem_before(run: RunDirectory, problem: Problem, session: SearchRequest) -> Problem:
    """Return a session's problem without the options that it changes.

    Those were allowed one by one; what differs besides came with another file or preset.

    Parameters
    ----------
    run
        An existing run directory.
    problem
        The problem of the session.
    session
        The request of the session.
    """
    stored = stored_request(run)
    of_problem = ("objective", *(record.name for record in RECIPE_OPTIONS.values()))
    changes = {
        name: getattr(stored, name)
        for name in of_problem
        if getattr(stored, name) != getattr(session, name)
    }
    return replace(session, **changes).load_problem(run.config["problem"]) if changes else problem


def check_problem(
    run: RunDirectory,
    problem: Problem,
    space: HyperparameterSpace,
    session: SearchRequest,
    force: bool,
) -> None:
    """Compare a problem, which a file or a preset may say otherwise by now, with the run's.

    Parameters
    ----------
    run
        An existing run directory.
    problem
        The problem as it is now.
    space
        The hyperparameters of the run.
    session
        The request of this session.
    force
        Whether what makes later evaluations differ from earlier ones may change.

    Raises
    ------
    ConfigurationError
        If a space differs, or anything else without ``force``.
    """
    stored = run.config["problem"]
    now = problem.hyperparameters
    if space.processes != now.processes:
        now = now.with_processes(space.processes)
    spaces = (
        ("architecture", stored["architecture"], json.loads(problem.architecture.to_json())),
        ("hyperparameters", space.to_dict(), now.with_fixed(session.fixed).to_dict()),
    )
    for name, before, after in spaces:
        if found := first_difference(_as_stored(before), _as_stored(after), name):
            raise _refusal(
                run,
                f"The problem of the search in {run.path} has {found.text}. That cannot change; "
                "undo it, or start a new search with --out.",
            )
    recipe = {"objective": problem.objective, "recipe": asdict(problem.recipe)}
    before = {name: _of_this_version(name, stored.get(name)) for name in recipe}
    found = first_difference(_as_stored(before), _as_stored(recipe), "")
    if found and not force:
        raise _refusal(
            run,
            f"The problem of the search in {run.path} has {found.text}. Undo it to go on as "
            "before, or add --force to change it from here on.",
        )


def _plain(name: str, value: Any) -> Any:
    """Return a value in the form in which two requests can be compared."""
    if name == "problem" and value is not None:
        path, _, attribute = str(value).rpartition(":")
        return f"{Path(path).resolve()}:{attribute}"
    if name == "simulate" and value is not None:
        return with_whole_path(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def changed_configuration(
    stored: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, tuple[Any, Any]]]:
    """Return the configuration of a resumed run and what differs, as (before, now) by name.

    Parameters
    ----------
    stored
        Content of ``config.toml``.
    now
        What a new run with this session's request would have there.

    Returns
    -------
    tuple
        What belongs to one session, to the ranks or to the spaces stays as it was stored.
    """
    changing = {
        "request": (*names_of(OnResume.GOAL, OnResume.FORCE), "data"),
        "search": (
            *("max_evals", "ahead", "synchronous"),
            *("population_size", "sample_size", "mutation", "bayesian"),
        ),
        "problem": ("data", "data_fingerprint", "metric_source", "objective", "recipe"),
    }
    config = {name: dict(section) for name, section in stored.items()}
    changes: dict[str, tuple[Any, Any]] = {}
    for section, names in changing.items():
        for name in names:
            before = _of_this_version(name, stored[section].get(name))
            after = now[section].get(name)
            if _as_stored(before) == _as_stored(after):
                continue
            if name == "metric_source" and before is None:
                # Earlier versions did not say it: it stays unknown.
                continue
            changes[f"{section}.{name}"] = (before, after)
            config[section][name] = after
    if "request.epochs" in changes:
        # Who says the epochs means those of the network that is kept, too.
        config["problem"].pop("full_epochs", None)
    return config, changes


def _of_this_version(name: str, stored: Any) -> Any:
    """Return a stored value; what an earlier version's recipe did not have was as by default."""
    if name == "recipe" and isinstance(stored, Mapping):
        return {**asdict(Recipe()), **stored}
    return stored


def _as_stored(value: Any) -> Any:
    """Return a value as reading it back from TOML gives it."""
    if isinstance(value, Mapping):
        return {key: _as_stored(item) for key, item in value.items() if item is not None}
    return [_as_stored(item) for item in value] if isinstance(value, (list, tuple)) else value
