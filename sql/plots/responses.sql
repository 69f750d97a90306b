-- Answered waits by kind and length, ten bins a decade of seconds: bin n holds [10^(n/10), …).
select
    kind,
    floor(10 * log10(greatest(response_seconds, 1)))::int as bin,
    count(*) as answers
from raw.responses
where is_within(replied_at, $since, $until)
group by all
order by all
