"""`penumbra demo`: three real model versions behind Penumbra, from training to an automatic rollback.

- `train`: trains the versions (a script for the models venv; imports nothing of this package)
- `processes`: child processes that cannot outlive the demo
- `servers`: one MLServer process per version
- `front`: the configuration, and `penumbra run` in front of the servers
- `admin`: what the demo asks the admin API and reads from /metrics
- `traffic`: real rows, sent at a bounded rate, and what the client saw
- `view`: what is shown, from both sides
- `display`: the live view, on a terminal and in a log file
- `checks`: what has to hold for the story to be true
- `stage`: all of it up at once, and down again
- `guide`: what `--hold` leaves its user with: addresses, files, next steps to paste
- `story`: the acts, the closing summary and the exit code
"""
