"""What the options of `notify` are for, as `option_docs` has it."""

from __future__ import annotations

from proxy.contracts.messages import FORMATS

TEXTS = {
    "notify": "Where messages go: of changes, of what is breached, of warnings.",
    "notify[].format": (
        "Who reads them: `penumbra` is JSON with all that the audit holds; an incoming webhook of Slack (Block Kit); a "
        "webhook of Workflows in Teams (Adaptive Card); PagerDuty (Events API v2), whose incidents are triggered, "
        "acknowledged and resolved; Alertmanager (API v2), which hears again of what lasts; CloudEvents 1.0, "
        "structured or binary; annotations of Grafana; events of Kubernetes."
    ),
    "notify[].url": (
        "Where to POST; of `alertmanager`, `grafana` and `kubernetes` without the path of the call. `file:PATH` is a "
        "file that holds it, read for each call. What is logged or shown of it is scheme, host and port."
    ),
    "notify[].name": "Its name in logs and metrics, and for `penumbra message test`.",
    "notify[].secret": "Signs each call by HMAC-SHA-256.",
    "notify[].token": (
        "Sent as a bearer token (`penumbra`, `cloudevents`, `alertmanager`, `grafana`, `kubernetes`); from the "
        "environment by `${VARIABLE}`, or from a file by `file:PATH`, read for each call."
    ),
    "notify[].key": "The integration key of PagerDuty; `file:PATH` as above.",
    "notify[].events": (
        "Which ones: a release began, a stage was passed, a limit was breached, traffic went back to the primary, a "
        "candidate became primary, another model answers under a version (`identity`), a `warning` lasts or is over; "
        "`change` is anything else that somebody did."
    ),
    "notify[].routes": "Messages of these routes alone, and of what concerns the whole process.",
    "notify[].severity": (
        "The least that is sent: `critical` is a breach, a rollback by the scorecard, and warnings that cost clients "
        "something."
    ),
    "notify[].object": "What events of Kubernetes are about.",
    "notify[].object.kind": "Its kind.",
    "notify[].object.name": "Its name; of a pod by the downward API: `${POD_NAME}`.",
    "notify[].object.namespace": "Its namespace: `${POD_NAMESPACE}`.",
    "notify[].object.uid": "Its uid: `${POD_UID}`. Without it `kubectl describe` does not show the events.",
}

DEFAULTS = {
    "notify": "[]",
    "notify[].format": "penumbra",
    "notify[].secret": '""',
    "notify[].events": "[]",
    "notify[].routes": "[]",
    "notify[].token": '""',
    "notify[].object.kind": "Pod",
    "notify[].object.uid": '""',
}


def _by_severity() -> str:
    others = [f"`{row.severity}` for `{name}`" for name, row in FORMATS.items() if row.severity != "info"]
    return f"`info`; {', '.join(others)}"


ABSENT = {
    "notify[].url": "required, but for `pagerduty` and for `kubernetes` in a pod, which have one",
    "notify[].secret": "calls are not signed",
    "notify[].events": "all of them; of format `penumbra` all but `warning`",
    "notify[].routes": "those of all routes",
    "notify[].name": "the format and the place in the list, such as `slack-2`",
    "notify[].token": "none; of `kubernetes` in a pod that of its service account",
    "notify[].key": "none",
    "notify[].severity": _by_severity(),
    "notify[].object": "required by format `kubernetes`",
    "notify[].object.uid": "none",
}

EXAMPLES = {
    "notify[].format": "cloudevents",
    "notify[].url": "https://hooks.example/penumbra",
    "notify[].secret": '"${HOOK_SECRET:-sesame}"',
    "notify[].events": "[rollback, promote]",
    "notify[].name": "ml-ops",
    "notify[].token": '"file:/run/secrets/grafana"',
    "notify[].key": '"${PAGERDUTY_KEY:-sesame}"',
    "notify[].routes": "[cancer]",
    "notify[].severity": "warning",
    "notify[].object.kind": "InferenceService",
    "notify[].object.name": "cancer",
    "notify[].object.namespace": "models",
    "notify[].object.uid": "4f0c",
}
