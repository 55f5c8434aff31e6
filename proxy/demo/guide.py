"""The closing page of `--hold`: every address, file and process, and each next step as a line to paste."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from proxy.demo.front import ROUTE

REQUEST, SCRAPE = "request.json", "prometheus.yaml"
"""Files that the steps name, written beside the configuration."""


class Step(NamedTuple):
    """One next step."""

    what: str
    """Purpose."""
    how: str
    """Command, address or file."""


@dataclass(frozen=True, slots=True)
class Props:
    """Processes and files at the end of the demo."""

    url: str
    """Address of the model through Penumbra."""
    admin: str
    """Address of the admin API."""
    folder: Path
    """Folder of log and state."""
    version: str
    """A version that runs."""
    pid: int
    """Process of its model server."""
    body: bytes
    """A request."""
    grpc: bool = False
    """Whether it is one by gRPC."""

    @property
    def asking(self) -> str:
        """The options of curl that make it."""
        if self.grpc:
            return "-i --http2-prior-knowledge -H content-type:application/grpc -H te:trailers -o -"
        return "-i -H content-type:application/json"


def command() -> str:
    """The command `penumbra` with its path, since programs of a virtual environment are seldom on PATH."""
    program = Path(sys.executable).with_name("penumbra")
    return shlex.quote(str(program)) if program.exists() else f"{shlex.quote(sys.executable)} -m proxy"


def steps(props: Props) -> list[Step]:
    """The next steps, from looking to breaking."""
    route, folder, penumbra = f"{props.admin}/v1/routes/{ROUTE}", shlex.quote(str(props.folder)), command()
    split = f"curl -sS -X PUT {route}/split -d '{{\"{props.version}\": 25}}'"
    return [
        Step("the status page", f"{props.admin}/"),
        Step("one request", f"curl -sS {props.url} {props.asking} --data-binary @{folder}/{REQUEST}"),
        Step(f"25 % for {props.version}", split),
        Step("how it stands", f"{penumbra} status {ROUTE} --admin {props.admin}"),
        Step(
            "Prometheus, if installed", f"prometheus --config.file={folder}/{SCRAPE} --storage.tsdb.path=$(mktemp -d)"
        ),
        Step(f"break {props.version}", f"kill -9 {props.pid}"),
        Step("who did what, and why", f"curl -sS {props.admin}/v1/audit"),
        Step("the same in numbers", f"curl -sS {props.admin}/metrics | grep -E 'penumbra_(rollbacks|rescued)_total'"),
        Step("the log", f"{props.folder}/penumbra.log"),
    ]


def write(props: Props) -> None:
    """Puts the files that the steps name into the folder."""
    target = props.admin.removeprefix("http://")
    (props.folder / REQUEST).write_bytes(props.body)
    (props.folder / SCRAPE).write_text(
        "scrape_configs:\n"
        f'  - {{job_name: penumbra, scrape_interval: 1s, static_configs: [{{targets: ["{target}"]}}]}}\n',
        encoding="utf-8",
    )


def lines(steps: list[Step]) -> list[str]:
    """The steps as they are shown: what, then how, never broken."""
    width = max(len(step.what) for step in steps)
    return [f"  {step.what:<{width}}  {step.how}" for step in steps]
