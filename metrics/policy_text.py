"""A policy book as text, so that a history can keep the policy that it was made under."""

from __future__ import annotations

import msgspec

from replywatch.metrics.policy import Policy, PolicyBook, PolicyError


class _Kept(msgspec.Struct):
    versions: list[Policy]
    expire_after: int  # microseconds, which an archive may have overridden


def book_to_text(book: PolicyBook) -> str:
    """Every version of `book` as JSON, without the alerts, which no number depends on."""
    versions = [msgspec.structs.replace(policy, alerts={}) for policy in book.policies]
    return msgspec.json.encode(_Kept(versions, book.expire_after)).decode()


def book_from_text(text: str) -> PolicyBook:
    """The book that `book_to_text` wrote, or `PolicyError`."""
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except msgspec.MsgspecError as error:
        raise PolicyError(f"the policy that was kept can't be read: {error}") from None
    return PolicyBook(kept.versions, kept.expire_after)
