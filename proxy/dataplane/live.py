"""The live form of a routing table: everything that the hot path needs, looked up once a table and not once a request.

1. Connections and breakers belong to where they lead, so they outlive tables (`Registry`).
2. Live traffic and each shadow have pools of their own: no shadow can take a connection from a primary (law 1).
"""

from __future__ import annotations

from itertools import islice
from time import monotonic
from typing import Final

from proxy.contracts.endpoint_state import MAX_TOLD_ENDPOINTS, worst
from proxy.contracts.rewrite import Credential, Rewrite
from proxy.contracts.table import Role, Route, Share, Table, Version, asked_on
from proxy.dataplane.descriptors import Budget, Descriptors
from proxy.dataplane.pool import Pool
from proxy.dataplane.ports import Dialer
from proxy.dataplane.tally import Arm, ArmKey, Tally
from proxy.routing.breaker import Breaker, PrimaryHealth
from proxy.routing.inference import InferenceRule
from proxy.routing.match import RouteIndex
from proxy.routing.rewrite.call import call_plan
from proxy.routing.rewrite.plan import RewritePlan, plan_of
from proxy.routing.split import Split

REPLAY_BYTES: Final = 64 * 1024
"""Bytes of a request body that always stay at hand, for another try and for the record. Larger ones stay where a shadow
wants a copy, and as long as a retry or a rescue is possible."""


Arms = tuple[Arm, Arm]
"""Where legs of inferences are counted, and all others."""
Breakers = tuple[Breaker | None, Breaker | None]
"""Likewise. Each kind has its own: an ejection by health checks must not take the evidence of inferences away."""
NO_BREAKERS: Final[Breakers] = (None, None)


class Target:
    """One version in one role on one route: the destination of a leg, and its counters.

    - `response_timeout`: seconds from the request's end to the first byte of the answer
    - `extra`: the block with the field that names the version to the client
    - `plan`: what is rewritten for the version; None: nothing is
    - `arm`, `other_arm`: where legs of inferences are counted, and all others
    - `breaker`, `other_breaker`: what ejects the version for inferences, and for all others; a primary has none
    """

    __slots__ = ("arm", "breaker", "extra", "other_arm", "other_breaker", "plan", "pool", "response_timeout", "version")

    def __init__(
        self, arms: Arms, pool: Pool, breakers: Breakers, response_timeout: float, plan: RewritePlan | None
    ) -> None:
        self.arm, self.other_arm = arms
        self.breaker, self.other_breaker = breakers
        self.pool, self.response_timeout, self.plan = pool, response_timeout, plan
        self.version = pool.version.name
        self.extra = b"x-penumbra-version: %b\r\n" % self.version.encode()

    def breaker_of(self, inference: bool) -> Breaker | None:
        """The breaker of inferences, or of all others."""
        return self.breaker if inference else self.other_breaker


class ShadowTarget(Target):
    """A version that gets copies of a route's requests.

    - `inflight`: copies that have not finished; `limit` bounds them
    - `encodes`: what is written to it are other bytes than the body's own: frames of HTTP/2, or of TLS
    - `percent`: of the requests that are copied
    - `request_extra`: the block with the field that says that a request is a copy
    """

    __slots__ = ("encodes", "inflight", "limit", "percent", "request_extra")

    def __init__(self, arms: Arms, pool: Pool, breakers: Breakers, share: Share, limit: int, timeout: float) -> None:
        super().__init__(arms, pool, breakers, timeout, None)
        self.percent, self.limit = share.percent, limit
        self.inflight = 0
        self.encodes = False
        self.request_extra = b"x-penumbra-shadow: %b\r\n" % self.version.encode()


class Inflight:
    """The number of a route's unfinished exchanges, under all tables together."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class LiveRoute:
    """A route with its targets, and its limits as native attributes.

    - `targets`, `neutral`: in the order of `split`, 0 is the primary. The arms of `neutral` have share 1: while a
      breaker keeps a canary or a baseline from its share, the assignment is not the configured one, and what happens
      then must not count as evidence for or against anybody.
    - `others`: all targets but the primary; `sticky`: what keeps a user with a version
    - `rescue`: the primary, for legs in place of a failed canary's or baseline's; `rescues`: the route wants them
    - `rescued_status`: the answers that such a leg's replaces; `least_rescued`: the smallest of them, for a quick no
    - `shadows`: who gets copies, the primary itself for the noise floor included
    - `sticky_body`: the version depends on the body
    - `keys`: the name under which sticky keys are hashed; `keyed`: who has none that can be read meets the primary
    - `mates`: the canaries of the other routes of its release
    - `inferences`: which requests ask the model for something; `mirror_all`: the others are mirrored, too
    - `follow`: copies end when their client leaves
    - `analysed`: legs of inferences are recorded, and their bodies; `by_call`: of calls of one service of gRPC alone
    - `unread`: calls of other services are recorded, too, with their requests
    - `journal`: the legs of all requests are recorded
    - `identity`: name of the header (lower case) that says who answered, empty: nobody asks
    - `hold`: bytes of a request body up to which it waits for the rest of it before it has a leg
    - `left`: versions whose streams end, because they were rolled back
    - `keep`: bytes of a request body that are kept for another leg, a retry or a copy; `record_body`: those of one that
      stays at hand once there will be no other leg
    - `retry`: which requests are sent again; `by_body`: rescues go by the first byte of the body
    - `max_body`, `mirror_body` in bytes, `max_inflight` exchanges; `connect`, `idle`, `total` in seconds, as configured
    """

    __slots__ = (
        "analysed",
        "by_body",
        "by_call",
        "connect",
        "follow",
        "health",
        "hold",
        "identity",
        "idle",
        "inferences",
        "inflight",
        "journal",
        "keep",
        "keyed",
        "keys",
        "least_rescued",
        "left",
        "mates",
        "max_body",
        "max_inflight",
        "mirror_all",
        "mirror_body",
        "name",
        "neutral",
        "others",
        "record_body",
        "rescue",
        "rescued_status",
        "rescues",
        "retry",
        "route",
        "shadows",
        "split",
        "sticky",
        "sticky_body",
        "targets",
        "total",
        "unread",
    )

    def __init__(self, route: Route, registry: Registry) -> None:
        self.route, self.name = route, route.name
        self.inflight, self.health = registry.inflight(route.name), registry.health(route.name)
        self.split = Split(route)
        self.targets = [
            registry.target(route, self.split, i, self.split.shares[i]) for i in range(len(self.split.versions))
        ]
        self.neutral = [registry.target(route, self.split, i, 1.0) for i in range(len(self.split.versions))]
        self.rescue = registry.rescue(route)
        self.shadows = [registry.shadow(route, share, "shadow") for share in route.shadows if share.percent > 0]
        if route.noise > 0:
            self.shadows.append(registry.shadow(route, Share(route.primary, route.noise), "noise"))
        self.others = self.targets[1:]
        self.sticky = route.sticky
        self.sticky_body = route.sticky is not None and route.sticky.source == "json"
        self.keys = route.group or route.name
        self.keyed = bool(route.group) and self.split.shares[0] > 0.0
        self.mates: list[Target] = []
        self.analysed = route.reading != "opaque"
        self.by_call = route.reading == "grpc"
        self.journal, self.unread = route.journal, route.unread
        self.inferences, self.mirror_all = InferenceRule(route.protocol, route.inference), route.mirror == "all"
        self.follow = route.copies == "follow"
        self.rescues = route.rescue is not None
        self.rescued_status = frozenset(route.rescue.on if route.rescue is not None else ())
        self.least_rescued = min(self.rescued_status, default=1000)
        self.identity = route.identity.encode("latin-1")
        self.left = frozenset(route.rolled_back if route.on_rollback == "reset" else ())
        limits, timeouts = route.limits, route.timeouts
        self.max_body, self.max_inflight, self.mirror_body = limits.body, limits.inflight, limits.mirror_body
        self.connect, self.idle, self.total = timeouts.connect, timeouts.idle, timeouts.total
        self.retry, self.by_body = route.retry, route.rescue is not None and route.rescue.by == "body"
        replaceable = self.rescues and len(self.targets) > 1
        copied = limits.mirror_body if self.shadows else 0
        self.keep = max(REPLAY_BYTES, copied, limits.rescue_body if replaceable or self.retry != "never" else 0)
        self.record_body = max(REPLAY_BYTES, limits.mirror_body) if self.shadows or replaceable else REPLAY_BYTES
        self.hold = self.record_body if self.sticky_body else limits.request_buffer

    def canaries(self) -> list[Target]:
        """The targets that are canaries."""
        return [target for target, role in zip(self.targets, self.split.roles, strict=True) if role == "canary"]


class LiveTable:
    """A compiled table. `revision` is the table's, `index` finds its routes."""

    __slots__ = ("index", "revision", "routes")

    def __init__(self, table: Table, registry: Registry) -> None:
        self.revision = table.revision
        self.routes = [LiveRoute(route, registry) for route in table.routes]
        _introduce(self.routes)
        self.index = RouteIndex(table.routes)


def _introduce(routes: list[LiveRoute]) -> None:
    """Tells the routes of one release of each other's canaries."""
    for route in routes:
        if route.route.group:
            others = [each for each in routes if each.route.group == route.route.group and each is not route]
            route.mates = [target for other in others for target in other.canaries()]


class Registry:
    """Pools, breakers and shadows, which outlive a table, by where they lead. `compile` makes a table live."""

    def __init__(self, tally: Tally, dialer: Dialer, descriptors: Descriptors) -> None:
        self._tally, self._dialer, self._descriptors = tally, dialer, descriptors
        self._versions: dict[str, Version] = {}
        self._rewrites: dict[str, Rewrite] = {}
        self._credentials: dict[str, Credential] = {}
        self._identities: tuple[str, ...] = ()
        self._pools: dict[tuple[str, Version], Pool] = {}
        self._breakers: dict[tuple[str, str, Role], Breakers] = {}
        self._shadows: dict[tuple[str, Version, Role], ShadowTarget] = {}
        self._inflight: dict[str, Inflight] = {}
        self._health: dict[str, PrimaryHealth] = {}
        self._used: set[object] = set()
        self._arms: set[ArmKey] = set()

    def compile(self, table: Table) -> LiveTable:
        """The live form of `table`. Pools that it does not need are closed once their legs are done."""
        self._versions, self._rewrites, self._credentials = table.versions, table.rewrites, table.credentials
        self._identities = table.identity_headers
        self._used, self._arms = set(), set()
        ends = self._dialer.follow(table)
        live = LiveTable(table, self)
        for key in [key for key in self._pools if key not in self._used]:
            self._pools.pop(key).close()
        if ends:
            now = monotonic()
            for pool in self._pools.values():
                pool.prune(now)
        for shadow in [key for key in self._shadows if key not in self._used]:
            del self._shadows[shadow]
        for breaker in [key for key in self._breakers if key not in self._used]:
            del self._breakers[breaker]
        self._tally.keep(frozenset(self._arms))
        return live

    @property
    def pools(self) -> list[Pool]:
        """All pools in use."""
        return list(self._pools.values())

    def endpoints(self, now: float) -> dict[str, dict[str, str]]:
        """By version the state of its addresses, as the worst off of its pools sees them; of many some are told."""
        seen: dict[str, list[dict[str, str]]] = {}
        for pool in self._pools.values():
            seen.setdefault(pool.version.name, []).append(pool.states(now))
        merged = {name: worst(states) for name, states in seen.items()}
        return {name: dict(islice(states.items(), MAX_TOLD_ENDPOINTS)) for name, states in merged.items()}

    def target(self, route: Route, split: Split, index: int, share: float) -> Target:
        """The version at `index` of the route's split. Whatever is not the primary has a breaker, and the deadline of
        whom the primary may rescue."""
        role, name = split.roles[index], split.versions[index]
        breakers = self._breakers_of(route.name, name, role) if index else NO_BREAKERS
        timeout = route.timeouts.response
        if index and route.rescue is not None and route.rescue.after is not None:
            timeout = min(route.rescue.after, timeout)
        arms, pool = self._arms_of(route.name, name, role, share), self._live_pool(route, name)
        return Target(arms, pool, breakers, timeout, self._plan(route, name))

    def inflight(self, route: str) -> Inflight:
        """The route's exchanges in flight, table after table."""
        return self._inflight.setdefault(route, Inflight())

    def health(self, route: str) -> PrimaryHealth:
        """What the route's primary last did, table after table."""
        return self._health.setdefault(route, PrimaryHealth())

    def rescue(self, route: Route) -> Target:
        """The primary, for extra legs in place of a failed canary's or baseline's."""
        arms = self._arms_of(route.name, route.primary, "rescue", 1.0)
        pool, plan = self._live_pool(route, route.primary), self._plan(route, route.primary)
        return Target(arms, pool, NO_BREAKERS, route.timeouts.response, plan)

    def shadow(self, route: Route, share: Share, role: Role) -> ShadowTarget:
        """A shadow; the same object for table after table, so that its legs in flight stay counted."""
        limit = route.limits.mirror_inflight
        purpose = f"{role}:{route.name}"
        pool = self._pool(purpose, share.version, limit, self._descriptors.shadow, route)
        arms = self._arms_of(route.name, share.version, role, share.percent / 100.0)
        key = (route.name, self._versions[share.version], role)
        self._used.add(key)
        target = self._shadows.get(key)
        if target is None:
            breakers = self._breakers_of(route.name, share.version, role)
            target = self._shadows[key] = ShadowTarget(arms, pool, breakers, share, limit, route.timeouts.response)
        else:
            self._used.add((route.name, share.version, role))
        target.arm, target.other_arm = arms
        target.pool, target.percent, target.limit = pool, share.percent, limit
        target.encodes = pool.version.secure or pool.version.http == 2
        target.response_timeout, target.plan = route.timeouts.response, self._plan(route, share.version)
        return target

    def _plan(self, route: Route, version: str) -> RewritePlan | None:
        rewrite, credential = self._rewrites.get(version), self._credentials.get(version)
        make = call_plan if self._versions[version].grpc and not route.calls else plan_of
        return make(rewrite, credential, route.match.path, self._identities)

    def _arms_of(self, route: str, version: str, role: Role, share: float) -> Arms:
        arm, other = (self._tally.arm(route, version, role, share, inference) for inference in (True, False))
        self._arms.update((arm.key, other.key))
        return arm, other

    def _live_pool(self, route: Route, name: str) -> Pool:
        budget = self._descriptors.primary if name == route.primary else self._descriptors.candidate
        return self._pool(f"live:{route.name}", name, route.limits.connections, budget, route)

    def _pool(self, purpose: str, name: str, limit: int, budget: Budget, route: Route) -> Pool:
        version, times = asked_on(self._versions[name], route.calls), route.timeouts
        key = (purpose, version)
        self._used.add(key)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(version, limit, self._dialer)
        pool.limit = limit
        pool.uploads.allow(limit)
        pool.age, pool.idle, pool.keepalive = times.connection_age, times.connection_idle, times.keepalive
        pool.charge(budget)
        return pool

    def _breakers_of(self, route: str, version: str, role: Role) -> Breakers:
        key = (route, version, role)
        self._used.add(key)
        breakers = self._breakers.get(key)
        if breakers is None:
            breakers = self._breakers[key] = (Breaker(), Breaker())
        return breakers
