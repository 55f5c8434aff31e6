"""The page of protocols: what is read of each, and what is not."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from docs.generate.markdown import code, joined, table
from proxy.contracts.identity import IDENTITY_FIELDS
from proxy.contracts.observation import Usage
from proxy.contracts.table import Protocol
from proxy.contracts.unread_key import UNREAD_KEYS
from proxy.control.spoken_protocols import ENOUGH, FIRST
from proxy.payload.decode import CODECS
from proxy.payload.encoding import CODINGS, MAX_CODINGS
from proxy.payload.language.answers import RESPONSE
from proxy.payload.language.forms import FORM
from proxy.payload.language.prompts import REQUEST
from proxy.payload.pictures.brightness import MAX_PIXELS
from proxy.payload.pictures.found import FORMAT, MAX_LIT, MAX_PICTURES, MEASURED
from proxy.payload.pictures.jpeg_scan import MAX_SYMBOLS
from proxy.payload.recognise import PATHS
from proxy.routing.calls import PLACES
from proxy.routing.expanded import MAX_EXPANDED
from proxy.routing.inference import ENDS

OPENING = """\
# Protocols

<!-- made by `make docs`: edit docs/generate/protocols.py, or the readers in proxy/payload, not this page -->

What is read of requests and answers, by the `protocol` of a route: features are what drift is watched in, predictions
and texts what copies are compared by, and the outcome of a body is what [outcomes.md](outcomes.md) says. The bytes
between client and model server are never touched; a copy of them is read, as far as `analysis_cpu` goes.
`tests/payload/corpus/` holds requests and answers of each, after the public specifications, with all that is read of
them.
"""

AUTO = f"""\
A route of protocol `auto` is read by what each exchange looks like. When {ENOUGH} of the first {FIRST} look the same,
and four in five of those so far, that is its protocol until the next start: the log says so, and the API as `speaks`. A
route of another protocol whose first exchanges cannot be read, and look like another one, has a warning that names it.
These ends of a path tell a protocol where the answer does not; so does `/v2/models/`.
"""

LANGUAGE = f"""\
Of each request the features are {", ".join(map(code, REQUEST))}, of a form also
`{FORM[-1]}`; of each text the predictions are {", ".join(map(code, RESPONSE))}. Answers are told apart by
their fields, not by their paths, so what a gateway has renamed is read as well.

- Several choices are told apart by their index, calls of tools by theirs and by their
  id, in whatever order their pieces come.
- Reasoning (`reasoning_content`, `reasoning`, `thinking`, parts of the content, text up to `</think>`) and
  refusals stand apart from the text. The first token is the first piece of any of them, or of a call.
- Arguments of tools are JSON: another order of keys, spaces, or 1.0 for 1 make no difference. Ids are not read.
- Embeddings, ranks and batches with an `index` are put in its order; labels with scores are columns by label.
- `usage` is read in the words of each server: {", ".join(map(code, Usage.__struct_fields__))} of
  `penumbra_tokens_total`. Reasoning is a part of the output, and what a cache had of the input.
- A request's JSON Schema holds for its answer (`broken_schema` of [outcomes.md](outcomes.md)): that of
  `response_format`, `text.format`, `format`, `guided_json` or `grammar` for the text, those of `tools` for arguments
  of calls. `pattern` and `format` of a schema, references out of it, and answers that were cut or refused are not
  checked.
- Counts of tokens (`input_tokens` of Anthropic's `count_tokens`, `totalTokens` of Gemini's `countTokens`, `tokens` and
  `prompt` of vLLM's `tokenize` and `detokenize`) are no inferences; where `inference` of a route says that they are,
  they are read. Listings of models are not.
- What an answer does not tell of its tokens is not estimated: `output_tokens` and `cost` count it as lost where the
  primary's tell more often (clients ask for it in streams by `stream_options.include_usage`). Where neither tells,
  nothing is lost and nothing decided, and the line says so.
- A completion none of whose choices says anything is an empty answer, unless its finish reason explains it
  (`content_filter`, `refusal`).
"""

HELD = (
    ("as the body", "a row, `image:width` …"),
    ("as files of a form (`openai`, `json`)", "a row, the mean of the files of a field: `file:width` …"),
    ("in messages and prompts, as base64 or a `data:` URL", "a row, the mean of all: `prompt:width` …"),
    ('in rows, as base64, a `data:` URL or `{"b64": …}`', "a row each, by column: `b64:width`, `instances:width` …"),
    ("in strings of OIP, as bytes or base64", "a row each, by tensor"),
)

PICTURES = f"""\
Of pictures in requests drift is watched in what their own bytes say, in every protocol, by features behind the name of
what holds them: {", ".join(map(code, (*MEASURED, FORMAT)))}.

{table(("pictures", "are"), HELD)}

Heads are read of PNG, JPEG, GIF, WebP, BMP and TIFF, told by their first bytes whatever a media type says. Brightness
is the mean luminance, from 0 to 1, of a bounded part: of PNG the first rows ({MAX_PIXELS // 1024} KiB), of JPEG the
first blocks ({MAX_SYMBOLS} codes), of BMP rows at equal distances. Nothing is decoded as a whole, and no decoder is
used; other formats have no brightness. Of a body {MAX_PICTURES} pictures are looked at, {MAX_LIT} for their brightness;
what is left out counts as missing. Not read: HEIC, AVIF, pictures behind a URL, and in forms of other protocols.
"""

EMPTY = """\
An answer without a body, `null`, `{}` and an empty text are empty (`empty_body` of [outcomes.md](outcomes.md)) in every
protocol. What an answer without values is depends on what its protocol promises; a request that holds no value either
may always be answered by none.
"""

STREAMS = """\
Server-sent events are read as the WHATWG standard has them: comments, several lines of data, CR, LF and CRLF, a byte
order mark, names, ids and delays of reconnection; JSON Lines as Ollama writes them. An answer whose first line is that
of an event is a stream whatever its media type says. How a server cuts its writes changes neither what is read nor the
times of tokens, which are those of the piece in which the last byte of an event arrived.

Streams by gRPC (`ModelStreamInfer`: Triton's messages, or MLServer's, which are plain answers) are one record each,
read message by message, whatever their length, where no message is larger than 4 MiB:

- Numbers of all messages are one answer: outputs are met by name, and have the rows of all messages one after the
  other. It is compared, watched for drift and joined with labels as that of a unary call. Where the width of an output
  changes within a stream, its values are one row.
- Strings are joined to a text; numbers beside them are not compared.
- Messages that hold an answer, text or tensors, are the tokens of a stream: `penumbra_time_to_first_token_seconds`,
  `penumbra_token_gap_seconds`, and the line `time_to_first_token` of a scorecard. A single message has no such times,
  but `penumbra_first_byte_seconds`.
- An error in a message (`error_message`) fails the call (`error_in_stream`) though its status is OK; a stream that ends
  without trailers has failed, too.
- Of a stream of requests the features are the numbers of all, and the strings of the first.
- Compressed messages (`grpc-encoding: gzip`, `deflate`) are unpacked for all this, 4 MiB at a time; what clients and
  servers get is as it was sent.
- Messages of services that are not of the Open Inference Protocol are not read; their calls count by status and time.
"""


CALLS = """\
`protocol: grpc` is for routes whose requests are calls of gRPC, of any service: unary, and streams of each kind. The
versions that it names are asked by HTTP/2 (`http` need not say so), in clear by prior knowledge, by TLS as ALPN has it.
A version speaks one version of HTTP: it is HTTP/2 for all of its routes as soon as one of them is of gRPC, and
`http: 1` beside one is refused. `match: {grpc: package.Service/Method}`, or `package.Service`, takes calls alone, by
their content type (`application/grpc`, `application/grpc+…`). gRPC-Web and Connect are other protocols, which pass as
any request does.

- A call counts by its own status ([outcomes.md](outcomes.md)). `ModelInfer`, `ModelStreamInfer` and the methods of
  services that are not known are inferences; health, reflection, and what servers say of themselves and of their models
  are none, and pass all the same.
- A call goes to its version with its first message: then it is assigned, and stays there to its end. One that has sent
  none goes after a quarter of a second, since its server may speak first.
- Sticky keys are in the call's metadata (`sticky: "header:x-user-id"`); `json:` is refused.
- `match.model` is the name in the first message of a call of the methods below, whatever order its fields have, and
  compressed by gzip or deflate as well; other methods name no model, nor do codecs other than protocol buffers. A
  stream is of the model of its first message. Where several routes ask for models of one service, one without `model`
  takes the rest, health and metadata among it.
- `rewrite` changes metadata (`headers`, `host`) and the path of a call, never its messages: more is refused for a
  version of a route of gRPC, and a call that comes to such a version by another route (`auto`) is answered
  UNIMPLEMENTED.
"""

WIRE = f"""\
Content codings that are taken off, one within the other, at most {MAX_CODINGS}:
{", ".join([code(name.decode()) for name in CODINGS])}. Workers take off the same from bodies in which they look for
`match.model` and the key of a sticky assignment: in JSON, in JSON before raw tensors and in forms. A key in the first
bytes of a body is found however large that is: in those that are at hand when a version gets the request (what copies
and rescues keep of it, 8 MiB for `match.model`), and in the first {MAX_EXPANDED // 2**20} MiB of what a coding held.
Where a key cannot be read, `penumbra_unread_keys_total` counts why; a warning of the route says so if that is often.

{table(("reason", "why"), [(code(reason), why) for reason, why in UNREAD_KEYS.items()])}
"""


class ProtocolRow(Struct, frozen=True):
    """What is read of one protocol."""

    protocol: Protocol
    features: str
    predictions: str
    text: str
    unread: str


ROWS = (
    ProtocolRow(
        "oip",
        "each input tensor, a feature a column; `text_input` of the generate extension as for `openai`",
        "each output tensor, in JSON, as raw bytes (all types, FP16 and BF16 too), or by gRPC; strings are labels",
        "`text_output` of generate and generate_stream, strings of infer_stream, strings of ModelStreamInfer",
        "outputs of generate under names of their own; shared memory; the classification extension is strings "
        "(`score:index:label`), which are compared as such",
    ),
    ProtocolRow(
        "grpc",
        "each input tensor of the Open Inference Protocol (`inference.GRPCInferenceService`)",
        "each output tensor, typed or raw",
        "strings of ModelStreamInfer",
        "messages of other services: their calls are passed on, and counted by `grpc-status`",
    ),
    ProtocolRow(
        "kserve-v1",
        "`instances`, `inputs` or `examples`: rows of numbers, strings, arrays or objects, or columns by name",
        "`predictions` or `outputs`, `results` of `:regress` and `:classify` (scores by label)",
        "–",
        "`explanations`",
    ),
    ProtocolRow(
        "mlflow",
        "`dataframe_split`, `dataframe_records`, `instances`, `inputs`, CSV, JSON Lines; prompts as for `openai`",
        "`predictions` or bare rows, CSV, embeddings, labels with scores",
        "chat, completions, agents (`messages`, `output`), `generated_text`, streams of completions",
        "SageMaker's `RecordIO`",
    ),
    ProtocolRow(
        "openai",
        f"{', '.join(map(code, REQUEST))}",
        f"{', '.join(map(code, RESPONSE))}; vectors, ranks, classes, moderations, sizes of pictures",
        "text, reasoning, refusal, calls of tools and finish reason of each choice; transcripts",
        "sound, pictures behind a URL, files in prompts, log probabilities, answers in the background",
    ),
    ProtocolRow(
        "json",
        "what `analysis.features` points to: rows, columns, or one object (TorchServe, BentoML, LitServe, Ray Serve)",
        "what `analysis.prediction` points to; without a pointer the whole answer, objects as columns (`a.b`)",
        "plain text, streams of completions",
        "lists of mixed kinds, events of other kinds; other requests that are no JSON: of a form its files alone",
    ),
)


class Api(Struct, frozen=True):
    """One API of language models and their kin."""

    name: str
    ends: tuple[str, ...]
    """Ends of its paths."""
    asked: str
    answered: str


APIS = (
    Api("chat completions", ("/completions", "/infill"), "`messages`, tools", "`choices`, whole or streamed"),
    Api("completions", ("/completions", "/edits"), "`prompt`: texts or tokens", "`choices`, whole or streamed"),
    Api("Responses", ("/responses",), "`input`, `instructions`", "`output`: messages, reasoning, calls; typed events"),
    Api("Messages (Anthropic)", ("/messages",), "`messages`, `system`", "`content` by blocks; typed events"),
    Api("Ollama, llama.cpp", ("/chat", "/generate", "/completion"), "`messages`, `prompt`", "`message`, `response`, "
        "`content`; JSON Lines"),
    Api("Gemini", (":generatecontent", ":streamgeneratecontent"), "`contents`, `systemInstruction`",
        "`candidates`, `promptFeedback`; whole, as events, or chunks in one array"),
    Api("Gemini's embeddings", (":embedcontent", ":batchembedcontents"), "`content`, `requests`", "`values`"),
    Api("TGI", ("/generate", "/generate_stream"), "`inputs`", "`generated_text`; events with a `token`"),
    Api("embeddings", ("/embeddings", "/embed", "/pooling"), "`input`, `inputs`, `texts`", "`data`, `embeddings`, "
        "`embedding`, bare vectors, vectors by token; numbers or base64"),
    Api("ranks", ("/rerank", "/score"), "`query` and `documents` or `texts`", "`results`, `data`, bare rows, `scores`"),
    Api("classes", ("/classify", "/predict"), "`input`, `inputs`", "`data` with `probs`, rows of labels with scores"),
    Api("moderations", ("/moderations",), "`input`", "`results`: `flagged`, `category_scores`"),
    Api("transcripts", ("/transcriptions", "/translations"), "a form: `prompt`, `temperature`, the size of its files",
        "`text`, `segments`, plain text, subtitles without their times; typed events"),
    Api("speech", ("/speech",), "`input`", "not read"),
    Api("pictures", ("/generations", "/edits", "/variations", "/videos", "/ocr"), "`prompt`, or a form",
        "`data`: width and height of each picture in base64; one without a head of any format below has failed"),
)  # fmt: skip


def page() -> str:
    """The whole page."""
    names = ("protocol", "features", "predictions", "text", "who answers", "not read")
    apis = ("API", "paths end with", "asked", "answered")
    ends = table(("protocol", "ends of paths"), [(code(name), _codes(_paths(name))) for name in _known()])
    return joined(
        OPENING,
        table(names, map(_row, ROWS)),
        "`opaque` is not read at all: latency, status and how connections end are counted all the same.",
        joined("## APIs of language models", LANGUAGE, table(apis, map(_api, APIS))),
        joined("## Pictures", PICTURES),
        joined("## What is empty", EMPTY, table(("protocol", "an answer without values"), map(_empty, CODECS))),
        joined("## Streams", STREAMS),
        joined("## gRPC", CALLS, table(("service", "methods whose messages name a model"), _places())),
        joined("## On the wire", WIRE),
        joined("## `protocol: auto`, and a wrong one", AUTO, ends),
    )


def _places() -> list[tuple[str, str]]:
    services: dict[str, list[str]] = {}
    for path in PLACES:
        _, service, method = path.decode().split("/")
        services.setdefault(service, []).append(method)
    return [(code(service), _codes(methods)) for service, methods in services.items()]


def _empty(protocol: Protocol) -> tuple[str, str]:
    promised = "empty: each request is promised some"
    none = "an answer, such as no boxes in an image; copies are compared with it, and one that has some differs"
    return code(protocol), none if CODECS[protocol].empty_lists else promised


def _row(row: ProtocolRow) -> tuple[str, ...]:
    who = _codes(IDENTITY_FIELDS.get(row.protocol, ())) or "`identity` of the route, if any"
    return code(row.protocol), row.features, row.predictions, row.text, who, row.unread


def _api(api: Api) -> tuple[str, ...]:
    return api.name, _codes(api.ends), api.asked, api.answered


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(map(code, texts))


def _known() -> list[Protocol]:
    return list(dict.fromkeys(PATHS.values()))


def _paths(protocol: Protocol) -> list[str]:
    return [end for end, spoken in PATHS.items() if spoken == protocol]


def ends_of_apis() -> set[bytes]:
    """The ends of paths that stand on the page, of those that routing knows."""
    named = {end.encode() for api in APIS for end in api.ends}
    return named & set(ENDS["openai"])
