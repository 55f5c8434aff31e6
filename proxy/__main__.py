"""`python -m proxy`: the entry of every process. `worker` and `control` take one JSON argument and are started by
Penumbra itself; everything else is the command line, of which `run CONFIG` becomes the supervisor.

Imports are lazy: a worker must not pay for what only control or the command line need.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` itself takes milliseconds, and a signal may come in them
import gc
import sys
from collections.abc import Callable

HELD = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGUSR1)
"""As `proxy.signals.HELD`."""


def worker(argument: str) -> int:
    """Carries traffic."""
    import msgspec

    from proxy import logs
    from proxy.contracts.worker_args import WorkerArgs
    from proxy.dataplane.worker import run

    args = msgspec.json.decode(argument, type=WorkerArgs)
    logs.configure(f"worker-{args.index}")
    return run(args)


def control(argument: str) -> int:
    """Statistics, releases, admin API."""
    gc.disable()  # an eighth of the time of these imports; nothing of them becomes garbage
    import msgspec

    from proxy import logs
    from proxy.config.reload import Loader, SettingsSlot
    from proxy.control.beginning import ControlArgs, begin
    from proxy.link.slot import TableSlot

    class Argument(ControlArgs):
        settings_fd: int

    outlet = logs.configure("control")
    args = msgspec.json.decode(argument, type=Argument)
    loader = Loader(args.config, SettingsSlot(args.settings_fd))
    begun = begin(loader, TableSlot(args.slot_fd))
    if isinstance(begun, int):
        return begun

    from proxy.config.certificates import checked_files, paths_of
    from proxy.front_door import open_later

    open_later("aiohttp")
    from proxy.control.certificates import CertificateFiles
    from proxy.control.process import run

    gc.enable()
    return run(args, begun, loader, outlet, CertificateFiles(paths_of, checked_files, loader.keep))


def run(config: str) -> int:
    """Binds, starts, restarts, drains."""
    from pathlib import Path

    from proxy.cli.serve import serve

    return serve(Path(config))


def supervisor(argument: str) -> int:
    """What `run` becomes once all are started."""
    from proxy import logs
    from proxy.supervisor import supervise

    logs.configure("supervisor")
    return supervise(argument)


def last_words_to(argument: str) -> None:
    """Stacks of a child that crashes go where its supervisor reads them, also if it does while it starts."""
    from json import loads

    from proxy.last_words import keep_last_words

    keep_last_words(loads(argument)["words_fd"])


def import_msgspec_alone() -> None:
    """msgspec prefers `typing_extensions`, where it is installed, for what `typing` has itself from Python 3.11 on. A
    process that stays does without: 2.4 MB, and 15 ms of its start. (What comes later finds it as ever.)"""
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # as Python says: it cannot be imported
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


PROCESSES: dict[str, Callable[[str], int]] = {"worker": worker, "control": control, "supervisor": supervisor}


def main() -> int:
    """Starts the process that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "run" or name in PROCESSES:
        # Before anything else is imported: that takes a while, and the default action of a signal ends a process.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, HELD)
        if name != "supervisor":
            import_msgspec_alone()
    if len(sys.argv) == 3 and name in PROCESSES:
        if name != "supervisor":
            last_words_to(sys.argv[2])
        return PROCESSES[name](sys.argv[2])
    if len(sys.argv) == 3 and name == "run" and not sys.argv[2].startswith("-"):
        return run(sys.argv[2])
    from proxy.cli import main as cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
