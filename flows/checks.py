"""Checks of the files a user writes: a configuration, a policy, or a file of events.

Each check names every fault it finds, not only the first, with its line where that can be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from replywatch.alerts.faults import faults_of
from replywatch.alerts.settings import Alerts, read_alerts, with_defaults
from replywatch.flows.cli_errors import counted, one_line
from replywatch.flows.cli_toml_faults import Fault, TomlText, UnreadableError, struct_faults
from replywatch.flows.lines import DamagedError, LineReader, open_bytes
from replywatch.flows.plain_types import in_plain_words
from replywatch.flows.policy_faults import Note, sense_faults, version_faults
from replywatch.flows.routing import too_long
from replywatch.flows.twcs_rows import TwcsError, read_twcs
from replywatch.metrics.calendar import Schedule
from replywatch.metrics.events import Decoder, Event, Refused
from replywatch.metrics.policy import Policy, PolicyBook, PolicyError, parse_duration, read_policy

CONFIG, POLICY, EVENTS, TWCS = "configuration", "policy", "events", "twcs"
"""Kinds of files: what `check` can take one for."""

LONG_KEY = 16
"""Bytes from which a key can't be found by trying."""

_FIELD = re.compile(r" - at `\$\.?([^`]*)`$")
_SNIFF = 64 * 1024


class UnknownFileError(Exception):
    """A file that is none of the kinds; the message says so."""


@dataclass
class Checked:
    """What a check found; `faults` may be long and is read once. `size` counts what was read."""

    kind: str
    faults: Iterator[Fault]
    size: int = 0


def check_file(path: Path) -> Checked:
    """The check of `path`, by what its name and its first bytes say it is.

    Raises `OSError` where it can't be opened and `UnknownFileError` where it is of no known kind.
    """
    with open_bytes(path) as file:
        head = file.read(_SNIFF)
    kind = guess_kind(path, head)
    checked = Checked(kind, iter(()))
    if kind == EVENTS:
        checked.faults = _event_faults(path, checked)
    elif kind == TWCS:
        checked.faults = _twcs_faults(path, checked)
    else:
        checked.faults = iter(_toml_findings(path, kind))
    return checked


def check_folder(folder: Path) -> dict[Path, Checked]:
    """The check of each version of a policy in `folder`, and of what they are together.

    Raises `UnknownFileError` where there is none.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise UnknownFileError(
            f"{folder} holds neither a history nor a policy: name the folder that --out wrote, or "
            "one of versions (*.toml)"
        )
    found = {path: _toml_findings(path, POLICY) for path in paths}
    texts = {}
    for path in paths:
        try:
            texts[path.name] = TomlText(path.read_bytes())
        except UnreadableError:  # told already
            continue
    for name, fault in version_faults(texts):
        found[folder / name].append(fault)
    return {path: Checked(POLICY, iter(_in_order(faults))) for path, faults in found.items()}


def guess_kind(path: Path, head: bytes) -> str:
    """The kind of a file named `path` that begins with `head`."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    suffix = Path(name).suffix.lower()
    first_line = start.partition(b"\n")[0]
    if suffix == ".csv" or b"tweet_id" in first_line:
        return TWCS
    if suffix in (".jsonl", ".json", ".ndjson") or start.startswith(b"{"):
        return EVENTS
    if suffix == ".toml":
        text = head.decode("utf-8", "replace")
        is_policy = any(
            line.startswith(("[[rules]]", "effective_from", "[schedules"))
            for line in text.replace(" ", "").splitlines()
        )
        return POLICY if is_policy else CONFIG
    raise UnknownFileError(
        f"{path} is no file that can be checked: give a configuration or a policy (.toml), events "
        "(.jsonl, .jsonl.gz, .jsonl.zst), the twcs CSV, or the folder of a history"
    )


def config_faults(text: TomlText, base: Path) -> list[Fault]:
    """Faults of a configuration whose relative paths begin at the folder `base`."""
    from replywatch.flows.settings import Settings, SettingsError, load_policy

    faults = struct_faults(text, text.data, Settings)
    policy = text.data.get("policy")
    if isinstance(policy, str):
        line = text.line_of(("policy",))
        try:
            load_policy(base / policy)
        except SettingsError as error:
            faults.append(
                Fault(line, f"the policy it names: {first_policy_fault(base / policy) or error}")
            )
    key = text.data.get("customer_key_file")
    if isinstance(key, str):
        faults += _key_notes(base / key, text.line_of(("customer_key_file",)))
    return faults


def _key_notes(path: Path, line: int) -> Iterator[Note]:
    """A note where the key for customers' handles hides none of them; where it isn't here, none."""
    try:
        size = len(path.read_bytes().strip())
    except OSError:
        return
    if not size:
        yield Note(line, f"'{path.name}' is empty, so no handle is kept")
    elif size < LONG_KEY:
        yield Note(
            line,
            f"the key in '{path.name}' has {counted(size, 'byte')}, and handles are found by "
            f"trying keys: take {LONG_KEY} or more, such as `openssl rand -hex {LONG_KEY}` makes",
        )


def policy_faults(text: TomlText) -> list[Fault]:
    """Faults and notes of one version of a policy."""
    faults = struct_faults(text, text.data, Policy, apart=(Policy, Schedule))
    rules = text.data.get("rules")
    first: dict[str, int] = {}
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        name = rule.get("name") if isinstance(rule, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            line = text.line_of(("rules", first[name], "name"))
            faults.append(
                Fault(
                    text.line_of(("rules", index, "name")),
                    f"a rule is named '{name}' already, in line {line}: give each its own name",
                )
            )
        first.setdefault(name, index)
    if isinstance(table := text.data.get("alerts"), dict):
        faults += struct_faults(text, with_defaults(table), Alerts, ("alerts",))
    faults += sense_faults(text)
    if not any(not isinstance(fault, Note) for fault in faults):
        try:
            policy = read_policy(text.data)
            PolicyBook([policy])
        except PolicyError as error:
            return [*faults, Fault(text.line_of(("effective_from",)), str(error))]
        if policy.alerts:
            found = faults_of(policy, read_alerts(policy.alerts))
            faults += [Fault(text.line_of(at), said) for at, said in found]
    return faults


def toml_faults(path: Path, kind: str) -> list[Fault]:
    """Faults of a configuration or a policy, in the order of their lines; no notes."""
    return [fault for fault in _toml_findings(path, kind) if not isinstance(fault, Note)]


def _toml_findings(path: Path, kind: str) -> list[Fault]:
    try:
        text = TomlText(path.read_bytes())
    except UnreadableError as error:
        return [error.fault]
    faults = config_faults(text, path.resolve().parent) if kind == CONFIG else policy_faults(text)
    return _in_order(faults)


def _in_order(faults: list[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda fault: fault.line)


def first_policy_fault(path: Path) -> str | None:
    """The first fault of the policy at `path`, a file or a folder of versions, and its place."""
    if not path.exists():
        return f"no policy at {path}: name one that exists, or leave it out for the one shipped"
    if path.is_dir():
        files = {file: [*checked.faults] for file, checked in check_folder(path).items()}
    else:
        files = {path: _toml_findings(path, POLICY)}
    for file, found in files.items():
        if faults := [fault for fault in found if not isinstance(fault, Note)]:
            return placed(file, faults)
    return None


def placed(path: Path, faults: list[Fault]) -> str:
    """The first of `faults` with its place, and how many more there are."""
    more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
    return f"{path}:{faults[0].line}: {faults[0].reason}{more}"


def _event_faults(path: Path, checked: Checked) -> Iterator[Fault]:
    """Lines that are no events, in order; as a replay would refuse them."""
    from replywatch.flows.settings import Settings

    decoder = Decoder(parse_duration(Settings().max_ahead))
    number = 0
    reader = LineReader(path)
    while True:
        try:
            chunk = reader.next_chunk() or reader.rest()
        except (OSError, DamagedError) as error:
            yield Fault(number + 1, f"the file can't be read further: {one_line(str(error))}")
            return
        for _ in reader.too_long:
            number += 1
            yield Fault(number, f"malformed: {too_long()}")
        reader.too_long.clear()
        if not chunk:
            break
        if reader.is_passing_over:
            continue
        events = decoder.decode_chunk(chunk, None)
        if events is not None:
            checked.size += len(events)
            number += chunk.count(b"\n")
            continue
        for line in chunk.split(b"\n")[: None if not chunk.endswith(b"\n") else -1]:
            number += 1
            if not line.strip():
                continue
            try:
                decoder.decode_line(line, None)
                checked.size += 1
            except Refused as refusal:
                yield Fault(number, f"{refusal.reason}: {_plain(refusal)}")
    reader.close()


def _plain(refusal: Refused) -> str:
    """What is wrong with a line, in a sentence's case and without the decoder's notation."""
    said = in_plain_words(_FIELD.sub(r" in `\1`", str(refusal)))
    if (field := _FIELD.search(str(refusal))) and (choices := _choices(field[1])):
        said += f": use one of {', '.join(choices)}"
    return said if said.startswith("JSON") else said[:1].lower() + said[1:]


def _choices(field: str) -> tuple[str, ...]:
    """The values that a field of an event may have, where they are a few words."""
    hint = get_type_hints(Event).get(field)
    literals = [arm for arm in (hint, *get_args(hint)) if get_origin(arm) is Literal]
    return get_args(literals[0]) if literals else ()


def _twcs_faults(path: Path, checked: Checked) -> Iterator[Fault]:
    """Rows that are no tweets, in order."""
    refused: list[Fault] = []
    rows = read_twcs(
        path,
        lambda bad: refused.append(
            Fault(int(bad.position.removeprefix("line ")), f"{bad.reason}: {bad.detail}")
        ),
    )
    try:
        for _ in rows:
            checked.size += 1
            while refused:
                yield refused.pop(0)
        yield from refused
    except TwcsError as error:
        yield Fault(1, str(error).removeprefix(f"{path}: "))
