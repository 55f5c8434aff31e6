"""`penumbra inject`: manifests on the standard input, manifests with sidecars on the standard output.

What is said to people goes to the standard error. With a mistake nothing is written, so that nothing reaches a cluster.
"""

from __future__ import annotations

import os
import sys
from json import dumps
from pathlib import Path

import typer
from msgspec.structs import replace

from proxy.cli.exit_codes import EXIT_NO
from proxy.cli.inject import sidecar
from proxy.cli.inject.options import Options, Refusal
from proxy.cli.inject.review import answer
from proxy.cli.inject.stream import MAX_CHARACTERS, injected
from proxy.config.load import parse
from proxy.config.own_address import numeric
from proxy.config.text import text_of
from proxy.contracts.address import Address
from proxy.contracts.settings import ConfigError, Settings


def show(options: Options, config: Path | None, patch: bool, review: bool) -> None:
    """Reads, injects, writes. Ends the command with a sentence where that cannot be done."""
    try:
        options = options if config is None else configured(options, config)
        text = sys.stdin.read(MAX_CHARACTERS + 1)
        print(answer(text, options) if review else _written(text, options, patch), end="" if not review else "\n")
    except (Refusal, UnicodeDecodeError) as refusal:
        print(f"penumbra inject: {refusal}", file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None


def _written(text: str, options: Options, patch: bool) -> str:
    outcome = injected(text, options)
    for note in outcome.notes:
        print(note, file=sys.stderr)
    if not patch:
        return outcome.text
    if len(outcome.patches) > 1:
        raise Refusal(f"found {len(outcome.patches)} pods; allowed with --patch: one, since a patch names no manifest")
    return dumps([each.as_json() for patch_ in outcome.patches for each in patch_], indent=2) + "\n"


def configured(options: Options, path: Path) -> Options:
    """The options with the configuration at `path`, its ports and its drain. Raises Refusal."""
    given = {sidecar.TOKEN: "of-the-secret"} if options.secret else {}
    given |= {sidecar.FLEET_REDIS: "redis://of-the-secret", sidecar.INSTANCE: "pod"} if options.fleet_secret else {}
    try:
        text = text_of(path)
        # Variables and certificates of this machine are not those of a pod.
        settings = parse(text, given, certificates=False)
    except ConfigError as error:
        raise Refusal(f"{path}:\n{error}") from error
    if options.fleet_secret and settings.fleet is None:
        raise Refusal(f"--fleet-secret {options.fleet_secret}, but {path} has no `fleet`: it would be in none")
    _fits(settings, path)
    ports = {"port": settings.listen[0].port, "admin_port": settings.admin.listen[0].port}
    for key, port in ports.items():
        if getattr(options, key) not in (0, port):
            raise Refusal(f"--{key.replace('_', '-')} {getattr(options, key)}, but {path} says {port}: leave it out")
    local = [each.port for each in settings.versions.values() if _is_loopback(Address(each.host, each.port))]
    options = replace(options, admin_scheme=_scheme(options, settings, path))
    return replace(options, config=text, drain=settings.drain, targets=tuple(local), **ports)


def _scheme(options: Options, settings: Settings, path: Path) -> str:
    """How probes ask the admin API of a configuration."""
    tls = settings.admin.tls
    if tls and tls.client == "require":
        allowed = "optional, with roles: probes of Kubernetes show no certificate"
        raise Refusal(f"{path}: admin.tls.client: found require; allowed: {allowed}")
    scheme = "HTTPS" if tls else "HTTP"
    if options.admin_scheme not in ("", scheme):
        raise Refusal(f"--admin-scheme {options.admin_scheme}, but {path} says {scheme}: leave it out")
    return scheme


def _fits(settings: Settings, path: Path) -> None:
    """Whether a configuration fits into a pod: it is heard from outside, and its state is on the volume."""
    for key, addresses in {"listen": settings.listen, "admin.listen": settings.admin.listen}.items():
        for address in addresses:
            if not address.port or _is_loopback(address):
                wanted = ":8080" if key == "listen" else ":9900"
                raise Refusal(f'{path}: {key}: found {address}; allowed: one that the pod hears, such as "{wanted}"')
    if settings.state != ":memory:" and os.path.dirname(settings.state) != sidecar.STATE_FOLDER:
        raise Refusal(f"{path}: state: found {settings.state}; allowed: a file in {sidecar.STATE_FOLDER}, the volume")


def _is_loopback(address: Address) -> bool:
    heard = numeric(address.host)
    return bool(heard) and all(each.is_loopback for each in heard)
