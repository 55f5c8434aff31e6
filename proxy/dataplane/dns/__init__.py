"""A stub resolver (RFC 1034 §5.3.1) for versions that ask for it: it hears TTL and SRV, which the C library keeps.

- `message`: questions and answers as bytes; no sockets, no clock
- `resolv_conf`: which servers are asked, and for which names
- `exchange`: one question to the servers, by UDP, and by TCP where the answer is too long
- `lookup`: the endpoints of a version, from one or several questions
"""
