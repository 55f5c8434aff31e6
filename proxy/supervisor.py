"""The first process: starts the others, restarts them, drains them. What it is before that is `proxy.starting`.

It has no event loop and touches no traffic: it sleeps in `select` until a signal comes or a time is due. Rules:
- sockets are bound once and inherited, so a connection that comes while a worker restarts waits in the backlog;
- a child that dies is started again at once; one that keeps dying within seconds waits a little longer each time, but
  it is never given up;
- a child that says nothing for `hang` is aborted, so that its stacks are logged, and then it is one that died;
- children hold the reading end of the lifeline: when this process is gone, whatever the way, they see its end and exit;
- SIGHUP goes to control, which reloads the configuration; SIGTERM and SIGINT drain; a second one ends at once. One that
  came before anything was started ends it then.

It stays for months and does next to nothing, so it imports next to nothing: no reader of a configuration, no library.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from json import dumps, loads
from typing import Any, Literal, NamedTuple, NoReturn

from proxy.children import Child, command, processor_time, spawn
from proxy.link.pulse import Pulses, Reason
from proxy.logs import fields
from proxy.signals import caught_signals
from proxy.sockets import Sockets, taken_over
from proxy.watchdog import Watchdog

log = logging.getLogger("penumbra.supervisor")

WORKER_GRACE_SECONDS = 2.0
"""Seconds that workers get beyond `drain`, so that they end themselves before they are killed."""

CONTROL_GRACE_SECONDS = 5.0
"""Seconds that control gets to close its store."""

SIGNAL_ECHO_SECONDS = 0.3
"""Seconds. Some senders signal a process and then its group; a person who cannot wait is slower than this."""

EXIT_DRAINED, EXIT_FORCED = 0, 1

REFUSALS = {1: "the configuration", 4: "the state file"}
"""Exit codes of control that say what it cannot start with."""

MAX_REFUSALS = 3
"""In a row, and only while no table was ever published: then nothing is served, and an end says more than a loop. Later
ones are tried for ever, since workers serve on."""


class Task(NamedTuple):
    """What a supervisor looks after: plain values, so that they can be an argument of its program."""

    config: str
    """Path of the configuration, for control."""
    workers: int
    """How many there are."""
    worker: dict[str, Any]
    """Arguments that all workers have in common, but for descriptors."""
    drain: float
    """Seconds that exchanges in flight get at the end."""
    hang: float
    """Seconds of silence after which a process is ended."""


class Supervisor:
    """Signals and times in, processes out. `children`: of control and then of each worker the pid, the moment of its
    start and the file of its last words, where they were started by the program before this."""

    def __init__(
        self, task: Task, sockets: Sockets, children: list[tuple[int | None, float, int]] | None = None
    ) -> None:
        self._task = task
        self._sockets = sockets
        places = [("control", 0), *(("worker", index) for index in range(task.workers))]
        words = [child[2] for child in children] if children else [None] * len(places)
        self._control, *self._workers = (
            Child(kind, index, fd)  # type: ignore[arg-type]  # a kind is one of the two
            for (kind, index), fd in zip(places, words, strict=True)
        )
        for child, (pid, started, _) in zip(self._children, children or (), strict=bool(children)):
            if pid is not None:
                child.running(pid, started)
        self._phase: Literal["serving", "draining", "finishing"] = "serving"
        self._deadline: float | None = None
        self._drain_began = 0.0
        self._refusals = 0
        self._link_lost = False
        self._exit = EXIT_DRAINED
        self._pulses = Pulses(sockets.open.pulse)
        self._watchdog = Watchdog(task.hang)

    @property
    def _children(self) -> list[Child]:
        return [self._control, *self._workers]

    def start(self) -> None:
        """Starts all children."""
        self._start_due(time.monotonic())

    def hand_over(self) -> NoReturn:
        """Another program takes the place of this one, with all that it holds: signals that it holds back, children,
        open files. Raises OSError."""
        self._sockets.pass_on(True)
        for child in self._children:
            os.set_inheritable(child.last_words.fd, True)
        children = [(child.pid, child.started, child.last_words.fd) for child in self._children]
        argument = dumps({"task": self._task, "sockets": self._sockets.told(), "children": children})
        for handler in logging.root.handlers:
            handler.flush()
        arguments = command("supervisor", argument)
        try:
            os.execv(arguments[0], arguments)
        finally:
            self._sockets.pass_on(False)

    def serve(self) -> int:
        """Signals and due starts until no child is left; the exit code."""
        with caught_signals() as wakeup:
            return self._serve(wakeup)

    def _serve(self, wakeup: int) -> int:
        self._take(wakeup, 0.0)  # what came while this process started
        self._reap(time.monotonic())  # who died before there was a handler
        while not self._finished(time.monotonic()):
            self._take(wakeup, self._sleep(time.monotonic()))
            self._watch(time.monotonic())
        log.info("stopped", extra=fields(code=self._exit))
        return self._exit

    def _sleep(self, now: float) -> float:
        """Seconds until something is due."""
        times = [child.due for child in self._children if child.due is not None]
        times += [self._deadline] if self._deadline is not None else []
        return max(0.0, min((*times, self._watchdog.due)) - now)

    def _take(self, wakeup: int, seconds: float) -> None:
        """Heeds the signals that came, after sleeping until one comes or for so long."""
        ready, _, _ = select.select([wakeup], [], [], seconds)
        for number in sorted(set(os.read(wakeup, 4096))) if ready else ():
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
            log.error("the link was removed: bound again", extra=fields(path=self._sockets.folder.socket))
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
            if self._refusals >= MAX_REFUSALS and not os.fstat(self._sockets.open.slot).st_size:
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
        arguments = self._control_arguments() if child is self._control else self._worker_arguments(child.index)
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
        inherited = {"listen_fds": self._sockets.open.data, "link_path": self._sockets.folder.socket}
        return {"index": index, "drain": self._task.drain, **inherited, **self._task.worker}

    def _control_arguments(self) -> dict[str, object]:
        return {
            "config": self._task.config,
            "settings_fd": self._sockets.open.settings,
            "admin_fds": self._sockets.open.admin,
            "link_fd": self._sockets.open.link,
        }

    def _shared(self, child: Child) -> dict[str, object]:
        """What every process inherits."""
        return {
            "slot_fd": self._sockets.open.slot,
            "lifeline_fd": self._sockets.open.lifeline,
            "pulse_fd": self._sockets.open.pulse,
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
        log.info("draining", extra=fields(cause=cause, seconds=self._task.drain))
        self._phase, self._drain_began, self._deadline = (
            "draining",
            now,
            now + self._task.drain + WORKER_GRACE_SECONDS,
        )
        for child in self._children:
            child.due = None
        self._control.signal(signal.SIGUSR1)
        self._sockets.close_data()
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


def supervise(argument: str) -> int:
    """The program that takes over: what `hand_over` told is its argument. Returns the exit code."""
    told = loads(argument)
    for _, _, words_fd in told["children"]:
        os.set_inheritable(words_fd, False)
    sockets = taken_over(*told["sockets"])
    try:
        return Supervisor(Task(*told["task"]), sockets, told["children"]).serve()
    finally:
        sockets.close()
