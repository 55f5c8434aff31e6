"""A stream of manifests → the same with sidecars: pods, Services that lead to them, ConfigMaps that they need."""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps

import yaml
from msgspec import Struct

from proxy.cli.inject.operations import Operation, append
from proxy.cli.inject.options import NoPort, Options, Refusal
from proxy.cli.inject.patch import Injected, Left, inject
from proxy.cli.inject.pods import Manifest, Path, group_and_kind, mapping, name_of, sequence
from proxy.cli.inject.services import retargeted
from proxy.cli.inject.yaml_edit import Document, documents, edited, written

MAX_CHARACTERS = 16 * 1024 * 1024
"""Characters of a stream: several times what etcd takes of all that a team has."""


class Outcome(Struct):
    """What became of a stream."""

    text: str
    notes: list[str]
    """Sentences for people."""
    patches: list[list[Operation]]
    """The operations of each pod that got a sidecar, on its manifest alone."""


class _Place(Struct, frozen=True):
    """A manifest of the stream: the number of its document, and where it is in it."""

    number: int
    path: Path
    manifest: Manifest

    def __str__(self) -> str:
        return f"document {self.number + 1}, {name_of(self.manifest)}"


def injected(text: str, options: Options) -> Outcome:
    """The stream with sidecars. Raises Refusal, that names the document and the path. A pod that names no port is left
    where others get a sidecar: workers that nobody asks stand beside models."""
    found = _documents(text)
    places = list(_places(found))
    outcome = Outcome(text, [], [])
    changes: dict[int, list[Operation]] = {}
    pods: list[tuple[_Place, Injected]] = []
    silent: list[NoPort] = []
    for place in places:
        try:
            result = _of(place, options)
        except NoPort as no_port:
            silent.append(no_port)
            continue
        if isinstance(result, Left):
            outcome.notes += [f"{place}: left as it is: {result.why}"] if result.why else []
        else:
            changes.setdefault(place.number, []).extend(_below(place, result.operations))
            outcome.patches.append(result.operations)
        here = result.injected if isinstance(result, Left) else result
        if here is not None:
            pods.append((place, here))
    if silent and not pods:
        raise silent[0]
    outcome.notes += [f"{each}: left as it is" for each in silent]
    _lead(places, pods, changes, outcome)
    made = _config_maps(places, pods)
    if made and _is_list(found):
        changes.setdefault(0, []).extend(append(found[0].value, ("items",), made))
        made = []
    outcome.text = _text(text, found, changes, outcome)
    outcome.text = _with(outcome.text, made)
    return outcome


def _documents(text: str) -> list[Document]:
    if len(text) > MAX_CHARACTERS:
        raise Refusal(f"found {len(text)} characters; allowed: at most {MAX_CHARACTERS}")
    try:
        found = documents(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise Refusal(f"{where}not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Refusal(f"not YAML: {' '.join(str(error).split())}") from error
    for number, document in enumerate(found):
        if not isinstance(document.value, dict):
            raise Refusal(f"document {number + 1}: found no manifest; allowed: a mapping with apiVersion and kind")
    return found


def _places(found: list[Document]) -> Iterator[_Place]:
    for number, document in enumerate(found):
        items = document.value.get("items")
        if str(document.value.get("kind", "")).endswith("List") and isinstance(items, list):
            for index, item in enumerate(items):
                if isinstance(item, dict):
                    yield _Place(number, ("items", index), item)
        else:
            yield _Place(number, (), document.value)


def _of(place: _Place, options: Options) -> Injected | Left:
    try:
        return inject(place.manifest, options)
    except Refusal as refusal:
        raise type(refusal)(f"{place}: {refusal}") from refusal


def _below(place: _Place, operations: list[Operation]) -> list[Operation]:
    return [Operation((*place.path, *each.path), each.value, each.anew) for each in operations]


def _lead(
    places: list[_Place],
    pods: list[tuple[_Place, Injected]],
    changes: dict[int, list[Operation]],
    outcome: Outcome,
) -> None:
    """Services of the stream lead to the sidecars; a pod that none leads to is told of."""
    for pod, found in pods:
        led = False
        for place in places:
            operations, said = retargeted(place.manifest, found)
            changes.setdefault(place.number, []).extend(_below(place, operations))
            outcome.notes += [f"{place}: {said}"] if said else []
            led = led or bool(operations)
        if found.operations and not led and group_and_kind(pod.manifest)[1] != "InferenceService":
            ports = " or ".join(sorted(map(str, found.model_ports)))
            outcome.notes.append(
                f"{pod}: no Service here leads to its port {ports}; one elsewhere needs `targetPort: penumbra-http`"
            )


def _config_maps(places: list[_Place], pods: list[tuple[_Place, Injected]]) -> list[Manifest]:
    held = {_key(place.manifest) for place in places}
    made = {_key(found.config_map): found.config_map for _, found in pods if found.config_map is not None}
    return [manifest for key, manifest in made.items() if key not in held]


def _key(manifest: Manifest) -> tuple[str, str, str]:
    metadata = mapping(manifest.get("metadata"))
    return str(manifest.get("kind")), str(metadata.get("namespace", "")), str(metadata.get("name"))


def _is_list(found: list[Document]) -> bool:
    return len(found) == 1 and found[0].value.get("kind") == "List" and bool(sequence(found[0].value.get("items")))


def _text(text: str, found: list[Document], changes: dict[int, list[Operation]], outcome: Outcome) -> str:
    wanted = [(found[number], operations) for number, operations in sorted(changes.items()) if operations]
    if not wanted:
        return text
    made, same = edited(text, wanted)
    if not same:
        outcome.notes.append("comments in the changed documents are lost: their form could not be kept")
    return made


def _with(text: str, made: list[Manifest]) -> str:
    """The text with further manifests at its end; JSON becomes a List, since nobody reads two documents of it."""
    if not made:
        return text
    if text.lstrip().startswith("{"):
        items = [each.value for each in documents(text)]
        return dumps({"apiVersion": "v1", "kind": "List", "items": [*items, *made]}, indent=2) + "\n"
    end = "" if text.endswith("\n") else "\n"
    return text + end + "".join(f"---\n{written(each)}" for each in made)
