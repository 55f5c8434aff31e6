"""The meaning of each option of the sections `tls`, as `option_docs` has that of all others: texts, defaults, what
holds without, and examples.

There are two kinds of section, each in several places. `tls` stands for those of listeners, `versions.*.tls` for those
towards servers; `canonical` says which words an option has.
"""

from __future__ import annotations

import re

OF_LISTENERS = re.compile(r"^(?:listeners\[\]|admin)\.(?=tls\.(?!roles))")
OF_SERVERS = re.compile(r"^(?:fleet|notify\[\]|tracing|(?:routes\.\*\.)?analysis\.judge)\.(?=tls\.)")


def canonical(path: str) -> str:
    """The path whose words an option of a section `tls` has."""
    return OF_SERVERS.sub("versions.*.", OF_LISTENERS.sub("", path))


TEXTS = {
    "tls": (
        "TLS of `listen`. Without it, plain HTTP. Its files are looked at every few seconds and put in force when they "
        "are whole and right; connections go on. To turn it on or off, restart."
    ),
    "tls.certificate": "File (PEM): the certificate, then those of intermediate authorities, such as `tls.crt`.",
    "tls.key": "File (PEM): its private key, not encrypted.",
    "tls.client_ca": "File (PEM): authorities of the clients' certificates.",
    "tls.client": (
        "Whether clients show a certificate: `require` lets in those with a trusted one alone, `optional` those "
        "without one as well. To change it, restart."
    ),
    "tls.allow": (
        "Of the clients with a trusted certificate, those that get in, by their names. `/*` at the end of a path, and "
        "`*.` before a domain, are all below. At most 64."
    ),
    "tls.min_version": "The oldest version of TLS that is spoken.",
    "tls.alpn": "Application protocols that are offered, the preferred one first.",
    "tls.identity_header": (
        "Header that tells versions the client's name: its SPIFFE ID, else its first name. What a client sends "
        "under that name is removed."
    ),
    "listeners": "Several listeners in place of `listen` and `tls`, so that plain and TLS stand side by side.",
    "listeners[].listen": "As `listen`.",
    "listeners[].tls": "As `tls`; without it, plain HTTP.",
    "admin.tls": (
        "As `tls`, of the admin API, on all its addresses. Probes of Kubernetes show no certificate: with "
        "`client: require` they fail, with `optional` and a role `read` below only those get in who should."
    ),
    "admin.tls.roles": (
        "What clients with a certificate may do without a token, at most 16 entries; of several that fit, the "
        "strongest holds. With a role `read`, looking needs it, or a token; with `operate`, so do changes."
    ),
    "admin.tls.roles[].allow": "Their names, as `tls.allow` has them. At least one.",
    "admin.tls.roles[].role": "`read` may look; `operate` may look and change.",
    "versions.*.tls": "TLS towards the version, for a URL of https.",
    "versions.*.tls.ca": "File (PEM): authorities that its certificate is checked against.",
    "versions.*.tls.certificate": "File (PEM): the certificate that it is shown, then intermediate ones.",
    "versions.*.tls.key": "File (PEM): its private key, not encrypted.",
    "versions.*.tls.server_name": "The name that is asked for, and that its certificate must have.",
    "versions.*.tls.san": "The name that its certificate must have in place of `server_name`.",
    "versions.*.tls.insecure_skip_verify": (
        "`true`: whoever answers is believed, and reads and changes all. Warned of at each start and on the page."
    ),
    "versions.*.tls.min_version": "The oldest version of TLS that is spoken.",
    "fleet.tls": "As `versions.NAME.tls`, towards the store: servers, sentinels and nodes alike, by rediss.",
    "notify[].tls": "As `versions.NAME.tls`, towards the webhook, for a URL of https.",
    "tracing.tls": (
        "As `versions.NAME.tls`, towards the collector, for a URL of https. In place of what variables of "
        "OpenTelemetry say of certificates."
    ),
    "analysis.judge.tls": "As `versions.NAME.tls`, towards the judge, for a URL of https.",
}

DEFAULTS = {
    "tls.client": "off",
    "tls.allow": "[]",
    "tls.min_version": '"1.2"',
    "tls.alpn": "[http/1.1]",
    "admin.tls.roles": "[]",
    "versions.*.tls.insecure_skip_verify": "false",
    "versions.*.tls.min_version": '"1.2"',
}

ABSENT = {
    "listen": "`listeners` in its place",
    "tls": "plain HTTP",
    "tls.client_ca": "`client: off`",
    "tls.allow": "all of them",
    "tls.identity_header": "versions are not told",
    "listeners": "`listen` and `tls`",
    "listeners[].tls": "plain HTTP",
    "admin.tls": "plain HTTP",
    "admin.tls.roles": "a certificate alone is no role",
    "versions.*.tls": "as below, where the URL is one of https",
    "versions.*.tls.ca": "those of the system",
    "versions.*.tls.certificate": "none is shown",
    "versions.*.tls.key": "none",
    "versions.*.tls.server_name": "the host of the URL",
    "versions.*.tls.san": "`server_name`",
    **dict.fromkeys(
        ("fleet.tls", "notify[].tls", "tracing.tls", "analysis.judge.tls"), "verified by the authorities of the system"
    ),
}

EXAMPLES = {
    "tls.certificate": "tls.crt",
    "tls.key": "tls.key",
    "tls.client_ca": "ca.crt",
    "tls.client": "require",
    "tls.allow": '["spiffe://prod/ns/ml/*", "dns:*.corp.example"]',
    "tls.min_version": '"1.3"',
    "tls.alpn": "[]",
    "tls.identity_header": "x-client-identity",
    "admin.tls.roles[].allow": '["spiffe://prod/ns/ops/*"]',
    "admin.tls.roles[].role": "operate",
    "listeners[].listen": '":8443"',
    "versions.*.tls.ca": "ca.crt",
    "versions.*.tls.certificate": "tls.crt",
    "versions.*.tls.key": "tls.key",
    "versions.*.tls.server_name": "triton.ml.svc",
    "versions.*.tls.san": '"spiffe://prod/ns/ml/sa/triton"',
    "versions.*.tls.insecure_skip_verify": "true",
    "versions.*.tls.min_version": '"1.3"',
}
