"""Worker and control, joined by a Unix socket: records and ticks go up, tables come down.

- `frames`: the messages and how they are framed
- `outbox`: what a worker has to send, bounded, with its drops counted
- `client`: the worker's end: reconnects, resends the unacknowledged tick, knows how long control has been silent
- `backlog`: what control has not worked on yet: in order, bounded
- `server`: control's end: counts each tick once, publishes tables
- `slot`: the last published table, for a worker that starts while control is gone
"""
