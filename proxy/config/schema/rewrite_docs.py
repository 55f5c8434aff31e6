"""The meaning of each option of `rewrite` and `authorization` of a version, as `option_docs` has that of all others:
texts, defaults, and what holds without."""

from __future__ import annotations

TEXTS = {
    "versions.*.rewrite": (
        "What is changed in requests for this version and no other, live legs, retries, rescues and copies alike. For "
        "versions that are models of one server. See docs/models.md."
    ),
    "versions.*.rewrite.model": (
        "Name of the model, set where the protocol carries it: in a path that names a model (`/v2/models/…`, "
        "`/v1/models/…`, `/openai/deployments/…`), else as `model` in the body, of JSON or a form."
    ),
    "versions.*.rewrite.model_version": "Version of the model in the path: `/versions/…` is put in place or added.",
    "versions.*.rewrite.path": "A prefix of the path, and what stands in its place. The rest of the path stays.",
    "versions.*.rewrite.path.from": ("The prefix, on segment boundaries; `{name}` stands for a part of one segment."),
    "versions.*.rewrite.path.to": "What stands in its place, with the named parts of `from`.",
    "versions.*.rewrite.query": "Parameters of the query.",
    "versions.*.rewrite.query.set": "Those that have one value, whatever the client sends.",
    "versions.*.rewrite.query.remove": "Those that are left out.",
    "versions.*.rewrite.json": (
        "JSON pointers into the body, to their values: what reads as JSON is that (`0.2`, `true`, `null`), all else a "
        "string; `'\"3\"'` is the string 3. A member that is not there is added where its object is. All other bytes "
        "stay. In a form, `/name` is the field `name`."
    ),
    "versions.*.rewrite.headers": "Header fields of the request.",
    "versions.*.rewrite.headers.set": "Those that have one value, whatever the client sends. Secrets: `authorization`.",
    "versions.*.rewrite.headers.remove": "Those that are left out.",
    "versions.*.rewrite.host": (
        "What is sent as `Host`: that of the version's URL (`version`), the client's (`client`), or this name."
    ),
    "versions.*.rewrite.answer": (
        "Whether names that were rewritten are mapped back in answers (`auto`), whole or streams, so that a client "
        "sees the model that it asked for."
    ),
    "versions.*.rewrite.answer.json": (
        "JSON pointers into answers, to the values that clients see in place of what stands there; beside `auto`."
    ),
    "versions.*.authorization": (
        "What the version is told about who asks: the client's own fields (`client`), none of them (`none`), or a "
        "credential of the version. Then clients' `Authorization`, `Cookie` and API keys do not reach it."
    ),
    "versions.*.authorization.token": "The credential. Without a scheme in it, `scheme` is put before it.",
    "versions.*.authorization.file": (
        "A file that holds it, such as a mounted Secret; read again when it changes. While it cannot be read, the "
        "configuration in force stays, with the credential that was there."
    ),
    "versions.*.authorization.header": "The field that carries it, such as `api-key` or `x-api-key`.",
    "versions.*.authorization.scheme": "What is put before it.",
}

DEFAULTS = {
    "versions.*.rewrite.host": "version",
    "versions.*.rewrite.answer": "auto",
    "versions.*.rewrite.query": "{}",
    "versions.*.rewrite.query.set": "{}",
    "versions.*.rewrite.query.remove": "[]",
    "versions.*.rewrite.headers": "{}",
    "versions.*.rewrite.headers.set": "{}",
    "versions.*.rewrite.headers.remove": "[]",
    "versions.*.rewrite.json": "{}",
    "versions.*.authorization": "client",
    "versions.*.authorization.header": "authorization",
}

ABSENT = {
    "versions.*.rewrite": "nothing is changed",
    "versions.*.rewrite.model": "as the client says",
    "versions.*.rewrite.model_version": "as the client says",
    "versions.*.rewrite.path": "as the client says",
    "versions.*.rewrite.path.from": "the path of the route's `match`",
    "versions.*.rewrite.answer.json": "none",
    "versions.*.authorization.token": "none",
    "versions.*.authorization.file": "none",
    "versions.*.authorization.scheme": "`Bearer` in `authorization`, none in other fields",
}
