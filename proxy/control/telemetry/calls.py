"""Calls of gRPC in what is told of exchanges: which method of which service, and how it ended for its client.

The status that a client got is that of the version or, where this proxy answered in its place, what that means in gRPC.
"""

from __future__ import annotations

from typing import NamedTuple

from proxy.contracts.bounds import MAX_NAME, clipped
from proxy.contracts.failure import FAILURES
from proxy.contracts.grpc_status import code_of_failure, is_grpc
from proxy.contracts.message import field_of
from proxy.contracts.record import Record
from proxy.contracts.table import OIP_SERVICE, Version

INFER = "ModelInfer"
"""What inferences of REST become."""


class RpcMethod(NamedTuple):
    """What a call asks for, as its path says it."""

    service: str
    """With its package: `inference.GRPCInferenceService`."""
    name: str

    @property
    def whole(self) -> str:
        """Both, as spans are named by them."""
        return f"{self.service}/{self.name}"


def method_of(leg: Record) -> RpcMethod | None:
    """What a leg that the request travels with calls; None: its client has sent no call of gRPC, also where a version
    was asked by one."""
    if not is_grpc(field_of(leg.request_fields, b"content-type")):
        return None
    service, _, name = leg.path.partition("?")[0].strip("/").rpartition("/")
    return RpcMethod(clipped(service, MAX_NAME), clipped(name, MAX_NAME))


def method_at(leg: Record, version: Version | None, call: RpcMethod | None) -> RpcMethod | None:
    """What the version of a leg was called by, whatever its client asked by: `call` of that client, or what its request
    of REST became, without a name where that is no inference; None: by nothing of gRPC."""
    if call is None and (leg.call >= 0 or (version is not None and version.grpc)):
        return RpcMethod(OIP_SERVICE, INFER if leg.inference else "")
    return call


def status_of(leg: Record) -> int | None:
    """The status with which a call ended; None: nothing of gRPC ended it."""
    if leg.call >= 0:
        return leg.call
    failure = FAILURES.get(leg.failure)
    return code_of_failure(leg.failure, failure.status) if failure else None
