"""``agebo-hpc`` and ``python -m agebo_hpc``: the command line, with an exit code for every end.

When several ranks run the same, only the first one speaks of a user's mistake. An uncaught
exception on any rank is printed with rank and host and aborts the whole job: the other ranks would
wait for ever.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` puts the working directory first, and a file json.py there is not Python's own.
    # It comes last: a problem file may import what is beside it.
    sys.path.append(sys.path.pop(0))

import socket
import traceback

import click

from agebo_hpc.errors import (
    EXIT_COMPLETE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    AgeboError,
    RankDiedError,
    RankUnfitError,
    TooManyFailuresError,
)
from agebo_hpc.execution.mpi.first_rank import is_first
from agebo_hpc.job.launcher import announced_rank
from agebo_hpc.processes.parent_death import die_with_launcher
from agebo_hpc.streams import failure, secure_streams
from agebo_hpc.text import harmless, one_line

SAYS_BESIDE = ("search", "resume", "retrain", "ensemble", "experiment", "submit")
"""Commands whose work is elsewhere than in what they print."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    secure_streams()
    die_with_launcher()
    code = run(sys.argv[1:])
    error = failure()
    if error is not None and is_first(sys.argv[1:]):
        sys.stderr.write(f"error: The standard output cannot be written: {error.strerror}.\n")
        if code == EXIT_COMPLETE and not set(sys.argv[1:2]) & set(SAYS_BESIDE):
            code = EXIT_USAGE
    sys.stderr.flush()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line with these arguments and return the exit code."""
    from agebo_hpc.cli.main import cli

    stdout = sys.stdout
    try:
        code = cli.main(arguments, prog_name="agebo-hpc", standalone_mode=False)
        return code if isinstance(code, int) else EXIT_COMPLETE
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        if is_first(sys.argv[1:]):
            print(error.format_message())
        return EXIT_USAGE
    except click.ClickException as error:
        return _say(one_line(error.format_message()), error.exit_code, error)
    except AgeboError as error:
        # Of many failures the message has a traceback.
        shown = harmless if isinstance(error, TooManyFailuresError) else one_line
        code = _say(shown(str(error)), error.exit_code, is_own=isinstance(error, RankUnfitError))
        if isinstance(error, RankDiedError):
            # The others wait for a rank that will never come.
            _abort_mpi(code)
        return code
    except (KeyboardInterrupt, click.Abort):
        return _say_interrupted()
    except BaseException as error:
        has_left = isinstance(error, BrokenPipeError) or sys.stdout is not stdout
        # Who read an output, such as a FIFO, has seen enough; click then exits in its own way.
        sys.stdout = stdout
        return EXIT_COMPLETE if has_left else _unexpected(error)


def _unexpected(error: BaseException) -> int:
    """Return the code of an exit, or say what went wrong and end the job."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else EXIT_INTERNAL
    _say_traceback()
    _abort_mpi(EXIT_INTERNAL)
    return EXIT_INTERNAL


def _say(
    message: str, code: int, error: click.ClickException | None = None, is_own: bool = False
) -> int:
    """Print a user's mistake once; other ranks with the same command leave quietly, with 0.

    What one rank alone has to say, it says.
    """
    if not is_own and not is_first(sys.argv[1:]):
        return EXIT_COMPLETE
    help_hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        help_hint = f" See `{error.ctx.command_path} --help`."
    print(f"error: {message}{help_hint}", file=sys.stderr)
    return code if code != 1 else EXIT_USAGE


def _say_interrupted() -> int:
    if not announced_rank():
        print("error: Interrupted.", file=sys.stderr)
    _abort_mpi(EXIT_INTERRUPTED)
    return EXIT_INTERRUPTED


def _say_traceback() -> None:
    """Print the traceback with rank and host."""
    where = f"rank {announced_rank()} on host {socket.gethostname()}"
    sys.stderr.write(f"agebo-hpc: {where} failed:\n{harmless(traceback.format_exc())}")
    sys.stderr.flush()


def _abort_mpi(code: int) -> None:
    """End the other ranks of the job too, if there are any."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or not mpi.Is_initialized() or mpi.Is_finalized():
        return
    if mpi.COMM_WORLD.Get_size() > 1:
        mpi.COMM_WORLD.Abort(code)


if __name__ == "__main__":
    main()
