"""All sections of TLS in a configuration by their roles, which metrics and warnings name them by.

A role is the place in the file that the section is for: `listen`, `listeners[1]`, `admin`, `versions.NAME`, `fleet`,
`notify[0]`, `tracing`, `routes.NAME.analysis.judge`.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.tls import ClientTls, ServerTls, TlsMaterial

Tls = ServerTls | ClientTls

LISTEN = "listen"


def place_of(role: str) -> str:
    """The path of a role's section in the file."""
    return "tls" if role == LISTEN else f"{role}.tls"


def sections(settings: Settings) -> dict[str, Tls]:
    """Role to its section, of those that there are."""
    found: dict[str, Tls | None] = {
        **{listener_role(settings, index): tls for index, tls in enumerate(settings.listeners_tls)},
        "admin": settings.admin.tls,
        **{f"versions.{name}": tls for name, tls in settings.tls.items()},
        "fleet": settings.fleet.tls if settings.fleet else None,
        **{f"notify[{index}]": hook.tls for index, hook in enumerate(settings.notify)},
        "tracing": settings.tracing.tls if settings.tracing else None,
        **{judge_role(route.name): _of_judge(settings, route) for route in settings.routes},
    }
    return {role: tls for role, tls in found.items() if tls is not None}


def listener_role(settings: Settings, index: int) -> str:
    """The role of a listener: the only one without a list of them is `listen`."""
    return f"listeners[{index}]" if settings.listener_of else LISTEN


def judge_role(route: str) -> str:
    """The role of a route's judge."""
    return f"routes.{route}.analysis.judge"


def judges(settings: Settings) -> dict[str, ClientTls]:
    """Route to the section of its judge, of those that have one."""
    found = ((route.name, _of_judge(settings, route)) for route in settings.routes)
    return {name: tls for name, tls in found if tls is not None}


def _of_judge(settings: Settings, route: RouteSettings) -> ClientTls | None:
    judge = route.analysis.judge
    if judge is None or judge.tls is None:
        return None
    return replace(judge.tls, material=settings.judge_material.get(route.name, TlsMaterial()))


def with_material(settings: Settings, material: Mapping[str, TlsMaterial]) -> Settings:
    """The settings with what the files of some roles hold now."""

    def renewed(role: str, tls: Tls | None) -> dict[str, Tls | None]:
        held = material.get(role)
        return {"tls": tls if tls is None or held is None else replace(tls, material=held)}

    fleet, tracing = settings.fleet, settings.tracing
    listeners = [
        renewed(listener_role(settings, index), tls)["tls"] for index, tls in enumerate(settings.listeners_tls)
    ]
    return replace(
        settings,
        listeners_tls=tuple(listeners),
        admin=replace(settings.admin, **renewed("admin", settings.admin.tls)),
        tls={name: renewed(f"versions.{name}", tls)["tls"] for name, tls in settings.tls.items()},
        fleet=fleet and replace(fleet, **renewed("fleet", fleet.tls)),
        notify=tuple(
            replace(hook, **renewed(f"notify[{index}]", hook.tls)) for index, hook in enumerate(settings.notify)
        ),
        tracing=tracing and replace(tracing, **renewed("tracing", tracing.tls)),
        judge_material={
            route.name: held
            for route in settings.routes
            if (held := material.get(judge_role(route.name), settings.judge_material.get(route.name)))
        },
    )
