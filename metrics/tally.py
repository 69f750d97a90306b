"""Messages of a conversation, counted, and how it stood at its last close.

Definitions with worked examples: docs/dictionary.md, "Messages to resolution".
"""

from __future__ import annotations

import msgspec

from replywatch.metrics.events import Event


class Tally(msgspec.Struct, array_like=True):
    """Posts, replies and notes so far; messages to resolution are those up to the last close."""

    posts: int = 0
    replies: int = 0  # a person's
    bot_replies: int = 0
    notes: int = 0
    was_private: bool = False
    ends_in_public: bool = False  # the last message is a public reply
    ends_with_customer: bool = False  # the last message is a post
    closed_replies: int = 0
    closed_messages: int = 0
    closed_in_public: bool = False
    closed_after_customer: bool = False  # the customer had the last word

    def message(self, event: Event) -> None:
        """Count a post or a reply."""
        is_public = event.visibility == "public"
        if not is_public:
            self.was_private = True
        if event.kind == "post":
            self.posts += 1
            self.ends_in_public, self.ends_with_customer = False, True
            return
        if event.agent is None:
            self.bot_replies += 1
        else:
            self.replies += 1
        self.ends_in_public, self.ends_with_customer = is_public, False

    def close(self) -> None:
        """Keep how it stands now."""
        self.closed_replies = self.replies
        self.closed_messages = self.posts + self.replies + self.bot_replies
        self.closed_in_public = self.ends_in_public
        self.closed_after_customer = self.ends_with_customer

    @property
    def is_one_touch(self) -> bool:
        """Of a closed conversation: exactly one reply by a person, before the close."""
        return self.replies == self.closed_replies == 1
