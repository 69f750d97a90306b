"""Settings of Kafka: brokers, the topic that is read, and what librdkafka is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

import msgspec

from replywatch.flows.section import Positive, Section, SettingsError
from replywatch.metrics.policy import parse_duration
from replywatch.metrics.times import SECOND


class Secret(Section, frozen=True, kw_only=True):
    """A value that stands in a file, or in a variable of the environment, and not here."""

    file: Path | None = None
    env: str | None = None

    def __post_init__(self) -> None:
        if (self.file is None) == (self.env is None):
            raise ValueError("a secret names either `file` or `env`")

    def read(self, name: str) -> str:
        """The value; `name` is whose it is, for the error."""
        if self.env is not None:
            value = os.environ.get(self.env)
            if value is None:
                raise SettingsError(f"{name}: the environment has no {self.env}")
            return value
        try:
            return (self.file or Path()).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}: {error}") from None


class Client(Section, frozen=True, kw_only=True):
    """Whom a client of Kafka talks to. `settings` go to librdkafka as they are, secrets by where
    they stand."""

    brokers: str
    settings: dict[str, str | int | float | bool | Secret] = msgspec.field(default_factory=dict)

    def below(self, base: Path) -> Self:
        """The same with the files of secrets taken from the folder `base`."""
        settings = {
            name: Secret(file=base / value.file)
            if isinstance(value, Secret) and value.file is not None
            else value
            for name, value in self.settings.items()
        }
        return msgspec.structs.replace(self, settings=settings)

    def resolved(self, table: str) -> dict[str, str]:
        """`settings` with secrets read; `table` is where they stand, for the error."""
        resolved = {}
        for name, value in self.settings.items():
            if isinstance(value, Secret):
                resolved[name] = value.read(f"{table}.settings {name}")
            else:
                resolved[name] = str(value).lower() if isinstance(value, bool) else str(value)
        return resolved

    def hide(self, text: str, resolved: dict[str, str]) -> str:
        """`text` without the value of any secret: libraries quote what they don't understand."""
        for name, value in self.settings.items():
            if isinstance(value, Secret) and resolved[name]:
                text = text.replace(resolved[name], "***")
        return text


class Kafka(Client, frozen=True, kw_only=True):
    """A topic to read.

    `start` is where a topic that was never read begins. `on_gap` says what to do where messages
    expired unread: "stop", or "skip" and keep what was lost in `rejected`. `readers` share the
    topic's partitions; a history keeps the number it began with, and no more workers than that
    can read at once.
    """

    topic: str
    start: Literal["earliest", "latest"] = "earliest"
    on_gap: Literal["stop", "skip"] = "stop"
    readers: Positive = 4


class NoticeTopics(Client, frozen=True, kw_only=True):
    """Topics that are told of missed deadlines and of volume episodes; one may be left out.

    Without an answer of the brokers within `timeout` the service stops.
    """

    breaches: str | None = None
    spikes: str | None = None
    timeout: float | str = "20s"

    def __post_init__(self) -> None:
        if self.timeout_us < SECOND:
            raise ValueError(f"timeout {self.timeout!r} is too short; give a second or more")

    @property
    def topics(self) -> dict[str, str]:
        """Topics by what they are told of."""
        named = {"breaches": self.breaches, "spikes": self.spikes}
        return {kind: topic for kind, topic in named.items() if topic}

    @property
    def timeout_us(self) -> int:
        """`timeout` in microseconds."""
        return parse_duration(self.timeout)


class Sink(Section, frozen=True, kw_only=True):
    """Where `run` tells of what happens, beside metrics and history."""

    kafka: NoticeTopics | None = None
