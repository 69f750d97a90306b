-- claimed_waits: one row per claim of a conversation whose customer waited and that nobody had
-- (conversation_id, opened_at, assigned_at): whether another wait of the same queue had had nobody for
-- longer.
with

claims as (
    select * from assignments
    where is_claim and wait_started_at is not null
),

closes as (
    select * from stg_actions
    where kind = 'closed' and wait_started_at is not null
),

-- How a wait that has nobody ends: by the claim, a close of what nobody has, or a reply of somebody
-- it was never assigned to; or it goes on.
ends as (
    select conversation_id, opened_at, queue, wait_started_at, assigned_at as taken_at, true as is_claim
    from claims
    union all
    select
        closes.conversation_id, closes.opened_at, closes.queue, closes.wait_started_at,
        closes.happened_at, false
    from closes
    asof left join assignments
        on assignments.conversation_id = closes.conversation_id
        and assignments.opened_at = closes.opened_at
        and assignments.assigned_at <= closes.happened_at
    where assignments.agent is null or assignments.ended_at <= closes.happened_at
    union all
    select conversation_id, opened_at, queue, wait_started_at, replied_at, false
    from raw.responses
    where response_assigned_seconds is null
    union all
    select conversation_id, opened_at, queue, waiting_since, 'infinity'::timestamptz, false
    from stg_conversations
    where waiting_since is not null and assigned_agent is null
),

releases as (
    select conversation_id, opened_at, ended_at as released_at
    from assignments
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
            range between unbounded preceding and interval 1 microsecond preceding
        ) > taken_at, false) as is_passing_over
    from unowned
),

final as (
    select
        claims.conversation_id,
        claims.opened_at,
        claims.assigned_at,
        claims.agent,
        claims.brand,
        claims.channel,
        claims.queue,
        claims.wait_started_at,
        compared.free_from,
        compared.is_passing_over
    from claims
    inner join compared
        on compared.conversation_id = claims.conversation_id
        and compared.opened_at = claims.opened_at
        and compared.taken_at = claims.assigned_at
        and compared.is_claim
)

select * from final
