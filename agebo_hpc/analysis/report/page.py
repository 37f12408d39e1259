"""The page of a report: one HTML file with all figures in it, without scripts and network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from agebo_hpc.analysis.figures.style import WIDTH, figure_bytes
from agebo_hpc.analysis.report.answer import Answer, Fact
from agebo_hpc.analysis.report.exhibit import Exhibit

STYLE = """
:root { color-scheme: light; --ink: #1c2530; --soft: #5d6b7a; --line: #d9dee4; --mark: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; margin: .5rem 0; } h2 { font-size: 1.3rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1.08rem; margin: 1.8rem 0 .3rem; }
h4 { font-size: .95rem; margin: .8rem 0 .2rem; }
h2 { border-bottom: 2px solid var(--line); padding-bottom: .2rem; }
p { margin: .3rem 0 .7rem; }
p.reading, p.missing, footer { color: var(--soft); font-size: .92rem; }
p.missing { border-left: 3px solid var(--line); padding-left: .7rem; }
a { color: var(--mark); } nav a { margin-right: .9rem; display: inline-block; }
summary { font-size: .95rem; font-weight: bold; cursor: pointer; }
ol { margin: .2rem 0 .8rem; padding-left: 1.6rem; font-size: .85rem; }
.picture { overflow-x: auto; }
.picture img { display: block; width: 100%; max-width: 54rem; min-width: 32rem; height: auto; }
.picture img.narrow { width: auto; max-width: 100%; min-width: 0; }
.verdict { border-left: 6px solid var(--line); background: #f6f8fa; padding: .6rem .9rem;
  margin: .8rem 0; border-radius: 0 6px 6px 0; font-size: 1.08rem; overflow-wrap: anywhere; }
.verdict span { display: block; color: var(--soft); font-size: .85rem; }
.yes { border-color: #009e73; } .no { border-color: #d55e00; } .noise { border-color: #e69f00; }
p.warning { border-left: 6px solid #d55e00; padding-left: .9rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .6rem;
  margin: .6rem 0; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .7rem; }
.card em { display: block; font-style: normal; font-size: .8rem; font-weight: 600; }
.card b { display: block; font-size: 1.15rem; overflow-wrap: anywhere; }
.card span { display: block; overflow-wrap: anywhere; color: var(--soft); font-size: .82rem; }
.table { overflow-x: auto; margin: .2rem 0 .8rem; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .6rem; text-align: right; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap; }
td.text, th.text { text-align: left; white-space: normal; }
td.long { min-width: 12rem; }
@media (max-width: 40rem) { body { padding: .6rem; font-size: 15px; } h1 { font-size: 1.35rem; }
  .cards { grid-template-columns: 1fr 1fr; } .card b { font-size: 1.05rem; } }
@media print { body { max-width: none; font-size: 10.5pt; padding: 0; } nav { display: none; }
  section { break-inside: avoid; } .picture img { min-width: 0; } .table { overflow: visible; }
  table { font-size: 7pt; width: 100%; } th, td { white-space: normal; padding: .1rem .2rem; }
  td.long { min-width: 0; } a { color: inherit; text-decoration: none; } }
"""
SHOWN_LINES = 5
"""Longer lists are closed at first."""
LONG = 40
"""Characters from which on a cell may break its text."""


@dataclass(frozen=True)
class Chapter:
    """A part of the page.

    Attributes
    ----------
    anchor, title
        Target of links, and heading.
    key_figures
        Small texts that stand above the exhibits, as (value, name).
    exhibits
        What is shown.
    answer
        What stands above all, of one run; None: nothing.
    """

    anchor: str
    title: str
    key_figures: Sequence[tuple[str, str]]
    exhibits: Sequence[Exhibit]
    answer: Answer | None = None


def page(title: str, chapters: Sequence[Chapter], footer: str) -> str:
    """Return the page as HTML text; its figures are SVG.

    Parameters
    ----------
    title
        Heading, plain text.
    chapters
        Chapters in the order of the page.
    footer
        Last line, plain text.
    """
    links = "".join(f'<a href="#{escape(c.anchor)}">{escape(c.title)}</a> ' for c in chapters)
    body = "".join(_chapter(chapter) for chapter in chapters)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n<nav>{links if len(chapters) > 1 else ''}</nav>\n{body}"
        f"<footer>{escape(footer)}</footer></body></html>\n"
    )


def _chapter(chapter: Chapter) -> str:
    cards = [_card(Fact("", value, name)) for value, name in chapter.key_figures]
    first = _cards(cards) if chapter.answer is None else _answer(chapter.answer)
    links = "".join(
        f'<a href="#{escape(chapter.anchor)}-{e.name}">{escape(e.title)}</a> '
        for e in chapter.exhibits
    )
    pieces = "".join(_exhibit(exhibit, chapter.anchor) for exhibit in chapter.exhibits)
    return (
        f'<h2 id="{escape(chapter.anchor)}">{escape(chapter.title)}</h2>\n'
        f"{first}<nav>{links}</nav>\n{pieces}"
    )


def _answer(answer: Answer) -> str:
    warning = f'<p class="warning">{escape(answer.warning)}</p>\n' if answer.warning else ""
    return (
        f'<div class="verdict {answer.verdict.answer}"><span>Is it better than boosting?</span>'
        f"{_unbroken(answer.verdict.text)}</div>\n{warning}"
        + _cards([_card(fact) for fact in answer.scores])
        + (f'<p class="reading">{_unbroken(answer.optimism)}</p>\n' if answer.optimism else "")
        + _cards([_card(fact) for fact in answer.facts])
    )


def _cards(cards: Sequence[str]) -> str:
    return f'<div class="cards">{"".join(cards)}</div>\n' if cards else ""


def _card(fact: Fact) -> str:
    name = f"<em>{escape(fact.name)}</em>" if fact.name else ""
    note = f"<span>{_unbroken(fact.note)}</span>" if fact.note else ""
    return f'<div class="card">{name}<b>{escape(fact.value)}</b>{note}</div>'


def _unbroken(text: str) -> str:
    """Return text as HTML; a number and its percent sign stay on one line."""
    return escape(text).replace(" %", "&nbsp;%")


def _exhibit(exhibit: Exhibit, anchor: str) -> str:
    parts = [f"<h3>{escape(exhibit.title)}</h3>"]
    if exhibit.missing:
        parts.append(f'<p class="missing">{escape(exhibit.missing)}</p>')
    elif exhibit.figure is not None:
        parts.append(_picture(exhibit.title, exhibit.figure))
    if not exhibit.missing or exhibit.shown:
        parts.append(f'<p class="reading">{_unbroken(exhibit.reading)}</p>')
    for heading, table in exhibit.shown.items():
        parts += [f"<h4>{escape(heading)}</h4>" if heading else "", table_html(table)]
    for heading, lines in exhibit.texts.items():
        parts.append(_list(heading, lines))
    return f'<section id="{escape(anchor)}-{exhibit.name}">{"".join(parts)}</section>\n'


def _list(heading: str, lines: Sequence[str]) -> str:
    """Return a numbered list as HTML; a long one is opened by a click."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    if len(lines) <= SHOWN_LINES:
        return f"<h4>{escape(heading)}</h4><ol>{items}</ol>"
    return f"<details><summary>{escape(heading)}</summary><ol>{items}</ol></details>"


def _picture(title: str, figure: Figure) -> str:
    svg = base64.b64encode(figure_bytes(figure, "svg")).decode()
    kind = ' class="narrow"' if figure.get_figwidth() < WIDTH else ""
    image = f'<img{kind} alt="{escape(title)}" src="data:image/svg+xml;base64,{svg}">'
    return f'<div class="picture">{image}</div>'


def table_html(table: pd.DataFrame) -> str:
    """Return a table as HTML: numbers with five digits to the right, text to the left."""
    names = [str(name) for name in table.columns]
    texts = {name for name in names if not pd.api.types.is_numeric_dtype(table[name])}
    head = "".join(_cell("th", name.replace("_", " "), name in texts) for name in names)
    rows = "".join(
        "<tr>"
        + "".join(_cell("td", _say(v), n in texts) for n, v in zip(names, row, strict=True))
        + "</tr>"
        for row in table.itertuples(index=False)
    )
    return f'<div class="table"><table><tr>{head}</tr>{rows}</table></div>'


def _cell(tag: str, text: str, is_text: bool) -> str:
    kind = f' class="text{" long" * (len(text) > LONG)}"' if is_text else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _say(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float):
        return f"{value:.5g}"
    return str(value)
