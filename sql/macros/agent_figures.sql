-- agent_figures(keys, minutes): what agents did (throughput) and how long they were there, one row per
-- group of `keys`: day (UTC), agent and, where it is of so many `minutes`, 15, interval_start.
create macro agent_figures(keys, minutes) as table

with

pieces as (
    select * from work_figures(keys, null, null, 'UTC', false)
    union all by name
    select
        columns(lambda name: list_contains(keys, name)),
        sum_seconds(whole_us(columns('_seconds$')))
    from presence_by(minutes)
    group by all
),

-- One piece of each kind a row: whatever it is taken by, it is that value.
whole as (
    select
        columns(lambda name: list_contains(keys, name)),
        coalesce(any_value(columns(lambda name: list_contains(work_counts(), name))), 0),
        any_value(columns(lambda name: not list_contains(keys || work_counts(), name)))
    from pieces
    group by all
),

final as (
    select
        * exclude (
            agents, handled, missed_unassigned, handle_elapsed_mean_seconds,
            handle_elapsed_median_seconds, assigned_median_low_seconds,
            assigned_median_high_seconds, in_hand_seconds, is_settled
        ),
        active_seconds / nullif(active_seconds + idle_seconds, 0) as occupancy,
        in_hand_seconds / nullif(active_seconds, 0) as concurrency,
        coalesce(is_settled, true) as is_settled
    from whole
)

select * from final
