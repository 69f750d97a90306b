"""Service level: the four variants on figures worked out by hand."""

from __future__ import annotations

import pytest

from replywatch.metrics.service_level import VARIANTS, Offered, service_level

PEAK = Offered(
    answered_in_target=80, answered_late=10, abandoned=10, short_abandoned=4, flow_outs=5
)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("default", 0.8),
        ("include_flow_outs", 80 / 105),
        ("exclude_short_abandons", 80 / 96),
        ("exclude_abandons", 80 / 90),
    ],
)
def test_each_variant_counts_other_customers_who_left(variant: str, expected: float) -> None:
    """80 in time, 10 late, 10 gone (4 of them at once), 5 moved on."""
    assert expected == service_level(PEAK, variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_nobody_gives_no_service_level(variant: str) -> None:
    """Over nothing the share is no data, and not 0."""
    assert service_level(Offered(0, 0, 0), variant) is None


def test_only_short_abandons_leave_nobody_to_count() -> None:
    """Everybody who came left at once: left out, nobody is there."""
    assert service_level(Offered(0, 0, 3, 3), "exclude_short_abandons") is None


def test_an_unknown_variant_is_refused() -> None:
    """The message lists those there are."""
    with pytest.raises(ValueError, match="unknown variant 'strict': use one of default, "):
        service_level(PEAK, "strict")
