"""The meaning of each option of `versions`, as `option_docs` has that of all others: texts, defaults, and what holds
without."""

from __future__ import annotations

TEXTS = {
    "versions": "Model servers by name.",
    "versions.*.url": (
        "Where the version is served; a path is put before the path of each request. `https` is TLS, at port 443 "
        "unless there is another, checked by the authorities of the system or by `tls`. `+dns` asks the name "
        "servers of `resolv.conf` alone, whose TTL holds; `+srv` asks them for a service, which has ports, "
        "priorities and weights (RFC 2782). `Host` is its name without the first two labels."
    ),
    "versions.*.http": (
        "The version of HTTP that is spoken there, for all routes that name it. `2`: many requests on one connection; "
        "by prior knowledge where the URL is of `http`, by agreement (ALPN) where it is of `https`. `1` contradicts a "
        "route of gRPC, and is refused beside one."
    ),
    "versions.*.balance": "How the endpoints share the requests, where the name in `url` has several addresses.",
    "versions.*.balance.failures": (
        "Failures in a row (5xx, resets, timeouts) after which an endpoint is ejected: it gets no requests for a "
        "while. `0`: never."
    ),
    "versions.*.balance.ejection": "Time of the first ejection; twice that the second time, and so on, at most 5m.",
    "versions.*.balance.max_ejected": (
        "Percent of the endpoints that may be ejected at a time. One always may, the last one never."
    ),
    "versions.*.balance.slow_start": (
        "Time in which the share of an endpoint that is new, or has returned, grows from a tenth to all of it."
    ),
    "versions.*.price": "What its tokens cost, for `cost` of a scorecard and `penumbra_cost_total`.",
    "versions.*.price.input": "Of `per` tokens of prompts.",
    "versions.*.price.output": "Of `per` tokens of answers, reasoning among them.",
    "versions.*.price.cached_input": "Of `per` tokens of prompts that a cache had.",
    "versions.*.price.per": "Tokens that the prices are for.",
    "versions.*.price.currency": "What costs are counted in. Versions that are compared need the same.",
    "versions.*.package": (
        "File of its package, as `penumbra package` writes it. Its lineage is the version's; the section `lineage` may "
        "add to it."
    ),
    "versions.*.lineage": "Where the version comes from, for the audit.",
    "versions.*.lineage.commit": "Commit of the code.",
    "versions.*.lineage.dataset": "Data that it was trained on.",
    "versions.*.lineage.features": "Version of the feature transformation.",
    "versions.*.lineage.training_config": "Configuration of the training.",
    "versions.*.lineage.evaluation": "Report of its evaluation.",
}

DEFAULTS = {
    "versions.*.price.per": "1e6",
    "versions.*.price.currency": "USD",
    "versions.*.lineage": "{}",
    "versions.*.balance": "{}",
    "versions.*.balance.failures": "5",
    "versions.*.balance.ejection": "30s",
    "versions.*.balance.max_ejected": "50",
    "versions.*.balance.slow_start": "10s",
}

ABSENT = {
    "versions.*.http": "1, and 2 for a version that a route of gRPC names (`protocol: grpc`, `match.grpc`)",
    "versions.*.price": "no answer has a cost",
    "versions.*.price.cached_input": "as `input`",
    "versions.*.package": "it has none",
    "versions.*.lineage.commit": "unknown",
    "versions.*.lineage.dataset": "unknown",
    "versions.*.lineage.features": "unknown",
    "versions.*.lineage.training_config": "unknown",
    "versions.*.lineage.evaluation": "unknown",
}
