"""Whether what `qsub -v` carried into this job came whole.

    python -m agebo_hpc.launch.qsub_words RUN [WORDS…]

A value ends at its first comma there, silently: a search would do something else than was asked.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agebo_hpc.errors import AgeboError, UsageError
from agebo_hpc.job.commands import Ask, ask_scheduler
from agebo_hpc.job.pbs import pbs_job
from agebo_hpc.run.option import OnResume
from agebo_hpc.run.options import OPTIONS, names_of

GOALS = tuple(OPTIONS[name].spelling for name in names_of(OnResume.GOAL))
QUOTES = "\"'\\ "
"""What may keep a comma in a value, and is gone when the value arrives."""
CURE = (
    "`qsub -v` cuts a value at its first comma. Write the words into a file and name it: "
    "`qsub -v AGEBO_SEARCH_FILE=search.txt …`, or `export` the variable and `qsub -V`."
)


def submitted_variables(facts: Mapping[str, Any]) -> list[str]:
    """Return what stood behind ``-v`` when a job was submitted, as far as PBS keeps it. Pure."""
    text = str(facts.get("Submit_arguments", "") or facts.get("submit_args", ""))
    words = re.findall(r"<jsdl-hpcpa:Argument>(.*?)</jsdl-hpcpa:Argument>", text, re.DOTALL)
    if not words:
        found = re.search(r"""-v\s*(["']?)(.*?)\1(?:\s+-|\s+\S+$|$)""", text, re.DOTALL)
        return [found[2]] if found else []
    pairs = zip(words, [*words[1:], ""], strict=True)
    return [after if word == "-v" else word[2:] for word, after in pairs if word.startswith("-v")]


def cut_value(variables: str, environ: Mapping[str, str]) -> str | None:
    """Return the name of a variable of agebo_hpc that was cut at a comma. Pure.

    Parameters
    ----------
    variables
        What stood behind ``-v``: ``NAME=VALUE,NAME,…``.
    environ
        Environment of the job.
    """
    name = ""
    for piece in variables.split(","):
        found = re.fullmatch(r"\s*([A-Za-z_]\w*)(?:=.*)?", piece, re.DOTALL)
        if found is not None:
            name = found[1]
        elif name.startswith("AGEBO_") and piece.strip(QUOTES) not in environ.get(name, ""):
            return name
    return None


def check(
    run: Path,
    words: Sequence[str],
    environ: Mapping[str, str] | None = None,
    ask: Ask = ask_scheduler,
) -> None:
    """Refuse a job whose variables were cut, or whose search has no end.

    Parameters
    ----------
    run
        Directory of the search; one that is in it has its goal.
    words
        Words of the search's command line.
    environ
        Environment to read; this process's by default.
    ask
        Runs the commands of the batch system.

    Raises
    ------
    UsageError
        If so.
    """
    environ = os.environ if environ is None else environ
    if not environ.get("PBS_JOBID") and not environ.get("COBALT_JOBID"):
        return
    if environ.get("PBS_JOBID"):
        for variables in submitted_variables(pbs_job(environ["PBS_JOBID"], ask, environ)):
            name = cut_value(variables, environ)
            if name is not None:
                raise UsageError(f"{name} came as '{environ.get(name, '')}'. {CURE}")
    asked = environ.get("AGEBO_SEARCH")
    has_goal = any(word.split("=")[0] in GOALS for word in words)
    if asked and words and not has_goal and not (run / "config.toml").exists():
        raise UsageError(
            f"AGEBO_SEARCH came as '{asked}', a search without an end; give "
            f"{' or '.join(GOALS)}. If you did, behind a comma: {CURE}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Check this job's variables; say what is wrong and return its code."""
    run, *words = sys.argv[1:] if arguments is None else arguments
    try:
        check(Path(run), words)
    except AgeboError as error:
        sys.stderr.write(f"agebo: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
