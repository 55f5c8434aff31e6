"""HTTP/1.1 on sockets: the two ends of a worker that read and write it.

downstream  a client's connection
not_tls     the answer to a request in clear on a port of TLS
upstream    a connection to a model server
outgoing    what waits for a write, and the form of a body
narrow      small buffers, where there are many connections
cut         an end that nobody can take for a proper one
"""
