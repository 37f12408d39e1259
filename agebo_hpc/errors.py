"""One tree of exceptions, each with the exit code that the command line returns for it.

A message says what was given, what is allowed and what to do, in one or two sentences.
"""

EXIT_COMPLETE = 0
EXIT_USAGE = 2
EXIT_DATA = 65
EXIT_MISSING = 66
EXIT_INTERNAL = 70
EXIT_LAUNCH = 71
EXIT_AGAIN = 75
EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130


class AgeboError(Exception):
    """Base of all errors that a user can cause or should read; never shown with a traceback."""

    exit_code = EXIT_INTERNAL


class AgeboWarning(UserWarning):
    """Something may be other than it was meant to be; the work goes on."""


class UsageError(AgeboError):
    """An option or argument has a value that is not allowed, or contradicts another one."""

    exit_code = EXIT_USAGE


class DataError(AgeboError):
    """A file can be read but what is in it cannot be used."""

    exit_code = EXIT_DATA


class InputMissingError(AgeboError):
    """A file, a run directory or a network resource that was asked for is not there."""

    exit_code = EXIT_MISSING


class LaunchError(AgeboError):
    """The ranks of this job do not fit what was asked: a world of one rank, too few ranks."""

    exit_code = EXIT_LAUNCH


class RankUnfitError(LaunchError):
    """One rank cannot take part whatever the others can: it says so itself."""


class RankDiedError(AgeboError):
    """A rank of the job died or hangs, and the job cannot go on without it: it is aborted."""

    exit_code = EXIT_AGAIN


class ConfigurationError(AgeboError):
    """A problem file, preset or stored configuration is wrong."""

    exit_code = EXIT_CONFIGURATION


def error_of(code: int, text: str) -> AgeboError:
    """Return the error of another process, known by its exit code and its message."""
    kinds = (UsageError, DataError, InputMissingError, LaunchError, ConfigurationError)
    kind = next((kind for kind in kinds if kind.exit_code == code), AgeboError)
    return kind(text)


class TooManyFailuresError(AgeboError):
    """So many evaluations failed that the search was stopped."""

    exit_code = EXIT_INTERNAL


class NonFiniteLossError(AgeboError):
    """The loss of a training became infinite or not a number."""


class WeightsDifferError(AgeboError):
    """The processes of one training ended with different weights."""


class MemberLeftError(AgeboError):
    """A process cannot go on with a training because another one has left it."""
