"""How the command line reaches the admin API: its address, and what it is asked with."""

from __future__ import annotations

import inspect
import ssl
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, NamedTuple

import typer

DEFAULT_ADMIN = "http://127.0.0.1:9900"

OF_TLS = ("ca", "cert", "key", "server_name")


class Access(NamedTuple):
    """The admin API, as the options say. Paths and names that were not given are ""."""

    admin: str
    token: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    server_name: str = ""
    if_match: str = ""
    """The tag of the picture that a change was decided on; "": whatever it is."""

    @property
    def base(self) -> str:
        """Its address with a scheme: that of TLS where an option is about TLS. Raises typer.BadParameter."""
        is_secured = any(getattr(self, name) for name in OF_TLS)
        admin = self.admin.rstrip("/")
        if admin == DEFAULT_ADMIN and is_secured:
            return admin.replace("http:", "https:")
        if "://" not in admin:
            return f"{'https' if is_secured else 'http'}://{admin}"
        if is_secured and not admin.startswith("https://"):
            raise typer.BadParameter(f"{admin} is asked in clear: https:// is what the options of TLS are for")
        return admin

    @property
    def context(self) -> ssl.SSLContext | None:
        """What its certificate is checked with, and the own one shown; None in clear. Raises typer.BadParameter."""
        if not self.base.startswith("https://"):
            return None
        from msgspec.structs import replace

        from proxy.config.certificates import checked_files
        from proxy.config.tls import SAN
        from proxy.contracts.tls import SPIFFE, ClientTls
        from proxy.tls.client import client_context
        from proxy.tls.reason import TlsError

        if bool(self.cert) != bool(self.key):
            raise typer.BadParameter("--cert and --key belong together")
        san = self.server_name if self.server_name.startswith(SPIFFE) else ""
        if san and not SAN.fullmatch(san):
            raise typer.BadParameter(f"--server-name {san}: a host, or spiffe://domain/path")
        tls = ClientTls(self.ca, self.cert, self.key, san=san)
        checked = checked_files(tls, time.time())  # noqa: TID251  certificates are valid by this clock
        if checked.material is None or checked.faults:
            said = "; ".join(str(fault).replace("certificate:", "cert:", 1) for fault in checked.faults)
            raise typer.BadParameter(f"--{said}")
        tls = replace(tls, material=checked.material)
        try:
            context = client_context(tls)
        except TlsError as error:
            raise typer.BadParameter(str(error)) from error
        if san:
            context.sslobject_class = _held_to(tls)
        return context

    @property
    def asked_name(self) -> str | None:
        """The host that its certificate must have, where it is not that of the address."""
        return None if not self.server_name or self.server_name.startswith("spiffe:") else self.server_name


def _held_to(tls: Any) -> type[ssl.SSLObject]:
    """Connections that end with their handshake where the certificate is not that of `tls.san`."""
    from proxy.tls.peer import verify
    from proxy.tls.reason import TlsError

    class Held(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            try:
                verify(tls, self.getpeercert())
            except TlsError as error:
                refused = ssl.SSLCertVerificationError(1, str(error))
                refused.verify_code, refused.verify_message = 62, str(error)
                raise refused from error

    return Held


AdminOpt = Annotated[str, typer.Option("--admin", envvar="PENUMBRA_ADMIN", help="address of the admin API")]
TokenOpt = Annotated[str, typer.Option("--token", envvar="PENUMBRA_ADMIN_TOKEN", show_envvar=True, help="admin.token")]
CaOpt = Annotated[str, typer.Option("--ca", envvar="PENUMBRA_CA", help="file (PEM): authorities of its certificate")]
CertOpt = Annotated[str, typer.Option("--cert", envvar="PENUMBRA_CERT", help="file (PEM): certificate to show it")]
KeyOpt = Annotated[str, typer.Option("--key", envvar="PENUMBRA_KEY", help="file (PEM): private key of --cert")]
NameOpt = Annotated[
    str,
    typer.Option(
        "--server-name", envvar="PENUMBRA_SERVER_NAME", help="host or spiffe://… of its certificate, if not --admin's"
    ),
]


def _options(
    admin: AdminOpt = DEFAULT_ADMIN, token: TokenOpt = "", ca: CaOpt = "", cert: CertOpt = "", key: KeyOpt = "",
    server_name: NameOpt = "",
) -> None:  # fmt: skip
    """The options of `Access`, in its order."""


OPTIONS = tuple(inspect.signature(_options, eval_str=True).parameters.values())


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameter `access` is made of the options."""
    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != "access"]
    options = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in OPTIONS]

    @wraps(command)
    def ask(**given: Any) -> None:
        access = Access(*(given.pop(each.name) for each in OPTIONS))
        command(**given, access=access)

    shown: Any = ask
    shown.__signature__ = signature.replace(parameters=[*own, *options])
    shown.__annotations__ = {each.name: each.annotation for each in (*own, *options)}
    del shown.__wrapped__
    return ask


def at_a_terminal() -> bool:
    """Whether a person sits there who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()
