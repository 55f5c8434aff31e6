"""The rules of HTTP/2 over bytes (RFC 9113): no sockets, no clock. Compiled by mypyc, as `http1` is.

engine        one connection: bytes to hooks of streams
inbound       half of it: bytes to frames, and those of the connection
outbound      the other half: calls to bytes
stream        one stream as an engine keeps it
frames        frames as bytes
hpack_reader  blocks of fields, read and judged
hpack_writer  blocks of fields, written
hpack_table   the static table of both
huffman       the code of their strings
bounds        what a peer may do on a connection
codes         error codes, and the error that ends a connection
fields        a block of fields as a list, and back
indexing      which fields are kept out of a table that all streams of a peer share
request       heads of requests, read and written
response      heads of answers, read and written
problem       our own answers as JSON
timeout       the time that a client of gRPC gives its call
"""
