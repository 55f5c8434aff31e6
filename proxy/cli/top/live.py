"""Looks, keys and paint together: a look each few seconds whatever the last one brought, and a paint when something
is another than before."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable

import typer

from proxy.cli.access import Access
from proxy.cli.client import unreachable
from proxy.cli.exit_codes import EXIT_NO, EXIT_UNREACHABLE
from proxy.cli.top.keys import Key, keys
from proxy.cli.top.looking import AwayError, Looking, RefusedError
from proxy.cli.top.screen import BESIDE, Screen
from proxy.cli.top.tables import Row, text_of
from proxy.cli.top.terminal import Terminal

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
READ = 1024
"""Bytes of keys that are read at once."""
AGAIN = 1.0
"""Seconds between two paints while the API is away: the head says for how long."""


def once(access: Access, only: str, width: int) -> None:
    """Prints one picture. Ends the command where there is none."""
    screen = Screen(access.base, only)

    async def look() -> None:
        async with Looking(access) as looking:
            screen.took(await looking.look([only] if only else None, only))

    _or_end(access, look)
    if only and screen.picture is not None and screen.picture.route(only) is None:
        print(f"there is no route {only}", file=sys.stderr)
        raise typer.Exit(EXIT_NO)
    print("\n".join(text_of(row) for row in screen.whole(width, _now())))


def _or_end(access: Access, look: Callable[[], object]) -> None:
    try:
        asyncio.run(look())  # type: ignore[arg-type]
    except AwayError as away:
        print(str(away) if away.whole else unreachable(access, str(away)), file=sys.stderr)
        raise typer.Exit(EXIT_UNREACHABLE) from None
    except RefusedError as refused:
        print(refused, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None


def live(access: Access, only: str, every: float) -> None:
    """Shows pictures until somebody has seen enough."""
    with Terminal(os.environ) as terminal:  # noqa: TID251  what a terminal can do is said there alone
        asyncio.run(Live(access, Screen(access.base, only), terminal, every).run())


class Live:
    """The shell around a `Screen`."""

    def __init__(self, access: Access, screen: Screen, terminal: Terminal, every: float) -> None:
        self._access, self._screen, self._terminal, self._every = access, screen, terminal, every
        self._over, self._asked = asyncio.Event(), asyncio.Event()
        self._shown: list[Row] = []

    async def run(self) -> None:
        """Returns when it is over."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._terminal.fd, self._read)
        for number in ENDING:
            loop.add_signal_handler(number, self._over.set)
        loop.add_signal_handler(signal.SIGWINCH, self._repaint)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        tasks = [loop.create_task(each) for each in (self._look(), self._tick(), self._over.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task.done() and not task.cancelled()))

    async def _look(self) -> None:
        async with Looking(self._access) as looking:
            while True:
                self._asked.clear()
                await self._picture(looking)
                self._paint()
                try:
                    await asyncio.wait_for(self._asked.wait(), self._every)
                except TimeoutError:
                    continue

    async def _picture(self, looking: Looking) -> None:
        screen, room = self._screen, self._terminal.size()[1] - BESIDE
        first = screen.picture is None and not screen.open
        try:
            screen.took(await looking.look([] if first else screen.wanted(room), screen.chosen if screen.open else ""))
        except (AwayError, RefusedError) as error:
            screen.missed(str(error), _now())
            return
        if first:
            self._asked.set()  # now it is known which routes there are

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(AGAIN)
            if self._screen.away and self._terminal.can.moves:
                self._paint()

    def _read(self) -> None:
        data = os.read(self._terminal.fd, READ)
        if not data:
            self._over.set()
        for key in keys(data):
            self._key(key)
        self._paint()

    def _key(self, key: Key) -> None:
        if key == "quit":
            self._over.set()
        elif key == "suspend":
            self._suspend()
        else:
            before = self._screen.open, self._screen.chosen
            self._screen.press(key)
            if key == "look" or before != (self._screen.open, self._screen.chosen):
                self._asked.set()

    def _suspend(self) -> None:
        """Gives the terminal back until the shell lets this go on."""
        self._terminal.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._terminal.enter()
        self._repaint()

    def _repaint(self) -> None:
        self._shown = []
        self._paint()

    def _paint(self) -> None:
        width, height = self._terminal.size()
        rows = self._screen.lines(width, height, _now(), self._terminal.can.blocks)
        if rows != self._shown and not self._over.is_set():
            self._shown = rows
            self._terminal.paint(rows)


def _now() -> float:
    return time.time()  # noqa: TID251  people read it
