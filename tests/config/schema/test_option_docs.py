"""Every option that the reader takes, one by one: it has words, its example works and has an effect, its default is the
default, a wrong value is refused at its path; and the schema agrees with the reader about each of these files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from docs.generate.configuration import NEEDED, reload
from proxy.config.load import parse
from proxy.config.reload import refuse_what_needs_a_restart
from proxy.config.schema.json_schema import SCORECARDS, describe
from proxy.config.schema.option_docs import TEXTS, key_of, word
from proxy.config.schema.recorder import Choice, Group, Items, Names, Node, Value, shape, walk
from proxy.config.schema.tls_docs import canonical
from proxy.contracts.settings import ConfigError, Settings
from proxy.release.plan import basis
from tests.support import packages
from tests.support.certificates import Authority
from tests.support.certificates import written as written_files
from tests.support.yaml12 import dump, load

EVERY_PLACE: dict[str, tuple[Node, bool]] = {
    path: (node, needed or path in NEEDED) for path, node, needed in walk(shape())
}
OPTIONS = {
    path: option
    for path, option in EVERY_PLACE.items()
    if not re.match(r"releases\..*\.scorecard\.(?!error_rate)", path) and canonical(path) == path
}
"""Of the scorecards of releases over several routes one line stands for all: one reader takes them everywhere; so do a
section `tls` of a listener and one of a version for all others."""
VALUES = [path for path, (node, _) in OPTIONS.items() if not isinstance(node, Group)]
CA = Authority()
SERVER = CA.issue("dns:localhost")
SCHEMA = jsonschema.Draft202012Validator(describe())
EVERYTHING = Path(__file__).resolve().parents[3] / "docs" / "everything.yaml"

PLAIN = """
listen: 127.0.0.1:9999
versions: {v1: {url: "https://h:1"}, v2: {url: "http://h:2"}, v3: {url: "http://h:3"}}
routes: {r: {match: {path: /}, protocol: json, primary: v1}}
"""
WHENCE = "{url: 'http://h', lineage: {commit: a, dataset: b, features: c, training_config: d, evaluation: e}}"
STAGE = "{shadow: 1, canary: 1, requests: 1, duration: 1s}"
ASKS = "{certificate: old/tls.crt, key: old/tls.key, client_ca: old/ca.crt, client: optional}"
AROUND = (
    {
        "require_lineage": f"versions: {{v1: {WHENCE}, v2: {WHENCE}, v3: {WHENCE}}}",
        "admin.tokens[]": "admin: {tokens: [{name: ci, role: read, token: x}]}",
        "admin.tls.roles": f"admin: {{tls: {ASKS}}}",
        "admin.tls.roles[]": "admin: {tls: {roles: [{allow: ['dns:a'], role: read}]}}",
        "notify[]": "notify: [{url: 'http://h/'}]",
        "notify[].key": "notify: [{format: pagerduty}]",
        **dict.fromkeys(
            ("notify[].object", *(f"notify[].object.{key}" for key in ("kind", "name", "namespace", "uid"))),
            "notify: [{url: 'http://h/', format: kubernetes, object: {name: a, namespace: b}}]",
        ),
        "notify[].routes": "routes: {cancer: {match: {path: /c}, protocol: json, primary: v1}}",
        "capture": "capture: {percent: 50, path: x, max_bytes: 1MiB}",
        "capture.headers": "capture: {bodies: true}",
        "access_log": "access_log: {}",
        "tracing": "tracing: {endpoint: 'http://h/'}",
        "fleet": "fleet: {redis: 'redis://h', name: f}",
        "fleet.sentinel_password": "fleet: {redis: 'redis+sentinel://h/service', name: f}",
        "tls": "tls: {certificate: old/tls.crt, key: old/tls.key}",
        **dict.fromkeys(
            ("tls.client_ca", "tls.client", "tls.allow", "tls.identity_header"),
            f"tls: {ASKS}",
        ),
        "listeners": "listeners: [{listen: '127.0.0.1:9999'}]",
        "listeners[].tls": "listeners: [{listen: '127.0.0.1:9999', tls: {certificate: tls.crt, key: tls.key}}]",
        **dict.fromkeys(
            ("versions.*.tls.certificate", "versions.*.tls.key"),
            "versions: {v1: {tls: {certificate: old/tls.crt, key: old/tls.key}}}",
        ),
        "versions.*.authorization.header": "versions: {v1: {authorization: {token: x}}}",
        "versions.*.authorization.scheme": "versions: {v1: {authorization: {token: x}}}",
        "versions.*.rewrite.model_version": "routes: {r: {protocol: oip}}",
        "versions.*.rewrite.path": "versions: {v1: {rewrite: {path: {to: /b}}}}",
        "versions.*.rewrite.path.to": "versions: {v1: {rewrite: {path: {from: '/v1/models/{name}:predict'}}}}",
        "versions.*.price": "versions: {v1: {url: 'http://h', price: {input: 1, output: 2}}}",
        "versions.*.lineage": "versions: {v1: {url: 'http://h', lineage: {}}}",
        "routes.*.primary": "routes: {r: {match: {path: /}, protocol: json, primary: v3}}",
        "routes.*.sticky": "routes: {r: {split: {v2: 1}}}",
        "routes.*.canary": "routes: {r: {canary: {version: v3, percent: 1}}}",
        "routes.*.baseline": (
            "versions: {v1-small: {url: 'http://h:4'}}\n"
            "routes: {r: {canary: {version: v2, percent: 1}, baseline: {version: v3}}}"
        ),
        "routes.*.analysis.judge": "routes: {r: {analysis: {judge: {url: 'http://h/score'}}}}",
        "routes.*.shadows[]": "routes: {r: {shadows: [{version: v2}]}}",
        "routes.*.noise": "routes: {r: {noise: {percent: 2}}}",
        "routes.*.rescue.after": "routes: {r: {rescue: {after: 1s}}}",
        "routes.*.rescue.on": "routes: {r: {rescue: {after: 1s}}}",
        "routes.*.rescue.by": "routes: {r: {rescue: {after: 1s}}}",
        "routes.*.release": "routes: {r: {release: {candidate: v3, strategy: blue-green}}}",
        "routes.*.on_identity_change": "routes: {r: {identity: 'header:x-build'}}",
        "routes.*.release.on_identity_change": "routes: {r: {identity: 'header:x-build'}}",
        "routes.*.release.accept_risk": "routes: {r: {release: {candidate: v2, strategy: big-bang}}}",
        "routes.*.release.strategy": (
            "routes: {r: {release: {candidate: v2, strategy: shadow, stages: [{shadow: 1, requests: 1}]}}}"
        ),
        "routes.*.release.stages[]": (
            f"routes: {{r: {{release: {{candidate: v2, strategy: canary, stages: [{STAGE}]}}}}}}"
        ),
        "routes.*.release.arms": "routes: {r: {sticky: 'cookie:a', release: {strategy: ab-test}}}",
    }
    | dict.fromkeys(
        ["routes.*.scorecard.cost", "routes.*.release.scorecard.cost"],
        "versions: {v1: {price: {input: 1, output: 2}}, v3: {price: {input: 1, output: 2}}}",
    )
    | dict.fromkeys(
        [f"routes.*.release.{key}" for key in ("requests", "duration", "promote_winner", "min_gain", "false_winner")],
        "routes: {r: {sticky: 'cookie:a', release: {candidate: v2, strategy: ab-test}}}",
    )
)
AROUND |= {
    "routes.*.match.grpc": "routes: {r: {protocol: grpc}}",
    "releases": "{routes: {q: {match: {path: /q}, protocol: json, primary: v1}}, "
    "releases: {n: {routes: {r: {candidate: v3}, q: {candidate: v3}}, strategy: blue-green}}}",
    "releases.*.strategy": "releases: {n: {sticky: 'cookie:a', stages: [{canary: 1, requests: 1}]}}",
    "releases.*.stages[]": f"releases: {{n: {{sticky: 'cookie:a', stages: [{STAGE}]}}}}",
    "releases.*.accept_risk": "releases: {n: {strategy: big-bang}}",
    "releases.*.on_identity_change": "routes: {r: {identity: 'header:x-build'}}",
}
AROUND |= dict.fromkeys(
    [f"releases.*.{key}" for key in ("requests", "duration", "promote_winner", "min_gain", "false_winner", "percent")],
    "releases: {n: {sticky: 'cookie:a', strategy: ab-test}}",
)
"""What else a file must say, so that an option below a path can be written at all."""

REFERS = re.compile(r"As `\S*tls`")
"""Words of an option that is as another one."""

CHECKS_ONLY = {"require_lineage"}
"""Says what a file must say, and leaves no trace in the settings."""


def around(path: str) -> Any:
    """The smallest file that has a place for the option."""
    tree = load(PLAIN)
    for start in sorted(each for each in AROUND if path == each or path.startswith((f"{each}.", f"{each}["))):
        _merge(tree, load(AROUND[start]))
    if "listeners" in tree:
        del tree["listen"]
    if path == "routes.*.match.grpc":
        del tree["routes"]["r"]["match"]["path"]
    return tree


def _merge(tree: Any, more: Any) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict) and key != "release":
            _merge(tree[key], value)
        else:
            tree[key] = value


def place(tree: Any, path: str) -> tuple[Any, str, str]:
    """The mapping that holds the option, its key there, and its path in the words of the reader."""
    for names, one in (("routes.*", "routes.r"), ("versions.*", "versions.v1"), ("releases.*", "releases.n")):
        path = path.replace(names, one)
    *above, key = path.split(".")
    for step in above:
        name = step.removesuffix("[]")
        if not isinstance(tree.get(name), dict | list):
            tree[name] = {}
        tree = tree[name][0] if step.endswith("[]") else tree[name]
    return tree, key, ".".join((*above, key)).replace("[]", "[0]")


def said(tree: Any) -> Settings | None:
    """What the reader makes of a file; None: refused. The schema must be of the same opinion."""
    text = dump(tree)
    complaints = [error.message for error in SCHEMA.iter_errors(load(text))]
    try:
        settings = parse(text, {})
    except ConfigError as error:
        assert complaints, f"the reader refuses what the schema lets pass: {error}"
        return None
    assert not complaints, text
    return replace(settings, routes=tuple(replace(route, digest="") for route in settings.routes))


@pytest.fixture(autouse=True)
def a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profile.json").write_text("{}")
    (tmp_path / "model.token").write_text("made-up")
    (tmp_path / "v1.package.json").write_bytes(packages.document("v1"))
    (tmp_path / "package.pub").write_bytes(packages.KEY)
    for folder in (tmp_path, tmp_path / "old"):
        written_files(folder, SERVER, CA)
    monkeypatch.chdir(tmp_path)


def test_every_option_has_words_and_every_word_an_option() -> None:
    told = {key_of(path) for path in EVERY_PLACE if ".scorecard." not in path.removesuffix(".scorecard")}
    lines = {path.removeprefix("routes.*.") for path in OPTIONS if re.fullmatch(r"routes\.\*\.scorecard\.\w+", path)}
    assert told | lines == set(TEXTS)
    for path, (node, needed) in OPTIONS.items():
        text = word(path)
        assert text.example or not isinstance(node, Value | Choice), f"{path} has no example"
        if isinstance(node, Value | Choice) and not needed:
            assert text.default is not None or text.absent, f"{path}: what holds without it is not said"


@pytest.mark.parametrize("path", [path for path in OPTIONS if not REFERS.match(word(path).text)])
def test_every_option_is_in_the_example(path: str) -> None:
    assert found(example(), path), f"docs/everything.yaml does not show {path}"


@cache
def example() -> Any:
    """docs/everything.yaml, with what it has as comments."""
    return load(
        re.sub(r"# (profile|file|tls|listeners|package|package_keys):", r"\1:", EVERYTHING.read_text(encoding="utf-8"))
    )


def found(tree: Any, path: str) -> bool:
    """Whether a tree says something at `path`. Both places of a scorecard are one option."""
    path = SCORECARDS.sub("routes.*.release.scorecard", path)
    if path.startswith("routes.*.scorecard."):
        path = path.replace("routes.*.", "routes.*.release.")
    trees = [tree]
    for step in path.split("."):
        name = step.removesuffix("[]")
        inner = [value for each in trees if isinstance(each, dict) for value in _below(each, name)]
        trees = [item for each in inner for item in each] if step.endswith("[]") else inner
    return bool(trees)


def _below(tree: dict[str, Any], name: str) -> list[Any]:
    return list(tree.values()) if name == "*" else [tree[name]] if name in tree else []


def written(path: str, text: str | None) -> Settings | None:
    """The settings of the smallest file with `text` at `path`; None: left out."""
    tree = around(path)
    holder, key, _ = place(tree, path)
    holder.pop(key, None)
    if text is not None:
        holder[key] = load(text)
    return said(tree)


@pytest.mark.parametrize("path", VALUES)
def test_the_example_works_and_changes_something(path: str) -> None:
    text = word(path).example
    if not text:
        return
    given = written(path, text)
    assert given is not None, f"{path}: {text} is refused"
    if path not in CHECKS_ONLY:
        assert given != said(around(path)), f"{path}: {text} has no effect"


@pytest.mark.parametrize("path", [path for path in OPTIONS if word(path).default is not None])
def test_the_default_is_what_holds_without_it(path: str) -> None:
    assert written(path, word(path).default) == written(path, None)


@pytest.mark.parametrize("path", [path for path, (_, needed) in OPTIONS.items() if needed])
def test_what_is_required_must_be_there(path: str) -> None:
    assert written(path, None) is None


@pytest.mark.parametrize("path", OPTIONS)
def test_a_wrong_value_is_refused_at_its_path(path: str) -> None:
    chosen = isinstance(OPTIONS[path][0], Names)  # its keys are the user's
    for wrong in ([[]], "\x7f", *([] if chosen else [{"unknown": 1}])):
        tree = around(path)
        holder, key, at = place(tree, path)
        holder[key] = wrong
        assert said(tree) is None, f"{path}: {wrong!r} is taken"
        with pytest.raises(ConfigError) as caught:
            parse(dump(tree), {})
        assert any(problem.path.startswith(at) for problem in caught.value.problems)


@pytest.mark.parametrize("path", ["", *(path for path, (node, _) in OPTIONS.items() if isinstance(node, Group))])
def test_an_unknown_key_is_refused(path: str) -> None:
    tree = around(f"{path}.unknown" if path else "unknown")
    holder, key, at = place(tree, f"{path}.unknown".lstrip("."))
    holder[key] = 1
    assert said(tree) is None
    with pytest.raises(ConfigError) as caught:
        parse(dump(tree), {})
    assert at in [problem.path for problem in caught.value.problems if problem.found == "an unknown key"]


@pytest.mark.parametrize("path", [path for path in VALUES if word(path).example])
def test_a_variable_may_stand_for_any_value(path: str) -> None:
    tree = around(path)
    holder, key, _ = place(tree, path)
    holder[key] = {Items: ["${X:-}"], Names: {"${K}": "${X:-}"}}.get(type(OPTIONS[path][0]), "${X:-}")
    assert not [error.message for error in SCHEMA.iter_errors(load(dump(tree)))]


@pytest.mark.parametrize("path", [path for path in VALUES if word(path).example and path not in CHECKS_ONLY])
def test_a_reload_does_what_is_documented(path: str) -> None:
    before, after = said(around(path)) or said(load(PLAIN)), written(path, word(path).example)
    assert before is not None
    assert after is not None
    did = "needs a restart" if refused(before, after) else "at once"
    if basis(before.routes[0]) != basis(after.routes[0]):
        did = "begins the route anew"
    assert did == reload(path)


def refused(before: Settings, after: Settings) -> bool:
    try:
        refuse_what_needs_a_restart(before, after)
    except ConfigError:
        return True
    return False
