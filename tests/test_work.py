"""Files of work: figures are the same with them and without, whatever happens after compaction."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from written_history import Writer, at, row

from replywatch.sql.compaction import compact
from replywatch.sql.erasure import erase
from replywatch.sql.history import open_history
from replywatch.sql.manifest import Manifest
from replywatch.sql.reports import run_report
from replywatch.sql.work import NOTE, known_work

LATER = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
"""When the sample days (3 and 4 March 2026) are settled."""
DAY = "2026-03-03"


@pytest.fixture
def drawn(sample_history: Path, tmp_path: Path) -> Writer:
    """The sample days, compacted when they are settled, and a writer that goes on with them."""
    folder = tmp_path / "out"
    shutil.copytree(sample_history, folder, ignore=shutil.ignore_patterns("recovery"))
    assert compact(folder, grace=0, now=LATER).months_drawn == 1
    return Writer.again(folder)


def figures(folder: Path) -> list[pa.Table]:
    """What rests on people's work: reports by agent and team and hour, and the marts by day."""
    with closing(open_history(folder)) as con:
        reports = [
            run_report(con, "agents"),
            run_report(con, "agents", by="agent,channel,hour", tz="Asia/Kolkata"),
            run_report(con, "teams", by="queue,day", tz="Europe/Berlin", since=at(DAY, "09:07")),
            run_report(con, "satisfaction", by="agent"),
        ]
        marts = [
            con.sql(f"select * from {name} order by all").to_arrow_table()
            for name in ("agent_days", "agent_intervals", "team_days")
        ]
    return reports + marts


def without_files(folder: Path, beside: Path) -> list[pa.Table]:
    """The same from a copy of the history that knows no files of work."""
    shutil.copytree(folder, beside)
    manifest = Manifest(beside)
    for month in known_work(manifest):
        manifest.set_note(NOTE, month, None)
    return figures(beside)


def read_from_files(folder: Path) -> bool:
    """Whether reports read any file of work."""
    with closing(open_history(folder)) as con:
        return bool(con.sql("select count(*) from raw.work").fetchall()[0][0])


def test_figures_are_the_same_with_files_of_work_and_without(drawn: Writer, tmp_path: Path) -> None:
    """Every figure of reports and marts, and the table has nothing left to draw again."""
    assert read_from_files(drawn.folder)
    found = figures(drawn.folder)
    assert found[0].num_rows == 12
    assert without_files(drawn.folder, tmp_path / "beside") == found
    assert compact(drawn.folder, grace=0, now=LATER).months_drawn == 0


def test_late_data_after_compaction_counts_at_once(drawn: Writer, tmp_path: Path) -> None:
    """A late reply, and an answer taken back, show before the next compaction and after it."""
    before = figures(drawn.folder)
    with closing(open_history(drawn.folder)) as con:
        [told] = (
            con.sql(
                "select conversation_id, opened_at from responses where kind = 'first' "
                "order by replied_at limit 1"
            )
            .to_arrow_table()
            .to_pylist()
        )
    drawn.seal(
        DAY,
        messages=[
            row("messages", conversation_id="late", opened_at=at(DAY), source="x", id="late",
                at=at(DAY, "11:00"), direction="outbound", agent="ana", brand="acme", channel="x",
                queue="late")
        ],
        restatements=[
            {"conversation_id": told["conversation_id"], "from_opened_at": told["opened_at"],
             "generation": 1, "restated_at": at("2026-03-05")}
        ],
    )  # fmt: skip
    manifest = Manifest(drawn.folder)
    assert not read_from_files(drawn.folder)
    late = figures(drawn.folder)
    assert before != late == without_files(drawn.folder, tmp_path / "beside")
    assert "late" in late[2]["queue"].to_pylist()
    assert compact(drawn.folder, grace=0, now=LATER).months_drawn == 1
    assert read_from_files(drawn.folder)
    assert late == figures(drawn.folder)
    assert len(known_work(manifest)) == 1


def test_days_that_may_still_change_are_not_drawn(sample_history: Path, tmp_path: Path) -> None:
    """On the fifth day after them, and on the tenth: only then are both days settled."""
    folder = tmp_path / "out"
    shutil.copytree(sample_history, folder, ignore=shutil.ignore_patterns("recovery"))
    for day, drawn in ((8, []), (14, ["2026-03-03"]), (20, ["2026-03-03", "2026-03-04"])):
        compact(folder, grace=0, now=datetime(2026, 3, day, 12, tzinfo=UTC).timestamp())
        known = known_work(Manifest(folder)).values()
        assert drawn == [
            d for work in known for d in work.days if d in ("2026-03-03", "2026-03-04")
        ]


def test_retention_and_erasure_drop_what_was_drawn(drawn: Writer, tmp_path: Path) -> None:
    """An erased conversation's file of work is gone at once; so is that of days kept no longer."""
    mine = {"conversation_id": "mine", "opened_at": at(DAY), "customer_key": "1:k"}
    reply = {"id": "r", "source": "x", "at": at(DAY, "11:00"), "direction": "outbound"}
    drawn.seal(
        DAY,
        conversations=[row("conversations", **mine)],
        messages=[row("messages", **mine, **reply, agent="ana", queue="mine")],
    )
    compact(drawn.folder, grace=0, now=LATER)
    assert read_from_files(drawn.folder)
    paths = [drawn.folder / p for w in known_work(Manifest(drawn.folder)).values()
             for p in w.paths.values()]  # fmt: skip
    assert all(path.exists() for path in paths)
    assert erase(drawn.folder, ["1:k"], "@me", now=LATER)["conversations"] == 1
    assert not any(path.exists() for path in paths)
    assert not read_from_files(drawn.folder)
    assert without_files(drawn.folder, tmp_path / "erased") == figures(drawn.folder)
    compact(drawn.folder, grace=0, now=LATER, keep_days={"messages": 1.0})
    assert without_files(drawn.folder, tmp_path / "kept") == figures(drawn.folder)
    assert read_from_files(drawn.folder)
