"""Keys for customers' handles: which one is in use, and that a history doesn't mix two."""

from __future__ import annotations

import json
import os

from replywatch.flows.settings import Settings, SettingsError
from replywatch.metrics.events import customer_hash
from replywatch.sql.manifest import Manifest

KEYS = "customer_keys"
"""The fact that knows the key of each version, by what it makes of a word that is no handle."""

_WORD = "which key is this?"


def customer_key(settings: Settings) -> bytes | None:
    """The key for customers' handles, or `None`: handles are then not kept at all."""
    if settings.customer_key_file is not None:
        try:
            return settings.customer_key_file.read_bytes().strip() or None
        except OSError as error:
            raise SettingsError(f"customer_key_file: {error}") from None
    return os.environ.get("REPLYWATCH_CUSTOMER_KEY", "").encode() or None


def customer_hashes(settings: Settings, handle: str) -> list[str]:
    """What stands for `handle` in the history, under the key in use and the former ones."""
    return [customer_hash(key, version, handle) for version, key in _keys(settings).items()]


def _keys(settings: Settings) -> dict[str, bytes]:
    """The key in use and the former ones, by version; a version has one key."""
    keys = []
    for former in settings.former_customer_keys:
        try:
            keys.append((former.version, former.file.read_bytes().strip() or None))
        except OSError as error:
            raise SettingsError(f"former_customer_keys: {error}") from None
    keys.append((settings.customer_key_version, customer_key(settings)))
    return {version: key for version, key in keys if key is not None}


def check_erasing_keys(manifest: Manifest, settings: Settings) -> None:
    """`SettingsError` where a customer may stand in a history under a key that isn't given."""
    known: dict[str, str] = json.loads(manifest.fact(KEYS) or "{}")
    keys = _keys(settings)
    for version, mark in sorted(known.items()):
        if version not in keys:
            raise SettingsError(
                f"this history has customers under version '{version}' of the key, which isn't "
                "given: set REPLYWATCH_CUSTOMER_KEY or customer_key_file to it, or name it in "
                "former_customer_keys"
            )
        if customer_hash(keys[version], version, _WORD) != mark:
            raise SettingsError(_other_key(version))


def key_mark(settings: Settings) -> str | None:
    """What tells the key in use and its version from any other; `None` without a key."""
    key = customer_key(settings)
    return None if key is None else customer_hash(key, settings.customer_key_version, _WORD)


def check_customer_key(manifest: Manifest, settings: Settings) -> None:
    """Note the key that a history goes on with, or `SettingsError` where it can't.

    One version is one key for ever: else a customer would be two, and erasing one would leave the
    other. Where handles were kept, a start without any key is taken for a mistake.
    """
    version, mark = settings.customer_key_version, key_mark(settings)
    known: dict[str, str] = json.loads(manifest.fact(KEYS) or "{}")
    if mark is None:
        if known:
            raise SettingsError(
                "there is no key for customers' handles, but this history has hashes under "
                f"version {', '.join(sorted(known))}: set REPLYWATCH_CUSTOMER_KEY or "
                "customer_key_file"
            )
        return
    if known.setdefault(version, mark) != mark:
        raise SettingsError(_other_key(version))
    manifest.set_fact(KEYS, json.dumps(known, sort_keys=True))


def _other_key(version: str) -> str:
    return (
        "the key for customers' handles is not the one that this history knows as version "
        f"'{version}': give that one, or set customer_key_version to a new one and keep the "
        "former key in former_customer_keys"
    )
