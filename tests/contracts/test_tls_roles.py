"""Every section of TLS has a role, which is its place; and what its files hold is exchanged by it."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.contracts.address import Address
from proxy.contracts.comparers import Judge
from proxy.contracts.fleet import Fleet
from proxy.contracts.journal import Tracing
from proxy.contracts.operation import Admin, Hook
from proxy.contracts.settings import Analysis, RouteSettings, Settings
from proxy.contracts.table import Match
from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial
from proxy.contracts.tls_roles import place_of, sections, with_material

SERVER, CLIENT = ServerTls("/c", "/k"), ClientTls("/ca")
JUDGED = RouteSettings("r", Match("/"), "json", "v1", analysis=Analysis(judge=Judge("https://j/", tls=CLIENT)))
PLAIN = Settings((Address("h", 1),), {}, (RouteSettings("q", Match("/q"), "json", "v1"),))
FULL = replace(
    PLAIN,
    listeners_tls=(SERVER,),
    routes=(*PLAIN.routes, JUDGED),
    admin=Admin(tls=SERVER),
    tls={"v1": CLIENT},
    fleet=Fleet("redis://h", "f", tls=CLIENT),
    notify=(Hook("https://h/"), Hook("https://h/", tls=CLIENT)),
    tracing=Tracing("https://h/", tls=CLIENT),
)
PLACES = {
    "listen": "tls",
    "admin": "admin.tls",
    "versions.v1": "versions.v1.tls",
    "fleet": "fleet.tls",
    "notify[1]": "notify[1].tls",
    "tracing": "tracing.tls",
    "routes.r.analysis.judge": "routes.r.analysis.judge.tls",
}


def test_a_role_is_a_place() -> None:
    assert sections(PLAIN) == {}
    assert {role: place_of(role) for role in sections(FULL)} == PLACES
    several = replace(FULL, listener_of=(0, 1), listeners_tls=(None, SERVER))
    assert [role for role in sections(several) if "listen" in role] == ["listeners[1]"]


def test_what_files_hold_is_exchanged_by_role() -> None:
    assert with_material(PLAIN, {"listen": TlsMaterial("c")}) == PLAIN
    assert with_material(FULL, {}) == FULL
    for role in PLACES:
        held = TlsMaterial("new")
        renewed = with_material(FULL, {role: held})
        assert {each: tls.material for each, tls in sections(renewed).items() if tls.material.certificate} == {
            role: held
        }


def test_a_rotation_is_no_other_route() -> None:
    """Statistics begin anew with another analysis, and sidecars of a fleet compare their routes."""
    renewed = with_material(FULL, {role: TlsMaterial("new") for role in PLACES})
    assert renewed.routes == FULL.routes and renewed.versions == FULL.versions
