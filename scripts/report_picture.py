"""Make the picture of a report's first screen that the documentation shows.

    report_picture.py REPORT.html OUT.png

Needs Chromium. The picture has few colours, so that the file is small.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

WIDTH, HEIGHT = 1040, 1180
COLOURS = 64
SECONDS = 300


def main() -> None:
    """Draw the page in a browser and write what the first screen shows."""
    report, out = map(Path, sys.argv[1:])
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        raise SystemExit("There is no Chromium; on Debian: apt install chromium.")
    with TemporaryDirectory() as home:
        shot = Path(home, "shot.png")
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={home}/profile", f"--window-size={WIDTH},{HEIGHT}"),
            *(f"--screenshot={shot}", report.resolve().as_uri()),
        ]
        subprocess.run(command, check=True, timeout=SECONDS, capture_output=True)
        # Rare colours, as that of the answer, are kept too.
        picture = (
            Image.open(shot)
            .convert("RGB")
            .quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        )
        picture.save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
