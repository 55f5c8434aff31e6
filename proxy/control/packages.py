"""What `require_package` asks of candidates, on each way to live traffic.

1. A release of the configuration whose candidate may not begin is as good as not written: the primary has its traffic.
   It begins with the reload after its package is right.
2. A release that has begun stays where it is: no stage of it ends. Nobody is taken off, for it harms nobody more. So it
   is too where its answers say that another model gives them than the one whose replay passed.
3. A change by hand that gives a version traffic, or begins a release of it, is refused. Whatever takes traffic off is
   not.
A release over several routes is one: what one of its candidates lacks, all lack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxy.contracts.release import RouteState
from proxy.contracts.settings import RouteSettings, Settings
from proxy.release import transitions
from proxy.release.package import refusal
from proxy.release.phases import TransitionRefused
from proxy.release.plan import basis

if TYPE_CHECKING:
    from proxy.stats.board import Board  # not when the program starts: the first table needs no statistics


def refusals(settings: Settings) -> dict[str, str]:
    """Routes whose candidates may not begin, and why."""
    if settings.require_package == "none":
        return {}
    own = {section.name: _why(settings, section) for section in settings.routes}
    joint: dict[str, list[str]] = {}
    for section in settings.routes:
        if section.group and own[section.name]:
            joint.setdefault(section.group.name, []).append(own[section.name])
    for section in settings.routes:
        if section.group:
            own[section.name] = "; ".join(joint.get(section.group.name, ()))
    return {name: why for name, why in own.items() if why}


def _why(settings: Settings, section: RouteSettings) -> str:
    return next(filter(None, (_refusal(settings, version, section.name) for version in section.candidates)), "")


def withheld(settings: Settings, states: Iterable[RouteState], board: Board) -> str:
    """Why a release that has begun, by the configuration or by hand, goes no further: one of its versions lacks what is
    asked of it now; "" where it may. `states`: those of its routes; `board`: knows who answers."""
    if settings.require_package == "none":
        return ""
    versions = (
        (state.route, version)
        for state in states
        if state.release is not None and transitions.releasing(state)
        for version in (state.release.candidate, *state.release.arms)
    )
    return next(filter(None, (_refusal(settings, version, route, board) for route, version in versions)), "")


def _refusal(settings: Settings, version: str, route: str, board: Board | None = None) -> str:
    who: tuple[str, ...] = ()
    if board is not None:
        from proxy.control.identities import answering

        who = answering(board, route, version)
    return refusal(version, settings.packages.get(version), settings.require_package, route, who)


def allowed(
    settings: Settings, section: RouteSettings, unpackaged: Mapping[str, str], stored: Mapping[str, RouteState]
) -> RouteSettings:
    """The section as far as packages allow it; one that the stored state follows already is as it was.

    - `unpackaged`: as `refusals` has it
    """
    live = stored.get(section.name)
    if section.name not in unpackaged or (live is not None and live.basis == basis(section)):
        return section
    split = tuple(share for share in section.split if not _refusal(settings, share.version, section.name))
    return replace(section, release=None, split=split)


def admit(
    settings: Settings, action: str, before: Sequence[RouteState], after: Sequence[RouteState], board: Board
) -> None:
    """Raises TransitionRefused for a change by hand that gives a version traffic which may have none."""
    gains = ((state.route, version) for was, state in zip(before, after, strict=True) for version in _gains(was, state))
    why = next(filter(None, (_refusal(settings, version, route, board) for route, version in gains)), "")
    if why and action != "rollback":
        raise TransitionRefused(why)


def _gains(before: RouteState, after: RouteState) -> list[str]:
    """The versions that have more live traffic, or the prospect of it."""
    had, has = transitions.weights(before)[0], transitions.weights(after)[0]
    gains = [version for version, percent in has.items() if percent > had.get(version, 0.0)]
    if after.primary != before.primary:
        gains.append(after.primary)
    if after.release is not None and transitions.releasing(after) and after.release != before.release:
        gains += [after.release.candidate, *after.release.arms]
    return list(dict.fromkeys(gains))
