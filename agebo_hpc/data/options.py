"""How a table is prepared: everything that may be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agebo_hpc.data.preprocessing import ONE_HOT_LEVELS
from agebo_hpc.data.splits import Split, check_split
from agebo_hpc.errors import UsageError

TASKS = ("auto", "classification", "regression")


@dataclass(frozen=True)
class PrepareOptions:
    """How a table is prepared.

    Attributes
    ----------
    name
        Name of the data set; None: the stem of the output file.
    task
        ``"classification"``, ``"regression"``, or ``"auto"``: text, booleans, categories, whole
        numbers with at most 20 distinct values and any numbers with just two make a
        classification, all other numbers and durations a regression.
    split
        Shares of training, validation and test, sum 1; the last may be 0: no test part. None:
        0.42, 0.25, 0.33, or what says the parts.
    time
        Column of dates or numbers: the oldest rows train, the newest test. Several, or a text
        with commas that is no column's name: the first counts most, as in year, month, day.
        Empty: none.
    group
        Column of groups, each of which is in one part only. With `time`, rows of a group that has
        rows in the time of several parts are left out of all of them but one. Empty: none.
    fold
        Column that says the part of each row, see `agebo_hpc.data.splitting.by_fold`. Empty: none.
    keep
        Columns of `time` and `group` that are features all the same.
    drop, categorical, text, numeric, date
        Columns that are left out; that are categories by value or by their text exactly as it
        came; numbers; dates, as ``COLUMN`` or ``COLUMN=dmy`` (``mdy``, ``ymd``). All but `date`
        may name the target, too.
    missing
        Texts that stand for a missing cell in any column, besides those that always do.
    decimal
        Mark before the fraction of numbers in text, ``"."`` or ``","``; nothing: what the cells
        show.
    one_hot_levels
        Most levels of a category that is one-hot encoded, >= 1; more are target encoded.
    inputs
        (name of an input, name of a column or pattern with ``*``, ``?`` and ``[...]``) pairs that
        divide the columns into inputs; none: one input.
    alike
        Groups of names of inputs that hold the same kind of columns in the same order: they are
        encoded alike and have equal shape.
    weight
        Column of what each row counts in training and in scores, >= 0; it is no feature. Empty:
        all rows count alike.
    seed
        Seed of the split and of cross-fitting, >= 0.
    force
        Whether an existing output file is replaced.
    """

    name: str | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    split: Split | None = None
    time: str | Sequence[str] = ""
    group: str = ""
    fold: str = ""
    keep: Sequence[str] = ()
    drop: Sequence[str] = ()
    categorical: Sequence[str] = ()
    text: Sequence[str] = ()
    numeric: Sequence[str] = ()
    date: Sequence[str] = ()
    missing: Sequence[str] = ()
    decimal: str = ""
    one_hot_levels: int = ONE_HOT_LEVELS
    inputs: Sequence[tuple[str, str]] = ()
    alike: Sequence[Sequence[str]] = ()
    weight: str = ""
    seed: int = 42
    force: bool = False

    def __post_init__(self) -> None:
        if self.split is not None:
            check_split(tuple(self.split))
        if self.task not in TASKS:
            raise UsageError(f"--task is {self.task!r}; choose among {', '.join(TASKS)}.")
        if self.decimal not in ("", ".", ","):
            raise UsageError(f"--decimal is {self.decimal!r}; give . or a comma.")
        if self.one_hot_levels < 1:
            raise UsageError(f"--one-hot-levels is {self.one_hot_levels}; give 1 or more.")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"--seed is {self.seed}; give a whole number from 0 to 2^32 - 1.")
