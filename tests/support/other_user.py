"""What another user of this machine can run of this environment."""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

LEFT_OUT = ("site-packages", "test", "idlelib", "tkinter", "__pycache__")


def can_run(user, *words):
    """Tell whether a command of a user, outside of any directory of ours, does its work."""
    known = pwd.getpwnam(user)
    quiet = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
    command = [os.fspath(word) for word in words]
    who = {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}
    try:
        return subprocess.run(command, cwd="/", **quiet, **who).returncode == 0
    except PermissionError:
        return False


def copy_tree(source, target, ignored=()):
    """Copy a directory by links where the file system is the same."""
    shutil.copytree(
        source, target, symlinks=True, copy_function=link_or_copy, ignore=_ignore(ignored)
    )


def _ignore(names):
    return lambda directory, found: set(found) & set(names)


def link_or_copy(source, target):
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


def reachable(path, user, place):
    """Return a directory, or a copy of it in a place where the user can read it."""
    if can_run(user, "ls", path):
        return path
    copy = place / path.name
    copy_tree(path, copy, ("__pycache__", ".git"))
    return copy


def interpreter_for(user, place):
    """Write into a place what runs this environment's Python as a user; return its directory.

    Interpreters often lie below a home directory that nobody else may enter.
    """
    program = Path(sys.executable)
    packages = Path(sysconfig.get_path("purelib"))
    environment = reachable(Path(sys.prefix), user, place)
    packages = environment / packages.relative_to(sys.prefix)
    base = Path(sys.base_prefix)
    real = Path(os.path.realpath(program))
    if not can_run(user, real, "-c", ""):
        copy = place / "base"
        (copy / "bin").mkdir(parents=True)
        shutil.copy2(real, copy / "bin" / real.name)
        copy_tree(base / "lib", copy / "lib", LEFT_OUT)
        base, real = copy, copy / "bin" / real.name
    words = place / "bin" / "python"
    words.parent.mkdir()
    words.write_text(
        "#!/bin/sh\n"
        f'export LD_LIBRARY_PATH="{base}/lib:$LD_LIBRARY_PATH"\n'
        f'export PYTHONPATH="$PYTHONPATH:{packages}"\n'
        f'exec {real} "$@"\n'
    )
    words.chmod(0o755)
    # Its mpirun stands beside it.
    return f"{words.parent}:{environment / 'bin'}"
