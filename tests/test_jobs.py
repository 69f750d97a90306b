"""Exports and compaction that the live service does by itself: in their own process, and told."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from replays import wait_for
from worked_day import CHAT, opened
from written_history import Writer

from replywatch.flows.exporter import families
from replywatch.flows.jobs import command_of, doing, jobs_of
from replywatch.flows.live import LiveMetrics
from replywatch.flows.settings import ScheduledExport, SettingsError, load_policy, load_settings
from replywatch.sql.manifest import Manifest

NAME = "care_wfm_export_last_success_timestamp_seconds"


def configured(folder: Path, exports: str) -> Path:
    """A configuration with a history of today and these exports."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    Writer(folder / "data").seal(today.date().isoformat(), windows=[opened(today, CHAT)])
    path = folder / "replywatch.toml"
    path.write_text(f'history = "data"\n{exports}')
    return path


def samples(live: LiveMetrics) -> dict[str, float]:
    """The age metric's samples by format."""
    return {
        sample.labels["kind"]: sample.value
        for family in families(live)
        for sample in family.samples
        if sample.name == NAME
    }


def test_a_scheduled_export_writes_and_is_told(tmp_path: Path) -> None:
    """Its files appear after the first interval, with the instant of success; a stop ends it."""
    config = configured(tmp_path, '[[exports]]\nfolder = "wfm"\nformat = "genesys"\nevery = "1s"\n')
    live = LiveMetrics(load_policy(None))
    assert {} == samples(live)
    before = time.time()
    with doing(jobs_of(load_settings(config), config, live)):
        assert wait_for(lambda: samples(live).get("genesys", 0) > before, 60)
    assert [datetime.now(UTC).date().isoformat()] == [
        path.stem[-10:] for path in (tmp_path / "wfm").glob("wfm-genesys-15m-*.csv")
    ]
    assert [] == list((tmp_path / "wfm").glob(".*"))


def test_an_export_that_fails_is_said_and_not_told_as_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service goes on; the metric has no sample, so that its age can be alerted on."""
    config = configured(tmp_path, '[[exports]]\nfolder = "wfm"\nevery = "1s"\n')
    (tmp_path / "wfm").write_text("a file where a folder should be")
    live = LiveMetrics(load_policy(None))
    with doing(jobs_of(load_settings(config), config, live)):
        assert wait_for(lambda: "failed" in capsys.readouterr().err, 60)
    assert {} == samples(live)


def test_the_service_compacts_its_history_by_itself(tmp_path: Path) -> None:
    """The small files of a day become one while it runs; "never" leaves them."""
    config = configured(tmp_path, 'compact_every = "1s"\n')
    writer = Writer.again(tmp_path / "data")
    today = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0)
    writer.seal(today.date().isoformat(), windows=[opened(today, CHAT)])
    live = LiveMetrics(load_policy(None))

    def files() -> list[int]:
        return [file.rows for file in Manifest(tmp_path / "data").files()]

    assert [1, 1] == files()
    with doing(jobs_of(load_settings(config), config, live)):
        assert wait_for(lambda: files() == [2], 60)
    config.write_text('history = "data"\ncompact_every = "never"\n')
    assert [] == jobs_of(load_settings(config), config, live)


def test_daily_files_have_an_age_of_their_own(tmp_path: Path) -> None:
    """Of one system's two exports each says when it succeeded."""
    both = "".join(
        f'[[exports]]\nfolder = "wfm"\nformat = "amazon-connect"\ninterval = "{interval}"\n'
        for interval in ("30m", "daily")
    )
    config = configured(tmp_path, both)
    live = LiveMetrics(load_policy(None))
    for job, kinds in zip(
        jobs_of(load_settings(config), config, live),
        (["amazon-connect"], ["amazon-connect", "amazon-connect-daily"]),
        strict=False,
    ):
        job.on_success()
        assert kinds == sorted(samples(live))


def test_it_exports_the_last_days_of_its_zone() -> None:
    """Up to today there, as many days as told."""
    export = ScheduledExport(folder=Path("wfm"), tz="Asia/Tokyo", days=2)
    now = datetime(2026, 6, 1, 20, tzinfo=UTC)
    command = command_of(export, Path("c.toml"), now)
    assert "2026-06-01" == command[command.index("--from") + 1]
    assert "wfm/" == command[-1]


@pytest.mark.parametrize(
    "line",
    [
        'format = "excel"', 'interval = "1h"', 'interval = "daily"', 'tz = "Mars"', 'every = "0s"',
        "days = 0",
    ],
)  # fmt: skip
def test_a_schedule_that_can_not_be_is_refused(tmp_path: Path, line: str) -> None:
    """A format, an interval or a zone that there is not is a fault of the configuration."""
    path = tmp_path / "c.toml"
    path.write_text(f'[[exports]]\nfolder = "wfm"\n{line}\n')
    with pytest.raises(SettingsError):
        load_settings(path)


def test_retention_names_tables_that_exist(tmp_path: Path) -> None:
    """A table that there is not, or one that voids others' rows, can't be told how long to stay."""
    path = tmp_path / "c.toml"
    path.write_text('[retention]\nmessages = "365d"\n')
    assert {"messages": "365d"} == load_settings(path).retention
    for name in ("mails", "restatements"):
        path.write_text(f'[retention]\n{name} = "1d"\n')
        with pytest.raises(SettingsError, match=f"no table '{name}'"):
            load_settings(path)
