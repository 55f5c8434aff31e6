"""`penumbra replay`: captured requests, sent to a candidate that nobody uses yet.

command     options in, report and exit code out
message     a captured request as bytes for one server
connection  one connection to a server
target      what a replay needs of a server, and how one is reached
server      the connections to a server of HTTP/1.1
run         the loop: reads, sends, and hands answers to the judge in their order
show        the report for people, and the progress of a replay
"""
