"""The meaning of each option of a release over several routes; `option_docs` has the others."""

from __future__ import annotations

TEXTS = {
    "releases": "Releases over several routes: what belongs together goes together, by names of their own.",
    "releases.*.routes": "The routes, in place of a `release` of their own; primaries are those of the routes.",
    "releases.*.routes.*.candidate": "The version that may become primary of this route.",
    "releases.*.routes.*.sticky": "Where this route has the key of the user, if elsewhere than the others.",
    "releases.*.routes.*.scorecard": "Lines of this route, in place of those on the same metrics.",
    "releases.*.strategy": "As of a `release`, for all routes at once.",
    "releases.*.percent": "A/B test: part of the users that meet the candidates.",
    "releases.*.sticky": (
        "Where the key of a user stands. A user meets matching versions on all routes; who has no key that can be read "
        "meets the primaries. Needed where a part of the users meets the candidates."
    ),
    "releases.*.stages": (
        "Steps of all routes at once; each ends when every route has its requests and its scorecard passes."
    ),
    "releases.*.scorecard": "The limits that the candidate of each route is held to.",
    "releases.*.false_alarm": "Of the whole: each route has an equal part of it.",
    "releases.*.on_breach": "What a breach on any route does to all of them at once.",
    "releases.*.warm_up": "As of a route.",
    "releases.*.on_identity_change": "As of a route; what it ends or begins anew, it does on all routes.",
}
"""Path to a sentence on what the option is for. What is not here is as of the `release` of a route."""

DEFAULTS = {
    "releases.*.percent": "50",
    "releases.*.false_alarm": "0.001",
    "releases.*.on_breach": "rollback",
    "releases.*.warm_up": "100",
    "releases.*.on_identity_change": "restart",
}
"""Path to the default, as YAML."""

ABSENT = {
    "releases": "none",
    "releases.*.sticky": "none; each route may have its own",
    "releases.*.routes.*.sticky": "as of the release",
    "releases.*.routes.*.scorecard": "as of the release",
    "releases.*.scorecard": "as of a route",
    "releases.*.stages": "none",
}
"""Path to what holds where the option is left out and no value would say the same."""
