-- What holds right after each event: scope, assignment, pause, rule, and until when it holds.
-- Grain: event of a conversation, those before the opening message included (status none).

create or replace table stg_states as

with

events as (
    select
        stg_lifecycle.*,
        event.* exclude (conversation_id, event_no, state),
        -- who holds it from this event on; an assignment to nobody or to a bot leaves no person
        case
            when kind = 'assigned' then {'to': agent}
            when kind = 'unassigned' then {'to': null::varchar}
            when kind = 'transferred' and agent is not null then {'to': agent}
        end as assignment,
        case
            when kind = 'paused' and status != 'none' then {'reason': coalesce(reason, 'pending')}
            when kind = 'resumed' or is_reopening then {'reason': null::varchar}
        end as pause
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

scoped as (
    select
        events.* exclude (brand, channel, queue, priority, language, region, assignment, pause),
        coalesce(last_value(brand ignore nulls) over so_far, 'default') as brand,
        coalesce(last_value(channel ignore nulls) over so_far, 'default') as channel,
        coalesce(last_value(queue ignore nulls) over so_far, 'default') as queue,
        coalesce(last_value(priority ignore nulls) over so_far, 'normal') as priority,
        coalesce(last_value(language ignore nulls) over so_far, 'default') as language,
        coalesce(last_value(region ignore nulls) over so_far, 'default') as region,
        last_value(change ignore nulls) over so_far as held,
        last_value(if(change is null, null, event_no) ignore nulls) over so_far as held_no,
        last_value(pause ignore nulls) over so_far as paused,
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
),

-- the first rule that matches, of the policy version in force at that instant
ruled as (
    select conversation_id, event_no, min(rule.rule_no) as rule_no
    from scoped
    inner join policy_rules as rule
        on
            coalesce(list_contains(rule.brands, scoped.brand), true)
            and coalesce(list_contains(rule.channels, scoped.channel), true)
            and coalesce(list_contains(rule.queues, scoped.queue), true)
            and coalesce(list_contains(rule.priorities, scoped.priority), true)
            and coalesce(rule.effective_us <= scoped.at_us, true)
            and coalesce(scoped.at_us < rule.superseded_us, true)
    group by conversation_id, event_no
),

compared as (
    select
        scoped.* exclude (held, held_no, paused),
        scoped.held.agent as assigned_agent,
        case when scoped.held.agent is not null then scoped.held.us end as assigned_us,
        case when scoped.held.agent is not null then scoped.held_no end as assigned_no,
        scoped.paused.reason as paused_for,
        ruled.rule_no,
        coalesce(rule.schedule, 'wall') as schedule,
        lag({'brand': brand, 'channel': channel, 'queue': queue, 'priority': priority})
            over in_order as was,
        lag(scoped.held.agent) over in_order as agent_before,
        lag(scoped.paused.reason) over in_order as paused_before,
        -- the last person who wrote to the customer before this event
        last_value(if(kind = 'reply', agent, null) ignore nulls) over before as sender_before
    from scoped
    left join ruled using (conversation_id, event_no)
    left join policy_rules as rule on ruled.rule_no = rule.rule_no
    window
        in_order as (partition by conversation_id, incarnation order by event_no),
        before as (
            partition by conversation_id, incarnation order by event_no
            rows between unbounded preceding and 1 preceding
        )
),

final as (
    select
        *,
        was is not null and was != {
            'brand': brand, 'channel': channel, 'queue': queue, 'priority': priority
        } as is_moved,
        -- the event that last changed scope or priority, null if none has
        max(if(is_moved, event_no, null)) over (
            partition by conversation_id, incarnation order by event_no
        ) as moved_no
    from compared
)

select * from final;

-- Grain: life of a conversation. `expired_us` is when silence ended it, null if it did not;
-- `final_us` when it ended for good, by silence or by its reopen window.
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
        max(at_us) filter (is_closing) as last_closed_us,
        arg_max_null(agent, event_no) filter (is_closing) as closer,
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
    end as expired_us,
    case
        when status = 'closed' and (not is_latest or last_closed_us + reopen_window_us < end_us)
            then last_closed_us + reopen_window_us
        else expired_us
    end as final_us
from lives
cross join settings
cross join replay_end
where opened_us is not null;
