"""`penumbra demo`: three real model versions behind Penumbra, from training to an automatic rollback.

- `train`: trains the versions (a script for the models venv; imports nothing of this package)
- `processes`: child processes that cannot outlive the demo
- `servers`: one MLServer process per version
- `front`: the configuration, and `penumbra run` in front of the servers
- `admin`: a client of the admin API and of /metrics
- `traffic`: real rows, sent at a bounded rate, and the counts of their answers
- `calls`: the same rows as calls by gRPC (`--grpc`)
- `view`: the figures that are shown, of Penumbra and of the client
- `display`: the live view, on a terminal and in a log file
- `checks`: the claims that a run must fulfil
- `setup`: everything that is up while the story runs, and its end
- `guide`: the closing page of `--hold`: addresses, files, next steps to paste
- `fleet`, `fleet_story`: three sidecars and a Redis, and what `--fleet` tells of them
- `story`: the acts, the closing summary and the exit code
"""
