-- rejected: refused events, one row per event, newest first.
--
-- source, position         where it stood, e.g. a file and its line, or a topic, partition, offset
-- reason, detail           why: a fixed word, and what exactly was wrong
-- received_at              when it was read
-- excerpt                  the start of what was read, at most 120 characters, as safe text: bytes
--                          that are no UTF-8 as \xNN, control and invisible characters as `.`
--
-- Parameters: $since, $until (instants, null is open; since is in, until is out).
with

refused as (
    select *
    from rejected
    where is_within(received_at, $since, $until)
),

final as (
    select
        source,
        position,
        reason,
        detail,
        received_at,
        regexp_replace(
            left(coalesce(try(decode(raw)), raw::varchar), 120), '[\p{Cc}\p{Cf}]', '.', 'g'
        ) as excerpt
    from refused
)

select * from final
order by received_at desc, source, position
