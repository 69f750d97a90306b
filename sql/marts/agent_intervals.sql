-- agent_intervals: one row per 15 minutes (UTC) and agent who worked or was there (interval_start,
-- agent). Work counts when it was done (throughput).
with

final as (
    select
        figures.* exclude (is_settled),
        is_settled and interval_start + interval 15 minutes <= history_clock.now as is_final
    from agent_figures(['day', 'interval_start', 'agent'], 15) as figures
    cross join history_clock
)

select * from final
