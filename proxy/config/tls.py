"""The sections `tls`: of a listener, and towards a server. What their files hold is `certificates`' to read."""

from __future__ import annotations

import re
from typing import Any, get_args

from proxy.config import values
from proxy.config.section import Section
from proxy.config.values import Refused
from proxy.contracts.address import Address
from proxy.contracts.field_rules import REQUEST_SPECIAL
from proxy.contracts.operation import AccessRole, CertificateRole
from proxy.contracts.rewrite import BODY_DIGESTS, CREDENTIAL_FIELDS
from proxy.contracts.tls import SPIFFE, SPIFFE_ID, ClientCertificates, ClientTls, MinVersion, ServerTls

MAX_ALLOWED = 64
"""Each new connection is looked up among them."""

MAX_ROLES = 16
"""Each caller of the admin API with a certificate is looked up among them."""

MAX_LISTENERS = 16
"""Each worker listens on all of them."""

_LABELS = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?"
ALLOWED_PEER = re.compile(rf"{SPIFFE_ID.pattern}(?:/\*)?|dns:(?:\*\.)?{_LABELS}")
SAN = re.compile(rf"{SPIFFE_ID.pattern}|dns:{_LABELS}")

TRAFFIC = values.OneOf(("h2", "http/1.1"))
"""Application protocols (RFC 7301) that listeners of the traffic speak."""

ADMIN = values.OneOf(("http/1.1",))
"""Those of the admin API."""

OF_CLIENTS = ("client_ca", "allow", "identity_header")
"""Keys of a listener that say something about clients who show certificates."""

OF_VERIFYING = ("ca", "san")
"""Keys towards a server that say something about how it is verified."""

OLD_VERSIONS = ("1", "1.0", "1.1")
"""Those of RFC 8996, which nobody should speak."""


class Oldest(values.OneOf, frozen=True):
    """A parser of the oldest version of TLS that is spoken; knows the ways in which others write it."""

    def __call__(self, text: str) -> Any:
        bare = text.lower().removeprefix("tls").lstrip("v").replace("_", ".")
        if text not in self.words and bare in self.words:
            raise Refused(f'{" | ".join(self.words)}; did you mean "{bare}"?')
        if bare in OLD_VERSIONS or bare.startswith("ssl"):
            raise Refused(f"{' | '.join(self.words)}: what is older is broken, and not spoken (RFC 8996)")
        return super().__call__(text)


OLDEST = Oldest(get_args(MinVersion))

_OWN = {name.decode() for name in REQUEST_SPECIAL} | {*BODY_DIGESTS, *CREDENTIAL_FIELDS}


def allowed_peer(text: str) -> str:
    """A client that gets in, or all below a path or a domain."""
    if not ALLOWED_PEER.fullmatch(text):
        raise Refused("spiffe://domain/path, spiffe://domain/path/*, dns:host or dns:*.domain")
    return text if text.startswith(SPIFFE) else text.lower()


def san(text: str) -> str:
    """The name of a server."""
    if not SAN.fullmatch(text):
        raise Refused("spiffe://domain/path or dns:host")
    return text if text.startswith(SPIFFE) else text.lower()


def identity_header(text: str) -> str:
    """The field that a client's name is written to, and that no client can write."""
    found = values.header_name(text)
    if found in _OWN or found.startswith("x-penumbra-"):
        raise Refused(
            "a header of its own, such as x-client-identity: no framing, no credential, nothing of x-penumbra-"
        )
    return found


def read_server_tls(owner: Section) -> ServerTls | None:
    """`tls` of a listener; None where there is none."""
    section = owner.section("tls")
    if "tls" not in owner:
        return None
    tls = _server_tls(section, TRAFFIC)
    section.finish()
    return tls


def read_admin_tls(owner: Section) -> tuple[ServerTls | None, tuple[CertificateRole, ...]]:
    """`tls` of the admin API, and who its clients are by their certificates."""
    section = owner.section("tls")
    if "tls" not in owner:
        return None, ()
    tls = _server_tls(section, ADMIN)
    roles = tuple(_role(item) for item in section.items("roles"))
    if len(roles) > MAX_ROLES:
        section.refuse("roles", f"{len(roles)} roles", f"at most {MAX_ROLES}")
    if roles and tls.client == "off" and not section.refused("client"):
        section.refuse("roles", "roles beside client: off", "client: optional | require beside it")
    if "identity_header" in section:
        section.refuse("identity_header", "a header of the admin API", "nothing: versions hear of clients of `listen`")
    section.finish()
    return tls, roles


def _role(section: Section) -> CertificateRole:
    allow = _allowed(section)
    if not allow and not section.refused("allow"):
        section.refuse("allow", "nobody", "at least one name; leave the entry out to have none")
    role: AccessRole = section.take("role", values.one_of(AccessRole), "read", required=True)
    section.finish()
    return CertificateRole(allow, role)


def _allowed(section: Section) -> tuple[str, ...]:
    allow = section.values("allow", allowed_peer)
    if len(allow) > MAX_ALLOWED:
        section.refuse("allow", f"{len(allow)} names", f"at most {MAX_ALLOWED}")
    return allow


def _server_tls(section: Section, spoken: values.OneOf) -> ServerTls:
    client: ClientCertificates = section.take("client", values.one_of(ClientCertificates), "off")
    min_version: MinVersion = section.take("min_version", OLDEST, "1.2")
    offered = section.values("alpn", spoken)
    tls = ServerTls(
        certificate=section.take("certificate", values.plain, "", required=True),
        key=section.take("key", values.plain, "", required=True),
        client_ca=section.take("client_ca", values.plain, ""),
        client=client,
        allow=_allowed(section),
        min_version=min_version,
        alpn=tuple(dict.fromkeys(offered)) if "alpn" in section else ServerTls("", "").alpn,
        identity_header=section.take("identity_header", identity_header, ""),
    )
    _refuse_idle(section, tls)
    return tls


def _refuse_idle(section: Section, tls: ServerTls) -> None:
    """Reports what says something about clients of whom no certificate is asked, and the other way round."""
    if section.refused("client"):
        return
    if tls.client != "off" and "client_ca" not in section:
        allowed = f"the authorities of its clients: client: {tls.client} checks their certificates by them"
        section.refuse("client_ca", "nothing", allowed)
    for key in OF_CLIENTS:
        if tls.client == "off" and key in section and not section.refused(key):
            section.refuse(key, f"{key} beside client: off", "client: optional | require beside it")


def read_client_tls(owner: Section) -> ClientTls | None:
    """`tls` towards a server; None where there is none."""
    section = owner.section("tls")
    if "tls" not in owner:
        return None
    min_version: MinVersion = section.take("min_version", OLDEST, "1.2")
    tls = ClientTls(
        ca=section.take("ca", values.plain, ""),
        certificate=section.take("certificate", values.plain, ""),
        key=section.take("key", values.plain, ""),
        server_name=section.take("server_name", values.host_name, ""),
        san=section.take("san", san, ""),
        insecure_skip_verify=section.take("insecure_skip_verify", values.truth, False),
        min_version=min_version,
    )
    for key, other in (("certificate", "key"), ("key", "certificate")):
        if key in section and other not in section:
            section.refuse(other, "nothing", f"the file of the {other}, since {key} is there")
    for key in OF_VERIFYING:
        if tls.insecure_skip_verify and key in section:
            section.refuse(key, f"{key} beside insecure_skip_verify: true", "one of the two: nothing is verified then")
    section.finish()
    return tls


def refuse_beside_plain(section: Section, key: str, url: str, secure: bool) -> None:
    """Reports a section `tls` beside the address `key` of a server that is not spoken to by TLS; `url`: such an address
    that is."""
    if "tls" in section and not secure and key in section and not section.refused(key):
        section.refuse("tls", f"a section beside {key} without TLS", f"{url} in {key}, or no tls")


def read_listeners(root: Section) -> dict[str, Any]:
    """`listen` and `tls`, or `listeners` in their place: fields of `Settings`."""
    found = [_listener(section) for section in root.items("listeners")]
    listen = root.one_or_more("listen", values.address, required="listeners" not in root)
    tls = read_server_tls(root)
    if "listeners" not in root:
        return {"listen": listen, "listeners_tls": (tls,) if tls else ()}
    for key in ("listen", "tls"):
        if key in root:
            root.refuse(key, f"{key} beside listeners", "listeners alone: each has a listen and, where wanted, a tls")
    if not 0 < len(found) <= MAX_LISTENERS and not root.refused("listeners"):
        root.refuse("listeners", f"{len(found)} listeners", f"1 to {MAX_LISTENERS}")
    return {
        "listen": tuple(address for addresses, _ in found for address in addresses),
        "listener_of": tuple(index for index, (addresses, _) in enumerate(found) for _ in addresses),
        "listeners_tls": tuple(tls for _, tls in found),
    }


def _listener(section: Section) -> tuple[tuple[Address, ...], ServerTls | None]:
    listen = section.one_or_more("listen", values.address, required=True)
    tls = read_server_tls(section)
    section.finish()
    return listen, tls


def places_of(listeners: dict[str, Any]) -> dict[str, tuple[Address, ...]]:
    """The key of each listener's addresses, to these; `listeners` is what `read_listeners` gave."""
    listen, owners = listeners["listen"], listeners.get("listener_of", ())
    if not owners:
        return {"listen": listen}
    places: dict[str, tuple[Address, ...]] = {}
    for address, index in zip(listen, owners, strict=True):
        key = f"listeners[{index}].listen"
        places[key] = (*places.get(key, ()), address)
    return places
