"""HTTP/1.1 on sockets: the two ends of a worker that read and write it.

downstream  a client's connection
upstream    a connection to a model server
narrow      small buffers, where there are many connections
"""
