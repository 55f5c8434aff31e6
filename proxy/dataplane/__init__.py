"""A worker: carries traffic. Small: no numpy, no aiohttp.

A request's life, file by file:

    downstream   bytes from a client become an exchange (http1.request reads them)
    exchange     owns the request's body and the rescue
    assign       chooses its version and its shadows, as routing says
    leg          one attempt at an upstream: writes the request, passes the answer back
    pool         finds or makes the upstream connection
    upstream     bytes from a model server (http1.response reads them)
    shadow       a copy, sent once the request is complete; it owes and costs the client's leg nothing
    tally        exact counters, per arm; `recorder` the records
    live         the table in force, compiled
    worker       link, accept, drain, deadlines
"""
