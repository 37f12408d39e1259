"""The page of a report in a real browser: every picture is drawn, nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
# Appended to a copy of the page: says what the browser made of it.
PROBE = """<script>addEventListener("load", () => { const p = [...document.images];
document.title = "pictures " + p.length + " drawn " + p.filter(i => i.naturalWidth > 300).length
+ " fetched " + performance.getEntriesByType("resource").filter(
e => !e.name.startsWith("data:")).length
+ " wide " + (document.documentElement.scrollWidth > innerWidth); });</script>"""


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium; Debian: apt install chromium")
@pytest.mark.slow
def test_a_browser_draws_every_picture_and_fetches_nothing(
    agebo: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    made = agebo(
        *("search", "--executor", "simulated", "--groups", "4", "--preset", "v1-small"),
        *("--simulate", "lognormal:mean=60", "--max-evals", "60", "--population", "20"),
        *("--manager-charge", "0", "--out", str(tmp_path / "run")),
    )
    assert made.returncode == 0, made.stderr
    out = tmp_path / "out"
    drawn = agebo("analyze", str(tmp_path / "run"), "--out", str(out), "--figures", "none")
    assert drawn.returncode == 0, drawn.stderr
    text = (out / "report.html").read_text()
    probed = tmp_path / "probed.html"
    probed.write_text(text.replace("</body>", PROBE + "</body>"))
    assert BROWSER is not None
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=500,900", "--dump-dom"),
        probed.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    count = text.count("<img ")
    assert count >= 10
    title = re.search("<title>(.*?)</title>", done.stdout)
    assert title is not None, done.stderr
    assert title[1] == f"pictures {count} drawn {count} fetched 0 wide false"
