-- taken_between(since, until): assignments that began in a period (see assignments_between), one row
-- per assignment (conversation_id, opened_at, step). Of a claim of a conversation whose customer
-- waited and that nobody had, free_from is since when nobody had it, and is_passing_over whether
-- another wait of the same queue had had nobody for longer; both are null of any other. An open side
-- is null.
create macro taken_between(since, until) as table

with

held as (
    select * from assignments_between(since, until)
),

-- A claim after the period may still be of a wait that was free when one in it was made; what was
-- taken before the period wasn't.
claims as (
    select * from held
    where is_claim and wait_started_at is not null
        and assigned_at >= coalesce(since::timestamptz, '-infinity')
),

closes as (
    select * from stg_actions
    where kind = 'closed' and wait_started_at is not null
        and happened_at >= coalesce(since::timestamptz, '-infinity')
        and wait_started_at < coalesce(until::timestamptz, 'infinity')
),

-- How a wait that has nobody ends: by the claim, a close of what nobody has, or a reply of somebody
-- it was never assigned to; or it goes on.
ends as (
    select conversation_id, opened_at, queue, wait_started_at, assigned_at as taken_at, step
    from claims
    union all
    select
        closes.conversation_id, closes.opened_at, closes.queue, closes.wait_started_at,
        closes.happened_at, null
    from closes
    asof left join (select * from held where held_seconds is distinct from 0) as held
        on held.conversation_id = closes.conversation_id
        and held.opened_at = closes.opened_at
        and held.assigned_at <= closes.happened_at
    where held.agent is null or held.ended_at <= closes.happened_at
    union all
    select conversation_id, opened_at, queue, wait_started_at, replied_at, null
    from raw.responses
    where response_assigned_seconds is null
        and replied_at >= coalesce(since::timestamptz, '-infinity')
        and wait_started_at < coalesce(until::timestamptz, 'infinity')
    union all
    select conversation_id, opened_at, queue, waiting_since, 'infinity'::timestamptz, null
    from stg_conversations
    where waiting_since is not null and assigned_agent is null
        and opened_at < coalesce(until::timestamptz, 'infinity')
),

releases as (
    select conversation_id, opened_at, ended_at as released_at
    from held
    where is_released
),

unowned as (
    select
        ends.*,
        greatest(ends.wait_started_at, releases.released_at) as free_from
    from ends
    asof left join releases
        on releases.conversation_id = ends.conversation_id
        and releases.opened_at = ends.opened_at
        and releases.released_at < ends.taken_at
),

-- Of the waits that were free before this one, was any still free when this one was taken?
compared as (
    select
        *,
        coalesce(max(taken_at) over (
            partition by queue
            order by free_from
            groups between unbounded preceding and 1 preceding
        ) > taken_at, false) as is_passing_over
    from unowned
),

final as (
    select
        held.*,
        compared.free_from,
        compared.is_passing_over
    from held
    left join compared using (conversation_id, opened_at, step)
    where is_within(held.assigned_at, since, until)
)

select * from final
