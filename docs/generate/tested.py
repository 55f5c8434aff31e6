"""What Penumbra was tested with: servers and clients of others, in the versions that are locked."""

from __future__ import annotations

from pathlib import Path

from docs.generate.markdown import code, joined, table

ROOT = Path(__file__).resolve().parents[2]

OPENING = """\
# Tested with

<!-- made by `make docs`: edit docs/generate/tested.py or requirements/, not this page -->

Before each merge these servers and clients are started on one machine, with a `penumbra run` between them. They are the
packages of their authors, in the versions that are locked at the moment; the models are small ones of our own.
"""

STREAMED = "test_first_tokens.py, test_chat_clients.py"
SERVERS = (
    ("mlserver", "models", "Open Inference Protocol V2: JSON and binary tensors, streams (`infer_stream`)",
     "answers, splits and copies; a model that raises (500), refuses (422), answers nothing or NaN; streams that break "
     "off", "test_model_servers.py, test_binary_tensors.py, test_broken_models.py"),
    ("kserve", "servers", "its own server: V1 and V2",
     "a model that raises (500), refuses (400), answers nothing or NaN (which it writes as null); health, metadata, "
     "metrics and the repository of models are no inferences", "test_broken_models.py"),
    ("fastapi", "servers", "`StreamingResponse` on uvicorn: completions and responses of OpenAI, messages of Anthropic",
     "the head is written first: times of first tokens; clients that close with the last event, at an error, in the "
     "middle; generators that raise; a server that is killed", STREAMED),
    ("litserve", "servers", "OpenAI's chat completions by its `OpenAISpec`",
     "times of first tokens; models that raise: it writes an error into the stream, without the empty line behind it",
     STREAMED),
    ("uvicorn", "servers", "the HTTP server of all of them", "as they", STREAMED),
)  # fmt: skip

CLIENTS = (
    (
        "openai",
        "servers",
        "chat completions (`OpenAI`, `AsyncOpenAI`), which it closes at `[DONE]` and at an error; responses",
    ),
    ("anthropic", "servers", "messages, to `message_stop`"),
    ("httpx", "servers", "`Connection: close`, to the end of the connection"),
    ("aiohttp", "servers", "closes by itself at `[DONE]`"),
    ("tritonclient", "models", "tensors, as JSON and as binary"),
    ("kserve", "servers", "`InferenceRESTClient`: health, and predictions by V1 and V2"),
)

TIMES = """\
The recorded time to a first token (`penumbra_time_to_first_token_seconds`) is held against the client's own figure of
the same request: within 5 ms, where the client did not wait for a processor. The median difference is 0.7 to 2 ms for
the primary and the canary, most of which the client's library takes. A copy has no client: its time is held against the
moment at which its server wrote the token, where the server says it (FastAPI), and 0.3 ms is usual; else against the
client's figure of the request that was copied.

What was not tested is the clients of MLflow and LiteLLM (by hand the latter: a stream that breaks off is an error to
it), KServe's routes of OpenAI's kind, which need vLLM, and servers that need a GPU.
"""


def page() -> str:
    """The whole page."""
    locked = {name: _locked(name) for name in ("models", "servers")}
    servers = table(
        ("server", "version", "of it", "what is shown", "tests/e2e"),
        ((name, locked[lock][name], what, shown, _files(files)) for name, lock, what, shown, files in SERVERS),
    )
    clients = table(
        ("client", "version", "how it is used"), ((name, locked[lock][name], how) for name, lock, how in CLIENTS)
    )
    return joined(
        OPENING,
        joined("## Servers", servers),
        joined("## Clients", clients),
        joined("## Times of first tokens", TIMES),
    )


def _files(names: str) -> str:
    return ", ".join(f"[{code(name)}](../tests/e2e/{name})" for name in names.split(", "))


def _locked(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)
