"""Model servers that cost next to nothing, the same for all peers: nginx that gives fixed answers, one port a version.

They read each request to its end before they answer, as model servers do; nginx does so only when something asks for
the body, which is what the internal mirror is for. Their CPU is never counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtests.processes import accepts, free_ports, program, running, wait_until
from loadtests.traffic import answer_body

HEAD = """\
# One fixed answer for each version; never the bottleneck.
daemon off;
worker_processes 1;
pid {home}/upstreams.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    client_body_buffer_size 64m;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
"""
SERVER = """\
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        location / {{ root /nonexistent; log_not_found off; mirror /read; error_page 404 405 =200 @answer; }}
        location = /read {{ internal; return 204; }}
        location @answer {{ return 200 '{answer}'; }}
    }}
"""


TLS = """\
    ssl_certificate {home}/tls.crt;
    ssl_certificate_key {home}/tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;
"""


def nginx_config(home: Path, ports: Sequence[int], tls: bool = False) -> str:
    """An nginx configuration with one answering server for each port; their scores differ a little."""
    head, by = (HEAD + TLS, " ssl") if tls else (HEAD, "")
    answers = [answer_body(f"v{index}", 0.9 + index / 100) for index in range(1, len(ports) + 1)]
    servers = [SERVER.format(port=port, answer=answer, tls=by) for port, answer in zip(ports, answers, strict=True)]
    return head.format(home=home) + "".join(servers) + "}\n"


@contextmanager
def answering(home: Path, versions: int, tls: bool = False) -> Iterator[list[int]]:
    """`versions` fast model servers; yields their ports. `tls`: with the certificate that is in `home`."""
    ports = free_ports(versions)
    config, log = home / "upstreams.conf", home / "upstreams.log"
    config.write_text(nginx_config(home, ports, tls))
    with running([program("nginx"), "-p", str(home), "-e", "stderr", "-c", str(config)], log) as process:
        wait_until(lambda: all(map(accepts, ports)), process, log)
        yield ports
