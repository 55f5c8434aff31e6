"""Contexts of TLS from texts, and who is at the other end. `ssl` of the standard library does the rest.

server   contexts of a listener, exchanged while it listens
client   the context towards a server
calls    that for libraries that know a context alone
peer     names in a certificate, and whether they are those that are allowed
reason   why a handshake failed, in few words
pem      certificate and key for `ssl`, which takes files alone, without a disk
"""
