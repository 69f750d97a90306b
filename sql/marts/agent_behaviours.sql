-- agent_behaviours: one row per UTC day, agent, queue and behaviour (day, agent, queue, behaviour):
-- how often it was seen, out of how many chances. A hint to look, no verdict.
--
-- closes_without_reply     closes of conversations that no person had replied to, of closes
-- releases_without_reply   releases of a conversation the agent had not replied to, of assignments
-- quick_releases           releases within a minute of the assignment, of assignments
-- passed_over              claims made while another wait of the queue had had nobody for longer, of
--                          claims of waiting conversations (cherry-picking)
-- long_conversations       conversations with over 30 minutes of active handle time, of those with
--                          any, on the day of the last reply
-- quiet_hours              hours between the first and the last reply of the day with under half
--                          of that day's mean, of these hours (uneven activity)
-- collisions               replies within two minutes of another agent's to the same wait, of replies
with

closes as (
    select
        cast(closed_at at time zone 'UTC' as date) as day,
        credited_agent as agent,
        queue,
        'closes_without_reply' as behaviour,
        count(*) filter (reply_count = 0) as seen,
        count(*) as chances
    from stg_conversations
    where closed_at is not null and credited_agent is not null
    group by all
),

releases as (
    select
        cast(assigned_at at time zone 'UTC' as date) as day,
        agent,
        queue,
        'releases_without_reply' as behaviour,
        count(*) filter (is_released and reply_count = 0) as seen,
        count(*) as chances
    from assignments
    group by all
),

quick as (
    select
        cast(assigned_at at time zone 'UTC' as date) as day,
        agent,
        queue,
        'quick_releases' as behaviour,
        count(*) filter (is_released and held_seconds <= 60) as seen,
        count(*) as chances
    from assignments
    group by all
),

claims as (
    select
        cast(assigned_at at time zone 'UTC' as date) as day,
        agent,
        queue,
        'passed_over' as behaviour,
        count(*) filter (is_passing_over) as seen,
        count(*) as chances
    from claimed_waits
    group by all
),

handled as (
    select
        cast(max(replied_at) at time zone 'UTC' as date) as day,
        stg_handling.agent,
        arg_max(queue, replied_at) as queue,
        sum(handle_active_seconds) as handle_active_seconds
    from stg_handling
    group by conversation_id, opened_at, stg_handling.agent
),

long as (
    select
        day,
        agent,
        queue,
        'long_conversations' as behaviour,
        count(*) filter (handle_active_seconds > 1800) as seen,
        count(*) as chances
    from handled
    group by all
),

hourly as (
    select
        cast(sent_at at time zone 'UTC' as date) as day,
        agent,
        queue,
        hour(sent_at at time zone 'UTC') as hour,
        count(*) as replies
    from stg_messages
    where is_human_reply
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
        cast(replied_at at time zone 'UTC' as date) as day,
        agent,
        queue,
        count(*) as seen
    from collisions
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
