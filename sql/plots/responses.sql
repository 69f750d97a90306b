-- Answered waits by kind and length, ten bins a decade of seconds: bin n holds [10^(n/10), …).
select
    kind,
    floor(10 * log10(greatest(response_seconds, 1)))::int as bin,
    count(*) as answers
from raw.responses
where replied_at >= coalesce($since::timestamptz, '-infinity')
    and replied_at < coalesce($until::timestamptz, 'infinity')
group by all
order by all
