"""What kind a column is: read where all cells agree, said, and refused where it is not certain."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.cells import option
from agebo_hpc.data.column_reading import read_columns
from agebo_hpc.data.kinds import Wish, Wishes, decide
from agebo_hpc.errors import DataError


def column(*cells, name="a", dtype=None):
    return pd.Series(list(cells), name=name, dtype=dtype)


def said(decided):
    return " | ".join(decided.summary.oddities)


@pytest.mark.parametrize(
    ("cells", "numbers", "words"),
    [
        (["1,5", "-2,25", "3"], [1.5, -2.25, 3], "decimal comma: '1,5' (row 1) is read as 1.5"),
        (["1,000", "12,345.5"], [1000, 12345.5], "thousands ','"),
        (["12,34,567", "1,00,000"], [1234567, 100000], "thousands ','"),
        (["1.000,5", "2.500"], [1000.5, 2500], "decimal comma, thousands '.'"),
        (["1.000.000", "999"], [1e6, 999], "thousands '.'"),
        (["1 000", "2 500 000"], [1000, 2.5e6], "thousands ' '"),
        (["1\u00a0000", "2\u202f500,5"], [1000, 2500.5], "decimal comma, thousands ' '"),
        (["1'000", "2\u2019500"], [1000, 2500], "thousands"),
        (["$5", "-$1,234.50", "7"], [5, -1234.5, 7], "$"),
        (["5 \u20ac", "1.234,50 \u20ac"], [5, 1234.5], "\u20ac"),
        (["\u00a35", "\u00a30.5"], [5, 0.5], "\u00a3"),
        (["5 USD", "6 USD"], [5, 6], "USD"),
        (["45%", "5.5 %"], [0.45, 0.055], "%: '45%' (row 1) is read as 0.45"),
        (["(1.5)", "2"], [-1.5, 2], "'(1.5)' (row 1) is read as -1.5"),
        (["\u22121.5", "2"], [-1.5, 2], "is read as -1.5"),
        (["1.5-", "2", "3 -"], [-1.5, 2, -3], "'1.5-' (row 1) is read as -1.5"),
        (["1.234,5-", "2"], [-1234.5, 2], "decimal comma, thousands '.': '1.234,5-'"),
        (["1.5D+03", "-.5d2", "2."], [1500, -50, 2], "'1.5D+03' (row 1) is read as 1500"),
        (["R$ 5,50", "-R$ 6"], [5.5, -6], "decimal comma, R$: "),
        (["US$5", "6"], [5, 6], "US$: "),
        (["5,50 kr", "6 kr"], [5.5, 6], "decimal comma, kr: "),
        (["\uff11\uff12", "3"], [12, 3], "is read as 12"),
        (["+5", " 6 ", "\u00a07"], [5, 6, 7], ""),
        (["1e5", ".5", "5."], [1e5, 0.5, 5], ""),
        (["007", "012"], [7, 12], "zero-padded: '007' (row 1) is read as 7; --text a keeps it"),
        (["inf", "1", "-Infinity"], [np.nan, 1, np.nan], "infinite"),
        (["1e150", "2"], [np.nan, 2], "beyond 1e100"),
        (["TRUE", "false", None], [1, 0, np.nan], ""),
        (["1 days 02:03:04", "0 days"], [93784, 0], "seconds"),
        (["02:03:04", "12:00:00.5"], [7384, 43200.5], "seconds"),
        (["PT5M", "P1DT1H"], [300, 90000], "seconds"),
    ],
)
def test_numbers_are_read_in_the_notation_that_all_cells_agree_on(cells, numbers, words):
    decided = decide(column(*cells))
    assert decided.kind == "numeric"
    np.testing.assert_allclose(decided.values.astype(float), numbers)
    assert words in said(decided)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["5 kg", "6.5 kg"], "cells such as '5 kg' (row 1) are no numbers or dates"),
        (["5\u2030", "6\u2030"], "are no numbers or dates"),
        (["1\u00b2", "2\u00b3"], "are no numbers or dates"),
        (["\u00bd", "1\u00bd"], "are no numbers or dates"),
        (["\u0661\u0662", "\u0663"], "are no numbers or dates"),
        (["1_000", "2_500"], "are no numbers or dates"),
        (["0x1F", "0x2A"], "are no numbers or dates"),
        (["1/2", "3/4"], "are no numbers or dates"),
        (["12:30", "13:45"], "are no numbers or dates"),
        (["1d5", "2d6"], "are no numbers or dates"),
        (["Fr. 5", "Fr. 6"], "are no numbers or dates"),
        (["2013-W05", "2013-W06"], "are no numbers or dates"),
        (["31/01/13", "28/02/14"], "years of two digits, as in '31/01/13' (row 1)"),
        (["x", "01.02.13", "03.04.14"], "years of two digits, as in '01.02.13' (row 2)"),
        (["31-Jan-13", "28-Feb-14"], "years of two digits"),
        (["Jan 31, 13", "Feb 28, '14"], "years of two digits"),
        (["p1", "p2"], ""),
        (["north 5", "south 6"], ""),
        (["a", "b", "1 c"], ""),
    ],
)
def test_a_category_that_looks_like_numbers_or_dates_is_said(cells, words):
    decided = decide(column(*cells))
    assert decided.kind == "category" and decided.values.astype(str).tolist() == cells
    assert words in said(decided) and bool(words) == bool(said(decided))


@pytest.mark.parametrize(
    "cells",
    [
        ["1_12", "11_2"],
        ["0x1F", "0x2A"],
        ["1d5", "2d6"],
        ["infinity", "inf"],
        ["5 kg", "6 kg"],
        ["1,2,3", "4,5,6"],
        ["1,23", "1.5x"],
        ["10.0.0.1", "10.0.0.2"],
        ["5-3", "4-2"],
        ["1 2", "3 4"],
        ["e5", "-"],
        ["01/02/13", "03/04/13"],
    ],
)
def test_what_a_person_does_not_write_as_a_number_is_none(cells):
    decided = decide(column(*cells))
    assert decided.kind == "category" and len(decided.values.cat.categories) == len(set(cells))


def test_a_notation_that_fits_in_two_ways_is_taken_by_the_rule_and_said():
    cells = column("1,234", "5,678")
    decided = decide(cells)
    assert decided.values.tolist() == [1234, 5678]
    assert "'1,234' (row 1) is taken for 1234; --decimal , reads it as 1.234" in said(decided)
    assert decide(cells, Wish(decimal=",")).values.tolist() == [1.234, 5.678]
    assert decide(column("1.234", "5.678"), Wish(decimal=",")).values.tolist() == [1234, 5678]


def test_a_table_that_writes_commas_for_certain_does_so_where_it_is_not():
    frame = pd.DataFrame({"a": ["1,234", "5,678"], "b": ["0,5", "1,25"], "c": ["x", "y"]})
    assert read_columns(frame)["a"].values.tolist() == [1.234, 5.678]


@pytest.mark.parametrize(
    ("cells", "dates"),
    [
        (["31.01.2013", "01.02.2013"], ["2013-01-31", "2013-02-01"]),
        (["01/31/2013", "2/1/2013"], ["2013-01-31", "2013-02-01"]),
        (["31-01-2013", "1-2-2013"], ["2013-01-31", "2013-02-01"]),
        (["2013/01/31", "2013/2/1"], ["2013-01-31", "2013-02-01"]),
        (["31 Jan 2013", "1 February 2013"], ["2013-01-31", "2013-02-01"]),
        (["02-Mar-2013", "03-APR-2013"], ["2013-03-02", "2013-04-03"]),
        (["Jan 31, 2013", "Feb. 1, 2013"], ["2013-01-31", "2013-02-01"]),
        (["1/31/2013 5:15 PM", "2/1/2013 12:00:00 AM"], ["2013-01-31 17:15", "2013-02-01"]),
        (["9999-12-31", "0001-01-01"], ["9999-12-31", "0001-01-01"]),
        (["1676-01-01T05:00+05:00", "2999-01-01Z"], None),
        (["1676-01-01T05:00+05:00", "2999-01-01 00:00Z"], ["1676-01-01", "2999-01-01"]),
    ],
)
def test_dates_of_any_year_are_read_in_the_order_that_the_cells_show(cells, dates):
    if dates is None:
        cells[1] = "2999-01-01T00:00:00.5+00:00"
        dates = ["1676-01-01", "2999-01-01T00:00:00.5"]
    decided = decide(column(*cells))
    assert decided.kind == "datetime"
    assert decided.values.to_numpy().tolist() == np.array(dates, "datetime64[us]").tolist()


def test_an_order_of_dates_that_nothing_shows_is_refused_with_the_ways_to_say_it():
    cells = column("01/02/2013", "03/04/2013", name="the day")
    with pytest.raises(DataError) as caught:
        decide(cells)
    assert "2013-02-01 or 2013-01-02" in str(caught.value)
    assert "--date 'the day=dmy' or --date 'the day=mdy'" in str(caught.value)
    assert str(decide(cells, Wish("date", "mdy")).values[0]) == "2013-01-02 00:00:00"
    assert decide(cells, Wish("text")).kind == "category"


def test_days_as_whole_numbers_stay_numbers_with_a_line_and_are_dates_when_asked():
    decided = decide(column(20130131, 20130201))
    assert decided.kind == "numeric" and "--date a reads them so" in said(decided)
    for cells in (column(20130131, 20130201), column("20130131", "20130201")):
        assert str(decide(cells, Wish("date")).values[0])[:10] == "2013-01-31"


@pytest.mark.parametrize(
    ("good", "bad", "row"),
    [
        ("2013-01-31", "soon", 80),
        ("31.12.2013", "0000-00-00", 80),
        ("1,5", "n.a.", 80),
        ("12", "unknown", 80),
        ("$5", "5 apples", 80),
        ("45%", "46", 80),
        ("01:02:03", "later", 80),
        ("2012-02-29", "2013-02-29", 80),
    ],
)
def test_few_cells_of_another_kind_are_named_with_rows_and_ways_out(good, bad, row):
    cells = column(*[good] * (row - 1), bad, name="my column")
    with pytest.raises(DataError) as caught:
        decide(cells)
    message = str(caught.value)
    assert repr(bad) in message and f"(1 of the cells) in row {row}" in message
    assert option("--missing", bad) in message and "--text 'my column'" in message
    assert decide(cells, Wish(missing=(bad,))).summary.missing == 1
    assert decide(cells, Wish("level")).kind == "category"


@pytest.mark.parametrize(("share", "refused"), [(0.3, True), (0.49, True), (0.5, False)])
def test_the_others_are_mistakes_where_more_than_half_are_numbers(share, refused):
    words = int(100 * share)
    cells = column(*["unknown"] * words, *["12", "13"] * 50)[:100]
    if refused:
        with pytest.raises(DataError, match=r"'unknown' \(\d+ of the cells\)"):
            decide(cells)
    else:
        decided = decide(cells)
        assert decided.kind == "category" and "50% of the cells could be numbers" in said(decided)


def test_a_text_for_missing_is_missing_in_columns_of_any_kind():
    wish = Wish(missing=("-999", "9999-12-31"))
    assert decide(column(1.5, -999, 2), wish).values.isna().tolist() == [False, True, False]
    assert decide(column("1.5", "-999.0", "2"), wish).values.isna().sum() == 1
    assert decide(column("x", "-999", "y"), wish).values.isna().sum() == 1
    dates = column(datetime.date(9999, 12, 31), datetime.date(2013, 1, 1))
    assert decide(dates, wish).values.isna().tolist() == [True, False]


def test_words_for_missing_are_said_and_kept_as_text():
    cells = column("NA", "DE", " ? ", "US", name="land")
    decided = decide(cells)
    assert decided.values.isna().tolist() == [True, False, True, False]
    assert "'NA' (row 1) is read as missing, 2 such cells in all; --text land" in said(decided)
    assert list(decide(cells, Wish("text")).values) == ["NA", "DE", " ? ", "US"]


@pytest.mark.parametrize(
    "cells",
    [
        [2**60 + 1, 2**60 + 2],
        ["1152921504606846977", "1152921504606846978"],
        pd.array([2**60 + 1, None], dtype="Int64"),
        pd.array([2**63 + 5, None], dtype="UInt64"),
        pd.Series([2**70 + 1, 5], dtype=object),
        [decimal.Decimal(2**60 + 1), decimal.Decimal(3)],
    ],
)
def test_whole_numbers_that_would_lose_digits_are_a_category_with_a_line(cells):
    decided = decide(pd.Series(cells, name="id"))
    assert decided.kind == "category" and "beyond 2^53" in said(decided)
    assert decide(pd.Series(cells, name="id"), Wish("number")).kind == "numeric"


def test_whole_numbers_up_to_2_to_the_53_and_exact_ones_are_numbers():
    for cells in ([2**53, 1], ["9007199254740992", "1"], [2**60, 2**61]):
        assert decide(column(*cells)).kind == "numeric"


def test_constant_columns_and_far_dates_are_said():
    assert "constant" in said(decide(column("x", "x")))
    assert "constant" in said(decide(column(5, 5)))
    assert "--missing 9999-12-31" in said(decide(column("9999-12-31", "2013-01-01")))


@pytest.mark.parametrize(
    "cell",
    [[1], {"k": 1}, (1, 2), 1 + 2j, np.array([1]), {3}, np.void(b"12"), object()],
    ids=lambda cell: type(cell).__name__,
)
def test_cells_that_are_no_value_are_refused_with_the_column(cell):
    cells = pd.Series([cell, cell], dtype=object, name="two words")
    for wish in (Wish(), Wish("level"), Wish("number"), Wish("date")):
        with pytest.raises(DataError, match="--drop 'two words'"):
            decide(cells, wish)


def test_complex_numbers_are_refused():
    with pytest.raises(DataError, match="--drop a"):
        decide(column(1 + 2j, 3j))


def test_hints_quote_names_for_the_shell():
    assert option("--drop", "a b") == "--drop 'a b'"
    assert option("--drop", "it's") == "--drop 'it'\"'\"'s'"
    assert option("--missing", "-999") == "--missing=-999"
    assert option("--drop", "a\nb\x1b") == "--drop 'a\\nb\\x1b'"


def test_wishes_are_kept_by_name():
    wishes = Wishes({"a": "text"}, {"b": "dmy"}, ",", ("x",))
    assert wishes.of("a") == Wish("text", "", ",", ("x",))
    assert wishes.of("b") == Wish("", "dmy", ",", ("x",))
