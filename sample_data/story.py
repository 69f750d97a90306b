"""The two sample days: what customers and the bot do, hour by hour, and the post that went viral.

Day 1 has a common lunch break; on day 2 at 14:00 UTC channel x gets `SPIKE_FACTOR` times its usual
volume for 25 minutes. Instants are milliseconds since the start of day 1.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from replywatch.sample_data.desk import Agenda, Desk
from replywatch.sample_data.draws import Draws
from replywatch.sample_data.journal import WINDOW, Case, Event, Journal
from replywatch.sample_data.roster import (
    DAY,
    DAYS,
    HOUR,
    MINUTE,
    SECOND,
    SOCIAL,
    SUPPORT,
    state_changes,
)
from replywatch.sample_data.texts import (
    AGAIN,
    BOT_ANSWERS,
    BOT_HANDS_OFF,
    COMMENTS,
    FOLLOW_UPS,
    GERMAN,
    MORE,
    NAGS,
    THANKS,
    TOPICS,
    VIRAL,
    fill,
)

OPENINGS_AN_HOUR = {"x": 17, "instagram": 8, "chat": 8}  # at a share of 100
_MORNING = (12, 8, 6, 5, 6, 12, 30, 60, 105, 95, 100, 110)
_AFTERNOON = (250, 115, 100, 100, 95, 90, 80, 60, 45, 30, 25, 18)
SHARE_OF_HOUR = _MORNING + _AFTERNOON  # percent, by hour of the day, UTC
SPIKE_FACTOR = 61
SPIKE_START = DAY + 14 * HOUR
SPIKE_WINDOWS = 5
SPIKE_DECAY = (45, 28, 17, 11, 7, 4, 2)  # percent of the spike, in the windows after it
USUAL_HOURS = (8, 20)  # of day 1: the usual volume is the mean over these
SWEEP_AT = SPIKE_START + 105 * MINUTE
DUPLICATES = 15
BOT = "roby"
_TURNS = {"x": (0, 0, 1, 1, 2), "instagram": (0, 0, 1, 1, 2), "chat": (0, 1, 2)}


class Story:
    """Customers and the bot around a desk; `tell` runs the days and gives the events."""

    def __init__(self, seed: int) -> None:
        self._draws = Draws(seed)
        self._agenda = Agenda()
        self._journal = Journal(self._draws)
        self._desk = Desk(self._agenda, self._journal, self._draws)
        self._desk.after_reply = self._after_reply
        self._desk.after_close = self._after_close
        self._opened: Counter[str] = Counter()

    def tell(self) -> list[Event]:
        """Run both days; the events in order of arrival."""
        for at, name, state in state_changes():
            self._agenda.at(at, partial(self._desk.set_state, name, state))
        for day in range(DAYS):
            for hour in range(24):
                self._agenda.at(day * DAY + hour * HOUR, self._plan_hour)
        self._agenda.at(SPIKE_START, self._plan_spike)
        self._agenda.at(SWEEP_AT, partial(self._desk.sweep_viral, "dov", 0.55))
        self._agenda.run(DAYS * DAY)
        return self._journal.lines(DUPLICATES)

    def _plan_hour(self, start: int) -> None:
        """Openings of one hour: each second has its small chance of one, by channel."""
        share = SHARE_OF_HOUR[start // HOUR % 24]
        for channel, openings in OPENINGS_AN_HOUR.items():
            chance = openings * share / 100 / 3600
            for second in range(3600):
                if self._draws.chance(chance):
                    at = start + second * SECOND + self._draws.between(0, 999)
                    self._agenda.at(at, partial(self._open, channel, False))

    def _plan_spike(self, start: int) -> None:
        """Viral posts: `SPIKE_FACTOR` times the channel's usual five minutes, then a decay."""
        first, last = (hour * HOUR // WINDOW for hour in USUAL_HOURS)
        usual = sum(self._journal.window_posts["x", window] for window in range(first, last))
        full = -(-SPIKE_FACTOR * usual // (last - first))
        volumes = [full] * SPIKE_WINDOWS + [full * percent // 100 for percent in SPIKE_DECAY]
        for number, volume in enumerate(volumes):
            for _ in range(volume):
                at = start + number * WINDOW + self._draws.between(0, WINDOW - 1)
                self._agenda.at(at, partial(self._open, "x", True))

    def _open(self, channel: str, is_viral: bool, at: int) -> None:
        draws = self._draws
        self._opened[channel] += 1
        case = Case(
            id=f"{channel}-{1000 + self._opened[channel]}",
            channel=channel,
            queue=SUPPORT if channel == "chat" else SOCIAL,
            customer=f"{channel}_user_{draws.between(1, 4_000 if is_viral else 700)}",
            topic="viral" if is_viral else draws.pick(tuple(TOPICS)),
            language="de" if draws.chance(0.15) and not is_viral else "en",
            priority="high" if draws.chance(0.06) else "low" if draws.chance(0.04) else "normal",
            turns=0 if is_viral else draws.pick(_TURNS[channel]),
            mood=draws.between(-95, -40) if is_viral else draws.between(-70, 40),
            is_viral=is_viral,
        )
        if channel == "x" and not is_viral:
            case.style = draws.pick(("tool",) * 8 + ("thread", "mixed"))
        texts = VIRAL if is_viral else GERMAN if case.language == "de" else TOPICS[case.topic]
        at = self._post(case, at, texts)
        if case.style == "thread" and draws.chance(0.6):
            self._post(case, at + draws.between(900, 2_500), MORE)  # arrives before its parent
        if channel == "chat":
            self._agenda.at(at + draws.between(800, 2_500), partial(self._bot_answers, case))
        elif not draws.chance(0.15 if is_viral else 0.015):  # or it is overlooked for ever
            self._wait(case, at)

    def _post(self, case: Case, at: int, texts: tuple[str, ...]) -> int:
        at = self._journal.emit("post", case, at, text=fill(self._draws.pick(texts), self._draws))
        if case.waiting_since is None:
            case.waiting_since = at
        return at

    def _wait(self, case: Case, at: int) -> None:
        """The customer waits for a person: nags after a while, on chat leaves in the end."""
        start = case.waiting_since
        draws = self._draws
        if draws.chance(0.08 if case.is_viral else 0.35):
            nag_at = at + draws.between(6 * MINUTE, 15 * MINUTE)
            self._agenda.at(nag_at, partial(self._nag, case, start))
        if case.channel == "chat":
            leave_at = at + draws.between(9 * MINUTE, 20 * MINUTE)
            self._agenda.at(leave_at, partial(self._give_up, case, start))
        self._desk.ask(case, at)

    def _nag(self, case: Case, start: int | None, at: int) -> None:
        if case.is_open and case.waiting_since == start:
            case.mood -= 20
            self._post(case, at, NAGS)

    def _give_up(self, case: Case, start: int | None, at: int) -> None:
        if case.is_open and case.waiting_since == start and not case.in_work:
            self._desk.leave(case, at, "abandoned")

    def _bot_answers(self, case: Case, at: int) -> None:
        draws = self._draws
        if case.turns and draws.chance(0.35):
            self._hand_off(case, at)
            return
        self._bot_says(case, at, BOT_ANSWERS)
        if draws.chance(0.45):
            self._agenda.at(at + draws.between(20_000, 70_000), partial(self._contain, case))
        else:
            self._agenda.at(at + draws.between(6_000, 25_000), partial(self._insist, case))

    def _insist(self, case: Case, at: int) -> None:
        at = self._post(case, at, MORE)
        self._agenda.at(at + self._draws.between(800, 2_000), partial(self._hand_off, case))

    def _bot_says(self, case: Case, at: int, texts: tuple[str, ...], **fields: int) -> int:
        text = fill(self._draws.pick(texts), self._draws)
        at = self._journal.emit("reply", case, at, bot=BOT, text=text, **fields)
        case.waiting_since = None
        return at

    def _hand_off(self, case: Case, at: int) -> None:
        """The bot says so and hands over: some sources stamp both alike and number them."""
        if self._draws.chance(0.35):
            at = self._bot_says(case, at, BOT_HANDS_OFF, seq=1)
            at = self._journal.emit("handed_off", case, at, bot=BOT, seq=2)
        else:
            at = self._bot_says(case, at, BOT_HANDS_OFF)
            at = self._journal.emit("handed_off", case, at + 150, bot=BOT)
        case.waiting_since = at
        self._wait(case, at)

    def _contain(self, case: Case, at: int) -> None:
        if self._draws.chance(0.5):
            at = self._post(case, at, THANKS)
        self._desk.close(case, at + 10 * SECOND, "contained", bot=BOT)

    def _after_reply(self, case: Case, at: int) -> None:
        draws = self._draws
        if case.turns:
            case.turns -= 1
            if draws.chance(0.12):
                self._journal.emit("paused", case, at + 4 * SECOND, reason="pending")
                case.is_paused = True
            gap = (20_000, 90_000) if case.channel == "chat" else (MINUTE, 25 * MINUTE)
            self._agenda.at(at + draws.between(*gap), partial(self._write_again, case, MORE))
        elif draws.chance(0.35):
            self._agenda.at(at + draws.between(15, 60) * MINUTE, partial(self._follow_up, case))
        elif draws.chance(0.8):
            self._agenda.at(at + 3 * HOUR, partial(self._expire, case, case.replies))

    def _write_again(self, case: Case, texts: tuple[str, ...], at: int) -> None:
        at = self._post(case, at, texts)
        case.is_open, case.is_thanks = True, texts is THANKS
        if case.is_paused:
            at = self._journal.emit("resumed", case, at + 500)
            case.is_paused = False
        self._wait(case, at)

    def _follow_up(self, case: Case, at: int) -> None:
        """The agent asks how it went: a reply that nobody waited for."""
        if case.is_open and case.waiting_since is None and case.agent is not None:
            text = fill(self._draws.pick(FOLLOW_UPS), self._draws)
            self._journal.emit("reply", case, at, agent=case.agent, text=text)
            self._desk.close(case, at + 20 * SECOND, "solved", agent=case.agent)

    def _expire(self, case: Case, replies: int, at: int) -> None:
        if case.is_open and case.waiting_since is None and case.replies == replies:
            self._desk.leave(case, at, "no_response")

    def _after_close(self, case: Case, at: int) -> None:
        if case.replies == 0 or case.is_viral:
            return
        draws = self._draws
        luck = draws.between(1, 100)
        if luck <= 7 and not case.is_private:
            later = at + draws.between(20 * MINUTE, 4 * HOUR)
            self._agenda.at(later, partial(self._write_again, case, AGAIN))
        elif luck <= 15:
            later = at + draws.between(MINUTE, 10 * MINUTE)
            self._agenda.at(later, partial(self._write_again, case, THANKS))
        elif luck <= 18 and case.style == "tool":
            self._agenda.at(at + draws.between(20, 90) * MINUTE, partial(self._reopen, case))
        elif luck <= 50 and (case.channel == "chat" or case.is_private):
            self._survey(case, at)

    def _reopen(self, case: Case, at: int) -> None:
        """The agent opens it again without a post: the customer waits from now on."""
        if not case.is_open:
            at = self._journal.emit("reopened", case, at, agent=case.agent)
            case.is_open, case.waiting_since = True, at
            self._wait(case, at)

    def _survey(self, case: Case, at: int) -> None:
        draws = self._draws
        survey, top = ("csat", 5) if case.channel == "chat" else ("nps", 10)
        at = self._journal.emit(
            "survey_sent", case, at + 40 * SECOND, survey=survey, scale_max=top, agent=case.agent
        )
        if draws.chance(0.5):
            answer = {"survey": survey, "score": top - draws.pick((0, 0, 0, 1, 1, 2, 4))}
            comment = {"comment": draws.pick(COMMENTS)} if draws.chance(0.4) else {}
            at += draws.between(30, 1_500) * SECOND
            self._journal.emit("survey_answered", case, at, scale_max=top, **answer, **comment)
