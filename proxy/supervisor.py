"""The first process: binds the sockets, starts the others, restarts them, drains them.

It has no event loop and touches no traffic: it sleeps in `select` until a signal comes or a time is due. Rules:
- sockets are bound once and inherited, so a connection that comes while a worker restarts waits in the backlog;
- a child that dies is started again at once; one that keeps dying within seconds waits a little longer each time, but
  it is never given up;
- a child that says nothing for `hang` is aborted, so that its stacks are logged, and then it is one that died;
- children hold the reading end of the lifeline: when this process is gone, whatever the way, they see its end and exit;
- SIGHUP goes to control, which reloads the configuration; SIGTERM and SIGINT drain; a second one ends at once. One that
  came before anything was started ends it then.
"""

from __future__ import annotations

import logging
import os
import secrets
import select
import signal
import time
from typing import Literal

from msgspec.structs import asdict

from proxy.children import Child, processor_time, spawn
from proxy.config.hints import hints
from proxy.config.reload import SettingsSlot
from proxy.contracts.build import build
from proxy.contracts.settings import Settings
from proxy.descriptor_limit import raise_descriptor_limit
from proxy.link.pulse import Pulses, Reason
from proxy.listening import bound
from proxy.logs import fields
from proxy.memory import with_memory
from proxy.processors import with_processors
from proxy.signals import caught_signals
from proxy.sockets import Sockets
from proxy.watchdog import Watchdog

log = logging.getLogger("penumbra.supervisor")

WORKER_GRACE_SECONDS = 2.0
"""Seconds that workers get beyond `drain`, so that they end themselves before they are killed."""

CONTROL_GRACE_SECONDS = 5.0
"""Seconds that control gets to close its store."""

SIGNAL_ECHO_SECONDS = 0.3
"""Seconds. Some senders signal a process and then its group; a person who cannot wait is slower than this."""

INTERPRETED = "the data plane is not compiled: a request costs about a third more than in the image (docs/cost.md)"
"""What the log says at the start of a build that is not what the published figures are of."""

EXIT_DRAINED, EXIT_FORCED, EXIT_BIND = 0, 1, 3

REFUSALS = {1: "the configuration", 4: "the state file"}
"""Exit codes of control that say what it cannot start with."""

MAX_REFUSALS = 3
"""In a row, and only while no table was ever published: then nothing is served, and an end says more than a loop. Later
ones are tried for ever, since workers serve on."""


def run(settings: Settings, config_path: str) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    with caught_signals() as wakeup:
        return _run(settings, config_path, wakeup)


def _run(settings: Settings, config_path: str, wakeup: int) -> int:
    raise_descriptor_limit()
    for hint in hints(settings):
        log.warning("configuration", extra=fields(hint=hint))
    settings = with_memory(with_processors(settings))
    try:
        sockets = Sockets(settings)
    except OSError as error:
        log.error("cannot listen", extra=fields(error=error.strerror or str(error), address=error.filename))
        return EXIT_BIND
    try:
        SettingsSlot(sockets.settings).write(settings)
        return Supervisor(settings, os.path.abspath(config_path), sockets, wakeup).run()
    finally:
        sockets.close()


class Supervisor:
    """Signals and times in, processes out."""

    def __init__(self, settings: Settings, config_path: str, sockets: Sockets, wakeup: int) -> None:
        self._settings = settings
        self._config_path = config_path
        self._sockets = sockets
        self._control = Child("control")
        self._workers = [Child("worker", index) for index in range(settings.workers)]
        self._phase: Literal["serving", "draining", "finishing"] = "serving"
        self._deadline: float | None = None
        self._drain_began = 0.0
        self._refusals = 0
        self._link_lost = False
        self._hop = secrets.token_hex(8)
        self._exit = EXIT_DRAINED
        self._wakeup = wakeup
        self._pulses = Pulses(sockets.pulse)
        self._watchdog = Watchdog(settings.hang)

    @property
    def _children(self) -> list[Child]:
        return [self._control, *self._workers]

    def run(self) -> int:
        """The loop: due starts, then signals, until no child is left."""
        addresses = {"data": bound(self._sockets.data), "admin": bound(self._sockets.admin)}
        self._take(0.0)  # what came while this process started
        if self._phase == "serving":
            self._start_due(time.monotonic())
            log.info("listening", extra=fields(**addresses, workers=len(self._workers), pid=os.getpid()))
            if build() == "interpreted":
                log.info("interpreted", extra=fields(hint=INTERPRETED))
        while not self._finished(time.monotonic()):
            self._take(self._sleep(time.monotonic()))
            self._watch(time.monotonic())
        log.info("stopped", extra=fields(code=self._exit))
        return self._exit

    def _sleep(self, now: float) -> float:
        """Seconds until something is due."""
        times = [child.due for child in self._children if child.due is not None]
        times += [self._deadline] if self._deadline is not None else []
        return max(0.0, min((*times, self._watchdog.due)) - now)

    def _take(self, seconds: float) -> None:
        """Heeds the signals that came, after sleeping until one comes or for so long."""
        ready, _, _ = select.select([self._wakeup], [], [], seconds)
        for number in sorted(set(os.read(self._wakeup, 4096))) if ready else ():
            self._handle(number, time.monotonic())

    def _watch(self, now: float) -> None:
        """Ends the processes that hang: first so that they leave their stacks."""
        if now < self._watchdog.due:
            return
        if self._phase == "serving":
            self._watch_link()
        running = {child.pid: child for child in self._children if child.pid is not None}
        words = {pid: self._word(child) for pid, child in running.items()}
        for pid, act in self._watchdog.look(words, now):
            child, silent = running[pid], round(self._watchdog.silence(pid), 1)
            log.error("child hangs", extra=fields(child=child.name, pid=pid, silent=silent, act=act))
            child.abort() if act == "abort" else child.signal(signal.SIGKILL)

    def _watch_link(self) -> None:
        """A link that was removed from the folder of temporary files would part control from workers for ever, from the
        next start of either: it is bound again, and control started anew on it."""
        try:
            renewed = self._sockets.renew_link()
        except OSError as error:
            if not self._link_lost:
                log.error("the link cannot be bound again", extra=fields(error=str(error)))
            self._link_lost = True
            return
        self._link_lost = False
        if renewed:
            log.error("the link was removed: bound again", extra=fields(path=self._sockets.link_path))
            self._control.signal(signal.SIGTERM)

    def _word(self, child: Child) -> tuple[int, int]:
        beats = self._pulses.beats(child.place)
        return beats, 0 if beats or child.pid is None else processor_time(child.pid)

    def _handle(self, number: int, now: float) -> None:
        if number == signal.SIGCHLD:
            self._reap(now)
        elif number == signal.SIGHUP:
            log.info("reload requested")
            self._control.signal(signal.SIGHUP)
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._stop(signal.Signals(number).name, now)

    def _reap(self, now: float) -> None:
        """Collects every dead process: as PID 1 also those that others left behind."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in self._children:
                if child.pid == pid:
                    self._ended(child, os.waitstatus_to_exitcode(status), now)

    def _ended(self, child: Child, code: int, now: float) -> None:
        pid, lived = child.pid, now - child.started
        delay = child.gone(now, again=self._phase == "serving")
        level = logging.INFO if code == 0 and delay is None else logging.WARNING
        how = {"signal": signal.Signals(-code).name} if code < 0 else {"code": code}
        reason: Reason = "hung" if child.hung else "killed" if code < 0 else "exited"
        facts = fields(child=child.name, pid=pid, **how, reason=reason, lived=round(lived, 3), restart_in=delay)
        log.log(level, "child exited", extra=facts)
        for stack in child.last_words.read():
            log.log(level, "last words", extra=fields(child=child.name, pid=pid, stack=stack))
        if delay is not None:
            self._pulses.restarted(child.kind, reason)
        if child is self._control:
            self._refusals = self._refusals + 1 if code in REFUSALS else 0
            if self._refusals >= MAX_REFUSALS and not os.fstat(self._sockets.slot).st_size:
                self._give_up(code, now)

    def _give_up(self, code: int, now: float) -> None:
        log.error("control cannot start", extra=fields(because=REFUSALS[code], tries=self._refusals))
        if self._phase == "serving":
            self._exit = code
            self._drain("control cannot start", now)

    def _start_due(self, now: float) -> None:
        for child in self._children:
            if child.due is not None and child.due <= now:
                self._start(child, now)

    def _start(self, child: Child, now: float) -> None:
        arguments = self._control_arguments() if child.kind == "control" else self._worker_arguments(child.index)
        self._pulses.begin(child.place)
        child.last_words.begin()
        try:
            pid = spawn(child.kind, arguments | self._shared(child))
        except OSError as error:
            child.started = now
            delay = child.gone(now, again=True)
            self._pulses.restarted(child.kind, "not_started")
            log.error("child not started", extra=fields(child=child.name, error=str(error), restart_in=delay))
            return
        child.running(pid, now)
        log.info("child started", extra=fields(child=child.name, pid=pid))

    def _worker_arguments(self, index: int) -> dict[str, object]:
        return {
            "index": index,
            "listen_fds": [sock.fileno() for sock in self._sockets.data],
            "listeners": self._sockets.listeners,
            "link_path": self._sockets.link_path,
            "drain": self._settings.drain,
            "connections": self._settings.connections,
            "memory": self._settings.worker_memory,
            "client": asdict(self._settings.client),
            "hop": self._hop,
        }

    def _control_arguments(self) -> dict[str, object]:
        return {
            "config": self._config_path,
            "settings_fd": self._sockets.settings,
            "admin_fds": [sock.fileno() for sock in self._sockets.admin],
            "link_fd": self._sockets.link.fileno(),
        }

    def _shared(self, child: Child) -> dict[str, object]:
        """What every process inherits."""
        return {
            "slot_fd": self._sockets.slot,
            "lifeline_fd": self._sockets.lifeline,
            "pulse_fd": self._sockets.pulse,
            "words_fd": child.last_words.fd,
        }

    def _stop(self, cause: str, now: float) -> None:
        if self._phase == "serving":
            self._drain(cause, now)
            return
        if now < self._drain_began + SIGNAL_ECHO_SECONDS:
            return
        log.warning("stopping at once", extra=fields(cause=cause))
        self._exit = EXIT_FORCED
        for child in self._children:
            child.signal(signal.SIGKILL)

    def _drain(self, cause: str, now: float) -> None:
        """Readiness off, no new connections, exchanges in flight go on until the deadline."""
        log.info("draining", extra=fields(cause=cause, seconds=self._settings.drain))
        self._phase, self._drain_began, self._deadline = (
            "draining",
            now,
            now + self._settings.drain + WORKER_GRACE_SECONDS,
        )
        for child in self._children:
            child.due = None
        self._control.signal(signal.SIGUSR1)
        for sock in self._sockets.data:
            sock.close()
        for worker in self._workers:
            worker.signal(signal.SIGTERM)

    def _finished(self, now: float) -> bool:
        """Does what the phase asks for now; True when nothing is left to do."""
        if self._phase == "serving":
            self._start_due(now)
            return False
        late = self._deadline is not None and now >= self._deadline
        if self._phase == "draining" and (late or not any(worker.pid for worker in self._workers)):
            self._finish(now)
        elif late:
            log.warning("killing", extra=fields(child=self._control.name))
            self._deadline = None
            self._control.signal(signal.SIGKILL)
        return not any(child.pid for child in self._children)

    def _finish(self, now: float) -> None:
        for worker in self._workers:
            if worker.pid is not None:
                log.warning("killing", extra=fields(child=worker.name))
                worker.signal(signal.SIGKILL)
        self._phase, self._deadline = "finishing", now + CONTROL_GRACE_SECONDS
        self._control.signal(signal.SIGTERM)
