"""How `penumbra run` begins: sockets are bound, the other processes started, and then a small program takes over.

What reads a configuration takes twice the memory of a supervisor, which needs it never again. So once control and
workers are on their way, this process becomes `proxy.supervisor` alone, by execve(2): under the same number, with the
same open files and children, and its signals held meanwhile.
"""

from __future__ import annotations

import logging
import os
import secrets  # noqa: TID251  a name of this program among all of its kind, drawn once
import sysconfig
from collections.abc import MutableMapping
from pathlib import Path

from msgspec.structs import asdict

from proxy.config.hints import hints
from proxy.config.reload import SettingsSlot
from proxy.contracts.build import build
from proxy.contracts.settings import Settings
from proxy.descriptor_limit import raise_descriptor_limit
from proxy.logs import fields
from proxy.memory import with_memory
from proxy.opening import Opened, opened
from proxy.processors import with_processors
from proxy.signals import ended_already, prepare
from proxy.supervisor import Supervisor, Task

log = logging.getLogger("penumbra.supervisor")

EXIT_BIND = 3

INTERPRETED = (
    "the data plane is not compiled: a request costs two to three times as much as in the image (docs/cost.md)"
)
"""What the log says at the start of a build that is not what the published figures are of."""


def run(settings: Settings, config_path: str) -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit code where this process does not become another program."""
    prepare()
    raise_descriptor_limit()
    for hint in hints(settings):
        log.warning("configuration", extra=fields(hint=hint))
    settings = with_memory(with_processors(settings))
    find_this_package(os.environ)  # noqa: TID251  for the programs that it starts
    try:
        made = opened(settings)
    except OSError as error:
        log.error("cannot listen", extra=fields(error=error.strerror or str(error), address=error.filename))
        return EXIT_BIND
    try:
        SettingsSlot(made.sockets.open.settings).write(settings)
        supervisor = Supervisor(task_of(settings, os.path.abspath(config_path), made.listeners), made.sockets)
        if not ended_already():
            _begin(supervisor, made, settings.workers)
        return supervisor.serve()
    finally:
        made.sockets.close()


def _begin(supervisor: Supervisor, made: Opened, workers: int) -> None:
    supervisor.start()
    log.info("listening", extra=fields(data=made.data, admin=made.admin, workers=workers, pid=os.getpid()))
    if build() == "interpreted":
        log.info("interpreted", extra=fields(hint=INTERPRETED))
    try:
        supervisor.hand_over()
    except OSError as error:
        log.warning("the supervisor keeps what it needed to start", extra=fields(error=str(error)))


def task_of(settings: Settings, config: str, listeners: list[int]) -> Task:
    """What the supervisor needs of the settings. `listeners`: of each socket of the traffic the number of its own."""
    worker = {
        "listeners": listeners,
        "connections": settings.connections,
        "memory": settings.worker_memory,
        "client": asdict(settings.client),
        "hop": secrets.token_hex(8),
    }
    return Task(config, settings.workers, worker, settings.drain, settings.hang)


def find_this_package(environ: MutableMapping[str, str]) -> None:
    """Makes the programs that this one starts import this very package, installed or not."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = environ.get("PYTHONPATH", "").split(os.pathsep)
    if root not in (sysconfig.get_path("purelib"), paths[0]):
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, *paths)))
