"""TLS towards clients, between a listening socket and what speaks HTTP on it.

engine      bytes of a socket to plain text and back
admission   handshakes under way: how many, how long, whose turn it is
connection  a client's connection: handshake, identity, then the transport of what is above
listener    what the connections of one listener have in common
"""
