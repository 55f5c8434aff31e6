"""`penumbra replay`: captured requests, sent to a candidate that nobody uses yet.

command     options in, report and exit code out
message     a captured request as bytes for one server
connection  one connection to a server
server      the connections to one server, and what came of its requests
run         the loop: reads, sends, and hands answers to the judge in their order
show        the report for people, and the progress of a replay
"""
