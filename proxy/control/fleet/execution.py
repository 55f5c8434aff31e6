"""The change that an intent asks for, made on the judge's engine as the admin API makes it on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.control.engine import Engine, Move
from proxy.control.fleet.bodies import Answer, Intent

Read = Callable[[Engine, str, dict[str, Any], float], tuple[Move, str]]
Tags = Callable[[Engine, str], tuple[str, ...]]
"""Engine and route to the tags of what is in force: of the route, and of its release."""

Refusal = Callable[[Exception], tuple[str, str, str | None]]
"""An exception to kind, sentence and field of a refusal."""


def execution(moves: dict[str, Read], tags: Tags, refusal: Refusal) -> Callable[[Engine, Intent, float], Answer]:
    """What makes a change: `moves` as the admin API reads them, `tags` of what a caller changes from, and `refusal` of
    an exception."""

    def execute(engine: Engine, intent: Intent, now: float) -> Answer:
        try:
            have = tags(engine, intent.route)
            if intent.etag and intent.etag not in have:
                return Answer(intent.id, "changed", f"the route is now {have[0]}")
            move, why = moves[intent.action](engine, intent.route, intent.value, now)
            engine.command(intent.route, intent.action, move, intent.who, why, now)
        except Exception as error:  # noqa: BLE001  a bug must be an answer too; `refusal` logs it
            return Answer(intent.id, *refusal(error))
        return Answer(intent.id)

    return execute
