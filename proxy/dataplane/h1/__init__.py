"""HTTP/1.1 on sockets: the two ends of a worker that read and write it.

downstream  a client's connection
introduced  the same, where versions are told who the client is
upstream    a connection to a model server
narrow      small buffers, where there are many connections
"""
