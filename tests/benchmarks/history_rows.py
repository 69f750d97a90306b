"""Rows of a large operation, made by SQL, some days at a time, in the real schemas.

The days bypass the stream: nothing here is computed from events, so the figures are plausible and
agree with each other (a wait has its clock, its reply and its time of work), but they prove nothing
about the rules. Everything follows from the number of a conversation, so that the same size is the
same history.
"""

from __future__ import annotations

from datetime import date, timedelta

BRANDS, CHANNELS, QUEUES = ("acme", "globex"), ("chat", "email", "x"), ("tier1", "tier2")
WAITS = 4
"""Answered waits of a conversation."""


def tables(first: date, days: range, per_day: int, agents: int, seals: int) -> list[str]:
    """Statements that make one temporary table a history table, of some `days` after `first`.

    Each has the columns `date`, and `_seal`, 0 to `seals` − 1: when in the day a row would have
    been sealed.
    """
    counts = [
        round(per_day * (1.15 if (first + timedelta(days=n)).weekday() < 5 else 0.62)) for n in days
    ]
    pairs = ", ".join(f"({n}, {count})" for n, count in zip(days, counts, strict=True))
    return [
        f"""create or replace temp table base as
        select
            'c' || d || '-' || i as conversation_id,
            h % 997 / 997.0 as u, h // 997 % 991 / 991.0 as v, h // 988027 % 983 / 983.0 as w,
            timestamptz '{first} 06:00:00+00' + to_days(d::int) + to_microseconds(
                (14 * 3600e6 * (0.7 * (h % 100003 / 100003.0)
                    + 0.3 * (h // 7 % 100019 / 100019.0)))::bigint) as opened_at,
            {list(BRANDS)}[h // 3 % {len(BRANDS)} + 1] as brand,
            {list(CHANNELS)}[h // 11 % {len(CHANNELS)} + 1] as channel,
            {list(QUEUES)}[h // 13 % {len(QUEUES)} + 1] as queue,
            'agent' || lpad((h // 17 % {agents})::varchar, 3, '0') as agent,
            h // 19 % 60000 as customer
        from (select d, i, (hash(i + d * 1000003) % 1000000007)::bigint as h
            from (values {pairs}) as t(d, n), unnest(range(n)) as r(i))""",
        f"""create or replace temp table waits as
        select
            *, n,
            opened_at + to_microseconds((n * 1500e6 * (0.3 + v))::bigint) as wait_started_at,
            opened_at + to_microseconds((n * 1500e6 * (0.3 + v))::bigint
                + (20e6 + 600e6 * u * u * (1 + n * w))::bigint) as replied_at,
            if(channel = 'chat', 120.0, if(channel = 'email', 3600.0, 300.0)) as target_seconds
        from base, range({WAITS}) as r(n)""",
        """create or replace temp table whole as
        select conversation_id, max(replied_at) as last_reply_at,
            min(replied_at) filter (n = 0) as first_reply_at, count(*) as replies
        from waits group by all""",
        *(
            f"""create or replace temp table t_{name} as
            select *, {dated}::date::varchar as date,
                (extract(hour from {at}) * {seals} // 24)::int as _seal
            from ({query})"""
            for name, dated, at, query in _queries(first, days, agents)
        ),
    ]


def _queries(first: date, days: range, agents: int) -> list[tuple[str, str, str, str]]:
    """Table, what dates its rows, what seals them, their query; columns left out are null."""
    scope = "brand, channel, queue, 'normal' as priority"
    key = "conversation_id, opened_at"
    return [
        (
            "conversations",
            "opened_at",
            "last_event_at",
            f"""select {key}, {scope}, 'en' as language, 'eu' as region,
                '1:' || md5(customer::varchar) as customer_key, 'customer' as opened_by,
                true as is_complete, opened_at as first_post_at, first_reply_at,
                agent as first_agent,
                epoch(first_reply_at) - epoch(opened_at) as first_response_seconds,
                first_response_seconds as first_response_business_seconds,
                15 + 500 * u * u as first_response_assigned_seconds,
                agent as assigned_agent, opened_at as first_assigned_at,
                if(r.revision = 2, last_reply_at + interval 2 minutes, null) as closed_at,
                if(r.revision = 2, 'agent', null) as closed_by,
                if(r.revision = 2, agent, null) as closing_agent,
                if(r.revision = 2, 'solved', null) as resolution,
                if(r.revision = 2,
                    epoch(last_reply_at) - epoch(opened_at), null) as full_resolution_seconds,
                if(r.revision = 2,
                    epoch(last_reply_at) - epoch(opened_at), null) as handle_elapsed_seconds,
                {WAITS} as post_count, replies as reply_count, 0 as bot_reply_count,
                0 as reopen_count, (w < 0.05)::int as transfer_count,
                0 as note_count, 0 as handoff_count,
                if(r.revision = 2, {2 * WAITS}, null) as messages_to_resolution,
                'no_bot' as bot_outcome, false as bot_contained,
                if(w < 0.2, -0.5, null) as sentiment_start, if(w < 0.2, v - 0.5, null) as
                    sentiment_end, if(w < 0.2, 2, 0) as sentiment_count,
                if(u < 0.1 and r.revision = 2, 1 + (v * 4.99)::int, null) as csat_score,
                if(u < 0.1 and r.revision = 2, v > 0.6, null) as csat_is_positive,
                if(u < 0.3, 1, 0) as csat_sent_count, if(u < 0.1, 1, 0) as csat_answer_count,
                if(u < 0.3, agent, null) as csat_agent, true as is_actionable,
                false as is_abandoned, w < 0.05 as is_transferred, true as in_channel,
                if(r.revision = 2, last_reply_at + interval 400 seconds, opened_at)
                    as last_event_at,
                false as is_late, r.revision = 2 as is_final,
                last_reply_at + interval 7 days as final_at, r.revision, 0 as _generation
            from base join whole using (conversation_id), (values (1), (2)) as r(revision)""",
        ),
        (
            "responses",
            "replied_at",
            "replied_at",
            f"""select {key}, wait_started_at, replied_at, if(n = 0, 'first', 'next') as kind,
                agent, {scope}, epoch(replied_at) - epoch(wait_started_at) as response_seconds,
                epoch(replied_at) - epoch(wait_started_at) as response_business_seconds,
                0.9 * (epoch(replied_at) - epoch(wait_started_at)) as response_assigned_seconds,
                0.9 * (epoch(replied_at) - epoch(wait_started_at))
                    as response_assigned_business_seconds,
                wait_started_at as handling_started_at, 1 as posts_answered, 0 as _generation
            from waits""",
        ),
        (
            "handling",
            "replied_at",
            "replied_at",
            f"""select {key}, wait_started_at, replied_at, agent, brand, channel, queue,
                0.6 * (epoch(replied_at) - epoch(wait_started_at)) as handle_active_seconds,
                'estimated' as handle_active_method, 1 as revision, 0 as _generation
            from waits""",
        ),
        (
            "messages",
            '"at"',
            '"at"',
            f"""select {key}, conversation_id || '-' || n || side as id, 'bench' as source,
                if(side = 'p', wait_started_at, replied_at) as "at",
                if(side = 'p', 'inbound', 'outbound') as direction,
                if(side = 'p', null, agent) as agent, 'public' as visibility, {scope},
                false as is_late, 0 as _generation
            from waits, (values ('p'), ('r')) as s(side)""",
        ),
        (
            "sla",
            "ended_at",
            "ended_at",
            f"""select {key}, if(n = 0, 'first_response', 'next_response') as sla,
                wait_started_at as started_at, to_seconds(target_seconds) + wait_started_at
                    as due_at,
                least(replied_at, to_seconds(target_seconds) + wait_started_at) as ended_at,
                if(replied_at <= to_seconds(target_seconds) + wait_started_at, 'met', 'missed')
                    as outcome,
                'bench' as policy_version, channel as rule, target_seconds,
                least(epoch(replied_at) - epoch(wait_started_at), target_seconds)
                    as elapsed_seconds,
                agent, {scope}, 0 as _generation
            from waits""",
        ),
        (
            "actions",
            '"at"',
            '"at"',
            f"""select {key}, conversation_id || '-' || step as id, 'bench' as source,
                opened_at + to_microseconds((seconds * 1e6)::bigint) as "at", kind,
                if(kind = 'transferred' or step > 5, null, agent) as agent,
                had_it as handling_agent, if(step < 5, opened_at, null) as wait_started_at,
                step >= 5 as is_answered, if(step > 5, 'csat', null) as survey,
                if(step = 7, 1 + (v * 4.99)::int, null) as score,
                if(step = 7, 5, null) as scale_max, if(step = 7, v > 0.6, null) as is_positive,
                if(step > 5, agent, null) as credited_agent,
                brand as from_brand, channel as from_channel,
                if(kind = 'transferred', if(queue = 'tier1', 'tier2', 'tier1'), queue)
                    as from_queue, {scope}, false as is_late, 0 as _generation
            from (
                select *, unnest([
                    {{'step': 1, 'kind': 'transferred', 'seconds': 2.0, 'had_it': null}},
                    {{'step': 2, 'kind': 'assigned', 'seconds': 3 + 6 * v, 'had_it': null}},
                    {{'step': 3, 'kind': 'unassigned', 'seconds': 10 + 4 * v, 'had_it': agent}},
                    {{'step': 4, 'kind': 'assigned', 'seconds': 15 + 4 * v, 'had_it': null}},
                    {{'step': 5, 'kind': 'closed', 'had_it': agent,
                      'seconds': epoch(last_reply_at) - epoch(opened_at) + 120}},
                    {{'step': 6, 'kind': 'survey_sent', 'had_it': agent,
                      'seconds': epoch(last_reply_at) - epoch(opened_at) + 130}},
                    {{'step': 7, 'kind': 'survey_answered', 'had_it': agent,
                      'seconds': epoch(last_reply_at) - epoch(opened_at) + 400}}
                ], recursive := true)
                from base join whole using (conversation_id)
            ) where step in (2, 5) or (step = 1 and w < 0.05) or (step in (3, 4) and u > 0.93)
                or (step = 6 and u < 0.3) or (step = 7 and u < 0.1)""",
        ),
        (
            "spikes",
            "started_at",
            "started_at",
            f"""select '{first}'::date + d::int + interval 11 hours as started_at, 'acme' as brand,
                'x' as channel, 'tier1' as queue, 'spike' as kind,
                '{first}'::date + d::int + interval 665 minutes as detected_at,
                if(r.revision = 2, '{first}'::date + d::int + interval 700 minutes, null)
                    as ended_at,
                '{first}'::date + d::int + interval 670 minutes as peak_at,
                90 + d % 40 as peak_posts, 22.5 as expected, 4.0 as ratio,
                false as is_surge, r.revision
            from range({days.start}, {days.stop}) as s(d), (values (1), (2)) as r(revision)
            where d % 3 = 0""",
        ),
        (
            "rejected",
            "received_at",
            "received_at",
            f"""select 'bench' as source, d || '/' || i as position,
                if(i % 3 = 0, 'late', 'malformed') as reason, 'not JSON' as detail,
                '{first}'::date + d::int + to_minutes(i * 7) as received_at, 'x'::blob as raw
            from range({days.start}, {days.stop}) as s(d), range(200) as r(i)""",
        ),
        (
            "windows",
            "window_start",
            "window_start",
            """select window_start, brand, channel, queue, posts::bigint as posts,
                replies::bigint as replies, opened::bigint as opened,
                replies::bigint as answered, closed::bigint as closed, met::bigint as met,
                missed::bigint as missed, met / nullif(met + missed, 0) as attainment,
                false as is_breached, 0 as waiting, false as is_spike, 1 as revision
            from (
                select time_bucket(interval 5 minutes, happened_at) as window_start,
                    brand, channel, queue,
                    sum(posts) as posts, sum(replies) as replies, sum(opened) as opened,
                    sum(closed) as closed, sum(met) as met, sum(missed) as missed
                from (
                    select wait_started_at as happened_at, brand, channel, queue,
                        1 as posts, 0 as replies, (n = 0)::int as opened, 0 as closed,
                        0 as met, 0 as missed
                    from waits
                    union all
                    select replied_at, brand, channel, queue, 0, 1, 0, 0,
                        (replied_at <= to_seconds(target_seconds) + wait_started_at)::int,
                        (replied_at > to_seconds(target_seconds) + wait_started_at)::int
                    from waits
                ) group by all
            )""",
        ),
        (
            "agent_states",
            "started_at",
            "started_at",
            f"""select 'agent' || lpad(a::varchar, 3, '0') as agent,
                if(p = 3, 'offline', if(p = 1, 'away', 'available')) as state,
                timestamptz '{first} 07:00:00+00' + to_days(d::int) + to_hours(3 * p) as started_at,
                timestamptz '{first} 10:00:00+00' + to_days(d::int) + to_hours(3 * p) as ended_at,
                10800.0 as seconds, 'bench' as source, d || '-' || a || '-' || p as id,
                1 as revision
            from range({agents}) as r(a), range(4) as q(p),
                range({days.start}, {days.stop}) as s(d)""",
        ),
    ]
