"""Which requests are inferences: they ask a model for something, and they alone are evidence.

1. A tunnel is none, and no request whose method cannot carry a question (`SILENT_METHODS`): readiness, metadata, lists
   of models, CORS preflights.
2. A protocol names its inferences by the end of their paths (`ENDS`), compared decoded and in lower case:
   `iris%3Apredict` is `iris:predict`. Other paths of its own (`SPACES`) are none.
3. Paths that no protocol owns (all of `json` and `opaque`, those that a gateway in front has renamed, methods of other
   services of gRPC) are inferences,
   less those that probes, scrapers and operators ask (`PROBES`, `GRPC_OWN`), and those of a repository of models
   (`REPOSITORY`).
4. A route's own rule (`Route.inference`) replaces 2 and 3, and its methods replace those of 1.

What is asked is a function of method and path, so the answers are remembered.
"""

from __future__ import annotations

from fnmatch import translate
from re import Pattern, compile
from typing import Final
from urllib.parse import unquote_to_bytes

from proxy.contracts.table import Inferences, Protocol

SILENT_METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"DELETE"))
"""Methods whose requests ask no model (RFC 9110 §9.3)."""

VERBS = (b":predict", b":explain", b":classify", b":regress")
"""What ends the path of an inference of KServe V1 and TensorFlow Serving: no part of the model's name."""

CONTENT_VERBS = (b":generateContent", b":streamGenerateContent", b":embedContent", b":batchEmbedContents")
"""The same of Gemini's API."""

_CALLS = (b"/inference.grpcinferenceservice/modelinfer", b"/inference.grpcinferenceservice/modelstreaminfer")

ENDS: dict[Protocol, tuple[bytes, ...]] = {
    "oip": (b"/infer", b"/infer_stream", b"/generate", b"/generate_stream", *_CALLS),
    "grpc": _CALLS,
    "kserve-v1": VERBS,
    "mlflow": (b"/invocations",),
    "openai": (
        *(b"/completions", b"/responses", b"/messages", b"/embeddings", b"/embed", b"/rerank", b"/score", b"/classify"),
        *(b"/transcriptions", b"/translations", b"/speech", b"/generations", b"/edits", b"/variations", b"/videos"),
        *(b"/moderations", b"/pooling", b"/infill", b"/ocr", b"/generate", b"/predict"),
        *[verb.lower() for verb in CONTENT_VERBS],
    ),
}
"""Ends of the paths of inferences, from the specifications of the protocols."""

ENDS["auto"] = tuple([end for protocol, ends in ENDS.items() if protocol != "grpc" for end in ends])

SPACES: dict[Protocol, tuple[bytes, ...]] = {
    "oip": (b"/v2/", b"/inference.grpcinferenceservice/"),
    "grpc": (b"/inference.grpcinferenceservice/",),
    "kserve-v1": (b"/v1/models/",),
    "openai": (b"/v1/",),
    "auto": (b"/v2/", b"/v1/", b"/inference.grpcinferenceservice/"),
}
"""What paths hold that a protocol owns."""

PROBES = frozenset(
    (
        *(b"health", b"healthz", b"healthcheck", b"livez", b"readyz", b"live", b"ready", b"liveness", b"readiness"),
        *(b"healthy", b"_health", b"alive", b"startup", b"startupz", b"heartbeat", b"__heartbeat__", b"statusz"),
        *(
            b"ping",
            b"status",
            b"metrics",
            b"version",
            b"favicon.ico",
            b"robots.txt",
            b"openapi.json",
            b"docs",
            b"redoc",
        ),
        *(
            b"tokenize",
            b"detokenize",
            b"count_tokens",
            b"load_lora_adapter",
            b"unload_lora_adapter",
            b"sleep",
            b"wake_up",
        ),
        *(b"reset_prefix_cache", b"start_profile", b"stop_profile", b"server_info", b"abort_requests"),
        *(b"shutdown", b"is_sleeping", b"collective_rpc", b"apply-template", b"lora-adapters"),
        *(b"flush_cache", b"get_model_info", b"get_server_info", b"health_generate"),
    )
)
"""Last segments of paths that probes, scrapers, browsers and operators ask (those of vLLM, SGLang and llama.cpp have no
place of their own)."""

ASIDES = (b":counttokens", b"/api/show", b"/api/pull", b"/api/push", b"/api/create", b"/api/copy", b"/api/delete")
"""Ends of paths, in lower case, by which Gemini's API counts tokens, and Ollama's models are managed."""

GRPC_OWN: Final = (
    *(b"/grpc.health.", b"/grpc.reflection.", b"/grpc.channelz.", b"/inference.model_repository."),
    *(b"/tensorflow.serving.modelservice/", b"/tensorflow.serving.predictionservice/getmodelmetadata"),
    *(b"/org.pytorch.serve.grpc.management.", b"/seldon.protos.seldon/sendfeedback"),
    *(b"/seldon.protos.model/sendfeedback", b"/seldon.protos.generic/sendfeedback"),
)
"""Beginnings of the paths, in lower case, of calls that gRPC itself and model servers have for operators: health,
reflection, repositories and metadata of models, and feedback."""

REPOSITORY: Final = b"/v2/repository/"
"""What paths hold that load and unload models: servers of several protocols have it beside each."""

MAX_REMEMBERED: Final = 1024
"""Paths of one method whose answer is remembered; when full the memory starts anew. Methods are those of llhttp."""

MAX_REMEMBERED_BYTES: Final = 256
"""Bytes of a path that is remembered; clients may send 16 KiB, and those are looked at each time."""


class InferenceRule:
    """The rule of one route. `own`: what its configuration says, if anything."""

    __slots__ = ("_ends", "_last", "_last_method", "_last_path", "_methods", "_paths", "_remembered", "_spaces")

    def __init__(self, protocol: Protocol, own: Inferences | None = None) -> None:
        self._remembered: dict[bytes, dict[bytes, bool]] = {}
        self._last_method = self._last_path = b""  # of the last request, which most requests are like
        self._last = False
        self._ends, self._spaces = ENDS.get(protocol, ()), SPACES.get(protocol, ())
        self._methods: frozenset[bytes] = frozenset()
        self._paths: list[Pattern[str]] = []
        if own is not None:
            self._ends, self._spaces = (), ()
            self._methods = frozenset(method.encode() for method in own.methods)
            self._paths = [compile(translate(path)) for path in own.paths]

    def holds(self, method: bytes, path: bytes) -> bool:
        """Whether a request is an inference. `path`: without its query."""
        if path == self._last_path and method == self._last_method:
            return self._last
        known = self._remembered.get(method)
        if known is None:
            known = self._remembered[method] = {}
        answer = known.get(path)
        if answer is None:
            answer = self._look(method, path)
            if len(known) >= MAX_REMEMBERED:
                known.clear()
            if len(path) > MAX_REMEMBERED_BYTES:
                return answer
            known[path] = answer
        self._last_method, self._last_path, self._last = method, path, answer
        return answer

    def _look(self, method: bytes, path: bytes) -> bool:
        if method not in self._methods if self._methods else method in SILENT_METHODS:
            return False
        decoded = unquote_to_bytes(path).rstrip(b"/")
        if self._paths:
            text = decoded.decode("utf-8", "replace")
            return any(pattern.match(text) for pattern in self._paths)
        lower = decoded.lower()
        if self._ends and lower.endswith(self._ends):
            return True
        if any(space in lower + b"/" for space in self._spaces):
            return False
        if self._methods:
            return True
        if lower.startswith(GRPC_OWN):
            return False
        return lower.rpartition(b"/")[2] not in PROBES and REPOSITORY not in lower and not lower.endswith(ASIDES)
