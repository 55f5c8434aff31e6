"""The configuration as a JSON Schema (draft 2020-12), for editors and for programs that write configurations.

Keys, types and required keys come from the reader itself (`recorder`), descriptions from `option_docs`; `rules` are
what the reader checks between keys, as far as structure shows it. The rest stays with `penumbra check`: that a
named version exists, that sums fit, that one duration is shorter than another. Only keywords that draft-07 has as well
are used, since not every editor knows a newer one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, get_args

import yaml

from proxy.config.analysis import EXAMPLE_PARTS
from proxy.config.calls import READERS
from proxy.config.notify import MAX_HOOKS, OPTIONAL
from proxy.config.schema.option_docs import Word, place, word
from proxy.config.schema.recorder import CASES, Case, Choice, Group, Items, Names, Node, Value, recorded, shape
from proxy.config.schema.scalars import SECURE, SECURE_STORE, VARIABLE, Schema, allowed, scalar
from proxy.config.schema.tls_docs import canonical
from proxy.config.tls import OF_CLIENTS, OF_VERIFYING
from proxy.contracts.messages import FORMATS
from proxy.contracts.settings import Lineage
from proxy.contracts.strategies import STRATEGIES, Strategy, StrategyRow
from proxy.contracts.table import Protocol

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCORECARDS = re.compile(r"^(routes\.\*\.release|releases\.\*(\.routes\.\*)?)\.scorecard")
"""Places of a scorecard, beside that of a route."""

YES = {"enum": [True, "true"]}
SPLIT = {"required": ["split"], "properties": {"split": {"minProperties": 1}}}


def has(*keys: str) -> Schema:
    return {"required": list(keys)}


def none_of(keys: Iterable[str]) -> Schema:
    return {"properties": dict.fromkeys(keys, False)}


def either(*keys: str) -> Schema:
    return {"anyOf": [has(key) for key in keys]}


def when(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def says(key: str, schema: Schema) -> Schema:
    return {"required": [key], "properties": {key: schema}}


_SHARE: Schema = {"anyOf": [says(key, {"not": {"const": 0}}) for key in ("shadow", "canary")]}
"""A stage has a share, and none of 0 alone."""


def _lineage() -> Schema:
    version = {"anyOf": [says("lineage", has(*Lineage.__struct_fields__)), has("package")]}
    return when(says("require_lineage", YES), {"properties": {"versions": {"additionalProperties": version}}})


def _listeners() -> Schema:
    return {"oneOf": [has("listen"), has("listeners") | none_of(("tls",))]}


def _server_tls() -> Schema:
    asks = says("client", {"enum": ["optional", "require"]})
    unasked = {"anyOf": [{"not": has("client")}, says("client", {"const": "off"})]}
    return {"allOf": [when(asks, has("client_ca")), when(unasked, none_of((*OF_CLIENTS, "roles")))]}


def _client_tls() -> Schema:
    pair = [when(has("certificate"), has("key")), when(has("key"), has("certificate"))]
    return {"allOf": [*pair, when(says("insecure_skip_verify", YES), none_of(OF_VERIFYING))]}


def _protocols() -> Schema:
    others = [protocol for protocol in get_args(Protocol) if protocol != "json"]
    return when(says("protocol", {"enum": others}), {"properties": {"analysis": none_of(("features", "prediction"))}})


def _calls() -> Schema:
    """What cannot be on a route of gRPC."""
    named = says("match", has("grpc"))
    calls = {"anyOf": [named, says("protocol", {"const": "grpc"})]}
    posted = {"anyOf": [{"maxItems": 0}, {"contains": {"anyOf": [{"const": "POST"}, _VARIABLE]}}]}
    keyed = {"properties": {"sticky": {"not": {"type": "string", "pattern": "^json:"}}}}
    rules = [{"properties": {key: {"properties": {"methods": posted}} for key in ("match", "inference")}}, keyed]
    return {
        "allOf": [
            when(named, says("protocol", {"anyOf": [{"enum": list(READERS)}, _VARIABLE]})),
            when(calls, {"allOf": [*rules, {"properties": {"canary": keyed}}]}),
        ]
    }


def _strategy(strategy: Strategy, keys: set[str]) -> Schema:
    """Schema of a release of one strategy: the keys that the reader took, and the stages of its row."""
    cases = [case for case in CASES if case.strategy == strategy]
    variants = [_variant(case, keys, {other.absent for other in cases} - {"", case.absent}) for case in cases]
    row = STRATEGIES[strategy]
    rules: list[Schema] = [{"oneOf": variants} if len(variants) > 1 else variants[0]]
    if row.needs_stages:
        rules.append(says("stages", {"minItems": 1}))
    unfit = none_of(sorted({"shadow", "canary"} - set(row.traffic)))
    rules.append({"properties": {"stages": {"items": unfit} if row.traffic else {"maxItems": 0}}})
    return when(says("strategy", {"const": strategy}), {"allOf": rules})


def _variant(case: Case, keys: set[str], present: set[str]) -> Schema:
    taken = release_of(recorded(case))
    return has(*sorted(taken.required | present)) | none_of(sorted(keys - taken.keys.keys() | {case.absent} - {""}))


def _course(row: StrategyRow) -> Schema:
    """Schema of a release over several routes by one strategy."""
    taken, every = (_several(root) for root in (recorded(Case(row.name)), shape()))
    rules: list[Schema] = [none_of(sorted(every.keys.keys() - taken.keys.keys()))]
    if row.needs_stages:
        rules.append(says("stages", {"minItems": 1}))
    unfit = none_of(sorted({"shadow", "canary"} - set(row.traffic)))
    if not row.arms:
        rules.append({"properties": {"stages": {"items": unfit} if row.traffic else {"maxItems": 0}}})
    return when(says("strategy", {"const": row.name}), {"allOf": rules})


def _several(root: Group) -> Group:
    releases: Any = root.keys["releases"]
    several: Group = releases.node
    return several


def _ends() -> list[Schema]:
    """What strategies ask for beside their own keys."""
    rows = STRATEGIES.values()
    return [
        when(_one_of(row.needs_risk for row in rows), says("accept_risk", {"anyOf": [YES, _VARIABLE]})),
        when(_one_of(not row.arms for row in rows), {"properties": {"promote_winner": {"not": YES}}}),
        when(_one_of(row.window is None for row in rows), none_of(("rollback_window",))),
    ]


def _one_of(chosen: Iterable[bool]) -> Schema:
    """The release says one of the strategies that are chosen."""
    return says("strategy", {"enum": [name for name, is_chosen in zip(STRATEGIES, chosen, strict=True) if is_chosen]})


def release_of(root: Group) -> Group:
    """The recorded keys of a release."""
    routes: Any = root.keys["routes"]
    release: Group = routes.node.keys["release"]
    return release


_CALLED = {"versions.*": "url", "tracing": "endpoint", "routes.*.analysis.judge": "url"}
"""Where a section `tls` towards a server may stand, and the key beside it that is the server's URL."""


def _by_tls(key: str, secure: str) -> Schema:
    """A section `tls` stands beside an address of which that is spoken."""
    return when(has("tls"), says(key, {"pattern": f"^{secure}|{VARIABLE}"}))


def _destinations() -> list[Schema]:
    """What formats of messages need, and have no use for."""
    rules = []
    for name, row in FORMATS.items():
        needs = [says(key, {"minLength": 1}) for key in (*row.needs, *(() if row.url else ("url",)))]
        unfit = none_of(option for option in OPTIONAL if option not in row.takes)
        rules.append(when(says("format", {"const": name}), {"allOf": [*needs, unfit]}))
    return [*rules, when({"not": has("format")}, {"allOf": [has("url"), none_of(("key", "object"))]})]


def _sentinels() -> Schema:
    """A password of sentinels stands beside an address of them."""
    nothing = {"anyOf": [{"enum": ["", None]}, _VARIABLE]}
    return when(
        says("sentinel_password", {"not": nothing}), says("redis", {"pattern": f"^[a-z]+[+]sentinel:|{VARIABLE}"})
    )


def rules() -> dict[str, Schema]:
    """Path to what holds there beside types and keys."""
    keys = set(release_of(shape()).keys)
    rows = STRATEGIES.values()
    return {
        "": {"required": ["versions", "routes"], "allOf": [_lineage()]} | _listeners(),
        "tls": _server_tls(),
        "versions": {"minProperties": 1},
        **{place: _by_tls(key, SECURE) for place, key in _CALLED.items()},
        "fleet": {"allOf": [_by_tls("redis", SECURE_STORE), _sentinels()]},
        "versions.*.tls": _client_tls(),
        "versions.*.authorization": when({"type": "object"}, {"oneOf": [has("token"), has("file")]}),
        "routes": {"minProperties": 1},
        "notify": {"maxItems": MAX_HOOKS},
        "notify[]": {"allOf": [_by_tls("url", f"({SECURE}|file):"), *_destinations()]},
        "admin.tls.roles[]": has("allow") | {"allOf": [says("allow", {"minItems": 1})]},
        "admin.tokens[].token": {"type": ["string", "number", "boolean"], "minLength": 1},
        "routes.*": {
            "required": ["match", "primary", "protocol"],
            "allOf": [
                when(has("canary"), none_of(("split", "release"))),
                when(SPLIT, none_of(("release",))),
                when(has("sticky"), {"anyOf": [has("canary"), SPLIT, has("release")]}),
                when(has("sticky"), {"properties": {"canary": none_of(("sticky",))}}),
                when(says("release", _one_of(row.arms for row in rows)), has("sticky")),
                _protocols(),
                _calls(),
            ],
        },
        "routes.*.match": {"oneOf": [has("path"), has("grpc")]},
        "routes.*.match.path": {"not": {"pattern": r"\*"}},
        "routes.*.scorecard": {"minProperties": 1},
        "routes.*.inference": {"anyOf": [says(key, {"minItems": 1}) for key in ("methods", "paths")]},
        "routes.*.release": {
            "allOf": [
                *(_strategy(row.name, keys) for row in rows),
                *_ends(),
            ]
        },
        "releases.*": {"required": ["routes"], "allOf": [*map(_course, rows), *_ends()]},
        "releases.*.routes": {"minProperties": 2},
        "releases.*.stages[]": {"allOf": [_SHARE, either("requests", "duration")]},
        "routes.*.release.stages[]": {"allOf": [_SHARE, either("requests", "duration")]},
        "routes.*.analysis.redact[]": {
            "type": "string",
            "allOf": [{"pattern": f"^({'|'.join(EXAMPLE_PARTS)})|{VARIABLE}"}],
        },
    }


_VARIABLE: Schema = {"type": "string", "pattern": VARIABLE}


def describe() -> Schema:
    """The whole schema."""
    document = _schema(shape(), "", rules())
    return {"$schema": DIALECT, "title": "Configuration of Penumbra"} | document


def _schema(node: Node, path: str, rules: dict[str, Schema]) -> Schema:
    """The schema of what stands at `path`."""
    made, kind = _structure(node, path, rules), SCORECARDS.sub("routes.*.scorecard", path)
    with suppress(KeyError):
        made = told(word(path), node) | made
    if kind.startswith("routes.*.scorecard.") and isinstance(node, Group | Choice):
        (made if isinstance(node, Group) else made["anyOf"][-1])["minProperties"] = 1
    rule = rules.get(canonical(f"{kind}.").removesuffix("."), {})
    required = {*made.get("required", ()), *rule.get("required", ())}
    return made | rule | ({"required": sorted(required)} if required else {})


def told(words: Word, node: Node) -> Schema:
    """Annotations: what an editor shows, and what it says about a text that does not fit (a keyword that some know)."""
    right = f"Allowed: {allowed(node.parser)}." if isinstance(node, Value) else ""
    otherwise = words.absent or words.default
    absent = f"Without it: {otherwise}." if otherwise else ""
    made: Schema = {"description": " ".join(filter(None, (words.text, right, absent)))}
    if right:
        made["patternErrorMessage"] = right
    if words.default is not None:
        made["default"] = value(words.default)
    return made | ({"examples": [value(words.example)]} if words.example else {})


def value(text: str) -> Any:
    """YAML 1.2 as words hold it: `on` and `off` are texts there."""
    return text if text in ("on", "off") else yaml.safe_load(text)


def _structure(node: Node, path: str, rules: dict[str, Schema]) -> Schema:
    match node:
        case Value(parser, several):
            one = dict(scalar(parser))
            return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]} if several else one
        case Names(key, below):
            names = {"pattern": scalar(key)["pattern"]}
            return {
                "type": "object",
                "propertyNames": names,
                "additionalProperties": _schema(below, f"{path}.*", rules),
            }
        case Items(below):
            return {"type": "array", "items": _schema(below, f"{path}[]", rules)}
        case Choice(choices, group, parser):
            texts = [{"enum": list(choices)}, _VARIABLE] if parser is None else [dict(scalar(parser))]
            return {"anyOf": [*texts, _structure(group, path, rules)]}
        case Group(keys, required):
            properties = {key: _schema(keys[key], f"{path}.{key}".lstrip("."), rules) for key in ordered(keys, path)}
            made = {"type": "object", "properties": properties, "additionalProperties": False}
            return made | ({"required": sorted(required)} if required else {})


def ordered(keys: Iterable[str], path: str) -> list[str]:
    """Keys in the order of their words."""
    return sorted(keys, key=lambda key: place(f"{path}.{key}".lstrip(".")))
