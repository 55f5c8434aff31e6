"""The rules of HTTP/2 over bytes (RFC 9113): no sockets, no clock. Compiled by mypyc, as `http1` is.

engine    one connection: bytes to events of streams, calls to bytes
bounds    what a peer may do on a connection
codes     error codes
cursor    where in a client's bytes the frames are
fields    a block of fields as a list, and back
indexing  which fields are kept out of a table that all streams of a peer share
request   heads of requests, read and written
response  heads of answers, read and written
settings  numbers of settings
timeout   the time that a client of gRPC gives its call
"""
