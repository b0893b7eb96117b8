"""The driver: one queue, effects in order, own votes heard first; timers and tasks that fail aloud."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from consensus.effects import Alarm, AlarmKind, Effects, SetTimer
from consensus.events import BuildFailed, CastDone, Event, TimerFired, TimerKind, WorkChanged
from consensus.types import TimeMs, View
from node.driver import EVENTS_MAX, Driver, now_ms
from node.tasks import Tasks
from node.timers import Timers

if TYPE_CHECKING:
    from consensus.effects import Effect

NOW = TimeMs(1)


class Script:
    """A core that answers each event by what a table says."""

    def __init__(self, answers: dict[type, Effects]) -> None:
        self._answers = answers
        self.heard: list[Event] = []
        self.all_heard = asyncio.Event()
        self.expected = 1

    def handle(self, event: Event) -> Effects:
        """Remember and answer."""
        self.heard.append(event)
        if len(self.heard) == self.expected:
            self.all_heard.set()
        return self._answers.get(type(event), ())


def alarm(reason: str) -> Alarm:
    """Make an effect that is told from others by its reason."""
    return Alarm(AlarmKind.NO_VERDICT, reason)


class Recorder:
    """Performs by remembering; feeds back where it is told to."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.performed: list[Effect] = []

    def perform(self, effect: Effect) -> None:
        """Remember; `cast` feeds back."""
        self.performed.append(effect)
        if effect == alarm("cast"):
            self.driver.post_next(CastDone((), NOW))


async def drive(core: Script, driver: Driver, expected: int) -> Recorder:
    core.expected = expected
    recorder = Recorder(driver)
    task = asyncio.create_task(driver.run(recorder))
    async with asyncio.timeout(5):
        await core.all_heard.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return recorder


async def test_effects_are_performed_in_order_and_what_they_feed_back_comes_first() -> None:
    """Goal: the core tallies own votes before it hears of others'. Method: an effect feeds back while events wait."""
    core = Script({WorkChanged: (alarm("one"), alarm("cast"), alarm("two"))})
    driver = Driver(core)
    driver.post(WorkChanged(1, NOW))
    driver.post(BuildFailed(View(1), NOW))
    recorder = await drive(core, driver, 3)
    assert recorder.performed == [alarm("one"), alarm("cast"), alarm("two")]
    assert [type(event) for event in core.heard] == [WorkChanged, CastDone, BuildFailed]


async def test_peers_cannot_fill_the_queue_but_own_events_pass() -> None:
    """Goal: the inbox is bounded. Method: offer one more than it takes, then post one of our own."""
    core = Script({})
    driver = Driver(core)
    for _ in range(EVENTS_MAX):
        assert driver.offer(WorkChanged(0, NOW))
    assert not driver.offer(WorkChanged(0, NOW))
    driver.post(BuildFailed(View(1), NOW))
    await drive(core, driver, EVENTS_MAX + 1)
    assert isinstance(core.heard[-1], BuildFailed)


async def test_a_timer_replaces_the_one_of_its_kind() -> None:
    """Goal: the newest wins. Method: set twice, cancel another, hear once."""
    fired: asyncio.Queue[TimerFired] = asyncio.Queue()
    timers = Timers(fired.put_nowait, lambda: None)
    timers.arm(SetTimer(TimerKind.LEADER, View(1), TimeMs(now_ms() + 60_000)))
    timers.arm(SetTimer(TimerKind.RETRY, View(1), now_ms()))
    timers.cancel(TimerKind.RETRY)
    timers.arm(SetTimer(TimerKind.LEADER, View(2), TimeMs(0)))
    async with asyncio.timeout(5):
        event = await fired.get()
    assert (event.kind, event.view) == (TimerKind.LEADER, View(2))
    timers.arm(SetTimer(TimerKind.STATUS, View(1), TimeMs(now_ms() + 60_000)))
    timers.close()
    assert fired.empty()


async def test_k18_half_of_a_leaders_time_is_told_unless_it_has_proposed() -> None:
    """Goal: what keeps a view awake is handed over before its leader is given up. Method: a leader in time, and one that is late."""
    told: list[str] = []
    over = asyncio.Event()

    def fired(event: TimerFired) -> None:
        told.append(event.kind.name)
        over.set()

    timers = Timers(fired, lambda: told.append("half"))
    timers.arm(SetTimer(TimerKind.LEADER, View(1), TimeMs(now_ms() + 20)))
    timers.cancel(TimerKind.LEADER)
    timers.arm(SetTimer(TimerKind.RETRY, View(1), TimeMs(now_ms() + 40)))
    async with asyncio.timeout(5):
        await over.wait()
        assert told == ["RETRY"]
        over.clear()
        timers.arm(SetTimer(TimerKind.LEADER, View(2), TimeMs(now_ms() + 60_000)))
        timers.arm(SetTimer(TimerKind.LEADER, View(2), TimeMs(now_ms() + 40)))
        await over.wait()
    assert told == ["RETRY", "half", "LEADER"]


async def test_a_task_that_fails_is_told() -> None:
    """Goal: nothing fails in silence. Method: one task raises, one ends, one is cancelled."""
    failures: list[BaseException] = []
    tasks = Tasks(failures.append)

    async def fail() -> None:
        raise ValueError("broken")

    async def end() -> None:
        return

    first, second = tasks.spawn(fail(), "fail"), tasks.spawn(end(), "end")
    waiting = tasks.spawn(asyncio.Event().wait(), "wait")  # type: ignore[arg-type]
    await asyncio.gather(first, second, return_exceptions=True)
    await tasks.cancel()
    assert waiting.cancelled()
    assert [str(failure) for failure in failures] == ["broken"]
    with pytest.raises(ValueError, match="broken"):
        raise failures[0]
