"""TLS towards model servers with the real program and real peers: Envoy, nginx, OpenSSL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.certificates import Authority, written
from tests.support.running import Answer, Running, call, eventually
from tests.support.terminator import free, program, served, terminated
from tests.support.upstream import Upstream

CA = Authority()
SERVER = CA.issue("dns:localhost", "ip:127.0.0.1", "spiffe://test/server")
OURS = CA.issue("spiffe://test/penumbra", "ip:127.0.0.1")

CONFIG = """
listen: 127.0.0.1:0
tls: {{certificate: {ours.certificate}, key: {ours.key}, client_ca: {ours.ca}, client: require, allow: ["spiffe://test/server"]}}
admin: {{listen: 127.0.0.1:0}}
state: ":memory:"
drain: 5s
versions:
  nginx: {{url: "https://localhost:{nginx}", tls: {{ca: {ours.ca}}}}}
  old: {{url: "https://localhost:{old}", tls: {{ca: {ours.ca}, min_version: "1.3"}}}}
  weak: {{url: "https://localhost:{old}", tls: {{ca: {ours.ca}}}}}
  envoy:
    url: https://127.0.0.1:{envoy}
    tls: {{ca: {ours.ca}, certificate: {ours.certificate}, key: {ours.key}, san: "spiffe://test/server"}}
  nobody: {{url: "https://127.0.0.1:{envoy}", tls: {{ca: {ours.ca}}}}}
routes:
  nginx: {{match: {{path: /nginx}}, protocol: json, primary: nginx}}
  old: {{match: {{path: /old}}, protocol: json, primary: old}}
  weak: {{match: {{path: /weak}}, protocol: json, primary: weak}}
  envoy: {{match: {{path: /envoy}}, protocol: json, primary: envoy}}
  nobody: {{match: {{path: /nobody}}, protocol: json, primary: nobody}}
"""

TYPES = "type.googleapis.com/envoy.extensions"
ENVOY = """
static_resources:
  listeners:
    - name: behind
      address: {{socket_address: {{address: 127.0.0.1, port_value: {behind}}}}}
      filter_chains:
        - filters:
            - name: m
              typed_config:
                "@type": {types}.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: a
                route_config:
                  virtual_hosts:
                    - {{name: a, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: model}}}}]}}
                http_filters: &router
                  - {{name: r, typed_config: {{"@type": {types}.filters.http.router.v3.Router}}}}
          transport_socket:
            name: t
            typed_config:
              "@type": {types}.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: true
              common_tls_context: &ours
                tls_certificates:
                  - {{certificate_chain: {{filename: {own.certificate}}}, private_key: {{filename: {own.key}}}}}
                validation_context:
                  trusted_ca: {{filename: {own.ca}}}
                  match_typed_subject_alt_names: [{{san_type: URI, matcher: {{exact: "spiffe://test/penumbra"}}}}]
    - name: before
      address: {{socket_address: {{address: 127.0.0.1, port_value: {before}}}}}
      filter_chains:
        - filters:
            - name: m
              typed_config:
                "@type": {types}.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: b
                route_config:
                  virtual_hosts:
                    - {{name: b, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: us}}}}]}}
                http_filters: *router
  clusters:
    - name: model
      type: STATIC
      load_assignment:
        cluster_name: model
        endpoints:
          - lb_endpoints:
              - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {model}}}}}}}
    - name: us
      type: STATIC
      load_assignment:
        cluster_name: us
        endpoints:
          - lb_endpoints:
              - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {us}}}}}}}
      transport_socket:
        name: t
        typed_config:
          "@type": {types}.transport_sockets.tls.v3.UpstreamTlsContext
          common_tls_context: *ours
"""


class Peers:
    """The program between its peers. `envoy` is the port of the one in front of it."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self.own, self.ours = written(folder / "own", SERVER, CA), written(folder / "ours", OURS, CA)
        self.model = stack.enter_context(Upstream("model"))
        self.behind, self.old, self.envoy = free(), free(), free()
        self.nginx = stack.enter_context(terminated(folder, self.own, self.model.url))
        versions = ["-tls1_2", "-www", "-quiet", "-accept", str(self.old)]
        files = ["-cert", self.own.certificate, "-key", self.own.key]
        self._start([program("openssl"), "s_server", *versions, *files], self.old)
        config = folder / "penumbra.yaml"
        config.write_text(CONFIG.format(ours=self.ours, nginx=self.nginx, old=self.old, envoy=self.behind))
        self.running = stack.enter_context(Running(config))
        self._envoy(int(self.running.event("listening")["data"].rpartition(":")[2]))

    def _start(self, command: list[str], port: int) -> None:
        self._stack.enter_context(served(command, port, self._folder / f"{port}.log"))

    def _envoy(self, us: int) -> None:
        config = self._folder / "envoy.yaml"
        ports = {"behind": self.behind, "before": self.envoy, "model": self.model.server_port, "us": us}
        config.write_text(ENVOY.format(types=TYPES, own=self.own, **ports))
        command = [program("envoy"), "-c", str(config), "--concurrency", "1", "--log-level", "error"]
        self._start([*command, "--disable-hot-restart"], self.envoy)


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    folder = tmp_path_factory.mktemp("peers")
    folder.chmod(0o755)
    with ExitStack() as stack:
        yield Peers(stack, folder)


def ask(peers: Peers, path: str) -> Answer:
    """A request by way of the Envoy in front, which comes to us by mTLS."""
    return call(f"127.0.0.1:{peers.envoy}", "POST", path, {"inputs": []})


def test_envoy_comes_to_us_and_is_gone_to_by_mutual_tls(peers: Peers) -> None:
    for _ in range(3):
        answer = ask(peers, "/envoy")
        assert (answer.status, answer.body, answer.version) == (200, b"model", "envoy"), answer.body
    assert ("POST", "/envoy") in peers.model.seen


def test_who_shows_no_certificate_to_envoy_is_told_of_tls(peers: Peers) -> None:
    """Envoy refuses after the handshake (TLS 1.3), which is no end of an answer."""
    before = len(peers.model.seen)
    answer = ask(peers, "/nobody")
    assert (answer.status, answer.json()["reason"] in ("tls_failed", "reset")) == (502, True)
    assert len(peers.model.seen) == before


def test_a_model_server_behind_a_terminator(peers: Peers) -> None:
    for _ in range(3):
        assert (ask(peers, "/nginx").status, ask(peers, "/nginx").body) == (200, b"model")


def test_a_server_that_speaks_an_old_version_of_tls_alone(peers: Peers) -> None:
    answer = ask(peers, "/old")
    assert (answer.status, answer.json()["reason"]) == (502, "tls_failed")
    assert "no version of TLS" in answer.json()["detail"]
    assert b"TLSv1.2" in call(f"127.0.0.1:{peers.envoy}", "GET", "/weak").body


def test_handshakes_are_counted_by_how_they_ended(peers: Peers) -> None:
    def seen() -> bool:
        text = peers.running.ask("GET", "/metrics").body.decode()
        wanted = ('result="protocol",side="upstream"', 'result="ok",side="upstream"', 'result="ok",side="client"')
        return all(f"penumbra_tls_handshakes_total{{{each}}}" in text for each in wanted)

    ask(peers, "/old")
    ask(peers, "/nginx")
    eventually(seen, "handshakes of both sides")
