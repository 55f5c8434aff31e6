"""Table to decision. Takes a key or a number, never draws one.

- `match`: which route a request belongs to; the cost does not grow with the number of routes
- `sticky`: where the key of a sticky assignment is, and the point in [0, 1) that it hashes to
- `split`: a point to a version, monotone as percentages grow; which shadows get a copy
- `breaker`: when a version is ejected inside a worker, and when it is tried again

Compiled by mypyc: no class keywords, no Structs, no NamedTuple.
"""
