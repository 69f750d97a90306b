-- Grain: human answer to a wait. `first` counts from the first customer post, whatever a bot said
-- between; `next` from the start of each wait that a human ended after the first response. What an
-- agent could do about it counts from the wait that ran, `wait_no`, which a bot may have begun anew.

create or replace table stg_answers as

select
    response.conversation_id,
    response.incarnation,
    'first' as kind,
    post_no as started_no,
    post_us as started_us,
    reply_no,
    coalesce(wait.started_no, post_no) as wait_no,
    coalesce(wait.started_us, post_us) as wait_us
from stg_first_responses as response
left join stg_waits as wait
    on
        response.conversation_id = wait.conversation_id
        and response.reply_no = wait.ended_no
where reply_no is not null

union all

select
    conversation_id,
    incarnation,
    'next' as kind,
    started_no,
    started_us,
    ended_no as reply_no,
    started_no as wait_no,
    started_us as wait_us
from stg_waits
inner join stg_first_responses using (conversation_id, incarnation)
where ended_by = 'agent' and started_no > stg_first_responses.reply_no;

create or replace table responses as

with

posts as (
    select
        answers.conversation_id,
        answers.reply_no,
        count(post.event_no) as posts_answered
    from stg_answers as answers
    left join stg_states as post
        on
            answers.conversation_id = post.conversation_id
            and post.event_no between answers.started_no and answers.reply_no
            and post.kind = 'post'
    group by all
)

select
    conversation_id,
    make_timestamptz(opened_us) as opened_at,
    make_timestamptz(started_us) as wait_started_at,
    make_timestamptz(reply.at_us) as replied_at,
    answers.kind,
    reply.agent,
    reply.brand,
    reply.channel,
    reply.queue,
    reply.priority,
    (reply.at_us - started_us) / 1e6 as response_seconds,
    (reply_time.business_us - start_time.business_us) / 1e6 as response_business_seconds,
    -- null with nobody assigned; greatest() alone would skip the null
    case
        when reply.assigned_us is not null
            then (reply.at_us - greatest(reply.assigned_us, wait_us)) / 1e6
    end as response_assigned_seconds,
    case
        when reply.assigned_us is not null
            then
                (
                    reply_time.business_us
                    - greatest(assigned_time.business_us, wait_time.business_us)
                ) / 1e6
    end as response_assigned_business_seconds,
    make_timestamptz(greatest(reply.assigned_us, wait_us, reply.at_us - active_cap_us))
        as handling_started_at,
    posts_answered
from stg_answers as answers
cross join settings
inner join posts using (conversation_id, reply_no)
inner join stg_incarnations using (conversation_id, incarnation)
inner join stg_states as reply
    using (conversation_id, incarnation)
inner join stg_times as reply_time
    on
        answers.conversation_id = reply_time.conversation_id
        and answers.reply_no = reply_time.event_no
inner join stg_times as start_time
    on
        answers.conversation_id = start_time.conversation_id
        and answers.started_no = start_time.event_no
inner join stg_times as wait_time
    on
        answers.conversation_id = wait_time.conversation_id
        and answers.wait_no = wait_time.event_no
left join stg_times as assigned_time
    on
        reply.conversation_id = assigned_time.conversation_id
        and reply.assigned_no = assigned_time.event_no
where reply.event_no = answers.reply_no;
