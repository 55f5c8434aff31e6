"""HTTP/2 behind the ports: a connection carries many streams, each of them one request and its answer.

connection     an engine on a socket, and when what it has to say is written
downstream     a client's connection
client_stream  one of its streams
upstream       a connection to a model server
server_stream  one of its streams
half_sent      clients with half a block of fields
silence        whether the other side still lives
"""
