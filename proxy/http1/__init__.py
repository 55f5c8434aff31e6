"""HTTP/1.1 rules over bytes: parse, framing, headers, write. No sockets, no clock."""
