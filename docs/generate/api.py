"""The reference of the admin API, from its OpenAPI document."""

from __future__ import annotations

from typing import Any

from docs.generate.markdown import code, joined, table
from proxy.control.api.openapi import describe
from proxy.control.api.parameters import PARAMETERS
from proxy.control.api.problems import TITLES

OPENING = """\
# Admin API

<!-- made by `make docs` from the OpenAPI document: edit proxy/control/api, not this page -->

JSON over HTTP at `admin.listen`; `/openapi.json` describes the same for programs. Who has a token sends it as
`Authorization: Bearer TOKEN`. Looking needs one as soon as a token of the role `read` is configured, changing as soon
as one that may change is; without any of these, only loopback may change anything.

Each answer about a route has an `ETag`. A change with `If-Match` is made only if the route is still as it was read, and
refused with 412 if not. Every change is kept in the audit: who, when, why, before, after.

A query has the parameters that are listed beside its call, each once: one that is unknown, doubled or cannot be read is
refused with 400 and the names that are allowed, so a misspelt one never looks like an answer. Probes (`/healthz`,
`/readyz`) and the page's own files take any query, and read none.

Answers are bounded: where `truncated` is true there is more than is shown. Names and values that bodies give are shown
in 128 and 256 characters; a longer one ends in `…` and its hash. A page of `/v1/audit` ends after a megabyte: read on
with `after` and the number of its last entry, until a page is empty. A request has 15 seconds, an answer 20 to be read;
of more than 128 connections the one that has waited longest is closed, so read each answer at once and ask again.

`/v1/routes/{route}/history` has one list of values for each figure, all on the axis `times`: `start`, `start + step`, …
It is of this sidecar, also in a fleet. `null` is unknown: control was down, no worker told anything, or there was
nothing that a rate or a quantile could be of; `0` is nothing. A longer step is the sum of its seconds, and a quantile
that of all its requests, never a mean of quantiles; of evidence and drift it has the highest, of splits, values and `n`
the last. `evidence` is the logarithm of a line's evidence over that of its threshold: the limit is breached at 1.
`changes` are entries of the audit. An answer has an `ETag`: ask again with `If-None-Match`. Whoever follows the clock
asks for the whole once, and then from the last step below `until` with the same `step`, a hundredth of the cost.
A series that it does not have was zero in its observed steps where it counts, and is `null` elsewhere.
"""

TYPES = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false", "null": "null"}


def page() -> str:
    """The whole page."""
    document = describe()
    calls = [(method, path, call) for path, calls in document["paths"].items() for method, call in calls.items()]
    endpoints = table(("call", "what it does", "parameters", "body", "answers"), (_row(*each) for each in calls))
    shapes = document["components"]["schemas"]
    bodies = [name for name in shapes if name.endswith("Body")]
    others = [name for name in shapes if name not in bodies]
    return joined(
        OPENING,
        joined("## Calls", endpoints),
        joined("## Parameters", table(("parameter", "where", "what", "meaning"), map(_parameter, PARAMETERS.values()))),
        *(joined(title, *(_shape(name, shapes[name]) for name in names)) for title, names in
          (("## Bodies", bodies), ("## Answers", others))),
        joined("## Problems", PROBLEMS, table(("type", "status", "title"), map(_problem, TITLES))),
    )  # fmt: skip


PROBLEMS = "Refusals are `application/problem+json` (RFC 9457); `field` names what to correct, `detail` says how."


def _row(method: str, path: str, call: dict[str, Any]) -> tuple[str, ...]:
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = ", ".join(_answer(status, answer) for status, answer in sorted(call["responses"].items()))
    asked = ", ".join(code(each["name"]) for each in call["parameters"] if each["in"] == "query")
    return code(f"{method.upper()} {path}"), call["summary"], asked, kind(body) if body else "", answers


def _answer(status: str, answer: dict[str, Any]) -> str:
    (media, content), *_ = answer.get("content", {"": {}}).items()
    if media == "application/problem+json":
        return status
    if not media:
        return status
    return f"{status} {kind(content['schema']) if content else code(media)}"


def _parameter(parameter: dict[str, Any]) -> tuple[str, ...]:
    return code(parameter["name"]), parameter["in"], kind(parameter["schema"]), parameter.get("description", "")


def _problem(name: str) -> tuple[str, ...]:
    status, title = TITLES[name]
    return code(f"/problems/{name}"), str(status), title


def _shape(name: str, shape: dict[str, Any]) -> str:
    if "properties" not in shape:
        return joined(f"### {name}", kind(shape))
    needed = set(shape.get("required", ()))
    fields = shape["properties"].items()
    rows = ((code(key), kind(inner) + ("" if key in needed else " (optional)")) for key, inner in fields)
    return joined(f"### {name}", table(("field", "what"), rows))


def kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(kind, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(code(str(word)) for word in schema["enum"])
    if isinstance(schema.get("type"), list):
        return " or ".join(TYPES[each] for each in schema["type"])
    return _container(schema) or _bounded(schema)


def _container(schema: dict[str, Any]) -> str:
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'])}"
    if "properties" in schema:
        fields = (f"{code(key)}: {kind(inner)}" for key, inner in schema["properties"].items())
        return f"{{{', '.join(fields)}}}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"names to {kind(schema['additionalProperties'])}"
    return "object" if schema.get("type") == "object" else ""


def _bounded(schema: dict[str, Any]) -> str:
    if "type" not in schema:
        return "any"
    low, high = schema.get("minimum"), schema.get("maximum")
    return TYPES[schema["type"]] + (f" from {low} to {high}" if low is not None and high is not None else "")
