-- Grain: five minutes, half-open, of one scope in which something happened.
-- `waiting` is the state just before the window ends; in the window that the replay's end cuts
-- short, the state at that end, everything that happened by then included.

create or replace table windows as

with

happenings as (
    select at_us, brand, channel, queue, kind as what, null::bigint as sample_us
    from stg_states
    where kind in ('post', 'reply')

    union all

    select at_us, brand, channel, queue, if(is_opening, 'opened', 'closed'), null
    from stg_states
    where is_opening or is_closing

    union all

    select
        epoch_us(replied_at),
        brand,
        channel,
        queue,
        'answered',
        case when kind = 'first' then epoch_us(replied_at) - epoch_us(wait_started_at) end
    from responses

    union all

    select epoch_us(ended_at), brand, channel, queue, outcome, null
    from sla
    where outcome in ('met', 'missed')
),

counted as (
    select
        at_us - at_us % 300_000_000 as start_us,
        start_us + 300_000_000 as stop_us,
        brand,
        channel,
        queue,
        count_if(what = 'post') as posts,
        count_if(what = 'reply') as replies,
        count_if(what = 'opened') as opened,
        count_if(what = 'closed') as closed,
        count_if(what = 'answered') as answered,
        count_if(what = 'met') as met,
        count_if(what = 'missed') as missed,
        list_sort(list(sample_us) filter (sample_us is not null)) as samples,
        -- whole microseconds until the one division, so that no order of adding shows
        sum(sample_us) / (count(sample_us) * 1e6) as first_response_mean
    from happenings
    group by all
),

-- a stretch between two events of a conversation throughout which it waits
stretches as (
    select
        state.brand,
        state.channel,
        state.queue,
        stg_waits.started_us,
        state.at_us as from_us,
        coalesce(state.next_us, stg_waits.ended_us) as to_us
    from stg_states as state
    inner join stg_waits
        on
            state.conversation_id = stg_waits.conversation_id
            and state.incarnation = stg_waits.incarnation
            and state.event_no >= stg_waits.started_no
            and coalesce(state.event_no < stg_waits.ended_no, true)
),

waiting as (
    select
        start_us,
        counted.brand,
        counted.channel,
        counted.queue,
        count(*) as waiting,
        (least(any_value(stop_us), any_value(end_us)) - min(started_us)) / 1e6
            as oldest_wait_seconds
    from counted
    cross join replay_end
    inner join stretches
        on
            counted.brand = stretches.brand
            and counted.channel = stretches.channel
            and counted.queue = stretches.queue
            and stretches.from_us < least(stop_us, end_us + 1)
            and coalesce(stretches.to_us >= least(stop_us, end_us + 1), true)
    group by all
),

objectives as (
    select
        start_us,
        counted.brand,
        counted.channel,
        counted.queue,
        rule.ratio,
        rule.min_outcomes
    from counted
    inner join policy_rules as rule
        on
            coalesce(list_contains(rule.brands, counted.brand), true)
            and coalesce(list_contains(rule.channels, counted.channel), true)
            and coalesce(list_contains(rule.queues, counted.queue), true)
            and coalesce(list_contains(rule.priorities, 'normal'), true)
            and coalesce(rule.effective_us < stop_us, true)
            and coalesce(stop_us <= rule.superseded_us, true)
    qualify row_number() over (
        partition by start_us, counted.brand, counted.channel, counted.queue
        order by rule.rule_no
    ) = 1
),

final as (
    select
        make_timestamptz(start_us) as window_start,
        brand,
        channel,
        queue,
        posts,
        replies,
        opened,
        closed,
        answered,
        met,
        missed,
        case when met + missed > 0 then met / (met + missed) end as attainment,
        coalesce(attainment < ratio and met + missed >= min_outcomes, false) as is_breached,
        interpolated(samples, 50) as first_response_p50,
        interpolated(samples, 90) as first_response_p90,
        first_response_mean,
        coalesce(waiting, 0) as waiting,
        oldest_wait_seconds,
        make_timestamptz(stop_us + restate_within_us) as final_at
    from counted
    cross join settings
    left join waiting using (start_us, brand, channel, queue)
    left join objectives using (start_us, brand, channel, queue)
)

select * from final;
