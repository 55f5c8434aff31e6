"""Worker and control, joined by a Unix socket: frames and a bounded outbox."""
