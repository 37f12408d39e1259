"""Write the tables of options, of metrics and of presets in docs/ from their records.

    option_tables.py [--check]

Between ``.. begin options NAME`` and ``.. end options`` in a page stands what this makes. NAME
is a group of options, such as Training, or Resume, or Metrics, or Presets. With --check nothing
is written, and the exit code is 1 if a page is out of date.
"""

import argparse
import re
import sys
from pathlib import Path

from agebo_hpc.metrics.record import BINARY, MULTICLASS, REGRESSION, Sums
from agebo_hpc.metrics.table import METRICS
from agebo_hpc.run.option import OnResume, Option, OptionGroup
from agebo_hpc.run.options import OPTIONS, START_OPTIONS
from agebo_hpc.space.problem import PRESETS, preset
from agebo_hpc.space.ranges import ABOUT, ranges

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"(?<=^\.\. begin options )(\w+)\n.*?(?=^\.\. end options$)", re.M | re.S)
KINDS = {BINARY: "two classes", MULTICLASS: "several classes", REGRESSION: "numbers"}
ON_RESUME = {
    OnResume.START: "each start",
    OnResume.GOAL: "from then on",
    OnResume.FORCE: "with ``--set``",
    OnResume.NEVER: "never",
}


def table(header: list[str], rows: list[list[str]], widths: str) -> str:
    """Return a list-table."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [header, *rows]:
        for number, cell in enumerate(row):
            mark = "   * -" if number == 0 else "     -"
            lines.append(f"{mark} {cell}".rstrip())
    return "\n".join(lines) + "\n"


def spelled(record: Option) -> str:
    """Return an option with what is to be given."""
    if record.off:
        return f"``{record.spelling}``, ``{record.off}``"
    if record.choices or not record.shown_type:
        return f"``{record.spelling}``"
    return f"``{record.spelling} {record.shown_type}``"


def allowed(record: Option) -> str:
    """Return what an option does, with the values that it has."""
    text = escaped(record.help)
    if record.choices:
        text += " One of " + ", ".join(f"``{name}``" for name in record.names) + "."
    if record.bounds:
        text += f" {record.bounds[0].upper()}{record.bounds[1:]}."
    return text


def escaped(text: str) -> str:
    """Return a text with its options and literal parts as literals."""
    return re.sub(r"(?<![`\w])(--[a-z][a-z-]*)", r"``\1``", text)


def default(record: Option) -> str:
    """Return what holds where an option is not given."""
    return escaped(record.shown_default) if record.name != "out" else "must be given"


def of_group(group: OptionGroup) -> str:
    """Return the table of a group."""
    records = [r for r in (*OPTIONS.values(), *START_OPTIONS.values()) if r.group is group]
    rows = [
        [spelled(r), default(r), allowed(r), resumable(r)] for r in records if r.name != "data"
    ]
    return table(["Option", "Default", "Meaning", "Changes on resume"], rows, "24 18 44 14")


def resumable(record: Option) -> str:
    """Return what a resume may do with an option."""
    return "" if record.name in START_OPTIONS else ON_RESUME[record.on_resume]


def of_resume() -> str:
    """Return the table of what a resume may do with which options."""
    rows = []
    for kind in OnResume:
        names = [r.spelling for r in OPTIONS.values() if r.on_resume is kind]
        rows.append([kind.value, ", ".join(f"``{name}``" for name in names)])
    return table(["A resume", "Options"], rows, "25 75")


def of_metrics() -> str:
    """Return the table of all metrics."""
    rows = []
    for metric in METRICS:
        others = ", ".join(f"``{name}``" for name in metric.aliases)
        kinds = [words for kind, words in KINDS.items() if kind in metric.kinds]
        fit = "classes" if {BINARY, MULTICLASS} <= set(metric.kinds) else ", ".join(kinds)
        way = "sums" if isinstance(metric.how, Sums) else "all rows"
        rows.append([f"``{metric.name}``", others, fit, metric.meaning, way])
    header = ["Name", "Other names", "Fit for", "Meaning", "Over shards"]
    return table(header, rows, "26 20 12 34 8")


def of_presets() -> str:
    """Return a table for each preset: what it searches, and what it fixes."""
    parts = []
    for name in PRESETS:
        title = f"``{name}``"
        rows = [[label, values] for label, values in ranges(preset(name))]
        text = table(["What", "Values"], rows, "30 70")
        parts.append(f"{title}\n{'-' * len(title)}\n\n{ABOUT[name]}\n\n{text}")
    return "\n".join(parts)


def block(name: str) -> str:
    """Return what stands between the marks of a name."""
    if name == "Presets":
        return of_presets()
    if name == "Metrics":
        return of_metrics()
    return of_resume() if name == "Resume" else of_group(OptionGroup(name))


def page_with_tables(text: str) -> str:
    """Return a page with its tables as they should be."""
    return BLOCK.sub(lambda found: f"{found[1]}\n\n{block(found[1])}\n", text)


def main() -> None:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="Write nothing.")
    check = parser.parse_args().check
    old = []
    for page in sorted(DOCS.glob("*.rst")):
        before = page.read_text()
        after = page_with_tables(before)
        if after != before:
            old.append(page.name)
            if not check:
                page.write_text(after)
    for name in old:
        print(f"{name}: {'out of date' if check else 'written'}")
    sys.exit(bool(check and old))


if __name__ == "__main__":
    main()
