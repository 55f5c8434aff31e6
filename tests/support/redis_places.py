"""Real stores of a fleet that are more than one server: a primary that a sentinel names, a cluster, a server by TLS."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from tests.support.certificates import Paths
from tests.support.redis_server import RedisServer, free_port
from tests.support.running import PATIENCE, eventually

SERVICE = "fleet"
AT_ONCE = ("--repl-diskless-sync-delay", "0")


@contextmanager
def dead_and_silent() -> Iterator[str]:
    """Two places where no server is: one refuses, one takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{free_port()},127.0.0.1:{silent.getsockname()[1]}"


class WatchedServers:
    """A primary and its replica, `one` and `two`, that a sentinel watches."""

    def __init__(self, password: str = "") -> None:
        self._stack = ExitStack()
        self._password = password
        self.one = RedisServer(*AT_ONCE)
        self.two = RedisServer(*AT_ONCE, "--replicaof", f"127.0.0.1 {self.one.port}")
        self.port = free_port()

    def __enter__(self) -> Self:
        folder = Path(tempfile.mkdtemp())
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self._stack.enter_context(self.one)
        self._stack.enter_context(self.two)
        (folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
            + (f"requirepass {self._password}\n" if self._password else "")
            + f"sentinel monitor {SERVICE} 127.0.0.1 {self.one.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        command = ["redis-server", str(folder / "sentinel.conf"), "--sentinel"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(process.wait, PATIENCE)
        self._stack.callback(process.kill)
        eventually(self._ready, "a replica that the sentinel knows, and that has all")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _ready(self) -> bool:
        try:
            with Redis(port=self.port, password=self._password) as sentinel, Redis(port=self.two.port) as two:
                known = sentinel.execute_command("SENTINEL", "REPLICAS", SERVICE)
                return bool(known) and two.info("replication")["master_link_status"] == "up"
        except RedisError:
            return False

    def in_the_replica(self) -> bool:
        """Whether the replica has all that was written."""
        with Redis(port=self.one.port) as one:
            return bool(one.wait(1, 100))


class ScriptedSentinel:
    """A sentinel that names the primary `port`, which a test changes; the server there need not be a replica."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.port, self._context = port, context
        self.asked = 0

    async def start(self) -> int:
        """The port that it listens at."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Ends it."""
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await reader.read(4096):
            if b"get-master-addr-by-name" in command.lower():
                self.asked += 1
                writer.write(b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(self.port)), self.port))
            else:
                writer.write(b"%1\r\n$5\r\nproto\r\n:3\r\n" if b"HELLO" in command else b"+OK\r\n")
        writer.close()


class ClusterNode(RedisServer):
    """A cluster of one node, which has all slots. It takes writes two seconds after it has started. `secured`: its port
    by TLS, where it was given one."""

    secured = 0

    def __init__(self, *options: str) -> None:
        super().__init__("--cluster-enabled", "yes", "--cluster-port", str(free_port()), *options)

    def start(self, *options: str) -> None:
        """Starts it, and gives it the slots."""
        super().start(*options)
        with Redis(port=self.port) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)

    def serves(self) -> None:
        """Returns when it does."""
        with Redis(port=self.port) as client:
            eventually(lambda: client.cluster("info")["cluster_state"] == "ok", "a cluster that serves")


def by_tls(port: int, paths: Paths, asks: bool = False) -> tuple[str, ...]:
    """Options of a server that speaks TLS at `port`, and asks for certificates or for none."""
    files = {"cert": paths.certificate, "key": paths.key, "ca-cert": paths.ca}
    named = [part for name, file in files.items() for part in (f"--tls-{name}-file", str(file))]
    return "--tls-port", str(port), "--tls-auth-clients", "yes" if asks else "no", *named
