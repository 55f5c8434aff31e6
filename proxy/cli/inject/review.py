"""What a mutating webhook answers: an AdmissionReview (admission.k8s.io/v1) in, one out."""

from __future__ import annotations

from base64 import b64encode
from json import JSONDecodeError, dumps, loads
from typing import Any

from msgspec.structs import replace

from proxy.cli.inject.options import Options, Refusal
from proxy.cli.inject.patch import Left, inject
from proxy.cli.inject.pods import mapping, name_of

CONFIG_MAP = "penumbra"
"""The ConfigMap where nothing says another: a webhook changes pods, it makes nothing beside them."""

VERSION = "admission.k8s.io/v1"


def answer(text: str, options: Options) -> str:
    """The AdmissionReview with the patch for what is asked about. A pod that cannot be given its sidecar is refused
    with the reason: without it, Services would lead nowhere. Raises Refusal where nothing is asked."""
    request = _request(text)
    manifest = mapping(request.get("object"))
    options = options if options.config_map else replace(options, config_map=CONFIG_MAP)
    try:
        response = _response(manifest, options)
    except Refusal as refusal:
        message = f"penumbra: {name_of(manifest)}: {refusal}"
        response = {"allowed": False, "status": {"code": 422, "reason": "Invalid", "message": message}}
    return dumps({"apiVersion": VERSION, "kind": "AdmissionReview", "response": {"uid": request["uid"]} | response})


def _request(text: str) -> dict[str, Any]:
    try:
        review = mapping(loads(text))
    except (JSONDecodeError, RecursionError) as error:
        raise Refusal(f"not JSON: {error}") from error
    request = mapping(review.get("request"))
    if review.get("kind") != "AdmissionReview" or review.get("apiVersion") != VERSION or "uid" not in request:
        raise Refusal(f"found no request; allowed: an AdmissionReview of {VERSION}")
    return request


def _response(manifest: dict[str, Any], options: Options) -> dict[str, Any]:
    result = inject(manifest, options)
    if isinstance(result, Left):
        return {"allowed": True}
    patch = dumps([operation.as_json() for operation in result.operations]).encode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": b64encode(patch).decode()}
