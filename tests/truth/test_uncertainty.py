"""Intervals of shares and medians against what defines them, and against printed tables."""

from __future__ import annotations

import pytest

from truth.told import Con
from truth.uncertainty import coverage, wilson

PRINTED = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
"""Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""


@pytest.mark.parametrize(("hits", "n", "low", "high"), PRINTED)
def test_intervals_of_shares_are_the_printed_ones(
    con: Con, hits: int, n: int, low: float, high: float
) -> None:
    """Four examples of a paper that compares methods, to its four decimals."""
    query = "select round(wilson_low($1, $2), 4), round(wilson_high($1, $2), 4)"
    assert [(low, high)] == con.execute(query, [hits, n]).fetchall()


def test_intervals_of_shares_are_as_defined(con: Con) -> None:
    """Any hits of up to 60, and of nothing none: inside 0 to 1, and as the search finds them."""
    query = """select hits, n, wilson_low(hits, n), wilson_high(hits, n)
        from range(0, 61) as tries (n), range(0, n + 1) as hit (hits) order by n, hits"""
    [nothing, *found] = con.sql(query).fetchall()
    assert (0, 0, None, None) == nothing
    expected = [(hits, n, *wilson(hits, n)) for n in range(1, 61) for hits in range(n + 1)]
    assert [(hits, n, pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))
            for hits, n, low, high in expected] == found  # fmt: skip
    assert {0.0} == {low for hits, _, low, _ in found if hits == 0}
    assert {1.0} == {high for hits, n, _, high in found if hits == n}


def test_intervals_of_medians_cover_them(con: Con) -> None:
    """With any number of values, of any shape, in 95 % of cases or more; under eight none is told.

    They may be wider than they must, as values are looked at in steps, but not twice as wide.
    """
    query = """select n, median_low(ranks, n), median_high(ranks, n) from (
        select n, median_ranks(value) as ranks from range(1, 401) as numbers (n),
        range(1, n + 1) as listed (value) group by n) order by n"""
    found = con.sql(query).fetchall()
    assert [(n, None, None) for n in range(1, 8)] == found[:7]
    for n, low, high in found[7:]:
        assert coverage(n, low, high) >= 0.95
        narrowest = next(r for r in range(n // 2, 0, -1) if coverage(n, r, n + 1 - r) >= 0.95)
        assert high - low <= max(2 * (n + 1 - 2 * narrowest), 7), n
