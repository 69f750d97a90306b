-- agent_days: one row per UTC day and agent who worked or was there (day, agent). Work counts when
-- it was done (throughput).
with

final as (
    select
        figures.* exclude (is_settled),
        is_settled and (day + interval 1 day) at time zone 'UTC' <= history_clock.now as is_final
    from agent_figures(['day', 'agent'], 24 * 60) as figures
    cross join history_clock
)

select * from final
