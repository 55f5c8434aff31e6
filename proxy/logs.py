"""One line of JSON on stderr for each event, the same in all processes.

Fields: `time` (UTC), `level`, `process` (supervisor, control, worker-0 …), `logger`, `event` (the message), then what
the event carries. `log.info("listening", extra=fields(data="127.0.0.1:8080"))` makes
`{"time":"…","level":"info","process":"supervisor","logger":"penumbra","event":"listening","data":"127.0.0.1:8080"}`.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


def fields(**values: object) -> dict[str, Any]:
    """The `extra` of a logging call that carries fields of its own."""
    return {"fields": values}


class JsonLines(logging.Formatter):
    """A record as one line; an exception becomes its field `error`, line ends escaped."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(process: str) -> None:
    """Sends the log of this process to stderr. Called once, at the start of a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
