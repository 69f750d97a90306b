-- history_clock: one row: up to when the history tells everything.
with

final as (
    select greatest(
        (select max(last_event_at) from stg_conversations),
        (select max(window_end) from stg_windows)
    ) as now
)

select * from final
