-- One row per accepted event, each `source` + `id` once, with its conversation and its number there.
-- Grain: (source, id). `event_no` counts from 1 within a conversation, in the order of ties that the dictionary states.
-- Scope columns are what the event itself carries (null: unchanged); instants are microseconds.

create or replace table stg_events as

with recursive

kinds (kind, rank) as (
    values
        ('post', 1), ('assigned', 2), ('unassigned', 3), ('transferred', 4), ('handed_off', 5),
        ('resumed', 6), ('focused', 7), ('note', 8), ('tagged', 9), ('reply', 10),
        ('unfocused', 11), ('paused', 12), ('closed', 13), ('reopened', 14), ('survey_sent', 15),
        ('survey_answered', 16), ('agent_state', 17)
),

parsed as (
    select
        line ->> '$.id' as id,
        coalesce(line ->> '$.source', 'default') as source,
        line ->> '$.kind' as kind,
        -- an instant without an offset is no instant
        case
            when regexp_matches(line ->> '$.at', '([Zz]|[+-]\d\d:\d\d)$')
                then epoch_us(try_cast(line ->> '$.at' as timestamptz))
        end as at_us,
        epoch_us(try_cast(line ->> '$.arrived_at' as timestamptz)) as arrived_us,
        try_cast(line ->> '$.seq' as bigint) as seq,
        line ->> '$.conversation' as conversation,
        line ->> '$.in_reply_to' as in_reply_to,
        line ->> '$.brand' as brand,
        line ->> '$.channel' as channel,
        line ->> '$.queue' as queue,
        line ->> '$.priority' as priority,
        line ->> '$.language' as language,
        line ->> '$.region' as region,
        line ->> '$.agent' as agent,
        line ->> '$.bot' as bot,
        line ->> '$.customer' as customer,
        coalesce(line ->> '$.visibility', 'public') as visibility,
        try_cast(line ->> '$.sentiment' as double) as sentiment,
        line ->> '$.resolution' as resolution,
        line ->> '$.reason' as reason,
        line ->> '$.state' as state,
        line ->> '$.survey' as survey,
        try_cast(line ->> '$.score' as double) as score,
        try_cast(line ->> '$.scale_max' as double) as scale_max,
        try_cast(line -> '$.tags' as varchar[]) as tags,
        line ->> '$.topic' as topic,
        try_cast(line ->> '$.actionable' as boolean) as actionable,
        line::varchar as raw
    from raw_lines
    where
        json_type(line) = 'OBJECT'
        and json_type(line, '$.id') = 'VARCHAR'
        and json_type(line, '$.at') = 'VARCHAR'
        and json_type(line, '$.kind') = 'VARCHAR'
        and coalesce(json_type(line, '$.seq') in ('BIGINT', 'UBIGINT', 'NULL'), true)
        and list_has_all(
            ['VARCHAR', 'NULL'],
            list_filter(
                json_type(
                    line,
                    [
                        '$.source', '$.conversation', '$.in_reply_to', '$.brand', '$.channel',
                        '$.queue', '$.priority', '$.language', '$.region', '$.agent', '$.bot',
                        '$.customer', '$.visibility', '$.resolution', '$.reason', '$.state',
                        '$.survey', '$.topic'
                    ]
                ),
                lambda one: one is not null
            )
        )
),

accepted as (
    select parsed.*, kinds.rank
    from parsed
    inner join kinds using (kind)
    cross join settings
    where
        at_us is not null
        and (
            kind in ('post', 'reply', 'agent_state')
            or conversation is not null
            or in_reply_to is not null
        )
        and (kind != 'reply' or (agent is null) != (bot is null))
        and coalesce(priority, 'normal') in ('low', 'normal', 'high', 'critical')
        and visibility in ('public', 'private')
        and coalesce(sentiment between -1 and 1, true)
        and coalesce(at_us <= arrived_us + max_ahead_us, true)
),

-- of two different lines with one identity the earlier counts, whichever arrived first
deduplicated as (
    select *
    from accepted
    qualify row_number() over (
        partition by source, id order by at_us, seq nulls last, rank, raw
    ) = 1
),

-- from the top of each thread downwards, so that a parent may come before or after its children
threaded as (
    select
        child.source,
        child.id,
        coalesce(child.conversation, child.in_reply_to, child.id) as conversation_id
    from deduplicated as child
    left join deduplicated as parent
        on child.source = parent.source and child.in_reply_to = parent.id
    where child.conversation is not null or parent.id is null

    union all

    select child.source, child.id, threaded.conversation_id
    from threaded
    inner join deduplicated as child
        on threaded.source = child.source and threaded.id = child.in_reply_to
    where child.conversation is null
),

final as (
    select
        case
            -- a ring of replies has no top: each of its events stands alone
            when kind != 'agent_state' then coalesce(threaded.conversation_id, id)
        end as conversation_id,
        row_number() over (
            partition by case when kind != 'agent_state' then coalesce(conversation_id, id) end
            order by at_us, seq nulls last, rank, id, source
        ) as event_no,
        row_number() over (order by at_us, seq nulls last, rank, id, source) as overall_no,
        deduplicated.* exclude (conversation, arrived_us, rank, raw)
    from deduplicated
    left join threaded using (source, id)
)

select * from final;

-- The instant at which the replay's clock stops.
create or replace table replay_end as
select greatest(max(stg_events.at_us), max(settings.until_us)) as end_us
from settings
left join stg_events on true;
