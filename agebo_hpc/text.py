"""Text from outside made harmless for a terminal, a log or a script; numbers with their nouns.

Names, labels, messages and tracebacks may hold characters that do something where they are
shown: move the cursor, hide a line, turn the order of letters around. They are shown as escapes.
"""

from __future__ import annotations

import re

_ACTIVE = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the order of letters
    "\u2028\u2029"  # ends of lines and paragraphs
    "\U000e0000-\U000e007f"  # tags, which nobody sees
    "\udc80-\udc9f"  # bytes that are no text and that some terminals take for C1
)
_ANY = re.compile(f"[{_ACTIVE}]")
_BUT_LAYOUT = re.compile(f"(?![\n\t])[{_ACTIVE}]")


def harmless(text: str) -> str:
    r"""Escape characters that do more than being seen, as in ``\x1b``; lines and tabs stay."""
    return _BUT_LAYOUT.sub(_escape, text)


def one_line(text: str) -> str:
    r"""Escape as `harmless` does, and ends of lines and tabs too: ``\n``."""
    return _ANY.sub(_escape, text)


def noun(number: float, singular: str, plural: str = "") -> str:
    """Return a noun as it stands after a number: ``plural``, or with an s, but after 1."""
    return singular if number == 1 else plural or f"{singular}s"


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun, as in ``1 slot`` and ``1,200 slots``."""
    return f"{number:,} {noun(number, singular, plural)}"


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
