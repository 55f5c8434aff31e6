"""Penumbra beside what users would pick instead: cost per request, latency, memory, on one machine in one run.

- `mirror`: the first case: a split and a full mirror, against nginx, Envoy and HAProxy
- `hotpath`: a profile of the busy proxy
- `processes`: start, stop and weigh process trees (/proc)
- `load`: wrk and what it reports (`load.lua`)
- `traffic`: bodies and answers of the Open Inference Protocol
- `upstreams`: model servers that cost nothing, and ones that misbehave
- `proxies`: the peers, each with its configuration in `peers/`
- `compare`: interleaved repetitions, medians, ratios
- `report`: tables and JSON files

Figures are ratios between peers of one run; times of different machines or days do not compare.
"""
