-- Grain: post or reply. Scope after the message's own values.

create or replace table messages as

select
    conversation_id,
    make_timestamptz(opened_us) as opened_at,
    id,
    source,
    make_timestamptz(at_us) as at,
    seq,
    if(kind = 'post', 'inbound', 'outbound') as direction,
    case when kind = 'reply' then agent end as agent,
    case when kind = 'reply' then bot end as bot,
    visibility,
    case when kind = 'post' then sentiment end as sentiment,
    brand,
    channel,
    queue,
    priority
from stg_states
inner join stg_incarnations using (conversation_id, incarnation)
where kind in ('post', 'reply');
