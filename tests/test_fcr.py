"""First contact resolution against a batch recomputation: customers who come back, in many ways."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oracle.oracle import HERE
from replays import Line
from test_dictionary import EXAMPLES, looked_at, recomputed
from test_worked_examples import history_of
from timelines import Event, scenarios

COLUMNS = (
    "conversation_id, epoch_us(opened_at), epoch_us(closed_at), is_resolved_first_contact,"
    " epoch_us(final_at), is_final"
)
customers = st.lists(st.sampled_from(["kim", "kim", "jo", None]), min_size=48, max_size=48)


@looked_at(EXAMPLES // 2)
@given(scenario=scenarios(), customers=customers)
def test_first_contact_resolution_is_that_of_the_batch(
    scenario: tuple[list[str], list[Event], int], customers: list[str | None]
) -> None:
    """Reopened or not, followed by the same customer's next or not, provisional or final."""
    policies, timeline, until = scenario
    events = [
        event | {"customer": customer} if event["kind"] == "post" and customer else event
        for event, customer in zip(timeline, customers, strict=False)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        con = history_of(events, policies, until * 1_000_000, folder / "history")
        query = f"select {COLUMNS} from fcr order by all"
        found: list[Any] = con.execute(query).fetchall()
        [(now,)] = con.execute("select epoch_us(now) from history_clock").fetchall()
        con.close()
        oracle = recomputed(folder, policies, events, until * 1_000_000)
        oracle.execute(f"create table fcr_settings as select 7 as fcr_days, {now or 0} as now_us")
        oracle.execute((HERE / "fcr.sql").read_text())
        assert oracle.execute(query).fetchall() == found
        oracle.close()


def test_what_is_final_was_so_long_ago(tmp_path: Path) -> None:
    """The history's clock isn't before a conversation's end, even if nothing came after it."""
    events = [
        {"id": "a", "at": "2026-03-03T10:00:00Z", "kind": "post", "conversation": "c1"},
        {"id": "b", "at": "2026-03-03T10:05:00Z", "kind": "closed", "conversation": "c1"},
    ]
    week = 7 * 86_400
    for after, expected in ((week, False), (week + 1, True)):
        until = 1_772_532_300 + after  # 10:05 and so much more
        line = Line('version = "v"\neffective_from = 2000-01-01T00:00:00Z\n[[rules]]\nname = "all"')
        con = line.feed(*events).end(until * 1_000_000).history(tmp_path / str(after))
        assert [(expected,)] == con.execute("select is_final from fcr").fetchall()
