"""The command line. Everything heavy is imported by the command that needs it.

Exit codes: 0 done · 1 the answer is no (configuration or change refused, chain broken, demo failed) · 2 wrong usage ·
3 an address cannot be listened on, or the admin API or a model server cannot be reached · 4 the state file cannot be
used · 5 the evidence does not suffice for a verdict · 6 a change is made, and not in force everywhere yet.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from json import dumps
from pathlib import Path
from time import time  # noqa: TID251  a package says when it was made
from typing import TYPE_CHECKING, Annotated

import typer

import proxy
from proxy import files
from proxy.cli.access import Access, asking
from proxy.cli.acting_commands import add_acts
from proxy.cli.arguments import AsJson, Config, checked
from proxy.cli.audit_commands import audit
from proxy.cli.capture.command import capture
from proxy.cli.exit_codes import EXIT_NO, EXIT_USAGE
from proxy.cli.message_commands import message
from proxy.cli.told_commands import add_told
from proxy.cli.top_commands import add_top
from proxy.cli.wording import counted, file_fault
from proxy.contracts.build import build

if TYPE_CHECKING:
    from proxy.contracts.settings import Settings

app = typer.Typer(
    name="penumbra",
    help="Mirrors, splits, compares and rolls back model versions in the data path.",
    epilog="Exit codes: 0 done, 1 the answer is no, 2 usage, 3 an address cannot be used, 4 the state file cannot, "
    "5 undecided, 6 not in force everywhere yet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(audit, name="audit")
add_told(app)
add_top(app)
add_acts(app)
app.add_typer(capture, name="capture")
app.add_typer(message, name="message")


def main() -> int:
    """The entry of the command `penumbra`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal or pipe of another coding gets what it can show
            stream.reconfigure(errors="replace")
    app(prog_name="penumbra")
    return 0


def _version(wanted: bool) -> None:
    if wanted:
        print(f"penumbra {proxy.__version__} ({build()})")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="print it")] = False,
) -> None:
    """Options that come before the command."""


@app.command()
def run(config: Config) -> None:
    """Serves until SIGTERM, which drains. SIGHUP, or a change of CONFIG, reloads."""
    from proxy.cli.serve import serve

    raise typer.Exit(serve(config))


@app.command()
def check(config: Config, as_json: AsJson = False) -> None:
    """Says everything that is wrong with CONFIG. Exit code 0: nothing is."""
    from proxy.config.calls import told
    from proxy.config.certificates import concerns
    from proxy.config.hints import hints
    from proxy.config.wording import written

    settings = checked(config, as_json)
    warnings = (*hints(settings), *concerns(settings))
    if as_json:
        print(dumps({"ok": True, "problems": [], "warnings": warnings, "assumed": _assumed(settings)}))
        return
    routes, versions = counted(len(settings.routes), "route"), counted(len(settings.versions), "version")
    print(f"{config}: fine ({routes}, {versions})")
    for warning in warnings:
        print(f"warning: {warning}")
    for line in told(settings):
        print(line)
    for route in settings.routes:
        if lines := route.assumed:
            held = f"is held to {written(lines)} by default"
            print(f"route {route.name} {held}; its scorecard may say else, or `{next(iter(lines))}: off`")


def _assumed(settings: Settings) -> dict[str, dict[str, dict[str, float]]]:
    """The lines that nothing names, by route and metric."""
    judged = {route.name: route.assumed for route in settings.routes if route.assumed}
    return {name: {metric: limit.given() for metric, limit in lines.items()} for name, lines in judged.items()}


@app.command()
def schema() -> None:
    """Prints a JSON Schema of the configuration, for editors."""
    from proxy.config.schema.json_schema import describe

    print(dumps(describe(), indent=2, ensure_ascii=False))


@app.command()
def demo(
    hold: Annotated[bool, typer.Option("--hold", help="keep everything up at the end, until Ctrl-C")] = False,
    seconds: Annotated[float, typer.Option(min=1, help="length of one act")] = 8.0,
    rate: Annotated[float, typer.Option(min=1, help="requests per second")] = 120.0,
    models: Annotated[Path | None, typer.Option(help="environment with MLServer (default .venv-models)")] = None,
    fleet: Annotated[bool, typer.Option("--fleet", help="three sidecars and a Redis in place of one")] = False,
    grpc: Annotated[bool, typer.Option("--grpc", help="clients and model servers speak gRPC")] = False,
    ci: Annotated[bool, typer.Option("--ci", help="a release that begins in CI")] = False,
) -> None:
    """Three real model servers behind Penumbra, from mirroring to an automatic rollback."""
    if fleet and hold:
        raise typer.BadParameter("--hold keeps up the demo of one sidecar", param_hint="--fleet")
    if fleet and grpc:
        raise typer.BadParameter("the demo of a fleet is by HTTP/1.1", param_hint="--grpc")
    if ci and (hold or fleet or grpc):
        raise typer.BadParameter("a story of its own, without --hold, --fleet and --grpc", param_hint="--ci")
    from proxy.demo.story import main as story

    raise typer.Exit(story(hold, models, seconds, rate, fleet, grpc, ci))


@app.command()
@asking
def status(
    route: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    as_json: AsJson = False,
    *,
    access: Access,
) -> None:
    """Phases, splits, shadows and verdicts, as they are now, and the fleet; of all routes, one route, or a release."""
    from proxy.cli import render
    from proxy.cli.client import ask

    path, other = (f"/v1/routes/{route}", f"/v1/releases/{route}") if route else ("/v1/routes", "")
    answer = ask(access, "GET", path, otherwise=other)
    if not route and answer.get("fleet"):
        answer["fleet"] = ask(access, "GET", "/v1/fleet")
    shown = render.show if route else render.show_routes
    print(dumps(answer)) if as_json else shown(answer)


@app.command()
def backtest(
    config: Config,
    records: Annotated[list[Path], typer.Argument(metavar="RECORDS...", help="captured records, oldest file first")],
    as_json: AsJson = False,
) -> None:
    """Runs captured records through the decision code of CONFIG. Exit code 1: it would have acted on a breach; 5: it
    would not have, but limits need what the records have not, which is named (bodies, labels, a version, a seal); 2: a
    file cannot be read."""
    from proxy.cli.backtest import show_backtest

    settings = checked(config, as_json, packages=False, code=EXIT_USAGE)
    raise typer.Exit(show_backtest(settings, records, as_json))


@app.command()
def replay(
    captures: Annotated[
        list[Path], typer.Argument(metavar="CAPTURE...", help="captured records, oldest file first", readable=False)
    ],
    config: Config,
    route: Annotated[str, typer.Option("--route", help="whose requests, scorecard and false_alarm", metavar="ROUTE")],
    against: Annotated[str, typer.Option("--against", help="the candidate: http(s):// or grpc(s)://", metavar="URL")],
    primary: Annotated[
        str, typer.Option("--primary", help="a primary beside it: noise floor, and latency", metavar="URL")
    ] = "",
    version: Annotated[
        str, typer.Option("--version", help="name of the candidate; as the route says", metavar="NAME")
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, max=1024, help="requests under way at once")] = 8,
    pace: Annotated[float | None, typer.Option(min=0.001, help="times the recorded pace; as answers come")] = None,
    requests: Annotated[int | None, typer.Option(min=1, help="at most so many, at even distances")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.01, help="seconds for an answer; as the route says")] = None,
    everything: Annotated[bool, typer.Option("--all", help="go on when the evidence has decided")] = False,
    unsealed: Annotated[bool, typer.Option("--unsealed", help="a pass may be of files that are still written")] = False,
    image: Annotated[str, typer.Option(help="what the candidate is served from: NAME@sha256:DIGEST")] = "",
    lineage: Annotated[list[str] | None, typer.Option(help="KEY=TEXT, in place of the configuration's")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="the report; -: to stdout", metavar="FILE")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="as JUnit XML, likewise", metavar="FILE")] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="as Markdown, for a pull request", metavar="FILE")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="as a page with plots", metavar="FILE")] = None,
) -> None:
    """Sends captured requests to a candidate that nobody uses yet, and judges its answers by the scorecard of ROUTE in
    CONFIG. Exit code 0: pass, 1: fail, 5: undecided, 3: a server cannot be reached, 2: it cannot be replayed so."""
    from proxy.cli.package import IMAGE
    from proxy.cli.replay.command import ReplayOptions
    from proxy.cli.replay.command import replay as replayed
    from proxy.cli.replay.run import Bounds
    from proxy.cli.report.outputs import Outputs

    bounds, outputs = Bounds(concurrency, pace, requests, everything), Outputs(json, junit, markdown, html)
    if len(outputs.to_stdout) > 1:
        raise typer.BadParameter(f"one form to stdout, and not {', '.join(outputs.to_stdout)}")
    if image and not IMAGE.fullmatch(image):
        raise typer.BadParameter(f"--image {image!r}: NAME@sha256:DIGEST, with the 64 digits of an image")
    origin = _lineage(lineage or ())
    options = ReplayOptions(
        route, against, primary, version, timeout, outputs, bounds, image, origin, unsealed, (config,)
    )
    settings = checked(config, packages=False, code=EXIT_USAGE)
    raise typer.Exit(replayed(settings, captures, options))


@app.command()
def profile(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="rows: .csv with a header, .jsonl or .parquet")],
    output: Annotated[Path, typer.Option("-o", "--output", help="where the profile goes")] = Path("profile.json"),
    prediction: Annotated[list[str] | None, typer.Option("--prediction", help="a column of answers")] = None,
    tensor: Annotated[str, typer.Option("--tensor", help="name inputs NAME[0], NAME[1] … as in one tensor")] = "",
) -> None:
    """Makes a reference profile and a data contract of known rows, for `analysis: {profile: …}`."""
    from proxy.cli.profile import UnusableData, document, profile_from

    try:
        made = profile_from(data, prediction or (), tensor)
        files.put(output, document(made))
    except (UnusableData, OSError) as error:
        print(file_fault(error) if isinstance(error, OSError) else error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None
    print(f"{output}: {len(made.inputs)} inputs, {len(made.predictions)} predictions, of {made.made}")


@app.command()
def package(
    config: Config,
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    output: Annotated[Path, typer.Option("-o", "--output", help="where the package goes")] = Path("package.json"),
    image: Annotated[str, typer.Option(help="image of the version: NAME@sha256:DIGEST")] = "",
    lineage: Annotated[list[str] | None, typer.Option(help="KEY=TEXT, in place of the configuration's")] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(help="ROLE=PATH of a file to hash: artifact, lock, contract, profile, or a key of lineage"),
    ] = None,
    report: Annotated[list[Path] | None, typer.Option(help="a report of a replay, as JSON")] = None,
    sign: Annotated[Path | None, typer.Option(help="private key in PEM (Ed25519 or elliptic curve)")] = None,
    created: Annotated[
        int | None, typer.Option(min=0, envvar="SOURCE_DATE_EPOCH", help="when it is made, in Unix seconds; now")
    ] = None,
) -> None:
    """Writes what VERSION of CONFIG is as an in-toto statement: endpoint or image, lineage, files by hash, replays."""
    from proxy.cli.package import Parts, UnusablePart, described, packaged

    said = _lineage(lineage or ())
    named = [_named(each, "--file", "ROLE=PATH") for each in file or ()]
    at = int(time()) if created is None else created
    try:
        settings = checked(config, packages=False)
        document = packaged(settings, version, Parts(image, said, named, report or (), sign, at))
        files.put(output, document)
    except (UnusablePart, OSError) as error:
        print(file_fault(error) if isinstance(error, OSError) else error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None
    print(f"{output}: {described(document)}")


def _lineage(named: Sequence[str]) -> dict[str, str]:
    from proxy.cli.package import LINEAGE

    said = dict(_named(each, "--lineage", "KEY=TEXT") for each in named)
    if unknown := said.keys() - set(LINEAGE):
        raise typer.BadParameter(f"--lineage {min(unknown)}: {' | '.join(LINEAGE)}")
    return said


def _named(text: str, option: str, form: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (separator and name and value):
        raise typer.BadParameter(f"{option} {text!r}: {form}")
    return name, value


@app.command()
def inject(
    config: Annotated[Path | None, typer.Option(help="configuration for a ConfigMap that is made")] = None,
    config_map: Annotated[str, typer.Option(help="a ConfigMap that is there, with the key penumbra.yaml")] = "",
    image: Annotated[str, typer.Option(help="image of the sidecar")] = f"penumbra:{proxy.__version__}",
    container: Annotated[str, typer.Option(help="container of the model")] = "",
    model_port: Annotated[int, typer.Option(min=0, max=65535, help="port of the model; 0: as its container says")] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="port of the sidecar; 0: 8080, or one that is free")] = 0,
    admin_port: Annotated[int, typer.Option(min=0, max=65535, help="of its admin API; 0: 9900, or free")] = 0,
    secret: Annotated[str, typer.Option(help="a Secret whose key `token` is the admin token")] = "",
    fleet_secret: Annotated[
        str, typer.Option(help="a Secret whose key `redis` is the address of the fleet's store")
    ] = "",
    tls_secret: Annotated[
        str, typer.Option(help="a Secret with tls.crt, tls.key and ca.crt, which is mounted at /tls")
    ] = "",
    admin_scheme: Annotated[
        str, typer.Option(help="how probes ask the admin API: HTTP | HTTPS; as --config says")
    ] = "",
    plain: Annotated[bool, typer.Option("--plain", help="an ordinary container, before Kubernetes 1.29")] = False,
    patch: Annotated[bool, typer.Option("--patch", help="print the JSON Patch of the one pod")] = False,
    review: Annotated[bool, typer.Option("--review", help="an AdmissionReview in, one with the patch out")] = False,
) -> None:
    """Puts the sidecar into manifests of Kubernetes: `penumbra inject < deployment.yaml | kubectl apply -f -`."""
    from proxy.cli.inject.command import show
    from proxy.cli.inject.options import SCHEMES, Options

    if config and config_map:
        raise typer.BadParameter("either --config or --config-map")
    if fleet_secret and not (config or config_map):
        raise typer.BadParameter("--fleet-secret needs a configuration with a fleet: --config or --config-map")
    if admin_scheme not in ("", *SCHEMES):
        raise typer.BadParameter(f"--admin-scheme {admin_scheme}: {' | '.join(SCHEMES)}")
    if review and (config or patch):
        raise typer.BadParameter("--review makes no ConfigMap, and prints a review: neither --config nor --patch")
    show(
        Options(
            image=image, config_map=config_map, secret=secret, fleet_secret=fleet_secret, container=container,
            model_port=model_port, port=port, admin_port=admin_port, native=not plain, tls_secret=tls_secret,
            admin_scheme=admin_scheme,
        ),
        config, patch, review,
    )  # fmt: skip
