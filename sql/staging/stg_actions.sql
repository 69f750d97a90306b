-- Events that are no message, in their order within the conversation: seq where the source gives
-- one, then kind, then id.
select
    * exclude ("at"),
    "at" as happened_at,
    list_position(
        [
            'assigned', 'unassigned', 'transferred', 'handed_off', 'resumed', 'focused', 'note',
            'tagged', 'unfocused', 'paused', 'closed', 'reopened', 'survey_sent', 'survey_answered'
        ],
        kind
    ) as kind_order
from raw.actions
