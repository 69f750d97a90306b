-- Waits by gaps and islands: every reply and every close ends an island of events, and the oldest
-- start in an island is its wait. Grain: wait. Also, per life, the first response.

create or replace table stg_waits as

with

marked as (
    select
        *,
        kind = 'reply' or is_closing as is_end,
        kind = 'post' or is_reopening or (kind = 'handed_off' and status = 'open') as is_start
    from stg_states
    where status != 'none'
),

islands as (
    select
        *,
        count_if(is_end) over (
            partition by conversation_id, incarnation order by event_no
            rows between unbounded preceding and current row
        ) - is_end::int as island
    from marked
),

final as (
    select
        conversation_id,
        incarnation,
        min(event_no) filter (is_start) as started_no,
        min(at_us) filter (is_start) as started_us,
        max(event_no) filter (is_end) as ended_no,
        coalesce(max(at_us) filter (is_end), any_value(expired_us)) as ended_us,
        case
            when bool_or(is_closing) then 'close'
            when bool_or(kind = 'reply' and agent is not null) then 'agent'
            when bool_or(kind = 'reply') then 'bot'
            when any_value(expired_us) is not null then 'expiry'
        end as ended_by,
        count_if(kind = 'post') as posts
    from islands
    inner join stg_incarnations using (conversation_id, incarnation)
    group by conversation_id, incarnation, island
    having started_no is not null
)

select * from final;

-- Grain: life with a customer's post. The reply columns are null while no human has replied to it.
create or replace table stg_first_responses as

with

first_posts as (
    select
        conversation_id,
        incarnation,
        min(event_no) as post_no,
        min(at_us) as post_us
    from stg_states
    where kind = 'post'
    group by conversation_id, incarnation
)

select
    first_posts.*,
    min(reply.event_no) as reply_no,
    min(reply.at_us) as reply_us
from first_posts
left join stg_states as reply
    on
        first_posts.conversation_id = reply.conversation_id
        and first_posts.incarnation = reply.incarnation
        and first_posts.post_no < reply.event_no
        and reply.kind = 'reply'
        and reply.agent is not null
group by all;
