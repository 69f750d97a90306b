"""What should have come out: an undisturbed run's tables, and the batch recomputation's."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from digest import UNTOLD, table_digest
from oracle.oracle import SHARED_COLUMNS, compare, run_oracle

from faults.readers import key_of
from faults.registry import Figures
from replywatch.sql.history import open_history
from replywatch.sql.schemas import TABLES

POLICY = tomllib.loads(files("replywatch.alerts").joinpath("policy.toml").read_text("utf-8"))
EXPIRE_SECONDS = 30 * 86_400


class Truth:
    """The tables of an undisturbed run in `folder`, and those of the oracle over `events`.

    `until` (microseconds) is where the clock ended, if after the last event. `untold` names
    columns that say when the run was and not what it found.
    """

    def __init__(
        self,
        folder: Path,
        events: list[Path],
        until: int | None = None,
        untold: frozenset[str] = frozenset(),
    ) -> None:
        self._untold = untold | {UNTOLD}
        self._expected = open_history(folder)
        self._digests = {
            name: table_digest(self._expected, table, self._untold)
            for name, table in TABLES.items()
        }
        self._oracle = run_oracle(events, POLICY, until, EXPIRE_SECONDS)

    def judge(self, folder: Path, into: Figures) -> None:
        """Compare the history in `folder` and add what is wrong to `into`."""
        con = open_history(folder)
        try:
            for name, table in TABLES.items():
                found = con.execute(f"select hash({key_of(table)}) from {name}").fetchall()
                wanted = self._expected.execute(f"select hash({key_of(table)}) from {name}")
                lost = len({*wanted.fetchall()} - {*found})
                into.lost += lost
                into.doubled += len(found) - len({*found})
                if not lost and table_digest(con, table, self._untold) != self._digests[name]:
                    into.mismatches.append(f"{name} differs from an undisturbed run's")
            for name in SHARED_COLUMNS:
                into.mismatches += compare(self._oracle, con, name)
        finally:
            con.close()
