-- team_days: one row per UTC day and team (day, queue): a queue's work is its team's, whoever did it.
-- Work counts when it was done (throughput); what no agent did or missed is in here too.
with

final as (
    select
        figures.* exclude (
            handled, handle_elapsed_mean_seconds, handle_elapsed_median_seconds,
            assigned_median_low_seconds, assigned_median_high_seconds, is_settled
        ),
        is_settled and (day + interval 1 day) at time zone 'UTC' <= history_clock.now
            as is_final
    from work_figures(['day', 'queue'], null, null, 'UTC', true) as figures
    cross join history_clock
)

select * from final
