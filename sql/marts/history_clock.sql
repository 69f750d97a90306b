-- history_clock: one row: up to when the history tells everything.
with

conversations as (
    select
        max(last_event_at) as last_event_at,
        -- what is final was passed by the clock, though nothing may have happened since
        max(final_at) filter (is_final) + interval 1 microsecond as final_at
    from stg_conversations
),

windows as (
    select max(window_end) as window_end
    from stg_windows
),

final as (
    select greatest(last_event_at, final_at, window_end) as now
    from conversations
    cross join windows
)

select * from final
