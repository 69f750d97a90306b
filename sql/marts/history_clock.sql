-- history_clock: one row: up to when the history tells everything.
with

final as (
    select greatest(
        (select max(last_event_at) from stg_conversations),
        (select max(window_end) from stg_windows),
        -- what is final was passed by the clock, though nothing may have happened since
        (select max(final_at) + interval 1 microsecond from stg_conversations where is_final)
    ) as now
)

select * from final
