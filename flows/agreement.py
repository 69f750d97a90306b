"""That all processes of a cluster were told the same: each host reads files of its own.

Two policies would judge two halves of the conversations, two keys make two customers of one, and no
row would show it.
"""

from __future__ import annotations

import json
from hashlib import sha256

from replywatch.flows.customer_keys import key_mark
from replywatch.flows.settings import Settings, SettingsError
from replywatch.metrics.policy import PolicyBook
from replywatch.metrics.policy_text import book_to_text
from replywatch.sql.manifest import Manifest

SHAPING = ("max_ahead", "restate_within", "remember_parents", "volume", "rejected_raw")
"""Settings that decide what a row says."""

_TOLD = "told"
"""The fact that says what the first process was told."""


def note_what_was_told(settings: Settings, policy: PolicyBook, made_from: str) -> None:
    """Let the others compare with what the first process was told."""
    said = json.dumps(_told(settings, policy, made_from))
    Manifest(settings.history).set_fact(_TOLD, said)


def agree(settings: Settings, policy: PolicyBook, made_from: str, index: int) -> None:
    """Compare what process `index` was told with what the first was.

    Raises `SettingsError` that names what differs.
    """
    own = _told(settings, policy, made_from)
    first = json.loads(Manifest(settings.history).fact(_TOLD) or "{}")
    if differing := [name for name in own if own[name] != first.get(name)]:
        raise SettingsError(
            f"process {index} of the cluster was told otherwise than process 0: "
            f"{', '.join(differing)}; give every host the same configuration, policy and key"
        )


def _told(settings: Settings, policy: PolicyBook, made_from: str) -> dict[str, str]:
    """What decides the rows of a live service, name by name; of a key, what it makes of a word."""
    return {
        "policy": sha256(book_to_text(policy).encode()).hexdigest(),
        "customer key": key_mark(settings) or "none",
        "source, shards or desks": made_from,
        "lateness": str(settings.lateness),
        **{name: str(getattr(settings, name)) for name in SHAPING},
    }
