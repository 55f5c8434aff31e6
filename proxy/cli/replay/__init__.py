"""`penumbra replay`: captured requests, sent to a candidate that nobody uses yet.

command     options in, report and exit code out
message     a captured request as bytes for one server of HTTP/1.1
connection  one connection to a server of HTTP/1.1, and what is noted of any answer
target      what a replay needs of a server, and how one is reached
server      the connections to a server of HTTP/1.1
http2_*     message, connection and server of HTTP/2: calls of gRPC, and all else
run         the loop: reads, sends, and hands answers to the judge in their order
show        the report for people, and the progress of a replay
"""
