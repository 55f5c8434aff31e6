"""Rules for the bodies of the admin API: JSON values → percents, reasons, names; or ApiError naming the field.

Nothing is coerced: `true` is not 1, `"25"` is not 25, NaN is no number, an unknown field is refused. Half a surrogate
pair is no text (RFC 8259 §8.2), and a number that no float holds is none.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isfinite
from sys import float_info
from typing import Any

from proxy.contracts.price import Price
from proxy.contracts.record import MAX_REQUEST_ID
from proxy.contracts.settings import Guard, Problem, Release, Stage
from proxy.contracts.strategies import MAX_STAGE_DAYS, MAX_STAGE_REQUESTS, STRATEGIES, Strategy
from proxy.contracts.table import Protocol
from proxy.control.api.problems import ApiError
from proxy.release.validation import never_ends, unpriced, validate

MAX_BODY = 64 * 1024
"""Bytes of a body: a split of a thousand versions is far below it."""
MAX_REASON = 1000
"""Characters of a reason: it is kept for ever in the audit."""
MAX_FEEDBACK = 1024 * 1024
"""Bytes of a body with labels."""
MAX_LABELS = 10_000
"""Labels of one body: about as many as fit."""
MAX_ROWS = 64
MAX_LABEL = 1000
"""Characters of a label: classes are names."""
MAX_SHOWN = 100
"""Characters of a key in a refusal."""
_SURROGATE = re.compile("[\ud800-\udfff]")
PERCENT_ROUNDING = 1e-9


def read(body: bytes) -> Any:
    """The JSON value in `body`."""
    try:
        return json.loads(body, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise ApiError("malformed", f"the body is not JSON: {error}") from error


def read_object(body: bytes, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object in `body`; with `optional` an empty body is an empty object."""
    if optional and not body.strip():
        return {}
    value = read(body)
    if not isinstance(value, dict):
        raise ApiError("invalid", f"found {_kind(value)}; allowed: an object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = min(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"the key {twice[:MAX_SHOWN]!r} stands twice")
    if not all(map(is_text, value)):
        raise ValueError("a key with half of a surrogate pair")
    return value


def is_text(value: str) -> bool:
    """Whether `value` can be written as UTF-8: a lone surrogate cannot."""
    return value.isascii() or not _SURROGATE.search(value)


def percents(value: Mapping[str, Any], versions: Collection[str], within: str = "") -> dict[str, float]:
    """Version to percent: known names, numbers from 0 to 100."""
    return {name: _percent(name, number, versions, within) for name, number in value.items()}


def _percent(name: str, number: Any, versions: Collection[str], within: str) -> float:
    field = f"{within}{name}"
    if name not in versions:
        raise ApiError("invalid", f"{field}: unknown version; allowed: {', '.join(sorted(versions))}", field)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ApiError("invalid", f"{field}: found {_kind(number)}; allowed: a number from 0 to 100", field)
    if not 0 <= number <= 100 or not isfinite(number):
        raise ApiError("invalid", f"{field}: found {number}; allowed: a number from 0 to 100", field)
    return float(number)


def split(value: Mapping[str, Any], versions: Collection[str], primary: str) -> dict[str, float]:
    """A split without its primary. What is not given goes to the primary; when it is named, the sum must be 100."""
    given = percents(value, versions)
    total = sum(given.values())
    if total > 100 + PERCENT_ROUNDING:
        raise ApiError("invalid", f"the percents add up to {total:g}; allowed: at most 100")
    if primary in given and abs(total - 100) > PERCENT_ROUNDING:
        raise ApiError(
            "invalid", f"{primary}: with the primary the percents must add up to 100, not {total:g}", primary
        )
    return {name: percent for name, percent in given.items() if name != primary}


def shadows(value: Mapping[str, Any], versions: Collection[str], primary: str) -> dict[str, float]:
    """Shadows and the percent of requests that each gets a copy of."""
    if primary in value:
        raise ApiError("invalid", f"{primary} is the primary; a shadow must be another version", primary)
    return percents(value, versions)


def wrapped(value: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The object under `key` and the reason beside it, for `{key: {...}, "reason": …}`; a bare object has no reason."""
    inner = value.get(key)
    if not isinstance(inner, dict):
        return value, ""
    only(value, (key, "reason"))
    return inner, reason(value)


def reason(value: Mapping[str, Any]) -> str:
    """The reason of a change, "" without one."""
    return text(value, "reason", MAX_REASON) or ""


def said(value: Mapping[str, Any], field: str) -> bool:
    """The truth value in a field, False without one."""
    entry = value.get(field, False)
    if not isinstance(entry, bool):
        raise ApiError("invalid", f"{field}: found {_kind(entry)}; allowed: a truth value", field)
    return entry


def text(value: Mapping[str, Any], field: str, longest: int = 200) -> str | None:
    """The text in a field, None without one."""
    entry = value.get(field)
    if entry is None:
        return None
    if not isinstance(entry, str) or len(entry) > longest or not entry.isprintable():
        allowed = f"one line of at most {longest} printable characters"
        raise ApiError("invalid", f"{field}: found {_kind(entry)}; allowed: {allowed}", field)
    return entry


def version(value: Mapping[str, Any], field: str, versions: Collection[str]) -> str | None:
    """The name of a known version in a field, None without one."""
    name = text(value, field)
    if name is not None and name not in versions:
        raise ApiError("invalid", f"{field}: unknown version {name!r}; allowed: {', '.join(sorted(versions))}", field)
    return name


def only(value: Mapping[str, Any], fields: Collection[str]) -> None:
    """Refuses fields that mean nothing here."""
    for field in value:
        if field not in fields:
            raise ApiError("invalid", f"{field}: unknown field; allowed: {', '.join(fields)}", field)


STARTABLE: dict[str, Strategy] = {row.name: row.name for row in STRATEGIES.values() if not row.arms}
"""Strategies that a body may ask for; an A/B test needs a sticky key, which only the configuration can give."""
MAX_STAGES = 100
_MAX_SPAN = MAX_STAGE_DAYS * 24 * 3600.0


def release(
    value: Mapping[str, Any], versions: Collection[str], primary: str, guard: Guard, protocol: Protocol
) -> Release:
    """A release that the API starts: judged by the guard of its route, by the rules of `release.validation`."""
    only(value, ("reason", "candidate", "strategy", "stages", "accept_risk", "rollback_window"))
    candidate = version(value, "candidate", versions)
    strategy = STARTABLE.get(text(value, "strategy") or "canary")
    if strategy is None:
        raise ApiError("invalid", f"strategy: allowed: {', '.join(STARTABLE)}", "strategy")
    if candidate is None:
        raise ApiError("invalid", "candidate: allowed: a version other than the primary", "candidate")
    started = Release(
        candidate=candidate,
        strategy=strategy,
        stages=_stages(value.get("stages", [])),
        guard=guard,
        accept_risk=value.get("accept_risk") is True,
        rollback_window=_number(
            value.get("rollback_window", STRATEGIES[strategy].window or 0.0), "rollback_window", _MAX_SPAN
        ),
    )
    refuse(validate(started, primary, protocol))
    return started


def known(release: Release | None, route: str) -> Release:
    """The release that starts where a body names none."""
    if release is None:
        raise ApiError("refused", f"route {route} has no release in its configuration; name a candidate")
    return release


def refuse_endless(release: Release, primary: str, protocol: Protocol, prices: Mapping[str, Price]) -> None:
    """Refuses a release that could never end."""
    priced = unpriced(release.guard, (primary, release.candidate, *release.arms), prices)
    refuse((*never_ends(release, protocol), *priced))


def refuse(problems: Sequence[Problem]) -> None:
    """Refuses a release for the first of its mistakes."""
    for problem in problems:
        field = problem.path
        raise ApiError("invalid", f"{field}: found {problem.found}; allowed: {problem.allowed}", field)


def _stages(value: Any) -> tuple[Stage, ...]:
    if not isinstance(value, list) or len(value) > MAX_STAGES:
        raise ApiError("invalid", f"stages: found {_kind(value)}; allowed: a list of at most {MAX_STAGES}", "stages")
    return tuple(_stage(each, f"stages[{place}]") for place, each in enumerate(value))


def _stage(value: Any, field: str) -> Stage:
    if not isinstance(value, dict):
        raise ApiError("invalid", f"{field}: found {_kind(value)}; allowed: an object", field)
    only(value, ("shadow", "canary", "requests", "duration"))
    share = {name: _number(value[name], f"{field}.{name}", 100.0) for name in ("shadow", "canary") if name in value}
    duration = _number(value.get("duration", 0.0), f"{field}.duration", _MAX_SPAN)
    requests = _number(value.get("requests", 0), f"{field}.requests", MAX_STAGE_REQUESTS)
    if requests != int(requests):
        raise ApiError("invalid", f"{field}.requests: found {requests:g}; allowed: a whole number", f"{field}.requests")
    return Stage(requests=int(requests), duration=duration, **share)


def _number(value: Any, field: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ApiError("invalid", f"{field}: found {_kind(value)}; allowed: a number from 0 to {most:g}", field)
    return float(value)


def labels(value: Any) -> Iterator[tuple[str, Any]]:
    """Request ids and labels: `{request_id, label}`, or a list of them, each checked when it is asked for."""
    given = value if isinstance(value, list) else [value]
    if len(given) > MAX_LABELS:
        raise ApiError("invalid", f"found {len(given):,} labels; allowed: at most {MAX_LABELS:,} at a time")
    for place, each in enumerate(given):
        yield _label(each, f"[{place}]." if isinstance(value, list) else "")


def _label(value: Any, within: str) -> tuple[str, Any]:
    if not isinstance(value, dict):
        raise ApiError("invalid", f"{within or 'the body'}: found {_kind(value)}; allowed: an object", within or None)
    only(value, ("request_id", "label"))
    request_id, label = value.get("request_id"), value.get("label")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= MAX_REQUEST_ID or not is_text(request_id):
        allowed = f"a text of 1 to {MAX_REQUEST_ID} characters"
        raise ApiError(
            "invalid", f"{within}request_id: found {_kind(request_id)}; allowed: {allowed}", f"{within}request_id"
        )
    rows = label if isinstance(label, list) else [label]
    if not 0 < len(rows) <= MAX_ROWS or not all(map(_is_label, rows)):
        allowed = f"a number, text of at most {MAX_LABEL} characters or truth value, or a list of 1 to {MAX_ROWS}"
        raise ApiError("invalid", f"{within}label: found {_kind(label)}; allowed: {allowed}", f"{within}label")
    return request_id, label


def _is_label(value: Any) -> bool:
    match value:
        case str():
            return len(value) <= MAX_LABEL and is_text(value)
        case bool() | int() | float():
            return -float_info.max <= value <= float_info.max
    return False


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    kinds = {bool: "a truth value", dict: "an object", list: "a list", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")
