-- collisions_between(since, until): replies in a period that followed another agent's reply to the
-- same wait within two minutes, one row per reply (conversation_id, opened_at, replied_at, agent). An
-- open side is null.
create macro collisions_between(since, until) as table

with

-- What two minutes or more lie before the period is followed too late to matter.
ordered as (
    select
        conversation_id,
        opened_at,
        id,
        sent_at,
        agent,
        brand,
        channel,
        queue,
        is_human_reply,
        lag(is_human_reply) over conversation as follows_reply,
        lag(agent) over conversation as first_agent,
        lag(sent_at) over conversation as first_replied_at
    from stg_messages
    where bot is null
        and is_within(sent_at, since::timestamptz - interval 2 minutes, until)
    window conversation as (
        partition by conversation_id, opened_at
        order by sent_at, seq nulls last, is_post desc, id
    )
),

final as (
    select
        conversation_id,
        opened_at,
        id,
        first_agent,
        first_replied_at,
        agent,
        sent_at as replied_at,
        epoch_us(sent_at - first_replied_at) / 1e6 as gap_seconds,
        brand,
        channel,
        queue
    from ordered
    where is_human_reply
        and follows_reply
        and agent <> first_agent
        and sent_at <= first_replied_at + interval 2 minutes
        and is_within(sent_at, since, until)
)

select * from final
