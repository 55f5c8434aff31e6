"""The admin API: what it offers, who may call it, what it takes and what it answers.

endpoints       the table of endpoints: method, path, what it does, what it needs
handlers        one method an endpoint
connections     how many connections there may be, and how long one may wait for its client
listener        the API on its sockets
accepting       connections of one of them, also where no descriptor is left
unreadable      what is no request: named in one line of the log
auth            who may call: roles, tokens, loopback
request_bodies  bodies and queries of requests, validated
moves           commands as changes of live states, on all routes of a release
problems        RFC 9457 answers, and the exception that becomes one
parameters      what a request may say beside its body, and the rule that nothing else is taken
openapi         the OpenAPI document, from the table of endpoints
shapes          the words of that document; release_shapes: what is answered about releases
views           the documents about routes that are answered
release_view    those about releases
traffic_view    counts and latencies of a route
event_stream    the same documents as server-sent events
page/           the status page
"""
