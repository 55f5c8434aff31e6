"""`penumbra replay`: options in, report and exit code out."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import uvloop
from msgspec import Struct
from msgspec.structs import replace

from proxy.cli.backtest import quiet
from proxy.cli.exit_codes import EXIT_NO, EXIT_UNDECIDED, EXIT_UNREACHABLE, EXIT_USAGE
from proxy.cli.replay.capture_facts import CaptureReader
from proxy.cli.replay.http2_server import Http2ReplayServer
from proxy.cli.replay.run import Bounds, ReplayRun
from proxy.cli.replay.server import ReplayServer
from proxy.cli.replay.show import progress, show_report
from proxy.cli.replay.target import ReplayTarget, UnreachableError
from proxy.cli.report.outputs import Outputs, write
from proxy.cli.wording import file_fault
from proxy.config.model_url import served_url
from proxy.config.values import NAME, Refused
from proxy.contracts.bounds import legible
from proxy.contracts.durations import in_units
from proxy.contracts.release import Outcome
from proxy.contracts.replay import Ending, ReplayReport, Run
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import HttpVersion, Version, asked_on
from proxy.control.capture.exchanges import CapturedExchange
from proxy.control.capture.format import UnreadableLineError
from proxy.control.replay.judge import ReplayJudge
from proxy.control.replay.report import report_of
from proxy.control.replay.survey import Survey, survey_of
from proxy.control.replay.trial import Trial, UnfitTrialError, default_candidate, trial_of

MAX_NEW_OBJECTS = 100_000
"""Objects between two looks for cycles."""

ADDRESSES = "http(s)://host[:port][/base/path], or grpc(s):// likewise"
"""Where servers of a replay can be."""

EXITS: dict[Outcome, int] = {"pass": 0, "fail": EXIT_NO, "undecided": EXIT_UNDECIDED}


class ReplayOptions(Struct, frozen=True):
    """What the command was asked for."""

    route: str
    against: str
    primary: str = ""
    version: str = ""
    timeout: float | None = None
    outputs: Outputs = Outputs()
    """Where the report goes, by form."""
    bounds: Bounds = Bounds(8)
    image: str = ""
    """NAME@sha256:DIGEST of what the candidate is served from."""
    lineage: Mapping[str, str] = {}
    """Fields of its lineage, in place of the configuration's."""
    unsealed: bool = False
    """Whether a pass may be of files that have no seal at their end."""
    config: tuple[Path, ...] = ()
    """The file that says how it is judged."""


class UnusableError(Exception):
    """The command cannot be carried out as it was given; the message says why."""


def replay(settings: Settings, captures: Sequence[Path], options: ReplayOptions) -> int:
    """Replays, reports; the exit code. What is wrong is told to a person: only a verdict ends with the code of one."""
    try:
        options.outputs.refuse_unput((*captures, *options.config))
        report = replayed(settings, captures, options)
        if not options.outputs.to_stdout:
            show_report(report)
        write(report, options.outputs)
    except KeyboardInterrupt:
        return _told("interrupted before anything was sent", EXIT_USAGE)
    except (UnusableError, UnfitTrialError, UnreadableLineError) as error:
        return _told(str(error), EXIT_USAGE)
    except UnreachableError as error:
        return _told(str(error), EXIT_UNREACHABLE)
    except OSError as error:
        return _told(file_fault(error), EXIT_USAGE)
    except Exception:  # noqa: BLE001  a bug of ours is no verdict, and Python's own code for it is that of `fail`
        traceback.print_exc()
        return EXIT_USAGE
    return EXITS[report.verdict]


def _told(sentence: str, code: int) -> int:
    print(legible(f"penumbra replay: {sentence}"), file=sys.stderr)
    return code


def replayed(settings: Settings, captures: Sequence[Path], options: ReplayOptions) -> ReplayReport:
    """The report of a replay. Raises UnusableError, UnfitTrialError, UnreadableLineError, UnreachableError, OSError."""
    section = next((each for each in settings.routes if each.name == options.route), None)
    name = options.version or (default_candidate(section) if section else "candidate")
    if not NAME.fullmatch(name):
        raise UnusableError(f"--version: found {name!r}; allowed: letters, digits, '.', '_' and '-'")
    candidate = _version(settings, section, name, options.against, "--against")
    trial = trial_of(settings, options.route, candidate, timed=bool(options.primary))
    primary = None
    if options.primary:
        primary = _version(settings, section, trial.section.primary, options.primary, "--primary")
    reader = CaptureReader(captures)
    _spare_the_collector()
    with quiet():
        return uvloop.run(_replayed(trial, reader, (candidate, primary), options))


def _spare_the_collector() -> None:
    """Legs come and go by the thousand without a cycle among them, as in control."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(MAX_NEW_OBJECTS)


async def _replayed(
    trial: Trial, reader: CaptureReader, versions: tuple[Version, Version | None], options: ReplayOptions
) -> ReplayReport:
    judge, cpu, clock = (
        ReplayJudge(trial if reader.labelled else trial.unlabelled()),
        time.process_time(),
        time.monotonic(),
    )
    began = time.time()  # noqa: TID251  the report says when it was made
    candidate, primary = (_server(trial, each, options.timeout) if each else None for each in versions)
    assert candidate is not None
    if not options.unsealed:
        judge.unfinished = reader.unfinished
    source, rest, bounds = _planned(trial, reader, options.bounds)
    with progress(reader.lines, lambda: reader.read, lambda: run.sent) as drawn:
        run = ReplayRun(source, judge, candidate, primary, bounds, drawn, rest)
        ending = await _until_over(run)
    if ending == "complete" and bounds.part:
        ending = "requests"
    seconds = time.monotonic() - clock
    facts = Run(began, began + seconds, seconds, time.process_time() - cpu, run.analysis, run.sent)
    servers = candidate.version.url, primary.version.url if primary else ""
    report = report_of(judge, trial.settings, reader.facts(judge), ending, facts, servers)
    judge.close()
    lineage = replace(report.lineage, **dict(options.lineage))
    report = replace(report, image=options.image, lineage=lineage, notes=(*report.notes, *reader.unsealed))
    told = list(reader.repeated)
    if options.bounds.pace is not None and run.late > 1.0:
        at_once = f"with {options.bounds.concurrency} at once"
        told.append(f"the recorded pace was not kept: at times {in_units(run.late)} behind, {at_once}")
    return replace(report, run=replace(report.run or facts, notes=tuple(told)))


def _planned(
    trial: Trial, reader: CaptureReader, bounds: Bounds
) -> tuple[Iterator[CapturedExchange], Iterator[CapturedExchange] | None, Bounds]:
    """What is sent, what is sent after that where it does not decide, and how much of it.

    At a pace the beginning is sent, since distances would be waited for.
    """
    survey, rest, wanted = None, None, bounds.requests
    if wanted is not None:
        count = sum(1 for _ in reader.exchanges(trial.route))
        if count <= wanted:
            bounds = replace(bounds, requests=None)
        elif bounds.pace is None:
            survey = Survey(wanted, count, reader.sha256)
            bounds = replace(bounds, requests=None, part=True)
    elif bounds.pace is None and not bounds.everything:
        survey = survey_of(reader.lines, trial.requests, reader.sha256)
        rest = survey.others(reader.exchanges(trial.route)) if survey else None
    exchanges = reader.exchanges(trial.route)
    return (survey.of(exchanges) if survey else exchanges), rest, bounds


async def _until_over(run: ReplayRun) -> Ending:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, run.interrupt)
    try:
        return await run.run()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _server(trial: Trial, version: Version, timeout: float | None) -> ReplayTarget:
    timeouts = trial.section.timeouts
    if timeout is not None:
        timeouts = replace(timeouts, response=timeout, idle=timeout)
    make = Http2ReplayServer if version.http == 2 else ReplayServer
    return make(trial.settings, trial.section, version, timeouts)


def _version(settings: Settings, section: RouteSettings | None, name: str, url: str, option: str) -> Version:
    """A version as the route asks it, at the address that an option names. Raises UnusableError."""
    try:
        (host, port, authority, base, lookup, secure), grpc = served_url(url)
    except Refused as refused:
        raise UnusableError(f"{option}: found {refused.found or url}; allowed: {ADDRESSES}") from None
    if lookup != "system":
        raise UnusableError(f"{option}: found {url}; allowed: {ADDRESSES}")
    known = settings.versions.get(name)
    http: HttpVersion = 2 if grpc or (known is not None and known.http == 2 and not known.grpc) else 1
    version = Version(name, host, port, authority, base, secure=secure, http=http, grpc=grpc)
    if section is None:
        return version
    if grpc and not section.calls and section.protocol != "oip":
        why = f"{url} takes calls of gRPC, and requests of route {section.name} become none"
        raise UnusableError(f"{option}: {why}: its protocol is {section.protocol}, and not oip or grpc")
    return asked_on(version, section.calls)
