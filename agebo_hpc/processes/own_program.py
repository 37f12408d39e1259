"""Programs of this package in processes of their own, whatever is in the working directory.

    python -P own_program.py [--with-parent] MODULE ARGUMENT...

runs a module of this package. ``python -m`` would look for modules in the working directory
first: a file ``signal.py`` or ``json.py`` there would be taken for Python's own.
"""

import os
import sys
from collections.abc import Mapping

WITH_PARENT = "--with-parent"
THREADS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries of linear algebra read before they make their threads."""


def own_program(module: str, with_parent: bool = False) -> list[str]:
    """Return the words that run a module of the package that runs here.

    Parameters
    ----------
    module
        Its whole name.
    with_parent
        Whether it is killed when the process that starts it ends, from its first moment on.
    """
    options = [WITH_PARENT] if with_parent else []
    return [sys.executable, "-P", os.path.abspath(__file__), *options, module]


def own_environment(environ: Mapping[str, str], threads: int | None = None) -> dict[str, str]:
    """Return the environment for a process of our own.

    ``PYTHONPATH`` is left without empty entries, as in ``:/lib``: Python takes them for the
    working directory and looks there before it looks for its own modules.

    Parameters
    ----------
    environ
        Environment that it would have.
    threads
        Threads that its libraries make, >= 1; None: what the environment says.
    """
    ours = dict(environ)
    if threads is not None:
        ours |= dict.fromkeys(THREADS_VARIABLES, str(threads))
    entries = list(filter(None, ours.pop("PYTHONPATH", "").split(os.pathsep)))
    return {**ours, "PYTHONPATH": os.pathsep.join(entries)} if entries else ours


def main() -> None:
    """Run a module as the main program."""
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if home not in sys.path:
        sys.path.insert(0, home)
    del sys.argv[0]
    if sys.argv[0] == WITH_PARENT:
        from agebo_hpc.processes.parent_death import die_with_parent

        die_with_parent()
        del sys.argv[0]
    import runpy

    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
