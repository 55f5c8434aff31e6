"""Which requests are inferences, by protocol and by a route's own rule."""

from __future__ import annotations

import pytest

from proxy.contracts.table import Inferences, Protocol
from proxy.routing.inference import MAX_REMEMBERED, MAX_REMEMBERED_BYTES, InferenceRule

INFERENCES: dict[Protocol, tuple[str, ...]] = {
    "oip": (
        "/v2/models/m/infer",
        "/v2/models/m/versions/2/infer",
        "/v2/models/m/generate_stream",
        "/v2/models/m/infer_stream",
        "/v2/models/m/%69nfer",
        "/V2/models/a%2Fb/INFER",
        "/x/v2/models/m/infer/",
        "/inference.GRPCInferenceService/ModelInfer",
        "/inference.GRPCInferenceService/ModelStreamInfer",
        "/rank",
    ),
    "kserve-v1": ("/v1/models/iris:predict", "/v1/models/iris%3Apredict", "/v1/models/iris:PREDICT/", "/m"),
    "mlflow": ("/invocations", "/team/invocations", "/m"),
    "openai": (
        *("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/openai/v1/responses", "/v1/messages"),
        *("/openai/deployments/gpt/chat/completions", "/m", "/V1/Chat/Completions/", "/v1/chat%2Fcompletions"),
        *("/v1/rerank", "/v2/rerank", "/v1/audio/transcriptions", "/v1/ocr", "/generate", "/api/chat", "/invocations"),
    ),
    "json": ("/predict", "/", "/health/predict", "/v1/anything"),
    "opaque": ("/predict", "/tensorflow.serving.PredictionService/Predict"),
    "grpc": (
        *("/inference.GRPCInferenceService/ModelInfer", "/inference.GRPCInferenceService/ModelStreamInfer"),
        *("/tensorflow.serving.PredictionService/Predict", "/acme.Scorer/Score", "/Scorer/Anything"),
        *("/seldon.protos.Seldon/Predict", "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"),
    ),
}

OTHERS: dict[Protocol, tuple[str, ...]] = {
    "oip": (
        "/inference.GRPCInferenceService/ServerLive",
        "/inference.GRPCInferenceService/ModelReady",
        "/inference.GRPCInferenceService/ModelMetadata",
        "/grpc.health.v1.Health/Check",
        "/v2/health/ready",
        "/v2/models/m",
        "/v2/models/m/ready",
        "/v2/repository/models/m/load",
        "/v2/models/m/stats",
        "/V2/Health/Ready",
        "/v2/repository/models/infer/unload",
        "/-/healthy",
    ),
    "kserve-v1": ("/v1/models/iris", "/v1/models", "/healthz", "/v2/repository/models/iris/load"),
    "mlflow": ("/ping", "/health", "/version"),
    "openai": (
        "/v1/models",
        "/health",
        "/tokenize",
        "/v1/load_lora_adapter",
        "/v1/files",
        "/load_lora_adapter",
        "/flush_cache",
    ),
    "json": ("/healthz", "/metrics", "/api/READY", "/ping", "/shutdown", "/v2/repository/index"),
    "grpc": (
        *(f"/inference.GRPCInferenceService/{name}" for name in ("ServerLive", "ServerReady", "ModelReady", "Unknown")),
        *(f"/inference.GRPCInferenceService/{name}" for name in ("ServerMetadata", "ModelMetadata", "ModelConfig")),
        *(f"/inference.GRPCInferenceService/{name}" for name in ("ModelStatistics", "RepositoryIndex", "TraceSetting")),
        *("/inference.GRPCInferenceService/RepositoryModelLoad", "/grpc.health.v1.Health/Check"),
        *("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/grpc.channelz.v1.Channelz/GetServers"),
        *("/tensorflow.serving.PredictionService/GetModelMetadata", "/tensorflow.serving.ModelService/GetModelStatus"),
        *("/inference.model_repository.ModelRepositoryService/RepositoryIndex", "/seldon.protos.Seldon/SendFeedback"),
        *("/org.pytorch.serve.grpc.inference.InferenceAPIsService/Ping", "/inference.GRPCInferenceService"),
        "/org.pytorch.serve.grpc.management.ManagementAPIsService/RegisterModel",
    ),
    "opaque": ("/livez", "/grpc.health.v1.Health/Watch", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
}


@pytest.mark.parametrize(("protocol", "path"), [(p, path) for p, paths in INFERENCES.items() for path in paths])
def test_a_question_to_a_model_is_an_inference_and_only_by_a_method_that_can_ask(protocol: Protocol, path: str) -> None:
    rule = InferenceRule(protocol)
    assert rule.holds(b"POST", path.encode())
    assert rule.holds(b"POST", path.encode()), "remembered"
    for method in (b"GET", b"HEAD", b"OPTIONS"):
        assert not rule.holds(method, path.encode())


@pytest.mark.parametrize(("protocol", "path"), [(p, path) for p, paths in OTHERS.items() for path in paths])
def test_health_metadata_and_management_are_none(protocol: Protocol, path: str) -> None:
    assert not InferenceRule(protocol).holds(b"POST", path.encode())


def test_a_routes_own_rule_replaces_the_protocols() -> None:
    rule = InferenceRule("json", Inferences(("GET", "POST"), ("/score/*", "/v*/predict")))
    assert rule.holds(b"GET", b"/score/7")
    assert rule.holds(b"POST", b"/v3/predict")
    assert not rule.holds(b"PUT", b"/v3/predict")
    assert not rule.holds(b"POST", b"/predict")
    assert InferenceRule("oip", Inferences(paths=("/rank",))).holds(b"POST", b"/rank")
    assert InferenceRule("oip", Inferences(methods=("POST",))).holds(b"POST", b"/whatever")


def test_the_memory_is_bounded() -> None:
    rule = InferenceRule("json")
    for n in range(2 * MAX_REMEMBERED):
        assert rule.holds(b"POST", b"/predict/%d" % n)
    assert 0 < len(rule._remembered[b"POST"]) <= MAX_REMEMBERED
    long = b"/predict/" + b"x" * MAX_REMEMBERED_BYTES
    assert rule.holds(b"POST", long) and long not in rule._remembered[b"POST"]
