"""The reference of the configuration: what the reader takes, in its own words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from docs.generate.markdown import code, joined, table
from proxy.config.reload import FIXED
from proxy.config.schema.json_schema import describe, ordered
from proxy.config.schema.option_docs import DEFAULTS, LIMIT_TEXTS, TEXTS, word
from proxy.config.schema.recorder import Choice, Group, Items, Names, Node, Value, shape
from proxy.config.schema.scalars import allowed
from proxy.config.schema.tls_docs import canonical
from proxy.contracts.metrics import METRICS

LINES = re.compile(r"^(      scorecard:.*\n)(?:        \w+: .*\n)+", re.MULTILINE)
"""The scorecard of `EVERYTHING` that has every metric."""
EVERYTHING = Path(__file__).resolve().parents[1] / "everything.yaml"

TRAFFIC = ("primary", "canary", "split", "baseline", "shadows", "release", "releases")
"""Keys of a route that say who gets its traffic."""
STICKY = ("routes.*.canary.sticky", "releases.*.sticky", "releases.*.routes.*.sticky")
"""Among them, and yet not: they say how traffic is dealt out, not who gets it."""

OPENING = """\
# Configuration

<!-- made by `make docs`: edit docs/everything.yaml, docs/generate, proxy/config/schema/option_*.py
or proxy/contracts/metrics.py, not this page -->

A configuration is one YAML file. `penumbra check FILE` says everything that is wrong with it at once; nothing is
silently ignored.

- **Durations** are `500ms`, `2s`, `1m`, `12h`; where people are waited for also `7d`. **Sizes** are `4096`, `512KiB`,
  `64MiB`, `2GiB`. **Shares** are percents from 0 to 100.
- **Variables**: `${VAR}` and `${VAR:-default}` are taken from the environment, in any value. `$${` is a literal `${`.
  What a variable holds can never change the structure of the file.
- **Reload**: on SIGHUP, and when the file changes. No request is dropped. A broken file leaves the old one in force.

## In an editor

`penumbra schema > penumbra.schema.json` prints a JSON Schema of everything below;
[penumbra.schema.json](penumbra.schema.json) is the same. Editors with the YAML language server complete and check a
file by it, if the file begins with the path of the schema, relative to the file:

```yaml
# yaml-language-server: $schema=penumbra.schema.json
```

Put quotes around variables between braces: `{token: "${TOKEN:-}"}`. Penumbra takes them without, but for an editor the
brace of the variable ends the mapping. Any value may be a text with a variable in it, also where a number is wanted;
in keys, the schema does not know variables. It sees the structure, and one value at a time. `penumbra check` also knows
whether a named version exists, whether shares fit into 100 percent, and whether one duration is shorter than another.
"""

RELOAD = """\
## What a reload changes

Everything, at once, for new requests, but for two kinds of option:

- what **needs a restart** belongs to the first process or to the open state file. A reload that changes one of them is
  refused as a whole, and says so;
- what **begins the route anew** says who gets its traffic. A split by hand, a pause and the stage of a release end with
  such a change. A version that was rolled back still gets no live traffic by it. For a route with a release, its
  scorecard, `false_alarm`, `on_breach`, `warm_up` and `on_identity_change` are of this kind as well, wherever they are
  written.

An option that stays as it is changes nothing: a live split outlives the reload of another option of its route.
"""

NEEDED = {"versions", "routes", "routes.*.match"}
"""Mappings that must be there; the reader asks for what is in them."""

SCORECARD = joined(
    f"{TEXTS['scorecard']} Without any: `{DEFAULTS['scorecard']}`. `release.scorecard` is the same, for one release.",
    table(("bound", "what it says"), ((code(bound), said) for bound, said in LIMIT_TEXTS.items())),
)


def schema() -> str:
    """The JSON Schema, as it lies in the repository and as `penumbra schema` prints it."""
    return json.dumps(describe(), indent=2, ensure_ascii=False) + "\n"


def everything() -> str:
    """The example of everything, its lines of a scorecard written anew from the rows of the metrics."""
    limits = {
        metric.name: ", ".join(f"{name}: {each}" for name, each in metric.limits.items()) for metric in METRICS.values()
    }
    lines = "".join(f"        {name}: {{{each}}}\n" for name, each in limits.items())
    return LINES.sub(lambda found: found[1] + lines, EVERYTHING.read_text(encoding="utf-8"))


def page() -> str:
    """The whole page."""
    example = f"## Everything at once\n\n```yaml\n{everything().strip()}\n```"
    return joined(OPENING, example, RELOAD, "## Every option", *sections(shape()))


def sections(group: Group, path: str = "") -> Iterator[str]:
    """A table for each mapping of the file, outer ones first."""
    title = code(path.replace("routes.*", "routes.ROUTE").replace(".*", ".NAME")) or "The file"
    yield joined(f"### {title}", table(COLUMNS, rows(group, path)))
    for key in ordered(group.keys, path):
        at = f"{path}.{key}".lstrip(".")
        inner = within(group.keys[key], at)
        if at == "routes.*.scorecard" and inner:
            metrics = table(("metric", "bounds", "what it is"), scorecard(*inner))
            yield joined(f"### {code('routes.ROUTE.scorecard')}", SCORECARD, metrics)
        elif inner and key != "scorecard":
            yield from of_its_own(*inner) if is_told(at) else sections(*inner)


def of_its_own(group: Group, path: str) -> Iterator[str]:
    """What a mapping has below it beside what is told elsewhere."""
    for key, node in group.keys.items():
        at = f"{path}.{key}"
        if (inner := within(node, at)) and not is_told(at):
            yield from sections(*inner)


def is_told(path: str) -> bool:
    """Whether the options of a mapping have a table elsewhere."""
    return canonical(f"{path}.") != f"{path}."


def within(node: Node, path: str) -> tuple[Group, str] | None:
    """The mapping with known keys that stands at `path`, or below it in a list or under names."""
    match node:
        case Group():
            return node, path
        case Choice(_, group):
            return group, path
        case Items(Group() as group):
            return group, f"{path}[]"
        case Names(_, Group() as group):
            return group, f"{path}.*"
    return None


COLUMNS = ("option", "without it", "allowed", "what it is for", "by reload")


def rows(group: Group, path: str) -> Iterator[tuple[str, ...]]:
    """The options of one mapping."""
    for key in ordered(group.keys, path):
        at = f"{path}.{key}".lstrip(".")
        said = word(at)
        absent = said.absent or code(said.default or "")
        needed = key in group.required or at in NEEDED
        yield code(key), "**required**" if needed else absent, kind(group.keys[key]), said.text, reload(at)


def kind(node: Node) -> str:
    """What may stand there."""
    match node:
        case Value(parser, several):
            return allowed(parser) + ("; or a list of such" if several else "")
        case Items(Value(parser)):
            return f"a list of: {allowed(parser)}"
        case Names(key, Value(parser)):
            return f"a mapping of: {allowed(key)}; to: {allowed(parser)}"
        case Choice(words, _, parser):
            other = "" if parser is None else f" | {allowed(parser)}"
            return f"{' | '.join(words)}{other} or a mapping, below"
        case Items():
            return "a list of mappings, below"
    return "a mapping, below"


def scorecard(lines: Group, path: str) -> Iterator[tuple[str, str, str]]:
    """Metrics by bounds."""
    for metric in ordered(lines.keys, path):
        line = lines.keys[metric]
        assert isinstance(line, Group | Choice)
        group, words = (line.group, line.words) if isinstance(line, Choice) else (line, ())
        bounds = (f"{code(bound)}: {kind(node)}" for bound, node in group.keys.items())
        yield code(metric), "<br>".join([*bounds, *map(code, words)]), word(f"{path}.{metric}").text


def reload(path: str) -> str:
    """What a changed option does to a running Penumbra."""
    if path in FIXED or path.partition(".")[0].removesuffix("[]") in FIXED:
        return "needs a restart"
    key = path.removeprefix("routes.*.").partition(".")[0].removesuffix("[]")
    return "begins the route anew" if key in TRAFFIC and path not in STICKY else "at once"
