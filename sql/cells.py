"""One value of a result as text: for people, for a CSV cell, for JSON.

All functions are pure. `None` is "no data" and never becomes 0 or an empty word: `–` for people,
an empty CSV cell, `null` in JSON.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

NO_DATA = "–"
MAX_TEXT = 60  # characters of one text cell that a table for people shows

_DURATION = re.compile(r"_seconds$|^first_response_(p50|p90|mean)$")
_RATIO = re.compile(r"_ratio$|^attainment$")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_JOINER = "\u200d"  # holds emoji together


def human_text(name: str, value: Any) -> str:
    """A value of column `name` as people read it: `4m 03s`, `92.5%`, `1,312`, `–`.

    Durations are known by their name (`…_seconds`), ratios too (`…_ratio`, `attainment`). Instants
    are shown to the second, in the zone that they carry.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal) and math.isfinite(value):
        if _DURATION.search(name):
            return human_duration(float(value))
        if _RATIO.search(name):
            return f"{value:.1%}"
        return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return plain_text(value)


def plain_text(value: Any) -> str:
    """A value as it is, on one line: text cut at `MAX_TEXT`, invisible characters escaped.

    Numbers have six decimals, which is a microsecond in seconds, unless they are tiny.
    """
    if value is None:
        return NO_DATA
    if isinstance(value, float) and abs(value) >= 0.001 and math.isfinite(value):
        value = round(value, 6)
    text = visible(cell_text(value))
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def human_duration(seconds: float) -> str:
    """Seconds in at most two units, rounded: `0.4s`, `45s`, `4m 03s`, `8h 52m`, `2d 03h`."""
    sign, size = "-" if seconds < 0 else "", abs(seconds)
    if round(size, 1) < 60:
        return f"{sign}{size:.1f}".removesuffix(".0") + "s"
    if (whole := round(size)) < 3600:
        return f"{sign}{whole // 60}m {whole % 60:02d}s"
    if (minutes := round(size / 60)) < 24 * 60:
        return f"{sign}{minutes // 60}h {minutes % 60:02d}m"
    hours = round(size / 3600)
    return f"{sign}{hours // 24:,}d {hours % 24:02d}h"


def visible(text: str) -> str:
    """Text in which no character can move the cursor, change colour or hide: they are escaped."""
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def csv_text(value: Any) -> str:
    """A CSV cell that no spreadsheet runs as a formula: `=1+1` in a text cell becomes `'=1+1`."""
    if value is None:
        return ""
    text = cell_text(value)
    is_text = isinstance(value, str | bytes)
    return f"'{text}" if is_text and text.startswith(_FORMULA) else text


def cell_text(value: Any) -> str:
    """A value that is not null as text; lists and structs as JSON."""
    ready = json_value(value)
    if isinstance(ready, str):
        return ready
    if isinstance(ready, float):
        return repr(ready)
    if ready is None:
        return str(value)  # a float that is no number
    return json.dumps(ready, ensure_ascii=False)


def json_value(value: Any) -> Any:
    """A value as JSON holds it: instants in ISO 8601 (`Z` for UTC), bytes as text, NaN as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            if not value.is_finite():
                return None
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat().removesuffix("+00:00") + (
                "Z" if value.utcoffset() == timedelta() else ""
            )
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case dict():
            return {str(key): json_value(item) for key, item in value.items()}
        case list() | tuple():
            return [json_value(item) for item in value]
        case _:
            return str(value)


def _visible(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character != _JOINER:
        return character.encode("unicode_escape").decode("ascii")
    return character
