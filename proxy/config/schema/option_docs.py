"""The meaning of each option of a configuration: words for the schema and the reference, in the order of reading.

Paths of options of a route are without `routes.*.`, bounds of a scorecard's lines in a table of their own. What is
allowed is not said here, the parsers do. Tests hold these tables: they have every option that the reader takes and no
other; writing a default changes nothing; writing an example does.
"""

from __future__ import annotations

from msgspec import Struct

from proxy.config.schema import (
    analysis_docs,
    bound_docs,
    capture_docs,
    kept_docs,
    notify_docs,
    releases_docs,
    rewrite_docs,
    tls_docs,
    version_docs,
)
from proxy.config.schema.option_examples import EXAMPLES
from proxy.config.wording import written
from proxy.contracts.metrics import METRICS, LimitName
from proxy.contracts.settings import ASSUMED
from proxy.contracts.strategies import STRATEGIES, SWITCH_WINDOW


class Word(Struct, frozen=True):
    """The description of one option."""

    text: str
    """A sentence on what the option is for."""
    default: str | None = None
    """The default, as YAML; None: there is none."""
    example: str = ""
    """A value, as YAML."""
    absent: str = ""
    """What holds where the option is absent and has no default."""


_RISKY = " and ".join(row.name for row in STRATEGIES.values() if row.needs_risk)
_SWITCHING = " and ".join(row.name for row in STRATEGIES.values() if row.window == SWITCH_WINDOW)


def _of_tls(*places: str) -> dict[str, str]:
    """The words of sections `tls` in some places."""
    return {path: text for path, text in tls_docs.TEXTS.items() if path.startswith(places)}


TEXTS = {
    "listen": (
        "Addresses that clients connect to. `:8080` is every address of the host, of IPv4 and of IPv6, as far as its "
        "kernel has them; so is `[::]:8080` alone, beside an address of IPv4 it is IPv6. Port 0 lets the kernel "
        "choose; the log says which."
    ),
    **_of_tls("tls", "listeners"),
    "admin": "The admin API, the status page and `/metrics`.",
    "admin.listen": "Addresses of the admin API, as above.",
    "admin.token": (
        "Who sends it as a bearer token may change things. Without any token that may change, only loopback may."
    ),
    "admin.tokens": "Further tokens with names, so that the audit says who did what.",
    "admin.hosts": (
        "Further names by which the API may be asked without a token. Addresses, `localhost`, the name in `listen` and "
        "names of a cluster (`.svc`, `.cluster.local`) need none: a web page cannot make them its own."
    ),
    **_of_tls("admin"),
    "admin.public_url": "Where people reach this page: links in messages begin with it.",
    "admin.tokens[].name": "The name that the audit shows.",
    "admin.tokens[].role": "`read` may look; `operate` may look and change. With a read token, looking needs one.",
    "admin.tokens[].token": "The token itself. At least one character.",
    "workers": "Processes that carry traffic. `auto`: one for each whole CPU that may be used, by the affinity "
    "mask and the quota of the control group.",
    "state": (
        "SQLite file of the live split, releases and audit, relative to the working directory. `:memory:` keeps "
        "nothing."
    ),
    "audit": "The record of every change, which is in the state file.",
    "audit.anchor": (
        "A second file that control appends the length and last hash of the audit to, with each change: a witness that "
        "whoever can write the state file should not be able to change, such as on another disk."
    ),
    "lease": "When workers have not heard from control for longer, they send everything to the primaries.",
    "hang": (
        "A worker or control that has said nothing for so long is aborted, its stacks are logged, and it is started "
        "again. The default is as long as `lease`, and ten times the longest silence that control allows itself: a "
        "shorter one ends processes that only lack CPU. Raise it before a debugger stops one."
    ),
    "drain": "After SIGTERM, exchanges in flight may take this long to finish.",
    "connections": "Client connections to one worker. Further ones get a 503 and are closed, by TLS without the 503.",
    "forwarded": (
        "What versions are told about where a request came from: X-Forwarded-For (the client's address is appended) "
        "and X-Forwarded-Proto, or `Forwarded` of RFC 7239. `none`: such fields are passed on as they come."
    ),
    **bound_docs.CLIENT_TEXTS,
    "limits.memory": (
        "Memory of all processes together. What waits or is kept draws on it; what is over is shed, copies first. At "
        "least 168MiB, and 56MiB for each further worker."
    ),
    "analysis_cpu": "Percent of one CPU, or of the control group's quota where that is less, that the analysis of "
    "bodies may take. Beyond that, exchanges are sampled.",
    "require_lineage": "Every version must say all of its lineage.",
    "require_package": (
        "What the package of a candidate has to be before a release begins: there and unaltered (`whole`), or that "
        "and with a replay on the route that passed. Primaries and shadows need none."
    ),
    "package_keys": "Files of public keys in PEM. One of them has to have signed each package.",
    **notify_docs.TEXTS,
    **_of_tls("notify[]"),
    **capture_docs.TEXTS,
    **kept_docs.TEXTS,
    "tracing": "OpenTelemetry spans of exchanges and legs; needs the extra `otel`.",
    "tracing.endpoint": "Where spans are sent by OTLP/HTTP.",
    "tracing.percent": "Part of the exchanges whose caller did not decide about its trace.",
    **_of_tls("tracing"),
    "fleet": "Sidecars that share one split, one verdict and one audit by a Redis or Valkey; needs the extra `fleet`.",
    "fleet.redis": (
        "The store: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `rediss://` by TLS, "
        "`redis+sentinel://HOST,HOST/SERVICE` or `redis+cluster://HOST,HOST`; `valkey` for `redis` as well."
    ),
    "fleet.name": "The name of the fleet in it. Sidecars with one name must have the same routes.",
    "fleet.lease": "Without the store for longer, a sidecar does what `on_lost` says.",
    "fleet.on_lost": (
        "`primary`: all traffic to the primaries until the store answers again. `hold`: the split stays as it is, "
        "and a rollback elsewhere is not heard."
    ),
    "fleet.instance": "The name of this sidecar in its fleet, the same after a restart.",
    "fleet.sentinel_password": "What the sentinels themselves ask for; the one in `redis` is that of the servers.",
    **_of_tls("fleet"),
    **version_docs.TEXTS,
    **_of_tls("versions"),
    **rewrite_docs.TEXTS,
    "routes": "Requests by what they match, and who answers them.",
    "match": "What a request must be to belong to the route. All conditions must hold.",
    "match.path": (
        "Prefix of the path, on segment boundaries, compared decoded; a verb such as `:predict` ends a segment, too."
    ),
    "match.grpc": (
        "In place of `path`: calls of a service of gRPC, or of one method of it, and nothing else. A route of a method "
        "comes before one of its service, and one by `grpc` before one by the same as `path`."
    ),
    "match.headers": "Headers with exactly these values.",
    "match.methods": "Methods, in upper case.",
    "match.model": (
        "The model, as the path names it (`/v2/models/…`, `/v1/models/…`), or `model` in a body of JSON or a form, "
        "also in gzip, deflate, br and zstd; of a call of gRPC the one that its first message names (Open Inference "
        "Protocol, TensorFlow Serving, TorchServe), also compressed."
    ),
    "protocol": (
        "How bodies are understood. `auto`: by what the first requests and answers look like, which the API shows as "
        "`speaks`. `grpc`: calls of gRPC, whose versions are asked by HTTP/2; those of the Open Inference Protocol are "
        "read. `opaque`: not at all; legs are counted all the same. A protocol that they do not speak is told."
    ),
    "inference": (
        "Which requests ask the model for something; only they are evidence. Without it, the protocol says so; of "
        "paths that it does not own, those of probes and metrics are none."
    ),
    "inference.methods": "Their methods.",
    "inference.paths": "Their paths, `*` standing for anything, also for slashes. One of both must be there.",
    "primary": "The version that answers what is not split off, and to which a rollback leads.",
    "canary": "A version that answers part of the live traffic.",
    "canary.version": "The canary.",
    "canary.percent": "Its part of the requests.",
    "canary.sticky": "As `sticky` of the route; in one of the two places.",
    "split": "Several versions with their parts of the live traffic, in place of `canary`.",
    "baseline": (
        "An instance of the primary's model that gets the candidate's share of the traffic, and is compared in place "
        "of the whole primary: an arm with less traffic is slower by itself. Beside `canary`, `split` or `release`."
    ),
    "baseline.version": "The instance, at an address of its own.",
    "baseline.percent": "Its part of the requests, while a candidate has any. The primary must keep some.",
    "sticky": (
        "Where the key is found by which a user keeps the same version. A request without it is assigned by chance."
    ),
    "shadows": "Versions that get copies; their answers are compared and never returned.",
    "shadows[].version": "The shadow.",
    "shadows[].percent": "Part of the requests that is copied.",
    "mirror": "Which requests are copied to shadows: `inferences`, or `all`, probes and metadata included.",
    "copies": (
        "What copies do whose client leaves before its answer is complete: `follow` ends them too, `finish` lets them "
        "run to their end."
    ),
    "on_rollback": (
        "What streams do that are open on a version when it is rolled back, by hand, by its scorecard, or because "
        "control is gone: `finish` lets them run to their end there; with `reset` they end within 5 seconds, one by "
        "one, in gRPC with UNAVAILABLE, in HTTP without a proper end, and count for nobody."
    ),
    "noise": "Requests sent to the primary twice, to know how often it differs from itself.",
    "noise.percent": "Part of the requests.",
    **bound_docs.TEXTS,
    "scorecard": (
        "Limits that a candidate is held to; each is a metric with one or more bounds. "
        "Lines of the default that a scorecard does not name are part of it as well; `off` turns one off."
    ),
    **{f"scorecard.{metric.name}": metric.text for metric in METRICS.values()},
    "false_alarm": "Probability of ever rolling a healthy candidate back, however often one looks.",
    "on_breach": "What a breach of the scorecard does.",
    "warm_up": "First requests of a new candidate in which latency is not judged; errors are, from the first.",
    "on_identity_change": (
        "What another model under the name of a version does in the middle of a judgement, the primary's or a "
        "candidate's: `restart` begins the evidence and the stage anew, `rollback` and `pause` end the release besides."
    ),
    "identity": (
        "Where an answer says which model gave it: `protocol` (OIP `model_name` and `model_version`, OpenAI and kin "
        "`model` and `system_fingerprint`), `header:<name>`, `json:<pointer>` into the body, or `none`."
    ),
    **analysis_docs.TEXTS,
    **_of_tls("analysis"),
    "release": "Brings a candidate to primary, in place of `canary` or `split`.",
    "release.candidate": "The version that may become primary.",
    "release.strategy": "; ".join(f"`{row.name}` {row.text}" for row in STRATEGIES.values()) + ".",
    "release.require": (
        "What a stage ends by: `proof` that the candidate is within each margin (`max_increase`, and `max_ratio` above "
        "1), or `no_breach`."
    ),
    "release.stages": "Steps; each ends after its requests and duration, if the scorecard passes.",
    "release.stages[].shadow": "Part of the requests that the candidate gets as copies.",
    "release.stages[].canary": "Part of the live traffic that the candidate gets.",
    "release.stages[].requests": "Requests of the candidate before the stage may end.",
    "release.stages[].duration": "Time before the stage may end.",
    "release.arms": "A/B test: versions and their parts of the live traffic, in place of a candidate that gets half.",
    "release.requests": "A/B test: requests of the arms before a winner may be promoted.",
    "release.duration": "A/B test: time before a winner may be promoted.",
    "release.scorecard": "As of the route, during the release and its rollback window.",
    "release.false_alarm": "As of the route.",
    "release.on_breach": "As of the route.",
    "release.warm_up": "As of the route.",
    "release.on_identity_change": "As of the route.",
    "release.rollback_window": "After the promote, how long a breach leads back to the version before.",
    "release.accept_risk": f"Must be true for {_RISKY}: it gives the candidate all traffic at once.",
    "release.promote_winner": (
        "A/B test: an arm that is within all limits and proved better than the primary becomes primary; of several, "
        "the one with the largest gain."
    ),
    "release.min_gain": (
        "A/B test: how much better than the primary an arm must be, in the metric that the test is about: the first "
        "line of the scorecard on labels, else its first line. Of a loss it is a part of the primary's."
    ),
    "release.false_winner": "A/B test: probability of ever calling any arm better that is not. The arms share it.",
    **releases_docs.TEXTS,
}
"""Path to what the option is for."""

DEFAULTS = {
    "admin.listen": "127.0.0.1:9900",
    "admin.token": '""',
    "admin.tokens": "[]",
    "admin.hosts": "[]",
    "workers": "1",
    "state": "penumbra.db",
    "lease": "10s",
    "drain": "30s",
    "hang": "10s",
    "connections": "10000",
    "forwarded": "none",
    "analysis_cpu": "5",
    "require_lineage": "false",
    "require_package": "none",
    **notify_docs.DEFAULTS,
    **capture_docs.DEFAULTS,
    **kept_docs.DEFAULTS,
    "tracing.percent": "1",
    "fleet.lease": "10s",
    "fleet.on_lost": "primary",
    **version_docs.DEFAULTS,
    **tls_docs.DEFAULTS,
    **rewrite_docs.DEFAULTS,
    "match.headers": "{}",
    "match.methods": "[]",
    "split": "{}",
    "shadows": "[]",
    "shadows[].percent": "100",
    "mirror": "inferences",
    "copies": "follow",
    "on_rollback": "finish",
    **bound_docs.CLIENT_DEFAULTS,
    **bound_docs.DEFAULTS,
    "scorecard": written(ASSUMED),
    "false_alarm": "0.001",
    "on_breach": "rollback",
    "warm_up": "100",
    "on_identity_change": "restart",
    "identity": "protocol",
    **analysis_docs.DEFAULTS,
    "release.accept_risk": "false",
    "release.promote_winner": "false",
    "release.min_gain": "0",
    "release.false_winner": "0.05",
    **releases_docs.DEFAULTS,
}
"""Path to what may as well be written as left out."""

ABSENT = {
    **dict.fromkeys((f"scorecard.{name}" for name in ASSUMED), "as in the default of `scorecard`"),
    "admin.token": "none",
    "admin.public_url": "messages have no links",
    "limits.memory": (
        "what the control group (or `ulimit`) allows less 15 %; without such a limit half of the machine's, at most "
        "1GiB and 512MiB for each worker"
    ),
    "audit.anchor": "the path of the state file with `.anchor` behind it",
    **notify_docs.ABSENT,
    **capture_docs.ABSENT,
    **kept_docs.ABSENT,
    "tracing": "none",
    "fleet": "the sidecar decides alone",
    "fleet.instance": "the name of the host",
    "fleet.sentinel_password": "none",
    **version_docs.ABSENT,
    **tls_docs.ABSENT,
    **rewrite_docs.ABSENT,
    "match.headers": "any",
    "match.methods": "all",
    "match.model": "any",
    "match.path": "`grpc` must be there",
    "match.grpc": "`path` must be there",
    "inference": "as the protocol says",
    "inference.methods": "any but GET, HEAD, OPTIONS, TRACE, CONNECT, DELETE",
    "inference.paths": "any",
    "canary": "none",
    "canary.sticky": "none",
    "baseline": "none; candidates are compared with the primary",
    "baseline.percent": "the candidate's present one, at most what the primary keeps",
    "split": "none",
    "sticky": "each request by chance",
    "noise": "none",
    **bound_docs.ABSENT,
    **analysis_docs.ABSENT,
    "release": "none",
    "release.candidate": "with `arms`: the first of them",
    "release.stages": "none",
    "release.stages[].shadow": "`canary` must be there",
    "release.stages[].canary": "`shadow` must be there",
    "release.stages[].requests": "`duration` must be there",
    "release.stages[].duration": "`requests` must be there",
    "release.arms": "`candidate` gets half",
    "release.requests": "a verdict is enough",
    "release.duration": "a verdict is enough",
    "release.scorecard": "as of the route",
    "release.false_alarm": "as of the route",
    "release.on_breach": "as of the route",
    "release.warm_up": "as of the route",
    "release.on_identity_change": "as of the route",
    "release.require": "`proof` in the last stage before a promote, `no_breach` in the others",
    "release.rollback_window": f"{_SWITCHING} 10m, others none",
    **releases_docs.ABSENT,
}
"""Path to what holds where the option is left out and no value would say the same."""

LIMIT_TEXTS: dict[LimitName, str] = {
    "max": "At most, in absolute terms.",
    "min": "At least, in absolute terms.",
    "max_ratio": "At most so many times the primary's.",
    "max_increase": "At most so much above the primary's: a margin that can be proved, even without bad events.",
    "max_drop": "At most so much below the primary's.",
    "max_psi": "Population stability index of a feature, at most. Drifted is what is above and significant.",
}
"""The limits of a line of a scorecard; their examples stand in the rows of `contracts.metrics`."""

_LINE = "scorecard."
_ORDER = {path: place for place, path in enumerate(TEXTS)}


def word(path: str) -> Word:
    """The words for the option at `path`. Raises KeyError where there are none."""
    key = key_of(path)
    line, _, bound = key.rpartition(".")
    metric = METRICS.get(line.removeprefix(_LINE)) if line.startswith(_LINE) else None
    for limit, example in metric.limits.items() if metric else ():
        if limit == bound:
            return Word(LIMIT_TEXTS[limit], example=example, absent="not limited")
    if key not in TEXTS:
        raise KeyError(f"{path} has no words in {__name__}")
    return Word(TEXTS[key], DEFAULTS.get(key), EXAMPLES.get(key) or tls_docs.EXAMPLES.get(key, ""), ABSENT.get(key, ""))


def place(path: str) -> int:
    """Place of the option in the order of reading."""
    return _ORDER.get(key_of(path), len(_ORDER))


def key_of(path: str) -> str:
    """The key of the words for the option at `path`: several places of one option share them."""
    path = tls_docs.canonical(path)
    if path in TEXTS:
        return path
    short = path.removeprefix("releases.*.").removeprefix("routes.*.").replace("release.scorecard.", _LINE)
    return f"release.{short}" if path.startswith("releases.*.") and not short.startswith(_LINE) else short
