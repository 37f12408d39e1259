"""How the cells of one column are read: decided at training, stored, the same when predicting."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from agebo_hpc.data.number_notation import NumberNotation

Kind = Literal["numeric", "category", "datetime"]
Form = Literal["number", "boolean", "duration", "date", "level", "text", "before"]


@dataclass(frozen=True)
class Reading:
    """The form of a column's cells.

    Attributes
    ----------
    form
        ``"number"``, ``"boolean"`` or ``"duration"``: read as a number; ``"date"``; ``"level"``:
        a category whose levels are values (0.50 is 0.5); ``"text"``: one whose levels are texts
        exactly as they came; ``"before"``: a category as it was read before readings were stored.
    decimal, thousands, affix
        For numbers, see `NumberNotation`.
    order
        For dates, one of `agebo_hpc.data.date_notation.ORDERS`.
    missing
        Texts that stand for a missing cell, besides those that always do.
    """

    form: Form = "number"
    decimal: str = "."
    thousands: str = ""
    affix: str = ""
    order: str = "iso"
    missing: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """The kind of a column that is read so."""
        if self.form in ("level", "text", "before"):
            return "category"
        return "datetime" if self.form == "date" else "numeric"

    @property
    def notation(self) -> NumberNotation:
        """The marks of its numbers."""
        return NumberNotation(self.decimal, self.thousands, self.affix)

    @property
    def is_plain(self) -> bool:
        """Whether a reader that takes plain numbers for numbers takes nothing away."""
        return self in (Reading(), Reading("boolean"), Reading("duration"))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: what differs from the default, and the form."""
        default = Reading()
        data = {k: v for k, v in asdict(self).items() if v != getattr(default, k)}
        return {"form": self.form, **data}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Reading:
        """Return the reading that `to_dict` described.

        Raises
        ------
        TypeError
            If it has fields of another version.
        """
        unknown = set(data) - {field.name for field in fields(cls)}
        if unknown:
            raise TypeError(f"a reading has no {', '.join(sorted(unknown))}")
        return cls(**{**data, "missing": tuple(data.get("missing", ()))})


NUMBER, DATE, LEVEL, TEXT, BEFORE = (
    Reading("number"),
    Reading("date"),
    Reading("level"),
    Reading("text"),
    Reading("before"),
)
