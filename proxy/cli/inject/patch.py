"""A manifest → what has to change in it for a sidecar, or why it is left as it is.

Rules:
- a pod that has the sidecar, or whose annotation says "false", is left: to inject twice changes nothing;
- nothing is guessed: a model that names no port, and a port that two containers want, are refusals that say what helps;
- what the pod says itself stays: a longer grace period, a wait of the model's own, labels and volumes.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from proxy.cli.inject import sidecar
from proxy.cli.inject.operations import Operation, append, at, put
from proxy.cli.inject.options import INJECT, PORTS, NoPort, Options, Refusal, chosen
from proxy.cli.inject.pods import KINDS, LEFT, Kind, Manifest, Path, group_and_kind, mapping, sequence, shown


class Injected(Struct, frozen=True):
    """What a sidecar changes in a manifest."""

    operations: list[Operation]
    namespace: str | None
    labels: dict[str, Any]
    """Of the pod, by which Services find it."""
    model_ports: frozenset[int | str]
    """The model's port, as number and by its names."""
    config_map: Manifest | None = None
    """The ConfigMap that goes with it; None: there is one already."""


class Left(Struct, frozen=True):
    """Why a manifest stays as it is; "": it has no pod."""

    why: str = ""
    injected: Injected | None = None
    """What its Services need to know, where it has the sidecar already."""


def inject(manifest: Manifest, options: Options) -> Injected | Left:
    """What a sidecar changes in the pod of a manifest. Raises Refusal."""
    identity = group_and_kind(manifest)
    if identity in LEFT:
        return Left("its controller decides which container gets the traffic; label its pods for the webhook instead")
    kind = KINDS.get(identity)
    if kind is None:
        return Left()
    pod = mapping(at(manifest, kind.template))
    annotations = {each: value for part in (manifest, pod) for each, value in _annotations(part).items()}
    if str(annotations.get(INJECT, "true")).lower() == "false":
        return Left(f"its annotation {INJECT} says so")
    options = chosen(options, annotations, shown((*kind.template, "metadata")))
    return _Pod(manifest, kind, options).injected()


def _annotations(part: Manifest) -> Manifest:
    return mapping(mapping(part.get("metadata")).get("annotations"))


class _Pod:
    """One pod of a manifest."""

    def __init__(self, manifest: Manifest, kind: Kind, options: Options) -> None:
        self.manifest, self.kind = manifest, kind
        self.metadata: Path = (*kind.template, "metadata")
        self.spec: Path = ("spec", "predictor") if kind.predictor else (*kind.template, "spec")
        self.options = replace(options, native=options.native and not kind.predictor)
        self.containers = sequence(self._at("containers"))
        self.all = [*self.containers, *sequence(self._at("initContainers"))]

    def _at(self, *path: str | int) -> Any:
        return at(self.manifest, (*self.spec, *path))

    def injected(self) -> Injected | Left:
        if not isinstance(self._at(), dict):
            raise Refusal(f"{shown(self.spec)}: found nothing; allowed: the spec of a pod")
        if (left := self._left()) is not None:
            return left
        self._settle()
        model = self._model()
        port = self._model_port(model)
        self._choose_ports(port)
        made, name = None, self.options.config_map
        if not name:
            name, made = self._config_map(port)
        labels = mapping(at(self.manifest, self.metadata)).get("labels") or {}
        return Injected(
            [*self._labelled(), *self._sidecar(), *self._volumes(name), *self._waits(model), *self._grace()],
            mapping(self.manifest.get("metadata")).get("namespace"),
            mapping(labels),
            frozenset((port, *self._names(model, port))),
            made,
        )

    def _left(self) -> Left | None:
        if self._at("hostNetwork"):
            return Left("its pod has the network of the host, and its ports would be the host's")
        if self.kind.ends and not self.options.native:
            raise Refusal(f"{shown(self.spec)}: a sidecar that is no native one would keep its pods; leave out --plain")
        if any(self._is_sidecar(each) for each in self.all):
            return Left("it has the sidecar already", self._as_it_is())
        return None

    def _is_sidecar(self, container: Any) -> bool:
        held = [mapping(mount).get("name") for mount in sequence(mapping(container).get("volumeMounts"))]
        return mapping(container).get("name") == sidecar.NAME or sidecar.CONFIG_VOLUME in held

    def _as_it_is(self) -> Injected | None:
        """What Services need: the ports of the model beside a sidecar that is there."""
        model = next((each for each in self.containers if not self._is_sidecar(each)), None)
        labels = mapping(mapping(at(self.manifest, self.metadata)).get("labels"))
        ports = self.options.model_port or next(iter(_ports(mapping(model))), 0)
        namespace = mapping(self.manifest.get("metadata")).get("namespace")
        names = self._names(mapping(model), ports)
        return Injected([], namespace, labels, frozenset((ports, *names))) if ports else None

    def _settle(self) -> None:
        if self.kind.predictor and any(mapping(each).get("name") == sidecar.TRANSFORMER for each in self.all):
            where = f"{shown(self.spec)}.containers"
            raise Refusal(f"{where}: there is a {sidecar.TRANSFORMER}, whose place the sidecar takes")

    def _model(self) -> Manifest:
        where, wanted = f"{shown(self.spec)}.containers", self.options.container
        names = [str(mapping(each).get("name")) for each in self.containers]
        if wanted:
            if wanted not in names:
                raise Refusal(f"{where}: found {', '.join(names) or 'none'}; allowed: one that is named {wanted}")
            return mapping(self.containers[names.index(wanted)])
        if not self.containers and self.kind.predictor:
            return {}  # the runtime makes it
        if not self.containers:
            raise Refusal(f"{where}: found none; allowed: at least the model's")
        return mapping(next(filter(_ports, map(mapping, self.containers)), self.containers[0]))

    def _model_port(self, model: Manifest) -> int:
        port = self.options.model_port or next(iter(_ports(model)), 0)
        if not port:
            name = model.get("name", "the runtime's container")
            raise NoPort(
                f"{shown(self.spec)}.containers: {name} names no port; say it by --model-port, by the annotation "
                "penumbra/model-port, or as containerPort"
            )
        return port

    def _names(self, model: Manifest, port: int) -> list[str]:
        ports = map(mapping, sequence(model.get("ports")))
        return [str(each["name"]) for each in ports if each.get("containerPort") == port and each.get("name")]

    def _choose_ports(self, model_port: int) -> None:
        taken = {port: str(each.get("name")) for each in map(mapping, self.all) for port in _ports(each)}
        taken.setdefault(model_port, "the model")
        for key, candidates in PORTS.items():
            given = getattr(self.options, key) or (candidates[0] if self.options.config_map else 0)
            if given in taken:
                where = f"--{key.replace('_', '-')} and `{'listen' if key == 'port' else 'admin.listen'}`"
                raise Refusal(f"{shown(self.spec)}: port {given} is that of {taken[given]}; choose another by {where}")
            if not given:
                given = next(port for port in candidates if port not in taken)
            self.options = replace(self.options, **{key: given})
            taken[given] = sidecar.NAME

    def _config_map(self, port: int) -> tuple[str, Manifest]:
        metadata = mapping(self.manifest.get("metadata"))
        own = str(metadata.get("name") or metadata.get("generateName") or "model").rstrip("-")
        if self.options.config and port not in self.options.targets:
            found = ", ".join(f"127.0.0.1:{each}" for each in self.options.targets) or "no version in this pod"
            raise Refusal(
                f"{shown(self.spec)}: the configuration leads to {found}; allowed: 127.0.0.1:{port}, the model"
            )
        text = self.options.config or sidecar.plain_configuration(own, port, self.options)
        name = f"{own[:240]}-penumbra"
        return name, sidecar.config_map(name, metadata.get("namespace"), text)

    def _labelled(self) -> list[Operation]:
        found: list[Operation] = []
        for key, value in sidecar.LABELS.items():
            found += put(self.manifest, (*self.metadata, "labels"), key, value)
        return found

    def _sidecar(self) -> list[Operation]:
        name = sidecar.TRANSFORMER if self.kind.predictor else sidecar.NAME
        place = "initContainers" if self.options.native else "containers"
        return append(self.manifest, (*self.spec, place), [sidecar.container(self.options, name)])

    def _volumes(self, config_map: str) -> list[Operation]:
        held = {mapping(each).get("name") for each in sequence(self._at("volumes"))}
        wanted = [each for each in sidecar.volumes(config_map, self.options.tls_secret) if each["name"] not in held]
        return append(self.manifest, (*self.spec, "volumes"), wanted)

    def _waits(self, model: Manifest) -> list[Operation]:
        if not model or self.kind.ends or mapping(model.get("lifecycle")).get("preStop"):
            return []
        path: Path = (*self.spec, "containers", self.containers.index(model), "lifecycle")
        wait = sidecar.waits(sidecar.model_waits(self.options))
        return put(self.manifest, path, "preStop", wait["preStop"])

    def _grace(self) -> list[Operation]:
        key, needed = "terminationGracePeriodSeconds", sidecar.grace(self.options)
        given = self._at(key)
        enough = isinstance(given, int) and given >= needed
        return [] if enough else put(self.manifest, self.spec, key, needed)


def _ports(container: Manifest) -> list[int]:
    """The ports of TCP that a container names, in order."""
    ports = map(mapping, sequence(container.get("ports")))
    found = [each.get("containerPort") for each in ports if each.get("protocol", "TCP") == "TCP"]
    return [port for port in found if isinstance(port, int)]
