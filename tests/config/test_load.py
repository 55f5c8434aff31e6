"""Configurations by table: what is understood, and that every mistake is named with its path."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.load import load, parse
from proxy.contracts.address import Address
from proxy.contracts.metrics import METRICS
from proxy.contracts.settings import (
    ASSUMED,
    Analysis,
    Baseline,
    ConfigError,
    Guard,
    Limit,
    Problem,
    Settings,
    Stage,
)
from proxy.contracts.table import Inferences, Limits, Match, Rescue, Share, Sticky, Timeouts, Version
from proxy.release.scorecard import bounds
from proxy.stats.board import Board

FULL = """
listen: 127.0.0.1:8080
admin: {listen: 127.0.0.1:9900, token: ${PENUMBRA_ADMIN_TOKEN:-}}
workers: 1
state: penumbra.db
versions:
  cancer-v1: {url: http://127.0.0.1:8081, lineage: {commit: 4f2a91c, dataset: "sha256:9c1e", features: features-12}}
  cancer-v2: {url: http://127.0.0.1:8082}
  cancer-v3: {url: http://127.0.0.1:8083}
routes:
  cancer:
    match: {path: /v2/models/cancer/}
    protocol: oip
    primary: cancer-v1
    canary: {version: cancer-v2, percent: 10, sticky: "header:X-User-Id"}
    shadows: [{version: cancer-v3, percent: 100}]
    rescue: {after: 2s}
    timeouts: {connect: 1s, response: 30s, idle: 1m}
    limits: {body: 64MiB, mirror_body: 8MiB, mirror_inflight: 256}
  cancer-next:
    match: {path: /v2/models/cancer-next/}
    protocol: oip
    primary: cancer-v1
    release:
      candidate: cancer-v2
      strategy: canary
      stages:
        - {shadow: 100, requests: 500}
        - {canary: 5, requests: 500}
        - {canary: 50, requests: 2000, duration: 60s}
      scorecard:
        error_rate: {max_ratio: 1.5}
        latency_p99: {max_ratio: 1.25, max: 250ms}
        disagreement: {max: 0.05}
        input_drift: {max_psi: 0.2}
        contract_violations: {max: 0.01}
      false_alarm: 0.001
      on_breach: rollback
"""

SMALL = """
listen: 127.0.0.1:0
versions: {a: {url: http://127.0.0.1:1}, b: {url: http://127.0.0.1:2}, c: {url: http://127.0.0.1:3}}
routes: {r: {match: {path: /}, protocol: json, primary: a%s}}
"""

BOMB = "\n".join(
    f"{name}: &{name} [{', '.join([inner] * 10)}]"
    for inner, name in zip(["1", *"*a *b *c *d *e *f".split()], "abcdefg", strict=True)
)
"""Ten million values by aliases, in a few hundred characters."""


def small(route: str = "", top: str = "", environ: dict[str, str] | None = None) -> Settings:
    return parse(SMALL % (f", {route}" if route else "") + top, environ or {})


def problems(text: str, environ: dict[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, environ or {})
    return caught.value.problems


def paths(text: str) -> list[str]:
    return [problem.path for problem in problems(text)]


HOUSE = """
versions: {a: {url: http://models}}
routes: {r: {match: {path: /}, protocol: opaque, primary: a}}
"""


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("127.0.0.1:1", ["127.0.0.1:1"]),
        ("['0.0.0.0:1', '[::]:1']", ["0.0.0.0:1", "[::]:1"]),
        ("':1'", ["*:1"]),
        ("['127.0.0.1:1', ':2']", ["127.0.0.1:1", "*:2"]),
        ("[':0', ':0']", ["*:0", "*:0"]),
    ],
)
def test_one_address_or_several(text: str, heard: list[str]) -> None:
    settings = parse(f"{HOUSE}listen: {text}\nadmin: {{listen: {text.replace(':1', ':3').replace(':2', ':4')}}}", {})
    assert [str(address) for address in settings.listen] == heard
    assert len(settings.admin.listen) == len(heard)


def test_the_full_configuration() -> None:
    settings = parse(FULL, {"PENUMBRA_ADMIN_TOKEN": "s3cret"})
    assert settings.listen == (Address("127.0.0.1", 8080),)
    assert settings.admin.listen == (Address("127.0.0.1", 9900),)
    assert settings.admin.token == "s3cret"
    assert settings.versions["cancer-v2"] == Version("cancer-v2", "127.0.0.1", 8082, "127.0.0.1:8082")
    assert settings.lineage["cancer-v1"].dataset == "sha256:9c1e"
    first, second = settings.routes
    assert first.match == Match("/v2/models/cancer/")
    assert first.split == (Share("cancer-v2", 10.0),)
    assert first.shadows == (Share("cancer-v3", 100.0),)
    assert first.sticky == Sticky("header", "x-user-id")
    assert first.rescue == Rescue(2.0)
    assert first.timeouts == Timeouts(1.0, 30.0, 60.0)
    assert first.limits == Limits(64 * 2**20, 8 * 2**20, 256)
    assert second.release is not None
    assert second.release.stages[0] == Stage(shadow=100.0, requests=500)
    assert second.release.stages[2] == Stage(canary=50.0, requests=2000, duration=60.0)
    assert second.release.guard.scorecard["latency_p99"] == Limit(max=0.25, max_ratio=1.25)
    assert second.release.guard.scorecard["input_drift"] == Limit(max_psi=0.2)


def test_defaults() -> None:
    settings = small()
    route = settings.routes[0]
    assert (settings.workers, settings.state, settings.admin.token) == (1, "penumbra.db", "")
    assert (settings.lease, settings.drain) == (10.0, 30.0)
    assert route.rescue == Rescue(None)
    assert route.guard.scorecard == ASSUMED
    assert (route.guard.false_alarm, route.guard.on_breach) == (0.001, "rollback")


@pytest.mark.parametrize(
    ("route", "field", "value"),
    [
        ("rescue: off", "rescue", None),
        ("rescue: on", "rescue", Rescue(None)),
        ("rescue: {after: 500ms}", "rescue", Rescue(0.5)),
        ("rescue: {after: 500ms, on: [429, 500]}", "rescue", Rescue(0.5, (429, 500))),
        ("rescue: {after: 500ms, on: []}", "rescue", Rescue(0.5, ())),
        ("noise: {percent: 2.5}", "noise", 2.5),
        ("split: {b: 10, c: 90}", "split", (Share("b", 10.0), Share("c", 90.0))),
        ("shadows: [{version: b}]", "shadows", (Share("b", 100.0),)),
        ("canary: {version: b, percent: 1}, sticky: 'cookie:sid'", "sticky", Sticky("cookie", "sid")),
        ("canary: {version: b, percent: 1, sticky: 'json:/a~1b/0'}", "sticky", Sticky("json", "/a~1b/0")),
        ("canary: {version: b, percent: 1}, baseline: {version: c}", "baseline", Baseline("c")),
        ("split: {b: 1}, baseline: {version: c, percent: 5}", "baseline", Baseline("c", 5.0)),
        ("timeouts: {idle: 1.5s}", "timeouts", Timeouts(idle=1.5)),
        ("inference: {methods: [POST, GET]}", "inference", Inferences(("POST", "GET"))),
        ("inference: {paths: [/predict, '/v1/*']}", "inference", Inferences((), ("/predict", "/v1/*"))),
        ("mirror: all", "mirror", "all"),
        ("copies: finish", "copies", "finish"),
        ("on_rollback: reset", "on_rollback", "reset"),
        ("retry: always", "retry", "always"),
        ("rescue: {after: 2s, by: body}", "rescue", Rescue(2.0, by="body")),
        ("limits: {rescue_body: 0}", "limits", Limits(rescue_body=0)),
        ("limits: {body: 1KiB}", "limits", Limits(1024, 1024, request_buffer=1024, rescue_body=1024)),
        ("limits: {request_buffer: 0}", "limits", Limits(request_buffer=0)),
        (
            "analysis: {features: /x, redact: [/request/name], tolerance: 0.1, reference: 500, wait: 1h}",
            "analysis",
            Analysis("/x", "", ("/request/name",), 0.1, "", 500, (), 3600.0),
        ),
    ],
)
def test_what_a_route_may_say(route: str, field: str, value: object) -> None:
    assert getattr(small(route).routes[0], field) == value


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("canary: {version: b}", "routes.r.canary.percent"),
        ("canary: {version: b, percent: 101}", "routes.r.canary.percent"),
        ("canary: {version: b, percent: -1}", "routes.r.canary.percent"),
        ("canary: {version: b, percent: nan}", "routes.r.canary.percent"),
        ("canary: {version: b, percent: [1]}", "routes.r.canary.percent"),
        ("canary: {version: zz, percent: 1}", "routes.r.canary.version"),
        ("canary: {version: a, percent: 1}", "routes.r.canary.version"),
        ("canary: {version: b, percent: 1, sticky: 'header:'}", "routes.r.canary.sticky"),
        ("canary: {version: b, percent: 1, sticky: 'json:a'}", "routes.r.canary.sticky"),
        ("canary: {version: b, percent: 1, sticky: 'ip:'}", "routes.r.canary.sticky"),
        ("canary: {version: b, percent: 1, sticky: 'cookie:a'}, sticky: 'cookie:b'", "routes.r.canary.sticky"),
        ("canary: {version: b, percent: 1}, split: {c: 1}", "routes.r.split"),
        ("baseline: {version: c}", "routes.r.baseline"),
        ("baseline: {}, canary: {version: b, percent: 1}", "routes.r.baseline.version"),
        ("baseline: {version: zz}, canary: {version: b, percent: 1}", "routes.r.baseline.version"),
        ("baseline: {version: c, percent: 101}, canary: {version: b, percent: 1}", "routes.r.baseline.percent"),
        ("baseline: {version: c, percent: 60}, canary: {version: b, percent: 40}", "routes.r.baseline.percent"),
        ("baseline: {version: b}, canary: {version: b, percent: 1}", "routes.r.baseline.version"),
        ("baseline: {version: c}, release: {candidate: b, strategy: blue-green}", "routes.r.baseline"),
        ("split: {b: 60, c: 60}", "routes.r.split"),
        ("split: {a: 10}", "routes.r.split"),
        ("sticky: 'cookie:a'", "routes.r.sticky"),
        ("shadows: [{version: a}]", "routes.r.shadows"),
        ("shadows: [{version: b}, {version: b}]", "routes.r.shadows"),
        ("shadows: {version: b}", "routes.r.shadows"),
        ("shadows: [{version: b, percnt: 1}]", "routes.r.shadows[0].percnt"),
        ("rescue: maybe", "routes.r.rescue"),
        ("rescue: {}", "routes.r.rescue.after"),
        ("rescue: {after: 30s}", "routes.r.rescue.after"),
        ("timeouts: {connect: 1}", "routes.r.timeouts.connect"),
        ("timeouts: {connect: 0s}", "routes.r.timeouts.connect"),
        ("timeouts: {idle: 25h}", "routes.r.timeouts.idle"),
        ("limits: {body: 1MB}", "routes.r.limits.body"),
        ("limits: {body: 1KiB, mirror_body: 2KiB}", "routes.r.limits.mirror_body"),
        ("limits: {body: 1KiB, request_buffer: 2KiB}", "routes.r.limits.request_buffer"),
        ("limits: {body: 1KiB, rescue_body: 2KiB}", "routes.r.limits.rescue_body"),
        ("rescue: {after: 2s, by: byte}", "routes.r.rescue.by"),
        ("retry: sometimes", "routes.r.retry"),
        ("limits: {request_buffer: -1}", "routes.r.limits.request_buffer"),
        ("noise: {percent: 101}", "routes.r.noise.percent"),
        ("noise: 1", "routes.r.noise"),
        ("scorecard: {}", "routes.r.scorecard"),
        ("scorecard: {error_rate: {}}", "routes.r.scorecard.error_rate"),
        ("scorecard: {error_rate: {max_psi: 1}}", "routes.r.scorecard.error_rate.max_psi"),
        ("scorecard: {error_rate: {max: 2}}", "routes.r.scorecard.error_rate.max"),
        ("scorecard: {latency_p99: {max: 0.25}}", "routes.r.scorecard.latency_p99.max"),
        ("scorecard: {speed: {max: 1}}", "routes.r.scorecard.speed"),
        ("false_alarm: 0", "routes.r.false_alarm"),
        ("false_alarm: 1", "routes.r.false_alarm"),
        ("identity: body", "routes.r.identity"),
        ("identity: 'header:'", "routes.r.identity"),
        ("identity: 'cookie:x'", "routes.r.identity"),
        ("on_identity_change: notify", "routes.r.on_identity_change"),
        ("on_identity_change: rollback", "routes.r.on_identity_change"),
        ("identity: none, on_identity_change: rollback", "routes.r.on_identity_change"),
        (
            "release: {candidate: b, strategy: blue-green, on_identity_change: pause}",
            "routes.r.release.on_identity_change",
        ),
        ("on_breach: panic", "routes.r.on_breach"),
        ("release: {strategy: canary, stages: [{canary: 5, requests: 1}]}", "routes.r.release.candidate"),
        ("release: {candidate: b, strategy: canary}", "routes.r.release.stages"),
        ("release: {candidate: b, strategy: fast}", "routes.r.release.strategy"),
        ("release: {candidate: b, strategy: big-bang}", "routes.r.release.accept_risk"),
        ("release: {candidate: a, strategy: blue-green}", "routes.r.release.candidate"),
        ("release: {candidate: b, strategy: canary, stages: [{canary: 5}]}", "routes.r.release.stages[0]"),
        ("release: {candidate: b, strategy: canary, stages: [{requests: 5}]}", "routes.r.release.stages[0]"),
        (
            "release: {candidate: b, strategy: shadow, stages: [{canary: 5, requests: 1}]}",
            "routes.r.release.stages[0].canary",
        ),
        ("release: {candidate: b, strategy: blue-green}, canary: {version: b, percent: 1}", "routes.r.canary"),
        ("analysis: {features: x}", "routes.r.analysis.features"),
        ("analysis: {tolerance: 2}", "routes.r.analysis.tolerance"),
        ("analysis: {reference: 10}", "routes.r.analysis.reference"),
        ("analysis: {redact: [/name]}", "routes.r.analysis.redact"),
        ("analysis: {profile: p.json}", "routes.r.analysis.profile"),
        ("mirror: {}", "routes.r.mirror"),
        ("mirror: some", "routes.r.mirror"),
        ("copies: stop", "routes.r.copies"),
        ("on_rollback: stop", "routes.r.on_rollback"),
        ("inference: {}", "routes.r.inference"),
        ("inference: {methods: []}", "routes.r.inference"),
        ("inference: {methods: [TRACE]}", "routes.r.inference.methods[0]"),
        ("inference: {paths: [predict]}", "routes.r.inference.paths[0]"),
        ("inference: {verbs: [POST]}", "routes.r.inference.verbs"),
    ],
)
def test_mistakes_in_a_route(route: str, path: str) -> None:
    assert path in paths(SMALL % f", {route}")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "listen"),
        ("", "versions"),
        ("", "routes"),
        ("- 1", ""),
        ("listen: 127.0.0.1", "listen"),
        ("listen: 127.0.0.1:65536", "listen"),
        ("listen: ٣:8080", "listen"),
        ("admin: {listen: '::1'}", "admin.listen"),
        ("listen: []", "listen"),
        ("listen: {a: b}", "listen"),
        ("listen: ['h:1', [x]]", "listen[1]"),
        ("listen: ['h:1', 'h:1']", "listen"),
        ("listen: ['h:1', ':1']", "listen"),
        ("listen: '*:1'\nadmin: {listen: '127.0.0.1:1'}", "admin.listen"),
        ("admin: {token: 'a b'}", "admin.token"),
        ("listen: h:1\nadmin: {listen: 'h:1'}", "admin.listen"),
        ("workers: 0", "workers"),
        ("workers: 1000", "workers"),
        ("lease: 10", "lease"),
        ("wrokers: 1", "wrokers"),
        ("versions: {a: {}}", "versions.a.url"),
        ("versions: {a: {url: 'ftp://h'}}", "versions.a.url"),
        ("versions: {a: {url: 'http://h:0'}}", "versions.a.url"),
        ("versions: {a: {url: 'http://h/?q'}}", "versions.a.url"),
        ("versions: {a: {url: 'http://[::'}}", "versions.a.url"),
        ("versions: {a b: {url: 'http://h'}}", "versions.a b"),
        ("versions: {a: {url: 'http://h', lineage: {comit: 1}}}", "versions.a.lineage.comit"),
        ("versions: {a: {url: 'http://h'}}\nrequire_lineage: true", "versions.a.lineage.commit"),
        ("require_lineage: yes", "require_lineage"),
        ("routes: {r: {match: {path: v2}}}", "routes.r.match.path"),
        ("routes: {r: {match: {path: '/a?b'}}}", "routes.r.match.path"),
        ("routes: {r: {match: {path: /, methods: [TRACE]}}}", "routes.r.match.methods[0]"),
        ("routes: {r: {match: {path: /, headers: {'a b': x}}}}", "routes.r.match.headers.a b"),
        ("routes: {r: {protocol: thrift}}", "routes.r.protocol"),
        ("routes: {r: {match: {path: /}}, s: {match: {path: /}}}", "routes.s.match"),
        ("a: 1\na: 2", "a"),
        ("a: !!python/object:os.system x", "a"),
        ("a: &x [*x]", "a[0]"),
        ("a: [", "line 1, column 5"),
        ("? [1]\n: 2", ""),
        ("listen: ${NOT_SET}", "listen"),
        ("a: " + "[" * 5000, ""),
        (BOMB, ""),
    ],
)
def test_mistakes_elsewhere(text: str, path: str) -> None:
    found = paths(text)
    assert path in found or (path == "" and found)


@pytest.mark.parametrize(("workers", "limit", "least"), [(1, "167MiB", "168MiB"), (3, "64MiB", "280MiB")])
def test_memory_that_is_not_enough_for_the_processes(workers: int, limit: str, least: str) -> None:
    text = FULL.replace("workers: 1", f"workers: {workers}")
    with pytest.raises(ConfigError) as caught:
        parse(f"{text}\nlimits: {{memory: {limit}}}\n", {})
    (problem,) = caught.value.problems
    assert (problem.path, problem.allowed) == ("limits.memory", f"at least {least} for workers: {workers}")
    assert parse(f"{text}\nlimits: {{memory: {least}}}\n", {}).memory_limit is not None


def test_pointers_need_a_protocol_that_has_them() -> None:
    assert paths((SMALL % ", analysis: {features: /x}").replace("json", "oip")) == ["routes.r.analysis.features"]


def test_all_mistakes_at_once() -> None:
    text = SMALL % ", canary: {version: zz, percent: 300}, tmeouts: {}" + "workers: none\n"
    assert {"routes.r.canary.version", "routes.r.canary.percent", "routes.r.tmeouts", "workers"} <= set(paths(text))


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("inference: {paths: [predict]}", "routes.r.inference.paths[0]"),
        ("inference: {methods: post}", "routes.r.inference.methods"),
        ("scorecard: {latency: off}", "routes.r.scorecard.latency"),
        ("scorecard: {refusal_rate: none}", "routes.r.scorecard.refusal_rate"),
    ],
)
def test_what_cannot_be_read_is_one_mistake(route: str, path: str) -> None:
    assert paths(SMALL % f", {route}") == [path]


def test_an_unknown_key_names_what_was_probably_meant() -> None:
    (problem,) = problems(SMALL % ", tmeouts: {}")
    assert problem.found == "an unknown key"
    assert problem.allowed.endswith("did you mean timeouts?")


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (SMALL % "" + "limits: {request_buffer: 1MiB}", "memory"),
        (SMALL % ", baseline: {version: b, persent: 1}", "percent, version; did you mean percent?"),
    ],
)
def test_an_unknown_key_names_the_options_that_were_not_given_either(text: str, allowed: str) -> None:
    assert allowed in [problem.allowed for problem in problems(text)]


@pytest.mark.parametrize(
    "text", ["admin: {token: 'hunter2 '}", "versions: {a: {url: 'https://me:hunter2@h'}}", "listen: h:1"]
)
def test_secrets_are_not_repeated(text: str) -> None:
    assert "hunter2" not in "".join(map(str, problems(text)))


def test_values_of_the_environment_never_change_the_structure() -> None:
    token = "a}],{:#&*!|'\"%"
    assert small(top="admin: {token: ${T}}", environ={"T": token}).admin.token == token
    assert small(top="workers: ${N}", environ={"N": "3"}).workers == 3
    assert small(top="state: x-${A:-b}-$${A}").state == "x-b-${A}"
    assert small(top="# ${NOT_SET} in a comment\n").workers == 1


def test_an_empty_variable_takes_the_default_and_is_otherwise_empty() -> None:
    assert small(top="state: ${A:-b}", environ={"A": ""}).state == "b"
    assert small(top="admin: {token: ${A}}", environ={"A": ""}).admin.token == ""


@pytest.mark.parametrize(
    ("url", "version"),
    [
        ("http://h", ("h", 80, "h", "")),
        ("http://Models.Internal:9000/base/", ("models.internal", 9000, "models.internal:9000", "/base")),
        ("'http://[::1]:8081/'", ("::1", 8081, "[::1]:8081", "")),
    ],
)
def test_urls(url: str, version: tuple[str, int, str, str]) -> None:
    settings = parse((SMALL % "").replace("http://127.0.0.1:2", url), {})
    assert settings.versions["b"] == Version("b", *version)


def test_auto_workers_are_at_least_one() -> None:
    assert small(top="workers: auto").workers >= 1


def test_the_digest_follows_what_is_said_and_nothing_else() -> None:
    base = small("canary: {version: b, percent: 5}").routes[0].digest
    same = small("canary: {percent: 5, version: b}", top="workers: 4  # comment").routes[0].digest
    other = small("canary: {version: b, percent: 6}").routes[0].digest
    moved = parse((SMALL % ", canary: {version: b, percent: 5}").replace("127.0.0.1:2", "127.0.0.1:9"), {})
    unused = parse((SMALL % ", canary: {version: b, percent: 5}").replace("127.0.0.1:3", "127.0.0.1:9"), {})
    assert base == same == unused.routes[0].digest
    assert len({base, other, moved.routes[0].digest}) == 3


def test_a_release_inherits_the_guard_of_its_route() -> None:
    route = small("false_alarm: 0.01, release: {candidate: b, strategy: blue-green, on_breach: pause}").routes[0]
    assert route.release is not None
    assert (route.release.guard.false_alarm, route.release.guard.on_breach) == (0.01, "pause")


def test_files_that_cannot_be_read(tmp_path: object) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(f"{tmp_path}/none.yaml", {})
    with open(f"{tmp_path}/latin.yaml", "wb") as file:
        file.write(b"listen: \xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(f"{tmp_path}/latin.yaml", {})


KEYS = st.sampled_from(
    "listen admin token workers state versions routes url lineage match path headers methods model protocol primary "
    "canary split sticky shadows version percent rescue after timeouts limits noise inference mirror copies "
    "release stages scorecard error_rate max a b strategy candidate require_lineage ${A} $${ <<".split()
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["/", "a", "http://h:1", "1s", "off", "${A:-x}", "h:1", "json:/a"]),
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)


@given(st.dictionaries(KEYS, TREES, max_size=6))
def test_any_tree_is_settings_or_a_config_error(tree: dict[str, object]) -> None:
    try:
        assert isinstance(parse(yaml.safe_dump(tree), {}), Settings)
    except ConfigError as error:
        assert error.problems


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text, {})


@given(
    st.integers(0, len(FULL)), st.integers(1, 12), st.sampled_from(["", "\n", "  ", "{", "]", "&a", "*a", "!x", ":"])
)
def test_a_damaged_file_is_settings_or_a_config_error(at: int, length: int, inserted: str) -> None:
    try:
        parse(FULL[:at] + inserted + FULL[at + length :], {})
    except ConfigError as error:
        assert all(problem.allowed for problem in error.problems)


def test_every_limit_that_may_be_configured_is_judged() -> None:
    """Otherwise a scorecard would wait for ever for a line that nobody looks at."""
    guard = Guard({metric: Limit(**dict.fromkeys(row.limits, 0.5)) for metric, row in METRICS.items()})
    board = Board()
    board.watch("r", ("b",), "a", guard, "oip", 0.0)
    judged = {(evidence.metric, evidence.limit) for evidence in board.evidence("r", 1.0)}
    assert judged >= {(metric, limit) for metric, limit, _ in bounds(guard)}


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("place", ["scorecard", "release.scorecard"])
def test_a_line_that_an_opaque_protocol_never_feeds_is_refused(metric: str, place: str) -> None:
    bound, example = next(iter(METRICS[metric].limits.items()))
    line = f"scorecard: {{{metric}: {{{bound}: {example}}}}}"
    release = f"release: {{candidate: b, strategy: canary, stages: [{{shadow: 5, requests: 9}}], {line}}}"
    text = (SMALL % f", {release if place.startswith('release') else line}").replace("json", "opaque")
    if METRICS[metric].source == "ticks":
        parse(text, {})
    else:
        assert paths(text) == [f"routes.r.{place}.{metric}"]


def test_who_answers_is_looked_for_where_the_route_says() -> None:
    from proxy.contracts.identity import Identity

    assert small("").routes[0].analysis.identity == Identity("protocol")
    assert small("identity: 'header:X-Build'").routes[0].analysis.identity == Identity("header", "x-build")
    assert small("identity: 'json:/meta/build'").routes[0].analysis.identity == Identity("json", "/meta/build")
    guard = small("identity: 'json:/b', on_identity_change: pause, false_alarm: 0.01").routes[0].guard
    assert guard.on_identity_change == "pause"


def test_a_release_on_a_route_whose_requests_ask_nothing_is_refused() -> None:
    text = """
listen: 127.0.0.1:1
versions: {a: {url: "http://h:1"}, b: {url: "http://h:2"}}
routes:
  r: {match: {path: /, methods: [GET]}, protocol: json, primary: a, %s
      release: {strategy: canary, candidate: b, stages: [{canary: 5, requests: 5}]}}
"""
    with pytest.raises(ConfigError) as refused:
        parse(text % "", {})
    assert [problem.path for problem in refused.value.problems] == ["routes.r.match.methods"]
    assert parse(text % "inference: {methods: [GET]},", {})


ENDLESS = (
    "listen: h:1\nversions: {a: {url: http://a}, b: {url: http://b}}\n"
    "routes: {r: {match: {path: /}, protocol: json, primary: a, release: {candidate: b, strategy: canary, "
    "stages: [{canary: 50, requests: 200}], scorecard: {disagreement: {max: 0.05}}}}}\n"
)


def test_who_serves_goes_on_with_a_release_that_can_never_end() -> None:
    """An upgrade that refuses to start because of it would be an outage; `check` refuses it."""
    assert paths(ENDLESS) == ["routes.r.release.scorecard.disagreement"]
    assert parse(ENDLESS, {}, serving=True).routes[0].release is not None


def test_who_serves_hears_of_all_mistakes_where_one_of_them_is_more_than_that() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(ENDLESS.replace("candidate: b", "candidate: c"), {}, serving=True)
    found = [problem.path for problem in caught.value.problems]
    assert found == ["routes.r.release.candidate", "routes.r.release.scorecard.disagreement"]
