"""What it costs to analyse records of 30 features: with a river detector for each value, and as the product does; and
records of language models, as the product does.

A record is a request and its answer; an exchange has another one of the shadow's answer. CPU time of one process, no
sockets: from the frames of the link to evidence for the product, from bodies to detectors for river. This is the part
of control that grows with traffic.

    python -m loadtests.analysis
"""

from __future__ import annotations

import random
import struct
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from loadtests.oip_messages import GRPC, by_grpc
from loadtests.results import Spread, spread
from loadtests.traffic import answer_body, request_body
from proxy.contracts.comparers import TextComparer
from proxy.contracts.record import Record
from proxy.contracts.settings import DEFAULT_ANALYSIS, Analysis, Guard, Limit, RouteSettings
from proxy.contracts.table import Match, Protocol, Role
from proxy.control.containment import spare_the_collector
from proxy.control.intake import Intake
from proxy.control.promised_answers import PromisedAnswers
from proxy.control.spoken_protocols import SpokenProtocols
from proxy.link.backlog import WaitingRecords
from proxy.link.frames import FrameReader, Records, encode
from proxy.link.outbox import FRAME_BYTES
from proxy.payload.decode import decode
from proxy.payload.recognise import looks_like
from proxy.stats.board import Board

FEATURES = 30
BATCH = 256
GUARD = Guard(
    {
        "error_rate": Limit(max_ratio=1.5),
        "latency_p99": Limit(max_ratio=1.25),
        "disagreement": Limit(max=0.05),
        "input_drift": Limit(max_psi=0.2),
        "prediction_drift": Limit(max_psi=0.2),
        "contract_violations": Limit(max=0.01),
    }
)
Body = tuple[bytes, bytes, bytes]
"""A request, the answer to the client, the shadow's answer."""
FIELDS = b"content-type: application/json\r\nserver: uvicorn\r\ndate: Mon, 23 Nov 2026 16:00:00 GMT\r\n"
CALL = "/inference.GRPCInferenceService/ModelInfer"
Work = Callable[[], object]
"""What is timed."""
Method = Callable[[Sequence[Body]], Work]
"""Prepares exchanges, as they would arrive; what it returns analyses them."""


def bodies(count: int, seed: int = 7, features: int = FEATURES) -> list[Body]:
    """Exchanges as they crossed the wire."""
    rng = random.Random(seed)
    return [
        (
            request_body(features, rng),
            answer_body("v1", round(rng.random(), 4)).encode(),
            answer_body("v3", round(rng.random(), 4)).encode(),
        )
        for _ in range(count)
    ]


WORDS = [
    word * 2 for word in ("an", "bar", "come", "dust", "even", "far", "given", "he", "into", "just", "kept", "late")
]
TEXT_WORDS, EDITED = 170, 20
"""Words of an answer, about a kilobyte, and those among them of which a shadow's answer has one that is another."""
TOKENS = 500
WIDE, DIMENSIONS = 1_000, 1_536
"""Features of a wide row, and numbers of an embedding."""


def embeddings(count: int, seed: int = 7) -> list[Body]:
    """Texts and their embeddings; the shadow's is near the other."""
    rng = random.Random(seed)
    exchanges: list[Body] = []
    for number in range(count):
        point = [rng.gauss(0.0, 0.03) for _ in range(DIMENSIONS)]
        moved = [value + rng.gauss(0.0, 0.0003) for value in point]
        asked = orjson.dumps({"model": "embed", "input": f"Text number {number}"})
        exchanges.append((asked, embedded("v1", point), embedded("v3", moved)))
    return exchanges


def embedded(model: str, point: list[float]) -> bytes:
    """An answer as OpenAI's API has it, with nine digits."""
    row = {"object": "embedding", "index": 0, "embedding": [round(value, 9) for value in point]}
    return orjson.dumps(
        {"object": "list", "data": [row], "model": model, "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    )


def in_base64(exchange: Body) -> Body:
    """The same as OpenAI's own clients ask for it."""
    return exchange[0], _in_base64(exchange[1]), _in_base64(exchange[2])


def _in_base64(answer: bytes) -> bytes:
    document = orjson.loads(answer)
    (row,) = document["data"]
    row["embedding"] = b64encode(struct.pack(f"<{DIMENSIONS}f", *row["embedding"])).decode()
    return orjson.dumps(document)


def as_tensors(exchange: Body) -> Body:
    """The same as Triton is asked and answers by gRPC: eight tokens, and single precision, raw."""
    tokens = [float(len(exchange[0]) + at) for at in range(8)]
    asked = {"name": "tokens", "shape": [1, 8], "datatype": "FP32", "data": tokens}
    request = by_grpc(orjson.dumps({"inputs": [asked]}), raw=True)
    return request, _as_tensor(exchange[1]), _as_tensor(exchange[2])


def _as_tensor(answer: bytes) -> bytes:
    document = orjson.loads(answer)
    row = document["data"][0]["embedding"]
    output = {"name": "embedding", "shape": [1, DIMENSIONS], "datatype": "FP32", "data": row}
    named = {"model_name": "embed", "model_version": document["model"]}
    return by_grpc(orjson.dumps({**named, "outputs": [output]}), raw=True)


def chats(count: int, seed: int = 7) -> list[Body]:
    """Chat completions of a kilobyte; the shadow says one word in `EDITED` differently."""
    rng = random.Random(seed)
    exchanges: list[Body] = []
    for number in range(count):
        said = [f"{rng.choice(WORDS)}{rng.randrange(100)}" for _ in range(TEXT_WORDS)]
        other = [word if rng.randrange(EDITED) else rng.choice(WORDS) for word in said]
        asked = {"model": "chat", "messages": [{"role": "user", "content": " ".join(said[:20])}], "temperature": 0.2}
        answers = [completion(number, model, " ".join(words)) for model, words in (("v1", said), ("v3", other))]
        exchanges.append((orjson.dumps(asked), answers[0], answers[1]))
    return exchanges


def completion(number: int, model: str, text: str) -> bytes:
    """An answer as OpenAI's API has it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 40, "completion_tokens": 220, "total_tokens": 260}
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1_764_000_000 + number, "model": model}
    return orjson.dumps({**head, "choices": [choice], "usage": usage})


def streams(count: int, seed: int = 7) -> list[Body]:
    """The same as streams of `TOKENS` events, without a shadow."""
    rng = random.Random(seed)
    asked = orjson.dumps({"model": "chat", "messages": [{"role": "user", "content": "And?"}], "stream": True})
    return [(asked, streamed(number, rng), b"") for number in range(count)]


def streamed(number: int, rng: random.Random) -> bytes:
    """An answer as a stream of events."""
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1_764_000_000, "model": "v1"}
    deltas = [{"content": f" {rng.choice(WORDS)}"} for _ in range(TOKENS)]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    events = [
        {**head, "choices": [choice]} for choice in (*choices, {"index": 0, "delta": {}, "finish_reason": "stop"})
    ]
    return b"".join([b"data: " + orjson.dumps(event) + b"\n\n" for event in events]) + b"data: [DONE]\n\n"


def naive(make: Callable[[], Any]) -> Method:
    """One detector for each feature and one for the difference of the answers, fed value by value."""
    detectors = [make() for _ in range(FEATURES)]
    differences = make()

    def analyse(exchanges: Sequence[Body]) -> None:
        for request, answer, copy in exchanges:
            row = orjson.loads(request)["inputs"][0]["data"]
            for detector, value in zip(detectors, row, strict=True):
                detector.update(value)
            score, other = (orjson.loads(body)["outputs"][0]["data"][0] for body in (answer, copy))
            differences.update(abs(score - other))

    return lambda exchanges: lambda: analyse(exchanges)


def product(
    mirrored: bool, protocol: Protocol = "oip", analysis: Analysis = DEFAULT_ANALYSIS, fields: bytes = FIELDS
) -> Method:
    """Frames of the link through payload and board, as control gets them; without copies, or with one of each."""
    board, numbers, reader, batch = (
        Board(),
        count(),
        FrameReader(),
        BATCH if mirrored or protocol in ("oip", "grpc") else 16,
    )
    board.watch("cancer", ("v3",), "v1", GUARD, protocol, 0.0, analysis)
    section = RouteSettings("cancer", Match("/"), protocol, "v1", analysis=analysis)
    protocols, clock = SpokenProtocols(PromisedAnswers(decode).decode, looks_like), time.thread_time
    intake = Intake(protocols.decode, board.on_observations, lambda _: section, clock, clock, spoken=protocols.together)

    def prepare(exchanges: Sequence[Body]) -> Work:
        records = [
            legs(next(numbers), request, answer, copy if mirrored else b"", fields)[: 1 + mirrored]
            for request, answer, copy in exchanges
        ]
        room = max(FRAME_BYTES // max(sum(map(len, exchanges[0])), 1), 1)  # as a worker cuts them
        step = min(batch, room)
        frames = [
            encode(Records(0, "bench", [leg for each in records[at : at + step] for leg in each]))
            for at in range(0, len(records), step)
        ]
        return lambda: analyse(frames)

    def analyse(frames: Sequence[bytes]) -> None:
        for frame in frames:
            for message in reader.feed(frame):
                assert isinstance(message, Records)
                waiting = WaitingRecords(message, len(frame), 0.0)
                while waiting.left > 0:
                    part = waiting.part()
                    waiting.taken += intake.take(part.records, (part.worker, part.incarnation), time.monotonic())

    return prepare


def legs(exchange: int, request: bytes, answer: bytes, copy: bytes, fields: bytes = FIELDS) -> tuple[Record, Record]:
    """The two records of one exchange; the request travels with the leg that answered."""

    def leg(version: str, role: Role, share: float, response: bytes, **more: Any) -> Record:
        facts: dict[str, Any] = {"status": 200, "started": 0.0, "first_byte": 0.002, "total": 0.002}
        who: dict[str, Any] = {"exchange": exchange, "request_id": f"{exchange:032x}", "route": "cancer"}
        more |= {"version": version, "role": role, "share": share, "response_fields": fields, "response": response}
        return Record(**who, **facts, **more)

    path, asking = (CALL, GRPC) if fields == GRPC else ("/infer", FIELDS)
    asked: dict[str, Any] = {"path": path, "request_fields": asking, "request": request}
    return (
        leg("v1", "primary", 0.9, answer, **asked, copies=int(bool(copy))),
        leg("v3", "shadow", 1.0, copy),
    )


def methods() -> dict[str, tuple[Method, Sequence[Body]]]:
    """Ways to analyse, each with exchanges that take well under a second."""
    from river.drift import ADWIN, KSWIN

    numbers, texts = bodies(8192), chats(1024)
    events = product(False, "openai", fields=b"content-type: text/event-stream\r\n")
    points = embeddings(256)
    typed, raw = ([tuple_of(each, raw=raw) for each in numbers] for raw in (False, True))
    return {
        ONE_RECORD: (product(mirrored=False), numbers),
        "product: a record and its shadow's": (product(mirrored=True), numbers),
        BY_GRPC: (product(False, "grpc", fields=GRPC), typed),
        "product: a record by gRPC, raw": (product(False, "grpc", fields=GRPC), raw),
        "product: a record by gRPC and its shadow's": (product(True, "grpc", fields=GRPC), typed),
        f"product: a record of {WIDE:,} features and its shadow's": (product(True), bodies(512, features=WIDE)),
        EMBEDDING: (product(True, "openai"), points),
        f"{EMBEDDING}, in base64": (product(True, "openai"), list(map(in_base64, points))),
        f"{EMBEDDING}, by gRPC, raw": (product(True, "grpc", fields=GRPC), list(map(as_tensors, points))),
        "river: ADWIN for each value": (naive(ADWIN), numbers),
        "river: KSWIN for each value": (naive(lambda: KSWIN(seed=7)), numbers[:256]),
        **{
            f"product: two texts of a kilobyte, by {name}": (product(True, "openai", Analysis(text=name)), texts)
            for name in COMPARERS
        },
        f"product: a stream of {TOKENS} tokens": (events, streams(256)),
    }


def tuple_of(exchange: Body, raw: bool) -> Body:
    """The same exchange by gRPC."""
    asked, answer, copy = (by_grpc(body, raw=raw) for body in exchange)
    return asked, answer, copy


EMBEDDING = f"product: an embedding of {DIMENSIONS:,} numbers and its shadow's"
ONE_RECORD = "product: a record"
BY_GRPC = "product: a record by gRPC"
COMPARERS: tuple[TextComparer, ...] = ("words", "characters", "exact")


def run_analysis(repetitions: int) -> dict[str, Spread]:
    """CPU microseconds of one record (or exchange), by method; each is warmed up with one uncounted turn."""
    spare_the_collector()  # as control does
    results: dict[str, Spread] = {}
    for name, (prepare, exchanges) in methods().items():
        prepare(exchanges)()
        results[name] = spread([timed(prepare(exchanges)) / len(exchanges) for _ in range(repetitions)])
    return results


def timed(work: Work) -> float:
    """CPU microseconds of what `work` does."""
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1e6


def analysis_table(results: dict[str, Spread]) -> Table:
    """One line for each method."""
    table = Table(title=f"Analysing {FEATURES} features and what was answered")
    for name in ("method", "CPU us", "spread"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for name, cost in results.items():
        table.add_row(name, f"{cost.median:.1f}", f"{cost.low:.1f}-{cost.high:.1f}")
    return table


if __name__ == "__main__":
    Console(width=120).print(analysis_table(run_analysis(5)))
