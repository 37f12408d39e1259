"""The page of a report and the files beside it."""

from __future__ import annotations

import base64
import errno
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from agebo_hpc.analysis import csv_text, event_files
from agebo_hpc.analysis.event_files import write_event_files
from agebo_hpc.analysis.lineage import Evolution, lineage
from agebo_hpc.analysis.methods import by_method
from agebo_hpc.analysis.report import best_of_methods, write_analysis
from agebo_hpc.analysis.report.details import details
from agebo_hpc.analysis.report.page import table_html
from agebo_hpc.analysis.runs import read_scored_runs
from agebo_hpc.errors import UsageError
from agebo_hpc.storage.run_directory import RunDirectory

Make = Callable[..., RunDirectory]
VOID = {"meta", "img", "link", "br"}


class Page(HTMLParser):
    """Collects what a page holds, and checks that its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[bytes] = []
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        if tag == "img":
            assert values["alt"]
            head, _, data = str(values["src"]).partition(",")
            assert head == "data:image/svg+xml;base64"
            self.pictures.append(base64.b64decode(data, validate=True))
        if "id" in values:
            assert values["id"] not in self.anchors
            self.anchors.add(str(values["id"]))
        if "href" in values:
            self.links.add(str(values["href"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_of_a_run_is_whole_and_needs_no_other_file(
    make_run: Make, tmp_path: Path
) -> None:
    runs = read_scored_runs([make_run([0.1, 0.5, None, 0.3] * 10).path])
    analysis = write_analysis(runs, tmp_path / "out" / "new", 3)
    text = analysis.files[0].read_text()
    page = Page(text)
    assert len(page.pictures) >= 7 and all(b"</svg>" in picture for picture in page.pictures)
    assert page.links == {f"#{name}" for name in page.anchors}
    assert not page.tags & {"script", "link", "iframe"}
    assert not re.search(r"https?://|url\(", text)
    pictures = b"".join(page.pictures)
    assert not re.search(rb"(href|src)=\"(?!#|data:)|url\((?!#)|@import", pictures)
    assert all(file.stat().st_size for file in analysis.files)
    names = {file.name for file in analysis.files}
    assert {"trajectory.png", "trajectory.pdf", "trajectory.csv", "slots.png"} <= names
    assert {"failures.pdf", "hyperparameters.csv", "rank_tests.csv"} - names == {"rank_tests.csv"}
    assert sorted(p.name for p in analysis.files[0].parent.iterdir()) == sorted(names)


def test_what_cannot_be_shown_says_why(make_run: Make, tmp_path: Path) -> None:
    runs = read_scored_runs([make_run([0.1]).path])
    text = write_analysis(runs, tmp_path / "out", formats=()).files[0].read_text()
    Page(text)
    assert "This needs 30 evaluations that are done" in text
    assert "This method has no population" in text
    assert "The best evaluations have no learning curves" in text
    assert "No objective lies above 0.1" in text


def test_several_runs_are_compared_and_shown_one_by_one(make_run: Make, tmp_path: Path) -> None:
    paths = [make_run([0.1, 0.3], "x").path, make_run([0.2, None], "y & <z>").path]
    runs = read_scored_runs(paths)
    analysis = write_analysis(runs, tmp_path / "out", 1, ["png"])
    top = analysis.top
    assert list(zip(top["run"], top["evaluation_id"], strict=True)) == [("x", 1), ("y & <z>", 0)]
    text = analysis.files[0].read_text()
    Page(text)
    assert "y &amp; &lt;z&gt;" in text and "<z>" not in text
    # Which architecture is whose; the rows of the best stand in the order of their objectives.
    assert "<li>x: Dense(16, relu)" in text and "<li>y &amp; &lt;z&gt;: identity" in text
    places = {str(f.relative_to(tmp_path / "out")) for f in analysis.files}
    assert {"comparison.png", "rank_tests.csv", "x/slots.png", "y_z/slots.png"} <= places
    assert list(pd.read_csv(tmp_path / "out" / "trajectory.csv")["run"]) == ["x", "x", "y & <z>"]


def test_only_the_runs_asked_for_are_shown_in_detail(make_run: Make, tmp_path: Path) -> None:
    runs = read_scored_runs([make_run([0.1, 0.3], "x").path, make_run([0.4], "y").path])
    assert by_method(runs) == {"search": ["x", "y"]}
    assert best_of_methods(runs) == ["y"]
    files = write_analysis(runs, tmp_path / "out", 1, [], ["y"]).files
    assert {f.parent.name for f in files} == {"out", "y"}


def test_the_same_runs_give_the_same_page(make_run: Make, tmp_path: Path) -> None:
    runs = read_scored_runs([make_run([0.1, 0.3, 0.2]).path])
    one, two = (write_analysis(runs, tmp_path / n, formats=()).files[0] for n in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()


def test_an_unknown_format_and_a_file_in_the_way_are_refused(
    make_run: Make, tmp_path: Path
) -> None:
    runs = read_scored_runs([make_run([0.1]).path])
    with pytest.raises(UsageError, match="'gif'; choose among png, pdf, svg"):
        write_analysis(runs, tmp_path / "out", formats=["gif"])
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="choose another --out"):
        write_analysis(runs, tmp_path / "file")


def test_tables_are_escaped_and_unknown_values_empty() -> None:
    text = table_html(pd.DataFrame({"a_b": [1.23456789, None], "c": ["<b>", None]}))
    assert "<th>a b</th>" in text and "<td>1.2346</td>" in text
    assert "&lt;b&gt;" in text and '<td class="text"></td>' in text and "nan" not in text.lower()


def test_an_ancestry_says_what_was_changed(make_run: Make) -> None:
    run = make_run([0.1, 0.5, 0.2, 0.9, 0.3, 0.4])
    config = {"search": {"method": "age", "seed": 0, "population_size": 2, "sample_size": 1}}
    (read,) = read_scored_runs([run.path]).values()
    read.config["search"] = config["search"]
    told = dict.fromkeys(range(6), 0) | {3: 3}
    evolution = Evolution.of_config(config["search"])
    assert evolution is not None
    family = lineage(read.history, {}, told, evolution).set_index("evaluation_id")
    parent = family.loc[3, "parent_id"]
    assert parent in (1, 2)  # the two youngest by then
    read.told.update(told)
    (exhibit,) = [exhibit for exhibit in details(read) if exhibit.name == "lineage"]
    (table,) = exhibit.shown.values()
    # Evaluations with an odd number are alike: the first node alone tells the others apart.
    expected = "" if parent == 1 else "node 1: identity \u2192 Dense(16, relu)"
    assert list(table["evaluation_id"]) == [parent, 3]
    assert list(table["changed"]) == ["", expected]


def test_a_long_list_is_closed_at_first_and_a_simulation_has_no_parameters(
    make_run: Make, tmp_path: Path
) -> None:
    runs = read_scored_runs([make_run([0.1 * n for n in range(8)]).path])
    (run,) = runs.values()
    text = write_analysis(runs, tmp_path / "a", 6, formats=()).files[0].read_text()
    Page(text)
    assert "<details><summary>Architectures</summary>" in text and "<th>parameters</th>" in text
    run.history["num_parameters"] = 0
    text = write_analysis(runs, tmp_path / "b", 5, formats=()).files[0].read_text()
    assert "<details>" not in text and "<th>parameters</th>" not in text
    assert "99&nbsp;% quantile" in text


@pytest.mark.parametrize("good", [0, 3])
def test_an_analysis_that_finds_no_room_leaves_nothing(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: int
) -> None:
    runs = read_scored_runs([make_run([0.1, 0.5]).path])
    written = []

    def write(path: Path, data: bytes | str) -> None:
        if len(written) == good:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.touch()
        written.append(path)

    monkeypatch.setattr(csv_text, "write_file", write)
    monkeypatch.setattr(event_files, "write_file", write)
    out = tmp_path / "new" / "out"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="No space left"):
        write_analysis(runs, out, formats=())
    assert sorted(tmp_path.rglob("*")) == before
    written = [Path()] * good
    with pytest.raises(UsageError, match="No space left"):
        write_event_files(runs, out)
    assert sorted(tmp_path.rglob("*")) == before
