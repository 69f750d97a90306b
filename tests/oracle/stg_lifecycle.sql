-- Where a conversation opens, closes, reopens and ends: the one part in which an event's meaning
-- depends on the state before it, so it walks all conversations side by side, an event a step.
-- Grain: event. Status is none, open or closed; `incarnation` counts the lives of one thread.
--   closed: a later post or `reopened` opens it again while at <= closed_us + reopen window;
--   past that window, or silent for longer than expire_after while not closed, it has ended, and
--   the event that shows it belongs to the next life, which only a post or a reply opens.

create or replace table stg_lifecycle as

with recursive

lifecycle as (
    select
        conversation_id,
        0::bigint as event_no,
        1 as incarnation,
        'none' as status_before,
        'none' as status,
        null::bigint as closed_us,
        null::bigint as last_us
    from stg_events
    where conversation_id is not null
    group by conversation_id

    union all

    select
        conversation_id,
        event_no,
        incarnation,
        status_before,
        status,
        case
            when status = 'closed' and status_before = 'closed' then closed_us
            when status = 'closed' then at_us
        end as closed_us,
        at_us as last_us
    from (
        select
            *,
            case
                when status_before = 'none' and kind in ('post', 'reply') then 'open'
                when status_before = 'open' and kind = 'closed' then 'closed'
                when status_before = 'closed' and kind in ('post', 'reopened') then 'open'
                else status_before
            end as status
        from (
            select
                conversation_id,
                event_no,
                kind,
                at_us,
                closed_us,
                incarnation + has_ended::int as incarnation,
                if(has_ended, 'none', previous_status) as status_before
            from (
                select
                    event.conversation_id,
                    event.event_no,
                    event.kind,
                    event.at_us,
                    lifecycle.incarnation,
                    lifecycle.closed_us,
                    lifecycle.status as previous_status,
                    case lifecycle.status
                        when 'closed' then event.at_us > lifecycle.closed_us + reopen_window_us
                        else coalesce(event.at_us > lifecycle.last_us + expire_after_us, false)
                    end as has_ended
                from lifecycle
                inner join stg_events as event
                    on
                        lifecycle.conversation_id = event.conversation_id
                        and lifecycle.event_no + 1 = event.event_no
                cross join settings
            )
        )
    )
)

select
    conversation_id,
    event_no,
    incarnation,
    status,
    status_before = 'none' and status = 'open' as is_opening,
    status_before = 'open' and status = 'closed' as is_closing,
    status_before = 'closed' and status = 'open' as is_reopening
from lifecycle
where event_no > 0;
