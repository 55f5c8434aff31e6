"""HTTP/1.1 rules over bytes: parse, framing, headers, write. No sockets, no clock. RFC 9110 and RFC 9112.

- `fields`: header fields: names with a meaning to a proxy, hop-by-hop removal, allowed bytes
- `request`: the reader of what a client sends: one head, its body, the next head
- `request_rules`, `request_head`: which heads it admits, and what comes of one
- `chunks`: the reader of bodies in chunks
- `shape`, `memo`, `template`: heads that need not be parsed again; `rendered`: nor written again
- `response`: the reader of what a model server sends
- `forwarded`: what versions are told about the client that a request came from
- `write`: heads, chunks and the proxy's own problem answers

Compiled by mypyc: no class keywords, no Structs, no NamedTuple.
"""
