"""Erasure: all that the history holds of one customer, gone, with a receipt.

The conversations of a customer are found by the keyed hash of the handle, in every revision that
a file holds. Every row that belongs to one of them is removed from every table, by rewriting the
files that hold some; the old files are removed at once. What the pipeline still holds in memory
may be sealed later: the order stands for a while, and each compaction carries it out again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from replywatch.metrics.times import SECOND, to_datetime, to_text
from replywatch.sql.manifest import ERASED, DataFile
from replywatch.sql.schemas import REJECTED, TABLES, Table
from replywatch.sql.upkeep import Upkeep, begin_upkeep
from replywatch.sql.views import read_files
from replywatch.sql.work_drawing import drop_stale_work

ORDER, EXPORT = "erasure", "export"
"""Kinds of notes in the manifest: orders that stand, and files that an export wrote."""

STANDS_DAYS = 90
"""How long an order is carried out again on what is sealed later."""

_LISTED = 1000  # rejects and exports that a receipt names one by one

Receipt = dict[str, Any]


class _Order(msgspec.Struct):
    """An order that stands: conversations opened before `asked_at` (UTC, in microseconds)."""

    customer_keys: list[str]
    asked_at: int
    since: int  # the latest seal when it was first carried out


def erase(
    folder: Path, customer_keys: Sequence[str], handle: str, now: float | None = None
) -> Receipt:
    """Erase a customer from the history in `folder`; what was done, as a receipt.

    `customer_keys` are the hashes of the `handle` under every key in use. The handle itself is
    only looked for in the bytes of refused events and is not kept. Raises `HistoryError`.
    """
    moment = time.time() if now is None else now
    with begin_upkeep(folder, moment) as upkeep:
        published, _ = upkeep.manifest.picture()
        order = _Order(list(customer_keys), round(moment * SECOND), published)
        upkeep.manifest.set_note(ORDER, f"{order.asked_at}", msgspec.json.encode(order).decode())
        erased = _carry_out(upkeep, order, 0)
        rejects = _erase_rejects(upkeep, handle)
        drop_stale_work(upkeep)
        upkeep.show()
        removed = upkeep.sweep(0)
        return {
            "customer_keys": order.customer_keys,
            "asked_at": to_text(order.asked_at),
            "history": str(folder),
            "conversations": len(erased.conversations),
            "rows_removed": {**erased.rows, REJECTED.name: len(rejects)},
            "files_rewritten": erased.files,
            "files_removed": len(removed),
            "rejects_removed": rejects[:_LISTED],
            "exports_to_delete": _exports(upkeep, erased.conversations)[:_LISTED],
            "order_stands_until": to_text(order.asked_at + STANDS_DAYS * 86400 * SECOND),
            "not_covered": (
                "what the running pipeline holds in memory and in recovery/ until the conversation "
                "leaves it (the next compaction removes what it seals), the input files, backups, "
                "and the exports listed"
            ),
        }


def erase_again(upkeep: Upkeep) -> None:
    """Carry out the orders that stand on what was sealed since, and forget those that are over."""
    is_changed = False
    for name, text in upkeep.manifest.notes(ORDER).items():
        order = msgspec.json.decode(text, type=_Order)
        if order.asked_at + STANDS_DAYS * 86400 * SECOND < upkeep.now * SECOND:
            upkeep.manifest.set_note(ORDER, name, None)
        elif _carry_out(upkeep, order, order.since).files:
            is_changed = True
    if is_changed:
        drop_stale_work(upkeep)
        upkeep.show()
        upkeep.sweep(0)


class _Erased(msgspec.Struct):
    conversations: list[str]
    rows: dict[str, int]
    files: int


def _carry_out(upkeep: Upkeep, order: _Order, since: int) -> _Erased:
    """Remove what belongs to the order from files that hold rows of seals after `since`."""
    con = upkeep.con
    files = [file for file in upkeep.manifest.files() if file.sequence > since]
    conversations = [file for file in files if file.table == "conversations"]
    erased = _Erased([], {}, 0)
    if not conversations:
        return erased
    con.execute(
        f"""create or replace temp table erased as
        select conversation_id, opened_at from {read_files(conversations, upkeep.root)}
        where customer_key in (select unnest($keys::varchar[])) and opened_at < $asked_at
        group by all""",
        {"keys": order.customer_keys, "asked_at": to_datetime(order.asked_at)},
    )
    # A thread that is this customer's alone goes with all that was ever said of it.
    con.execute(
        f"""create or replace temp table erased_threads as
        select conversation_id from {read_files(conversations, upkeep.root)}
        where conversation_id in (select conversation_id from erased)
        group by all
        having bool_and(
            coalesce(customer_key in (select unnest($keys::varchar[])), true)
            and opened_at < $asked_at
        )""",
        {"keys": order.customer_keys, "asked_at": to_datetime(order.asked_at)},
    )
    found = con.execute("select distinct conversation_id from erased order by all").fetchall()
    erased.conversations = [str(row[0]) for row in found]
    if erased.conversations and upkeep.manifest.fact(ERASED) is None:
        upkeep.manifest.set_fact(ERASED, to_text(order.asked_at))
    for name, table in TABLES.items():
        of_table = [file for file in files if file.table == name]
        if erased.conversations and of_table and _names_conversations(table):
            _erase_rows(upkeep, table, of_table, _condition(table), erased)
    return erased


def _names_conversations(table: Table) -> bool:
    return any(name == "conversation_id" for name, _ in table.columns)


def _condition(table: Table) -> str:
    """What is true of a row to be removed."""
    is_of_thread = "conversation_id in (select conversation_id from erased_threads)"
    if not any(name == "opened_at" for name, _ in table.columns):
        return is_of_thread
    return f"({is_of_thread} or (conversation_id, opened_at) in (select * from erased))"


def _erase_rows(
    upkeep: Upkeep, table: Table, files: Sequence[DataFile], condition: str, erased: _Erased
) -> None:
    """Rewrite the files that hold such rows without them."""
    root = upkeep.root
    by_path = {str(root / file.path): file for file in files}
    holding = upkeep.con.execute(
        f"select filename, count(*) from {read_files(files, root, ', filename = true')} "
        f"where {condition} group by all order by all"
    ).fetchall()
    for path, count in holding:
        file = by_path[path]
        rewritten = upkeep.rewrite(
            table,
            [file],
            f"select * from {read_files([file], root)} where not coalesce({condition}, false)",
            applied=file.applied,
            is_compacted=file.is_compacted,
        )
        upkeep.commit([rewritten])
        erased.rows[table.name] = erased.rows.get(table.name, 0) + int(count)
        erased.files += 1


def _erase_rejects(upkeep: Upkeep, handle: str) -> list[dict[str, str]]:
    """Remove refused events whose bytes name the handle; where they stood."""
    files = [file for file in upkeep.manifest.files() if file.table == REJECTED.name]
    if not files:
        return []
    names = _naming(handle)
    refused = upkeep.con.execute(
        f"select source, position, raw from {read_files(files, upkeep.root)} order by 1, 2"
    )
    found = []
    while rows := refused.fetchmany(10_000):
        found += [(source, position) for source, position, raw in rows if names.search(raw)]
    if not found:
        return []
    con = upkeep.con
    con.execute("create or replace temp table erased_rejects (source varchar, position varchar)")
    con.executemany("insert into erased_rejects values (?, ?)", found)
    condition = "(source, position) in (select * from erased_rejects)"
    _erase_rows(upkeep, REJECTED, files, condition, _Erased([], {}, 0))
    return [{"source": source, "position": position} for source, position in found]


def _naming(handle: str) -> re.Pattern[bytes]:
    """What finds a handle in the bytes of an event: as a whole word, as it is or as JSON has it."""
    forms = {handle, json.dumps(handle)[1:-1], json.dumps(handle, ensure_ascii=False)[1:-1]}
    words = b"|".join(re.escape(form.encode("utf-8", "surrogatepass")) for form in sorted(forms))
    return re.compile(rb"(?<![\w@.-])(?:" + words + rb")(?![\w-])")


def _exports(upkeep: Upkeep, conversations: Sequence[str]) -> list[str]:
    """Files that an export wrote and that name one of the conversations."""
    wanted = [name.encode() for name in conversations]
    found = []
    for path in upkeep.manifest.notes(EXPORT):
        try:
            data = Path(path).read_bytes()
        except OSError:
            continue
        if any(name in data for name in wanted):
            found.append(path)
    return found
