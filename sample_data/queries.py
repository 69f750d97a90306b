"""DuckDB queries for the known answers: a second way to count, that shares no code with the first.

`VIEWS` reads the sample's file (`{path}`); each of `QUERIES` is then one line and one value.
"""

from __future__ import annotations

VIEWS = """\
set timezone = 'UTC';
create view lines as select * rename ("at" as happened_at)
from read_json('{path}', format = 'newline_delimited', columns = {{
  'id': 'varchar', 'at': 'timestamptz', 'kind': 'varchar', 'conversation': 'varchar',
  'in_reply_to': 'varchar', 'channel': 'varchar', 'agent': 'varchar', 'bot': 'varchar'}});
create view events as select distinct * from lines;
create table threads as with recursive up as (
  select id, conversation, in_reply_to as parent, id as top
  from events where kind <> 'agent_state'
  union all
  select up.id, parent.conversation, parent.in_reply_to, parent.id
  from up join events as parent on parent.id = up.parent where up.conversation is null)
select id, coalesce(conversation, top) as thread from up
where conversation is not null or parent is null;
create view threaded as from events join threads using (id);
create view firsts as select min(happened_at) filter (kind = 'post') as opened,
  min(happened_at) filter (kind = 'reply' and agent is not null) as answered,
  count(*) filter (kind = 'reply') as replies from threaded group by thread;
"""

_ON_X = "kind = 'post' and channel = 'x' and happened_at between"
_SPIKE = f"{_ON_X} '2026-03-04 14:00' and '2026-03-04 14:24:59.999'"
_USUAL = f"{_ON_X} '2026-03-03 08:00' and '2026-03-03 19:59:59.999'"
_FEWEST = (
    "(select min(n) from (select count(*) as n from events "
    f"where {_SPIKE} group by time_bucket(interval 5 minutes, happened_at)))"
)


def _median(hour: str) -> str:
    return (
        "select printf('%.1f s', median(epoch(answered - opened))) from firsts "
        f"where opened >= '{hour}' and opened < timestamptz '{hour}' + interval 1 hour"
    )


QUERIES = {
    "lines": "select count(*) from lines",
    "events (distinct `id`)": "select count(distinct id) from lines",
    "conversations": "select count(distinct thread) from threads",
    "events without `conversation`": (
        "select count(*) from events where conversation is null and kind <> 'agent_state'"
    ),
    "posts": "select count(*) from events where kind = 'post'",
    "replies by agents": "select count(*) from events where kind = 'reply' and agent is not null",
    "replies by the bot": "select count(*) from events where kind = 'reply' and bot is not null",
    "closes": "select count(*) from events where kind = 'closed'",
    "transfers": "select count(*) from events where kind = 'transferred'",
    "conversations never replied to": "select count(*) from firsts where replies = 0",
    "conversations without a person's reply": (
        "select count(*) from firsts where answered is null"
    ),
    "posts on x, day 2 14:00 to 14:25 (the spike)": f"select count(*) from events where {_SPIKE}",
    "fewest posts on x in one of those five windows": f"select {_FEWEST}",
    "posts on x, day 1 08:00 to 20:00": f"select count(*) from events where {_USUAL}",
    "usual posts on x in 5 minutes (the mean of those 144)": (
        f"select printf('%.3f', count(*) / 144) from events where {_USUAL}"
    ),
    "fewest spike posts ÷ usual": (
        f"select printf('%.1f', {_FEWEST} / (count(*) / 144)) from events where {_USUAL}"
    ),
    "median first response, opened day 1 10:00 to 11:00": _median("2026-03-03 10:00"),
    "the same at lunch, day 1 12:00 to 13:00": _median("2026-03-03 12:00"),
    "the same in the spike, day 2 14:00 to 15:00": _median("2026-03-04 14:00"),
}
