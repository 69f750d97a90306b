"""What may be set of the volume detector: the alarm budget, and crises that are known of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from replywatch.metrics.policy import Scope
from replywatch.metrics.times import to_instant

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class KnownCrisis(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A time that is no guide to the future: its windows are judged and shown, never learned.

    An empty list of brands, channels or queues means all of them.
    """

    since: Moment
    until: Moment
    brand: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise ValueError(
                f"a crisis since {self.since.isoformat()} until {self.until.isoformat()} is empty; "
                "since is inclusive and must lie before until"
            )

    def fits(self, scope: Scope) -> bool:
        """Whether the scope was in this crisis."""
        wanted = (self.brand, self.channel, self.queue)
        return all(not names or name in names for names, name in zip(wanted, scope, strict=True))


class VolumeSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The table `[volume]` of a configuration."""

    alarms_a_week: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 1.0  # of a scope
    crises: tuple[KnownCrisis, ...] = ()

    def left_out(self, scope: Scope) -> list[tuple[int, int]]:
        """Times from whose windows a scope learns nothing, as pairs of instants."""
        return [
            (to_instant(crisis.since), to_instant(crisis.until))
            for crisis in self.crises
            if crisis.fits(scope)
        ]
