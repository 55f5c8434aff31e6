"""Messages: how many went where, and what waits."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.registry import Collector

from proxy.control.notify import Notifier
from proxy.control.telemetry.forms import counter, gauge


class MessageCollector(Collector):
    """Destinations of messages."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def collect(self) -> Iterator[Metric]:
        rows = [(key, float(n)) for key, n in self._notifier.counts.items()]
        yield counter("penumbra_notifications", "Messages by outcome.", ("event", "outcome"), rows)
        places = self._notifier.destinations
        sent = [((each.name, outcome), float(n)) for each in places for outcome, n in each.outcomes.items()]
        text = (
            "Messages to a destination of `notify` by outcome: sent, failed (given up), dropped (its queue was full)."
        )
        yield counter("penumbra_messages", text, ("destination", "outcome"), sent)
        waiting = [((each.name,), float(each.waiting)) for each in places]
        yield gauge("penumbra_messages_waiting", "Messages that are not delivered yet.", ("destination",), waiting)
        open_ = [((), float(self._notifier.open))]
        yield gauge("penumbra_matters_open", "Matters that last and were told of.", (), open_)
        text = "Reads and writes of the messages' file that failed: a restart may send some again, or lose what waits."
        yield counter("penumbra_messages_file_errors", text, (), [((), float(self._notifier.file_errors))])
