"""The command line. Everything heavy is imported by the command that needs it.

Exit codes: 0 done · 1 the answer is no (configuration or change refused, chain broken, demo failed) · 2 wrong usage ·
3 an address cannot be listened on, or the admin API cannot be reached · 4 the state file cannot be used.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import proxy
from proxy.cli.access import Access, asking
from proxy.cli.exit_codes import EXIT_NO
from proxy.cli.wording import counted
from proxy.contracts.build import build

if TYPE_CHECKING:
    from proxy.contracts.settings import Settings

app = typer.Typer(
    name="penumbra",
    help="Mirrors, splits, compares and rolls back model versions in the data path.",
    epilog="Exit codes: 0 done, 1 the answer is no, 2 usage, 3 an address cannot be used, 4 the state file cannot.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
audit = typer.Typer(help="The record of every change.", no_args_is_help=True)
app.add_typer(audit, name="audit")

Config = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="configuration file (YAML); `-`, but for `run`: stdin", readable=False),
]
"""Whether it can be read is seen by reading it: access(2) asks for another user than who runs this, and knows no
capabilities."""

RouteArg = Annotated[str, typer.Argument(metavar="ROUTE")]
NameArg = Annotated[str, typer.Argument(metavar="NAME")]
Shares = Annotated[list[str], typer.Argument(metavar="VERSION=PERCENT...")]
Reason = Annotated[str, typer.Option("--reason", help="why; it is kept in the audit")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines")]


def main() -> int:
    """The entry of the command `penumbra`."""
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
    from proxy.config.certificates import concerns
    from proxy.config.hints import hints
    from proxy.config.wording import written

    settings = _checked(config, as_json)
    warnings = (*hints(settings), *concerns(settings))
    if as_json:
        print(dumps({"ok": True, "problems": [], "warnings": warnings, "assumed": _assumed(settings)}))
        return
    routes, versions = counted(len(settings.routes), "route"), counted(len(settings.versions), "version")
    print(f"{config}: fine ({routes}, {versions})")
    for warning in warnings:
        print(f"warning: {warning}")
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


def _checked(config: Path, as_json: bool = False) -> Settings:
    from proxy.config.load import load
    from proxy.contracts.settings import ConfigError

    try:
        return load(config)
    except ConfigError as error:
        from proxy.cli.render import show_problems

        show_problems(str(config), error.problems, as_json)
        raise typer.Exit(EXIT_NO) from None


@app.command()
def demo(
    hold: Annotated[bool, typer.Option("--hold", help="keep everything up at the end, until Ctrl-C")] = False,
    seconds: Annotated[float, typer.Option(min=1, help="length of one act")] = 8.0,
    rate: Annotated[float, typer.Option(min=1, help="requests per second")] = 120.0,
    models: Annotated[Path | None, typer.Option(help="environment with MLServer (default .venv-models)")] = None,
    fleet: Annotated[bool, typer.Option("--fleet", help="three sidecars and a Redis in place of one")] = False,
) -> None:
    """Three real model servers behind Penumbra, from mirroring to an automatic rollback."""
    if fleet and hold:
        raise typer.BadParameter("--hold keeps up the demo of one sidecar", param_hint="--fleet")
    from proxy.demo.story import main as story

    raise typer.Exit(story(hold, models, seconds, rate, fleet))


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
@asking
def split(route: RouteArg, shares: Shares, reason: Reason = "", as_json: AsJson = False, *, access: Access) -> None:
    """Splits live traffic by hand; what is left goes to the primary."""
    body = {"split": _percents(shares)} | ({"reason": reason} if reason else {})
    _change("PUT", f"/v1/routes/{route}/split", body=body, as_json=as_json, access=access)


@app.command()
@asking
def shadows(route: RouteArg, shares: Shares, reason: Reason = "", as_json: AsJson = False, *, access: Access) -> None:
    """Says which versions get copies of how many requests."""
    body = {"shadows": _percents(shares)} | ({"reason": reason} if reason else {})
    _change("PUT", f"/v1/routes/{route}/shadows", body=body, as_json=as_json, access=access)


def _action(action: str, text: str) -> None:
    @app.command(action, help=text)
    @asking
    def act(name: NameArg, reason: Reason, as_json: AsJson = False, *, access: Access) -> None:
        paths = (f"/v1/routes/{name}/{action}", f"/v1/releases/{name}/{action}")
        _change("POST", *paths, body={"reason": reason}, as_json=as_json, access=access)


for _name, _text in {
    "release": "Starts the configured release of NAME (a route, or a release over several), again if need be.",
    "promote": "Makes the candidate of NAME (a route, or a release over several) its primary.",
    "rollback": "Gives all traffic of NAME (a route, or a release over several) to its primary.",
    "pause": "Holds the split of NAME (a route, or a release over several) as it is.",
    "resume": "Goes on where NAME (a route, or a release over several) was paused.",
}.items():
    _action(_name, _text)


@app.command()
def backtest(
    config: Config,
    records: Annotated[list[Path], typer.Argument(metavar="RECORDS...", help="captured records, oldest file first")],
    as_json: AsJson = False,
) -> None:
    """Runs captured records through the decision code of CONFIG. Exit code 1: it would have acted on a breach."""
    from proxy.cli.backtest import show_backtest

    raise typer.Exit(EXIT_NO if show_backtest(_checked(config, as_json), records, as_json) else 0)


def _change(
    method: str, path: str, otherwise: str = "", *, body: Mapping[str, object], as_json: bool, access: Access
) -> None:
    from proxy.cli.client import ask
    from proxy.cli.render import show

    answer = ask(access, method, path, body, otherwise)
    print(dumps(answer)) if as_json else show(answer)


def _percents(shares: list[str]) -> dict[str, float]:
    percents: dict[str, float] = {}
    for share in shares:
        version, separator, percent = share.rpartition("=")
        try:
            number = float(percent)
        except ValueError:
            separator = ""
        if not separator or version in percents:
            raise typer.BadParameter(f"{share!r}: each version once, as VERSION=PERCENT, such as cancer-v2=25")
        percents[version] = number
    return percents


@audit.command("show")
@asking
def show(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="ROUTE for its newest release, or ROUTE@NUMBER")],
    config: Annotated[Path | None, typer.Option(help="read the state file of this configuration instead")] = None,
    as_json: AsJson = False,
    *,
    access: Access,
) -> None:
    """One release, whole: from commit and dataset to endpoint, every change with its evidence."""
    from proxy.cli.audit import entries_of, from_api, show_story
    from proxy.release.history import NoSuchReleaseError, story_of

    entries = entries_of(_checked(config, as_json).state) if config else from_api(access)
    try:
        show_story(story_of(entries, release), as_json)
    except NoSuchReleaseError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None


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
        output.write_bytes(document(made))
    except (UnusableData, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None
    print(f"{output}: {len(made.inputs)} inputs, {len(made.predictions)} predictions, of {made.made}")


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


@audit.command("verify")
def verify(
    config: Config,
    head: Annotated[
        str, typer.Option(help="hash of the newest entry as noted elsewhere, such as in a notification")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Whether the audit chain in the state file of CONFIG holds, its anchor knows it, and the live states are those
    that it ends with; in a fleet, whether this sidecar's copy of the fleet's chain holds as well. Exit code 0: all."""
    from proxy.cli.audit import verify_chain, verify_copy

    settings = _checked(config, as_json)
    fault, sentence = verify_chain(settings.state, head, settings.anchor, named=bool(settings.audit_anchor))
    if settings.fleet is not None:
        broken, copied = verify_copy(settings.state)
        fault, sentence = fault or broken, f"{sentence}\n{copied}"
    print(dumps({"ok": not fault, "detail": sentence}) if as_json else sentence)
    raise typer.Exit(EXIT_NO if fault else 0)
