"""Telemetry of control: metrics of everything, and lines and spans of single exchanges.

metrics        the Prometheus metrics, collected when they are scraped
tokens         what language models say: times, tokens, cost
fleet_metrics  the fleet that the sidecar is in
history_metrics what is kept of the past
story_metrics   what is kept of releases
forms          the forms of these: families, bounds of histograms
journal        hands finished legs to whoever tells of single exchanges
exchanges      puts the legs of an exchange together
calls          of these the calls of gRPC: their method, and how they ended
access_log     a sampled line of JSON for an exchange
tracing        which exchanges become spans, and when they are whole
span_transport TLS on their way, by `tracing.tls`
spans          the spans themselves, sent by OTLP (the only importer of OpenTelemetry)
trace_context  whose trace an exchange belongs to (W3C Trace Context)
throttle       the bound on lines and spans a second
"""
