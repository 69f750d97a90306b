"""Explanations for people, and as JSON for programs."""

from __future__ import annotations

import json
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from replywatch.flows.explain import Story
from replywatch.flows.explain_numbers import clock_line, numbers_of, provisional
from replywatch.flows.explain_steps import CLOSED, DEADLINE, Step, steps_of
from replywatch.flows.explain_words import Words, place, seconds
from replywatch.metrics.times import to_text
from replywatch.sql.cells import visible

_WIDE = 100_000  # columns of a pipe: no line is broken there


def print_stories(stories: list[Story], words: Words, stream: TextIO) -> None:
    """Each conversation with its timeline, its numbers and whether the history agrees.

    On a terminal in colours and broken to its width; else a line an entry.
    """
    is_terminal = stream.isatty()
    console = Console(
        file=stream,
        force_terminal=is_terminal,
        color_system="auto" if is_terminal else None,
        highlight=False,
    )
    parts: list[Text | Table] = []
    if len(stories) > 1:
        listed = ", ".join(words.full(story.row["opened_at"]) for story in stories)
        name = visible(stories[0].conversation.id)
        parts += [Text(f"{name} was opened {len(stories)} times: {listed}"), Text()]
    for number, story in enumerate(stories):
        parts += [Text()] if number else []
        parts += _parts(story, words)
    if is_terminal:
        for part in parts:
            console.print(part)
        return
    wide = Console(width=_WIDE, color_system=None, force_terminal=False, legacy_windows=False)
    with wide.capture() as capture:
        for part in parts:
            wide.print(part, highlight=False)
    text = "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))


def _parts(story: Story, words: Words) -> list[Text | Table]:
    row = story.row
    opened = row["opened_at"]
    scope = place((row["brand"], row["channel"], row["queue"]))
    head = Text(f"conversation {visible(story.conversation.id)}", style="bold")
    head.append(f"  {scope}, priority {row['priority']}; times in {words.zone.key}", style="none")
    return [
        head,
        Text(f"opened {words.full(opened)} by {_opener(row)}; {provisional(row, words)}"),
        Text(),
        _timeline(story, words),
        Text(),
        Text("how the numbers came about", style="bold"),
        _numbers(story, words),
        *_clocks(story, words),
        Text(),
        *_agreement(story),
    ]


def _opener(row: dict[str, Any]) -> str:
    return {"customer": "the customer", "agent": "an agent", "bot": "a bot"}[row["opened_by"]]


def _timeline(story: Story, words: Words) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    day = None
    for step in steps_of(story, words):
        if words.day(step.at) != day:
            day = words.day(step.at)
            grid.add_row(Text(f"{day:%a %Y-%m-%d}", style="bold"), Text())
        grid.add_row(Text(words.clock(step.at), style="cyan"), _step(step))
        for effect in step.effects:
            grid.add_row(Text(), Text(f"· {effect}", style="red" if step.is_bad else "dim"))
    return grid


def _step(step: Step) -> Text:
    if step.is_bad:
        return Text(f"✗ {step.title}", style="bold red")
    if step.kind == DEADLINE:
        return Text(f"! {step.title}", style="yellow")
    return Text(step.title, style="dim" if step.kind == CLOSED else "bold")


def _numbers(story: Story, words: Words) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column()
    plain = 0
    for number in numbers_of(story, words):
        if number.is_plain:
            plain += 1
            continue
        name = number.column.removesuffix("_seconds").replace("_", " ")
        name = name.replace("response", "next response") if number.table == "responses" else name
        grid.add_row(Text(name), Text(seconds(number.seconds), style="bold"), Text(number.how))
    if not grid.row_count:
        grid.add_row(Text("no duration has ended yet"), Text(), Text())
    if plain:
        said = "are as long as the elapsed ones: nothing was closed or stopped"
        grid.add_row(Text("business, active", style="dim"), Text(), Text(said, style="dim"))
    return grid


def _clocks(story: Story, words: Words) -> list[Text | Table]:
    if not story.sla:
        return []
    grid = Table.grid()
    grid.add_column()
    for row in sorted(story.sla, key=lambda row: (row["started_at"], row["sla"])):
        style = "red" if row["outcome"] == "missed" else "none"
        grid.add_row(Text(clock_line(row, words, story.row["opened_at"]), style=style))
    return [Text(), Text("deadlines", style="bold"), grid]


def _agreement(story: Story) -> list[Text | Table]:
    if not story.differences:
        return [Text("told again from its events, every number is that of the history")]
    lines = [Text("told again, not everything is as the history has it:", style="bold red")]
    lines += [Text(f"· {visible(difference)}") for difference in story.differences]
    lines.append(
        Text("the history counts; late events, or a policy changed since, can be the reason")
    )
    return [*lines]


def to_json(stories: list[Story], words: Words) -> str:
    """The same as a JSON array, one object a conversation."""
    told = [
        {
            "conversation_id": story.conversation.id,
            "opened_at": to_text(story.row["opened_at"]),
            "is_final": story.row["is_final"],
            "steps": [
                {
                    "at": to_text(step.at),
                    "kind": step.kind,
                    "title": step.title,
                    "effects": step.effects,
                    "is_missed": step.is_bad,
                }
                for step in steps_of(story, words)
            ],
            "numbers": [
                {
                    "table": number.table,
                    "column": number.column,
                    "seconds": number.seconds,
                    "how": number.how,
                }
                for number in numbers_of(story, words)
            ],
            "deadlines": [clock_line(row, words, story.row["opened_at"]) for row in story.sla],
            "differences": story.differences,
        }
        for story in stories
    ]
    return json.dumps(told, ensure_ascii=False, indent=2)
