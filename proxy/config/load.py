"""A configuration file → `Settings`, or `ConfigError` with every mistake in it. The only reader of the environment.

Rules:
- nothing is silently ignored: what is unknown, unsupported or without effect is a mistake that names its path;
- all mistakes are reported at once;
- a `Settings` that comes out needs no further checks: every version that is named exists, every sum fits.

`text` reads the file, `tree` turns text into a tree, `section` takes keys from it, `values` reads single values,
`release` the sections about releases, `analysis` how bodies are understood, `admin` who may look, change, hear, keep,
log and trace.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from hashlib import sha256
from json import dumps

from msgspec.structs import replace

from proxy.config import values
from proxy.config.admin import read_access_log, read_admin, read_anchor, read_capture, read_history, read_tracing
from proxy.config.analysis import read_analysis
from proxy.config.bounds import read_client, read_limits, read_rescue, read_timeouts
from proxy.config.calls import by_http2, grpc_name, refuse_misplaced
from proxy.config.certificates import fill
from proxy.config.fleet import read_fleet
from proxy.config.notify import read_hooks
from proxy.config.own_address import is_own, refuse_clashes
from proxy.config.packages import with_packages
from proxy.config.prices import refuse_unpriced
from proxy.config.release import read_guard, read_release, refuse_unfed
from proxy.config.releases import ReleaseMember, joined, read_releases, sealed
from proxy.config.rewrite import refuse_unfit
from proxy.config.section import Section, shown
from proxy.config.text import text_of
from proxy.config.tls import places_of, read_listeners
from proxy.config.tree import Tree, UnreadableFile, read_tree
from proxy.config.values import Parser, Refused
from proxy.config.versions import read_versions
from proxy.config.written import refuse_shared
from proxy.contracts.memory import MIB, least
from proxy.contracts.package import RequirePackage
from proxy.contracts.settings import (
    Baseline,
    ConfigError,
    Problem,
    RouteSettings,
    Settings,
)
from proxy.contracts.strategies import STRATEGIES
from proxy.contracts.table import (
    Copies,
    Forwarded,
    Inferences,
    Match,
    Mirrored,
    OnRollback,
    Protocol,
    Retry,
    Share,
    Sticky,
    Version,
    read_as,
)
from proxy.processors import processors, workers_for
from proxy.release.baseline import problems as baseline_problems
from proxy.routing.inference import SILENT_METHODS

MAX_WORKERS = 256
"""More processes than any machine has use for; a typing mistake should not fork a thousand."""

WORKERS = values.Whole(1, MAX_WORKERS)

METHODS = values.OneOf(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
"""Methods that the data plane forwards; CONNECT and TRACE are not among them."""

_GLOBALS: dict[str, Parser] = {
    "state": values.plain,
    "lease": values.duration,
    "drain": values.duration,
    "hang": values.patience,
    "connections": values.Whole(1, 1_000_000),
    "forwarded": values.one_of(Forwarded),
    "pair_wait": values.duration,
    "analysis_cpu": values.Number(1, 100),
    "require_package": values.one_of(RequirePackage),
}


def load(
    path: str | os.PathLike[str],
    environ: Mapping[str, str] = os.environ,
    *,
    serving: bool = False,
    running: Settings | None = None,
    packages: bool = True,
) -> Settings:
    """Reads and validates the file at `path` (`config.text` says which there may be). Raises ConfigError.

    - `serving`: whoever asks serves traffic, and goes on with a release that can never end (`Problem.endless`)
    - `running`: settings in force; a section `tls` of theirs keeps what it holds while its files cannot be used
    - `packages`: whether packages are read and asked for; who makes one, or judges a version before, has none yet
    """
    text = text_of(path, again=serving)
    return parse(text, environ, serving=serving, path=os.fspath(path), running=running, packages=packages)


def parse(
    text: str, environ: Mapping[str, str], *, serving: bool = False, path: str = "", running: Settings | None = None,
    certificates: bool = True, packages: bool = True,
) -> Settings:  # fmt: skip
    """Validates the text of a configuration, that of the file at `path`, if any. Raises ConfigError, and nothing else
    whatever the text is.

    - `certificates`: whether packages and the files of sections `tls` are read; those of another machine cannot be
    - `packages`: as of `load`
    """
    problems: list[Problem] = []
    try:
        root = Section(read_tree(text, environ, problems), "", problems)
    except UnreadableFile as unreadable:
        raise ConfigError((*problems, unreadable.problem)) from unreadable
    settings = settings_of(root)
    settings = with_packages(root, settings) if packages and certificates else replace(settings, require_package="none")
    if certificates:
        settings = fill(root, settings, running, time.time())
    refuse_shared(root, settings, path)
    if not all(serving and problem.endless for problem in problems):
        raise ConfigError(tuple(problems))
    return settings


def settings_of(root: Section) -> Settings:
    """The settings of a whole file; mistakes go to the problems of `root`.

    `schema.recorder` passes a section of its own and records the questions that this function asks.
    """
    listeners = read_listeners(root)
    require_lineage = root.take("require_lineage", values.truth, False)
    of_versions = read_versions(root, require_lineage)
    versions: dict[str, Version] = of_versions["versions"]
    admin = read_admin(root.section("admin"))
    places = places_of(listeners) | {"admin.listen": admin.listen}
    refuse_clashes(root, places)
    for name, version in versions.items():
        for key, addresses in places.items():
            if any(is_own(version.host, version.port, address) for address in addresses):
                allowed = f"the address of a model server; this is `{key}` of this program, a circle"
                root.refuse(f"versions.{name}.url", version.url.removesuffix(version.base_path), allowed)
    processes = root.take("workers", workers, 1)
    routes = _routes(root, values.Known(tuple(versions)))
    settings = Settings(
        routes=routes,
        admin=admin,
        workers=processes,
        workers_auto=root.tree.get("workers") == "auto",
        memory_limit=_memory(root.section("limits"), processes),
        client=read_client(root),
        notify=read_hooks(root, (route.name for route in routes)),
        capture=read_capture(root),
        history=read_history(root),
        access_log=read_access_log(root),
        tracing=read_tracing(root),
        fleet=read_fleet(root),
        audit_anchor=read_anchor(root.section("audit")),
        require_lineage=require_lineage,
        package_keys=root.values("package_keys", values.readable),
        **listeners,
        **of_versions,
        **root.fields(_GLOBALS),
    )
    refuse_unpriced(root, settings)
    refuse_unfit(root, settings.routes, settings.rewrites)
    root.finish()
    return replace(settings, versions=by_http2(root, settings))


def workers(text: str) -> int:
    """A parser of the number of workers; `auto` is one for each whole CPU that may be used."""
    if text == "auto":
        return min(workers_for(processors()), MAX_WORKERS)
    try:
        return WORKERS(text)
    except Refused as refused:
        raise Refused(f"auto | {refused.allowed}") from refused


def _memory(section: Section, processes: int) -> int | None:
    limit = section.take("memory", values.size, None)
    section.finish()
    needed = least(processes)
    if limit is not None and limit < needed:
        found, allowed = f"{limit} bytes", f"at least {needed // MIB}MiB for workers: {processes}"
        section.refuse("memory", found, allowed)
    return limit


def _routes(root: Section, version: Parser) -> tuple[RouteSettings, ...]:
    trees, members = root.tree.get("versions"), read_releases(root, version)
    routes: list[RouteSettings] = []
    matches: dict[object, str] = {}
    for name, section in root.entries("routes", values.name):
        routes.append(_route(name, section, version, trees if isinstance(trees, dict) else {}, members.get(name)))
        first = matches.setdefault(_identity(routes[-1].match), name)
        if first != name and routes[-1].match.path:
            section.refuse("match", f"the same as of routes.{first}", "a match of its own for each route")
    if not routes:
        root.refuse("routes", "no route", "at least one, as <name>: {match, protocol, primary}")
    return sealed(routes)


def _identity(match: Match) -> object:
    return match.path, frozenset(match.headers.items()), frozenset(match.methods), match.model


def _route(
    name: str, section: Section, version: Parser, trees: Mapping[str, Tree], member: ReleaseMember | None
) -> RouteSettings:
    primary = section.take("primary", version, "", required=True)
    split, sticky = _split(section, version)
    baseline = _baseline(section, version)
    shadows = tuple(_share(item, version, default=100.0) for item in section.items("shadows"))
    protocol: Protocol = section.take("protocol", values.one_of(Protocol), "json", required=True)
    match = _match(section)
    reading = read_as(protocol, match)
    timeouts = read_timeouts(section, protocol)
    guard = read_guard(section)
    release = read_release(section, version, primary, guard)
    route = RouteSettings(
        name=name,
        match=match,
        protocol=protocol,
        primary=primary,
        split=split,
        shadows=shadows,
        sticky=sticky,
        rescue=read_rescue(section, timeouts),
        timeouts=timeouts,
        limits=read_limits(section),
        guard=guard,
        release=release,
        baseline=baseline,
        noise=_noise(section),
        analysis=read_analysis(section, reading),
        inference=_inference(section),
        mirror=section.take("mirror", values.one_of(Mirrored), "inferences"),
        copies=section.take("copies", values.one_of(Copies), "follow"),
        retry=section.take("retry", values.one_of(Retry), "unprocessed"),
        on_rollback=section.take("on_rollback", values.one_of(OnRollback), "finish"),
    )
    route = joined(section, route, member)
    _check_shares(section, route)
    _check_asked(section, route)
    _check_baseline(section, route)
    refuse_misplaced(section, route)
    refuse_unfed(section, protocol, reading)
    section.finish()
    return _with_digest(route, section.tree, {each: trees[each] for each in route.named if each in trees})


def _check_asked(section: Section, route: RouteSettings) -> None:
    """Only inferences are evidence, so a release needs requests that can be some."""
    own = route.inference.methods if route.inference else ()
    asking = set(own) or {name for name in METHODS.words if name.encode() not in SILENT_METHODS}
    if route.release and route.match.methods and not asking & set(route.match.methods):
        found = f"{', '.join(route.match.methods)} beside a release: none of them asks the model for anything"
        section.refuse("match.methods", found, f"one of {', '.join(sorted(asking))}, or others by inference.methods")


def _with_digest(route: RouteSettings, tree: Tree, versions: Mapping[str, Tree]) -> RouteSettings:
    """The route with the SHA-256 of what the file says about it and its versions, key order and secrets aside."""
    open_trees = {name: _without_secret(version) for name, version in versions.items()}
    canonical = dumps([tree, open_trees], sort_keys=True, separators=(",", ":")).encode()
    return replace(route, digest=sha256(canonical).hexdigest())


def _without_secret(version: Tree) -> Tree:
    if not isinstance(version, dict):
        return version
    return {key: value for key, value in version.items() if key != "authorization"}


def _match(route: Section) -> Match:
    section = route.section("match")
    path, grpc = section.take("path", values.path_prefix, ""), section.take("grpc", grpc_name, "")
    headers = section.pairs("headers", values.header_name, values.header_value)
    methods = section.values("methods", METHODS)
    model = section.take("model", values.plain, None)
    if "*" in path:
        allowed = f"the beginning of paths, no glob: {path.partition('*')[0]} takes all that begin so"
        section.refuse("path", repr(path), allowed, endless=True)
    if ("path" in section) == ("grpc" in section):
        found = "both path and grpc" if "path" in section else "neither path nor grpc"
        section.refuse("path", found, "one of the two: grpc: package.Service/Method is the path of its calls")
    section.finish()
    return Match(f"/{grpc}" if grpc else path, headers, methods, model, grpc)


def _share(section: Section, version: Parser, default: float | None) -> Share:
    name = section.take("version", version, "", required=True)
    percent = section.take("percent", values.percent, default or 0.0, required=default is None)
    section.finish()
    return Share(name, percent)


def _split(route: Section, version: Parser) -> tuple[tuple[Share, ...], Sticky | None]:
    """`canary: {version, percent, sticky}`, or several versions as `split: {version: percent}` and `sticky`."""
    sticky = route.take("sticky", values.sticky, None)
    shares = route.pairs("split", version, values.percent)
    if "canary" not in route:
        return tuple(Share(name, percent) for name, percent in shares.items()), sticky
    section = route.section("canary")
    if "sticky" in section:
        if sticky:
            section.refuse("sticky", "a second sticky", "sticky either here or in the route")
        sticky = section.take("sticky", values.sticky, None)
    if "split" in route:
        route.refuse("split", "a split beside canary", "either canary or split")
    return (_share(section, version, default=None),), sticky


def _baseline(route: Section, version: Parser) -> Baseline | None:
    section = route.section("baseline")
    if "baseline" not in route:
        return None
    name = section.take("version", version, "", required=True)
    percent = section.take("percent", values.percent, None)
    section.finish()
    return Baseline(name, percent)


def _inference(route: Section) -> Inferences | None:
    if "inference" not in route:
        return None
    section = route.section("inference")
    own = Inferences(section.values("methods", METHODS), section.values("paths", values.path_prefix))
    section.finish()
    if not (own.methods or own.paths or route.refused("inference")):
        route.refuse("inference", "neither methods nor paths", "at least one of the two")
    return own


def _noise(route: Section) -> float:
    if "noise" not in route:
        return 0.0
    section = route.section("noise")
    percent = section.take("percent", values.percent, 0.0, required=True)
    section.finish()
    return percent


def _check_shares(section: Section, route: RouteSettings) -> None:
    total = sum(share.percent for share in route.split)
    if total > 100.0 + 1e-9:
        section.refuse("split", f"{total:g} percent in all", "at most 100 percent in all")
    if route.split and route.release and not route.group:
        section.refuse("canary" if "canary" in section else "split", "a fixed split beside release", "one of the two")
    if route.release and STRATEGIES[route.release.strategy].arms and not (route.sticky or route.group):
        allowed = f"{route.release.strategy} needs one: the same user must always meet the same arm"
        section.refuse("sticky", "nothing", allowed)
    unread = any(map(section.refused, ("canary", "split", "release")))
    if route.sticky and not (route.split or route.release or unread):
        section.refuse("sticky", "sticky without a canary, split or release", "sticky where traffic is split")
    places = {"canary.version" if "canary" in section else "split": route.split, "shadows": route.shadows}
    for place, shares in places.items():
        names = [share.version for share in shares if share.version]
        for name in {each for each in names if each == route.primary}:
            section.refuse(place, shown(name), "another version than the primary")
        for name in sorted({each for each in names if names.count(each) > 1}):
            section.refuse(place, f"{shown(name)} twice", "each version once")


def _check_baseline(section: Section, route: RouteSettings) -> None:
    # What could not be read was replaced: a rule that the replacement breaks is no second mistake.
    unread = any(map(section.refused, ("primary", "canary", "split", "shadows", "release", "baseline")))
    for problem in () if unread else baseline_problems(route):
        section.refuse(problem.path, problem.found, problem.allowed)
