-- What holds right after each event: scope, assignment, and until when it holds.
-- Grain: event of a conversation, those before the opening message included (status none).

create or replace table stg_states as

with

events as (
    select
        stg_lifecycle.*,
        event.* exclude (conversation_id, event_no),
        -- who holds it from this event on; an assignment to nobody or to a bot leaves no person
        case
            when kind = 'assigned' then {'to': agent}
            when kind = 'unassigned' then {'to': null::varchar}
            when kind = 'transferred' and agent is not null then {'to': agent}
        end as assignment
    from stg_lifecycle
    inner join stg_events as event using (conversation_id, event_no)
),

assignments as (
    select conversation_id, incarnation, event_no, {'agent': assignment.to, 'us': at_us} as change
    from events
    where assignment is not null
    -- the same agent again keeps the earlier instant
    qualify
        assignment.to is distinct from lag(assignment.to) over (
            partition by conversation_id, incarnation order by event_no
        )
),

final as (
    select
        events.* exclude (brand, channel, queue, priority, language, region, assignment),
        coalesce(last_value(brand ignore nulls) over so_far, 'default') as brand,
        coalesce(last_value(channel ignore nulls) over so_far, 'default') as channel,
        coalesce(last_value(queue ignore nulls) over so_far, 'default') as queue,
        coalesce(last_value(priority ignore nulls) over so_far, 'normal') as priority,
        coalesce(last_value(language ignore nulls) over so_far, 'default') as language,
        coalesce(last_value(region ignore nulls) over so_far, 'default') as region,
        last_value(change ignore nulls) over so_far as held,
        change.agent is not null as is_assignment,
        lead(at_us) over in_order as next_us
    from events
    left join assignments using (conversation_id, incarnation, event_no)
    window
        in_order as (partition by conversation_id, incarnation order by event_no),
        so_far as (
            partition by conversation_id, incarnation order by event_no
            rows between unbounded preceding and current row
        )
)

select
    * exclude (held),
    held.agent as assigned_agent,
    case when held.agent is not null then held.us end as assigned_us
from final;

-- Grain: life of a conversation. `expired_us` is when silence ended it, null if it did not.
create or replace table stg_incarnations as

with

lives as (
    select
        conversation_id,
        incarnation,
        min(at_us) filter (is_opening) as opened_us,
        min(event_no) filter (is_opening) as opening_no,
        max(event_no) as last_no,
        max(at_us) as last_us,
        arg_max(status, event_no) as status,
        incarnation = max(incarnation) over (partition by conversation_id) as is_latest
    from stg_states
    group by conversation_id, incarnation
)

select
    lives.*,
    case
        when status = 'open' and (not is_latest or last_us + expire_after_us < end_us)
            then last_us + expire_after_us
    end as expired_us
from lives
cross join settings
cross join replay_end
where opened_us is not null;
