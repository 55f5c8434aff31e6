"""The first process: binds the sockets, starts the others, restarts them, drains them.

It has no event loop and touches no traffic: it sleeps in `select` until a signal comes or a time is due. Rules:
- sockets are bound once and inherited, so a connection that comes while a worker restarts waits in the backlog;
- a child that dies is started again at once; one that keeps dying within seconds waits a little longer each time, but
  it is never given up;
- children hold the reading end of the lifeline: when this process is gone, whatever the way, they see its end and exit;
- SIGHUP goes to control, which reloads the configuration; SIGTERM and SIGINT drain; a second one ends at once. Children
  lead process groups of their own, so that a signal to the terminal's group is the supervisor's alone.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import Literal

from proxy.config.reload import SettingsSlot
from proxy.contracts.settings import Settings
from proxy.logs import fields
from proxy.memory import with_memory
from proxy.sockets import Sockets, bound, raise_descriptor_limit

log = logging.getLogger("penumbra.supervisor")

QUICK_DEATH_SECONDS = 5.0
"""Seconds. A child that lived shorter than this died of something that may still be there."""

MAX_RESTART_DELAY = 5.0
"""Seconds between two starts of a child that keeps dying: slow enough for the log, quick enough to recover."""

WORKER_GRACE_SECONDS = 2.0
"""Seconds that workers get beyond `drain`, so that they end themselves before they are killed."""

CONTROL_GRACE_SECONDS = 5.0
"""Seconds that control gets to close its store."""

SIGNAL_ECHO_SECONDS = 0.3
"""Seconds. Some senders signal a process and then its group; a person who cannot wait is slower than this."""

EXIT_DRAINED, EXIT_FORCED, EXIT_BIND = 0, 1, 3

REFUSALS = {1: "the configuration", 4: "the state file"}
"""Exit codes of control that say what it cannot start with."""

MAX_REFUSALS = 3
"""In a row, and only while no table was ever published: then nothing is served, and an end says more than a loop. Later
ones are tried for ever, since workers serve on."""

ProcessKind = Literal["control", "worker"]
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def restart_delay(lived: float, quick_deaths: int) -> tuple[float, int]:
    """(seconds to wait, quick deaths in a row) after a child lived `lived` seconds; none for the first two."""
    if lived >= QUICK_DEATH_SECONDS:
        return 0.0, 0
    if quick_deaths < 2:
        return 0.0, quick_deaths + 1
    return min(MAX_RESTART_DELAY, 0.1 * 2.0 ** min(quick_deaths - 2, 10)), quick_deaths + 1


class Child:
    """A place for a process: `pid` while one runs, `due` (monotonic) while the next start is awaited."""

    __slots__ = ("due", "index", "kind", "pid", "quick_deaths", "started")

    def __init__(self, kind: ProcessKind, index: int = 0) -> None:
        self.kind = kind
        self.index = index
        self.pid: int | None = None
        self.started = 0.0
        self.quick_deaths = 0
        self.due: float | None = 0.0

    @property
    def name(self) -> str:
        return f"worker-{self.index}" if self.kind == "worker" else self.kind

    def running(self, pid: int, now: float) -> None:
        """The process was started."""
        self.pid, self.started, self.due = pid, now, None

    def gone(self, now: float, *, again: bool) -> float | None:
        """The process ended, or could not be started; returns the seconds until the next start, None for never."""
        self.pid, self.due = None, None
        if not again:
            return None
        delay, self.quick_deaths = restart_delay(now - self.started, self.quick_deaths)
        self.due = now + delay
        return delay

    def signal(self, number: int) -> None:
        """Sends a signal to the process, if there is one."""
        if self.pid is not None:
            os.kill(self.pid, number)


def run(settings: Settings, config_path: str) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    raise_descriptor_limit()
    settings = with_memory(settings)
    try:
        sockets = Sockets(settings)
    except OSError as error:
        log.error("cannot listen", extra=fields(error=error.strerror or str(error), address=error.filename))
        return EXIT_BIND
    try:
        SettingsSlot(sockets.settings).write(settings)
        return Supervisor(settings, os.path.abspath(config_path), sockets).run()
    finally:
        sockets.close()


class Supervisor:
    """Signals and times in, processes out."""

    def __init__(self, settings: Settings, config_path: str, sockets: Sockets) -> None:
        self._settings = settings
        self._config_path = config_path
        self._sockets = sockets
        self._control = Child("control")
        self._workers = [Child("worker", index) for index in range(settings.workers)]
        self._phase: Literal["serving", "draining", "finishing"] = "serving"
        self._deadline: float | None = None
        self._drain_began = 0.0
        self._refusals = 0
        self._exit = EXIT_DRAINED
        self._wakeup = -1

    @property
    def _children(self) -> list[Child]:
        return [self._control, *self._workers]

    def run(self) -> int:
        """The loop: due starts, then signals, until no child is left."""
        addresses = {"data": bound(self._sockets.data), "admin": bound(self._sockets.admin)}
        with caught_signals() as self._wakeup:
            self._start_due(time.monotonic())
            log.info("listening", extra=fields(**addresses, workers=len(self._workers), pid=os.getpid()))
            while not self._finished(time.monotonic()):
                for number in self._wait(time.monotonic()):
                    self._handle(number, time.monotonic())
        log.info("stopped", extra=fields(code=self._exit))
        return self._exit

    def _wait(self, now: float) -> list[int]:
        """The signals that came, after sleeping until one comes or something is due."""
        times = [child.due for child in self._children if child.due is not None]
        times += [self._deadline] if self._deadline is not None else []
        timeout = max(0.0, min(times) - now) if times else None
        ready, _, _ = select.select([self._wakeup], [], [], timeout)
        return sorted(set(os.read(self._wakeup, 4096))) if ready else []

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
        facts = fields(child=child.name, pid=pid, **how, lived=round(lived, 3), restart_in=delay)
        log.log(level, "child exited", extra=facts)
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
        try:
            pid = spawn(child.kind, arguments)
        except OSError as error:
            child.started = now
            delay = child.gone(now, again=True)
            log.error("child not started", extra=fields(child=child.name, error=str(error), restart_in=delay))
            return
        child.running(pid, now)
        log.info("child started", extra=fields(child=child.name, pid=pid))

    def _worker_arguments(self, index: int) -> dict[str, object]:
        return {
            "index": index,
            "listen_fd": self._sockets.data.fileno(),
            "link_path": self._sockets.link_path,
            "slot_fd": self._sockets.slot,
            "lifeline_fd": self._sockets.lifeline,
            "drain": self._settings.drain,
            "connections": self._settings.connections,
            "memory": self._settings.worker_memory,
        }

    def _control_arguments(self) -> dict[str, object]:
        return {
            "config": self._config_path,
            "settings_fd": self._sockets.settings,
            "admin_fd": self._sockets.admin.fileno(),
            "link_fd": self._sockets.link.fileno(),
            "slot_fd": self._sockets.slot,
            "lifeline_fd": self._sockets.lifeline,
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
        self._sockets.data.close()
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


def spawn(kind: ProcessKind, arguments: dict[str, object]) -> int:
    """Starts `python -m proxy KIND JSON` with its file descriptors; returns the pid. Raises OSError."""
    inherited = [value for key, value in arguments.items() if key.endswith("_fd") and isinstance(value, int)]
    process = subprocess.Popen(
        command(kind, dumps(arguments)),
        stdin=subprocess.DEVNULL,
        pass_fds=inherited,
        process_group=0,
        env=environment(),
        preexec_fn=_ignore_signals,
    )
    process.returncode = 0  # reaped by `_reap`; Popen must not try
    return process.pid


def command(kind: str, argument: str) -> list[str]:
    """The command line of a process; -P keeps what lies in the working directory from being imported."""
    return [sys.executable, "-P", "-m", "proxy", kind, argument]


def environment() -> dict[str, str]:
    """The environment of a process that shall import this very package, installed or not."""
    root = str(Path(__file__).resolve().parent.parent)
    if root == sysconfig.get_path("purelib"):
        return dict(os.environ)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


def _ignore_signals() -> None:
    """Until a child has handlers of its own a reload must not end it; it may always write to the terminal."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def caught_signals() -> Iterator[int]:
    """While it lasts, the signals of interest do nothing but come as bytes (their numbers) from this descriptor.

    Afterwards they are ignored: nothing may interrupt the last steps and change the exit code.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    for number in _SIGNALS:
        signal.signal(number, _ignored)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        os.close(reader)
        os.close(writer)


def _ignored(number: int, frame: object) -> None:
    """Does nothing: the interpreter has written the number to the wakeup pipe."""
