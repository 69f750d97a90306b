"""Settings of a replay or a live service: one TOML file, every value with a default that works.

Durations are seconds or text such as "5s", "10m", "7d". Secrets are not settings: the key that
hashes customers' handles comes from the environment (`REPLYWATCH_CUSTOMER_KEY`) or from the file
that `customer_key_file` names.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from replywatch.flows.exporter_tls import Tls
from replywatch.flows.kafka_settings import Kafka, Sink
from replywatch.flows.section import Positive as Positive
from replywatch.flows.section import Section as Section
from replywatch.flows.section import SettingsError as SettingsError
from replywatch.flows.settings_cluster import ClusterSettings, split_address
from replywatch.metrics.calendar import find_zone
from replywatch.metrics.masking import Kept
from replywatch.metrics.policy import PolicyBook, PolicyError, parse_duration, read_policy
from replywatch.metrics.times import SECOND
from replywatch.metrics.volume_settings import VolumeSettings
from replywatch.sql.exports.formats import FORMATS, minutes_of
from replywatch.sql.schemas import RESTATEMENTS, TABLES

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class ScopeName(Section, frozen=True, kw_only=True):
    """A scope known in advance, whose series exist from the start."""

    brand: str = "default"
    channel: str = "default"
    queue: str = "default"


class Exporter(Section, frozen=True, kw_only=True):
    """Where `/metrics` listens (loopback unless told otherwise; port 0 takes a free one)."""

    host: str = "127.0.0.1"
    port: Port = 9464
    max_scopes: Positive = 500
    tls: Tls | None = None


class Source(Section, frozen=True, kw_only=True):
    """What `run` reads: every `*.jsonl` in `folder`, as it grows, or a topic of `kafka`."""

    folder: Path = Path("inbox")
    kafka: Kafka | None = None


class ScheduledExport(Section, frozen=True, kw_only=True):
    """An export that `run` writes by itself, a file a day, of the last `days` days."""

    folder: Path
    format: str = "canonical"
    interval: str = "15m"
    tz: str = "UTC"
    every: float | str = "15m"
    days: Positive = 7

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"no format '{self.format}'; name one of {', '.join(FORMATS)}")
        minutes_of(self.interval, self.format)
        if parse_duration(self.every) < SECOND:
            raise ValueError(f"every {self.every!r} is too often; give a second or more")
        find_zone(self.tz)


class FormerKey(Section, frozen=True, kw_only=True):
    """A key for customers' handles that was in use before; erasure still has to know it."""

    version: str
    file: Path


class Dashboards(Section, frozen=True, kw_only=True):
    """Where Grafana's boards link to, and where they are pushed.

    `runbooks_url` is the folder of the runbooks; a path is one on Grafana itself. In
    `conversation_url` the care platform's `{brand}`, `{channel}`, `{queue}` and `{conversation}`
    are filled in; without it boards don't link there.
    """

    grafana_url: str = "http://127.0.0.1:3000"
    prometheus_url: str = "http://127.0.0.1:9090"
    runbooks_url: str = "/public/runbooks"
    conversation_url: str | None = None


class Settings(Section, frozen=True, kw_only=True):
    """All settings. Relative paths are taken from the configuration file's folder."""

    policy: Path | None = None
    history: Path = Path("replywatch-data")
    source: Source = Source()
    sink: Sink = Sink()
    exporter: Exporter = Exporter()
    cluster: ClusterSettings = ClusterSettings()
    dashboards: Dashboards = Dashboards()
    scopes: tuple[ScopeName, ...] = ()
    lateness: float | str = "5s"  # of `run`; `replay` waits an hour unless told otherwise
    max_ahead: float | str = "10m"
    checkpoint_every: float | str = "1s"  # of `run`: what a crash makes it do again
    stalled_after: float | str = "30s"  # of `run`: without a checkpoint it ends, to be restarted
    seal_every: float | str = "45s"
    conversations_every: float | str = "15s"
    restate_within: float | str = "24h"
    remember_parents: float | str = "7d"
    shards: Positive = 8
    desks: Positive = 4
    volume: VolumeSettings = VolumeSettings()
    customer_key_file: Path | None = None
    customer_key_version: str = "1"
    former_customer_keys: tuple[FormerKey, ...] = ()
    rejected_raw: Kept = "masked"  # or "full", "none": the bytes of refused lines that are kept
    compact_every: float | str = "1h"  # of `run`; "never" leaves it to you
    exports: tuple[ScheduledExport, ...] = ()
    crisis_tags: tuple[str, ...] = ("crisis",)  # conversations that a forecast doesn't learn from
    queue_names: dict[str, str] = msgspec.field(default_factory=dict)  # of exports, by queue
    queue_ids: dict[str, str] = msgspec.field(default_factory=dict)
    retention: dict[str, float | str] = msgspec.field(default_factory=dict)  # by table

    def __post_init__(self) -> None:
        for table, kept in self.retention.items():
            if table not in TABLES or table == RESTATEMENTS.name:
                known = ", ".join(name for name in TABLES if name != RESTATEMENTS.name)
                raise ValueError(f"retention: no table '{table}'; name one of {known}")
            try:
                parse_duration(kept)
            except ValueError as error:
                raise ValueError(f"retention of {table}: {error}") from None
        for name in (
            "lateness",
            "max_ahead",
            "checkpoint_every",
            "stalled_after",
            "seal_every",
            "conversations_every",
            "restate_within",
            "compact_every",
            "remember_parents",
        ):
            try:
                parse_duration(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

    def exporter_of(self, index: int) -> tuple[str, int]:
        """Where process `index` serves `/metrics`: host and port, 0 for a free one."""
        if index < len(self.cluster.exporters):
            return split_address(self.cluster.exporters[index])
        port = self.exporter.port
        return self.exporter.host, port + index if port else 0


def load_settings(path: Path | None) -> Settings:
    """The settings in `path`, or the defaults; paths in it made absolute."""
    if path is None:
        return Settings()
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        settings = msgspec.convert(data, Settings, dec_hook=_to_path)
    except FileNotFoundError:
        raise SettingsError(f"no configuration at {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from None
    base = path.resolve().parent
    source, sink = settings.source, settings.sink
    exporter = settings.exporter

    def below(place: Path | None) -> Path | None:
        return None if place is None else base / place

    return msgspec.structs.replace(
        settings,
        policy=below(settings.policy),
        history=base / settings.history,
        source=msgspec.structs.replace(
            source,
            folder=base / source.folder,
            kafka=source.kafka and source.kafka.below(base),
        ),
        exporter=msgspec.structs.replace(
            exporter, tls=None if exporter.tls is None else exporter.tls.below(base)
        ),
        sink=msgspec.structs.replace(sink, kafka=sink.kafka and sink.kafka.below(base)),
        customer_key_file=below(settings.customer_key_file),
        exports=tuple(
            msgspec.structs.replace(export, folder=base / export.folder)
            for export in settings.exports
        ),
        former_customer_keys=tuple(
            msgspec.structs.replace(former, file=base / former.file)
            for former in settings.former_customer_keys
        ),
    )


def _to_path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"expected text, got {value!r}")


def load_policy(path: Path | None, expire_after: int | None = None) -> PolicyBook:
    """The policy in `path` (a file, or a folder of versions), or the one that ships with this."""
    if path is None:
        texts = {"policy.toml": files("replywatch.alerts").joinpath("policy.toml").read_text()}
    else:
        names = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        try:
            texts = {str(name): name.read_text("utf-8") for name in names}
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: {error}") from None
        if not texts:
            raise SettingsError(f"{path}: no policy (*.toml) in this folder")
    policies = []
    for name, text in texts.items():
        try:
            policies.append(read_policy(tomllib.loads(text)))
        except (tomllib.TOMLDecodeError, PolicyError) as error:
            raise SettingsError(f"{name}: {error}") from None
    try:
        return PolicyBook(policies, expire_after)
    except PolicyError as error:
        raise SettingsError(f"{path}: {error}") from None
