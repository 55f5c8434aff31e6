"""The commands of `penumbra capture`. What they do is imported when they do it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from proxy import files
from proxy.cli.arguments import checked
from proxy.cli.exit_codes import EXIT_USAGE
from proxy.cli.wording import counted, file_fault

if TYPE_CHECKING:
    from proxy.cli.capture.imported import ImportForm, ImportOptions
    from proxy.cli.capture.labelled_rows import RowProtocol
    from proxy.contracts.settings import RouteSettings

capture = typer.Typer(help="Captured requests: what is in them, and from and to other tools.", no_args_is_help=True)

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="captured records, oldest file first", readable=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines")]


@contextmanager
def _refusing() -> Iterator[None]:
    """Says what is wrong with a file, and where, in place of a traceback."""
    from proxy.cli.capture.columns import UnusableRows
    from proxy.control.capture.format import UnreadableLineError

    try:
        yield
    except (UnreadableLineError, UnusableRows) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(file_fault(error), file=sys.stderr)
    else:
        return
    raise typer.Exit(EXIT_USAGE)


@capture.command()
def show(captures: Files, as_json: AsJson = False) -> None:
    """What is in captures: routes, versions, outcomes, strata and what they stand for, bodies, redaction, labels and
    seals. Exit code 2: a file is truncated, altered or none of a capture, which is said with the line."""
    from proxy.cli.capture.show import show_capture

    with _refusing():
        show_capture(captures, as_json)


@capture.command()
def export(
    captures: Files,
    output: Annotated[Path, typer.Option("-o", "--output", help="where the rows go")],
    parquet: Annotated[bool, typer.Option("--parquet", help="a Parquet file (extra `parquet`)")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="a line of JSON for each row")] = False,
    config: Annotated[Path | None, typer.Option(help="reads bodies as the routes of this configuration do")] = None,
) -> None:
    """Rows for the tools of data people: features and predictions in columns, and the line of each leg, from which
    `import` makes the capture again. Exit code 2: a file cannot be read or written."""
    if parquet == jsonl:
        raise typer.BadParameter("one of --parquet and --jsonl", param_hint="--parquet")
    with _refusing():
        from proxy.cli.capture.export import ExportedRows, write_json_lines, write_parquet

        files.refuse_over((output,), captures)
        rows = ExportedRows(captures, _routes(config))
        count = write_parquet(rows, output) if parquet else write_json_lines(rows, output)
    print(f"{output}: {counted(count, 'row')}")


def _routes(config: Path | None) -> tuple[RouteSettings, ...]:
    if config is None:
        return ()
    return checked(config, packages=False, code=EXIT_USAGE).routes


@capture.command("import")
def take(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".jsonl, .csv, .parquet or .json", readable=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="the capture that is made, sealed")],
    route: Annotated[str, typer.Option(help="route that the requests are of; not for an export")] = "",
    version: Annotated[str, typer.Option(help="version that is said to have answered")] = "imported",
    form: Annotated[str, typer.Option(help="auto | export | rows | perf-analyzer | cloudevents")] = "auto",
    protocol: Annotated[str, typer.Option(help="of rows: oip | kserve-v1 | mlflow | json")] = "oip",
    model: Annotated[str, typer.Option(help="name of the model, where paths have it")] = "model",
    path: Annotated[str, typer.Option(help="path of the requests; as their protocol has it")] = "",
    label: Annotated[str, typer.Option(help="column of labels")] = "",
    prediction: Annotated[str, typer.Option(help="column of recorded answers")] = "",
    tensor: Annotated[str, typer.Option(help="the one tensor whose columns the features are")] = "",
    answer: Annotated[
        str, typer.Option(help="the output tensor that --prediction is, as the model calls it")
    ] = "predict",
    datatype: Annotated[
        list[str] | None, typer.Option(metavar="[NAME=]TYPE", help="of inputs, such as FP32 or INPUT0=INT64")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Makes a sealed capture of an export, of rows (a test set: features and labels), of inputs of Triton's
    perf_analyzer, or of a request log of KServe or Seldon (CloudEvents, one a line). Exit code 2: FILE is none."""
    with _refusing():
        from proxy.cli.capture.imported import import_file

        options = _options(
            route, version, form, protocol, (model, path, label, prediction, tensor, answer), datatype or []
        )
        if not route and not _is_export(file, form):
            raise typer.BadParameter("--route says which route the requests are of", param_hint="--route")
        files.refuse_over((output,), (file,))
        done = import_file(file, output, options)
    said = {"form": done.form, "legs": done.legs, "labels": done.labels, "skipped": done.skipped.counts}
    if as_json:
        print(dumps(said))
        return
    print(f"{output}: {counted(done.legs, 'leg')}, {counted(done.labels, 'label')}, of {file} ({done.form})")
    for why, count in done.skipped.counts.items():
        print(f"skipped: {count:,} {why}")


def _is_export(file: Path, form: str) -> bool:
    from proxy.cli.capture.imported import form_of

    return form == "export" or (form == "auto" and form_of(file) == "export")


def _options(
    route: str, version: str, form: str, protocol: str, words: tuple[str, ...], datatypes: list[str]
) -> ImportOptions:
    from proxy.cli.capture.imported import ImportForm, ImportOptions
    from proxy.cli.capture.labelled_rows import RowForm, RowProtocol
    from proxy.cli.capture.perf_analyzer import TensorTypes
    from proxy.contracts.field_rules import target_is_clean
    from proxy.payload.redaction.digest import BITS

    for option, given, allowed in (("--form", form, ImportForm), ("--protocol", protocol, RowProtocol)):
        if given not in get_args(allowed):
            raise typer.BadParameter(f"{given}: {' | '.join(get_args(allowed))}", param_hint=option)
    if words[1] and not target_is_clean(words[1].encode()):
        raise typer.BadParameter(f"{words[1]}: /path, with ?query where it has one", param_hint="--path")
    named = {name: kind for name, _, kind in (each.rpartition("=") for each in datatypes)}
    if wrong := [kind for kind in named.values() if kind not in (*BITS, "BYTES")]:
        raise typer.BadParameter(f"{wrong[0]}: {' | '.join((*BITS, 'BYTES'))}", param_hint="--datatype")
    usual = named.pop("", "")
    model, path, label, prediction, tensor, answer = words
    rows = RowForm(cast("RowProtocol", protocol), model, path, label, prediction, tensor, usual, answer)
    return ImportOptions(route, version, cast("ImportForm", form), rows, TensorTypes(named, usual))
