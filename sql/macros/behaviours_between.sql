-- behaviours_between(since, until): habits of agents in a period, one row per UTC day, agent, queue and
-- behaviour (day, agent, queue, behaviour); the mart agent_behaviours says what each is. The period
-- consists of whole UTC days; an open side is null.
create macro behaviours_between(since, until) as table

with

closes as (
    select
        day_of(closed_at, 'UTC') as day,
        credited_agent as agent,
        queue,
        'closes_without_reply' as behaviour,
        count(*) filter (reply_count = 0) as seen,
        count(*) as chances
    from stg_conversations
    where closed_at is not null and credited_agent is not null
        and is_within(closed_at, since, until)
    group by all
),

held as (
    select * from taken_between(since, until)
),

replied as (
    select distinct held.conversation_id, held.opened_at, held.step
    from held
    inner join stg_messages as sent
        on sent.conversation_id = held.conversation_id
        and sent.opened_at = held.opened_at
        and sent.agent = held.agent
        and sent.is_human_reply
        and sent.sent_at between held.assigned_at and held.ended_at
    where held.is_released
),

assigned as (
    select
        day_of(assigned_at, 'UTC') as day,
        agent,
        queue,
        count(*) filter (is_released and replied.step is null) as released_without_reply,
        count(*) filter (is_released and held_seconds <= 60) as released_quickly,
        count(*) as assignments,
        count(*) filter (is_passing_over) as passed_over,
        count(is_passing_over) as claims
    from held
    left join replied using (conversation_id, opened_at, step)
    group by all
),

releases as (
    select
        day, agent, queue, 'releases_without_reply' as behaviour,
        released_without_reply as seen, assignments as chances
    from assigned
),

quick as (
    select
        day, agent, queue, 'quick_releases' as behaviour,
        released_quickly as seen, assignments as chances
    from assigned
),

claims as (
    select
        day, agent, queue, 'passed_over' as behaviour, passed_over as seen, claims as chances
    from assigned
    where claims > 0
),

answered as (
    select conversation_id, opened_at
    from stg_handling
    where is_within(replied_at, since, until)
),

handled as (
    select
        max(replied_at) as last_replied_at,
        agent,
        arg_max(queue, replied_at) as queue,
        sum_seconds(whole_us(handle_active_seconds)) as handle_active_seconds
    from stg_handling
    semi join answered using (conversation_id, opened_at)
    group by conversation_id, opened_at, agent
),

long as (
    select
        day_of(last_replied_at, 'UTC') as day,
        agent,
        queue,
        'long_conversations' as behaviour,
        count(*) filter (handle_active_seconds > 1800) as seen,
        count(*) as chances
    from handled
    where is_within(last_replied_at, since, until)
    group by all
),

hourly as (
    select
        day_of(sent_at, 'UTC') as day,
        agent,
        queue,
        hour(sent_at at time zone 'UTC') as hour,
        count(*) as replies
    from stg_messages
    where is_human_reply and is_within(sent_at, since, until)
    group by all
),

-- Hours without any reply have no row: they are what is missing between first and last.
shifts as (
    select
        day,
        agent,
        queue,
        max(hour) - min(hour) + 1 as hours,
        sum(replies) / hours as mean_replies,
        list(replies) as replies_by_hour
    from hourly
    group by all
),

quiet as (
    select
        day,
        agent,
        queue,
        'quiet_hours' as behaviour,
        (hours - len(list_filter(replies_by_hour, lambda n: n >= mean_replies / 2))) as seen,
        hours as chances
    from shifts
),

collided as (
    select
        day_of(replied_at, 'UTC') as day,
        agent,
        queue,
        count(*) as seen
    from collisions_between(since, until)
    group by all
),

colliding as (
    select
        day,
        agent,
        queue,
        'collisions' as behaviour,
        coalesce(any_value(collided.seen), 0) as seen,
        sum(hourly.replies)::bigint as chances
    from hourly
    left join collided using (day, agent, queue)
    group by all
),

final as (
    select * from closes
    union all
    select * from releases
    union all
    select * from quick
    union all
    select * from claims
    union all
    select * from long
    union all
    select * from quiet
    union all
    select * from colliding
)

select * from final
