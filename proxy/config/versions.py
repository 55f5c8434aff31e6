"""The versions of a configuration: where each is served, what it is there, where it comes from, what it costs."""

from __future__ import annotations

from typing import Any

from proxy.config import values
from proxy.config.balance import read_balance
from proxy.config.model_url import ModelUrl, served_url
from proxy.config.prices import read_price
from proxy.config.rewrite import read_credential, read_rewrite
from proxy.config.section import Section
from proxy.config.tls import read_client_tls
from proxy.config.values import Parser
from proxy.contracts.package import Package
from proxy.contracts.price import Price
from proxy.contracts.rewrite import Credential, Rewrite
from proxy.contracts.settings import Lineage
from proxy.contracts.table import HttpVersion, Version
from proxy.contracts.tls import ClientTls

_LINEAGE: dict[str, Parser] = dict.fromkeys(Lineage.__struct_fields__, values.plain)


HTTP = values.Whole(1, 2)
"""Versions of HTTP."""


def read_versions(root: Section, require_lineage: bool) -> dict[str, Any]:
    """What the file says of versions: fields of `Settings`, each with one entry a version that says something."""
    versions: dict[str, Version] = {}
    lineage: dict[str, Lineage] = {}
    prices: dict[str, Price] = {}
    rewrites: dict[str, Rewrite] = {}
    credentials: dict[str, Credential] = {}
    tls: dict[str, ClientTls] = {}
    packages: dict[str, Package] = {}
    for name, section in root.entries("versions", values.name):
        nowhere: ModelUrl = ("", 0, "", "", "system", False)
        (host, port, authority, base, lookup, secure), grpc = section.take(
            "url", served_url, (nowhere, False), required=True
        )
        http: HttpVersion = 2 if section.take("http", HTTP, 2 if grpc else 1) == 2 else 1
        if grpc and http == 1 and not section.refused("http"):
            section.refuse("http", "1 beside a URL of gRPC", "2, or no http at all")
        balance, said = read_balance(section, host), "http" in section
        versions[name] = Version(name, host, port, authority, base, balance, lookup, secure, http, grpc, said)
        if rewrite := read_rewrite(section):
            rewrites[name] = rewrite
        if credential := read_credential(section):
            credentials[name] = credential
        if section_tls := read_client_tls(section):
            if not secure and not section.refused("url"):
                section.refuse("tls", "a section beside a URL of http", "https://… in `url`, or no tls")
            tls[name] = section_tls
        if "package" in section:
            packages[name] = Package(section.take("package", values.plain, ""))
        lineage[name] = _lineage(section.section("lineage"), require_lineage and name not in packages)
        if price := read_price(section):
            prices[name] = price
        section.finish()
    if not versions:
        root.refuse("versions", "no version", "at least one, as <name>: {url: http://host:port}")
    return {
        "versions": versions,
        "lineage": lineage,
        "prices": prices,
        "rewrites": rewrites,
        "credentials": credentials,
        "tls": tls,
        "packages": packages,
    }


def _lineage(section: Section, required: bool) -> Lineage:
    given = section.fields(_LINEAGE)
    section.finish()
    for key in _LINEAGE:
        if required and key not in section:
            section.refuse(key, "nothing", "require_lineage is true: a text")
    return Lineage(**given)
