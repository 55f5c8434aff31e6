"""The Open Inference Protocol by REST and by gRPC: a request of one as a call of the other, and the answer back.

- `method`: which call a path of REST means
- `datatypes`: values of tensors, typed, raw and in JSON
- `wire`: fields of protocol buffers, written and read
- `request`: a body of JSON (and of the binary extension) as a ModelInferRequest
- `answer`: what a call answers, as REST says it
- `call`: the two of them for one request
"""
