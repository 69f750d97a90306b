"""What the first 5,000 rows of the tweets dataset are known for, and the SQL that asks for it."""

from __future__ import annotations

ASKED = """
    with complete as (select first_response_seconds as s from conversations where is_complete)
    select
        (select count(*) from conversations), count(*), count(s), median(s),
        round(quantile_cont(s, 0.9), 1), round(avg((s <= 300)::int), 4),
        round(avg((s <= 900)::int), 4), round(avg((s <= 3600)::int), 4)
    from complete
"""

KNOWN = (1312, 1285, 1285, 813.0, 31926.6, 0.2078, 0.5113, 0.7206)
"""Conversations, complete, answered, median, p90, within 5, 15 and 60 minutes."""

KNOWN_BY_BRAND = [
    ("AmazonHelp", (103, 102, 746.0, 5413.4)),
    ("VerizonSupport", (23, 22, 223.5, 1753.3)),
    ("TMobileHelp", (49, 49, 321.0, 47067.8)),
]
"""Conversations, complete ones, median and p90."""
