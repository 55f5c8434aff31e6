"""Decisions by the routing table. Keys and random numbers are arguments; nothing here draws one.

- `match`: the route of a request; the cost does not grow with the number of routes
- `calls`: what a call of gRPC tells by its first message; `protobuf`: a text in a protocol buffer
- `sticky`: the key of a sticky assignment, and the point in [0, 1) that it hashes to
- `split`: a point to a version, monotone as percentages grow; the draw of a copy to a shadow
- `breaker`: the ejection of a failing version inside a worker, and its probes

Compiled by mypyc: no class keywords, no Structs, no NamedTuple.
"""
