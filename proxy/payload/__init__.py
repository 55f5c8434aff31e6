"""Bodies to features, predictions and text, one file a protocol.

- `decode`: the door: a record in, an observation out; never raises
- `oip`, `oip_binary`: Open Inference Protocol V2, JSON and binary tensors
- `kserve_v1`, `mlflow`, `plain`: rows and columns of JSON; `frames` is what they share
- `openai`, `sse`: completions, chat and embeddings, whole and streamed
- `encoding`: content codings, with a bound on expansion
- `reading`: bodies, bounds and checks that the codecs share
"""
