"""What every table of the configuration is made of."""

from __future__ import annotations

from typing import Annotated

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class SettingsError(Exception):
    """A configuration that can't be used; the message says where and what to do."""


class Section(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of the configuration; a name it doesn't know is a fault."""
