"""What is made from the code: `python -m docs.generate` (or `make docs`) writes it, a test compares it.

- `configuration`: every option of a configuration, from its reader
- `api`: every endpoint of the admin API, from its OpenAPI document
- `commands`: every command, from the command line
- `metrics`: every metric, from the collectors
- `outcomes`: how a leg may end, from its table
- `chart`: what the Helm chart's schema says about the configuration
- `runbook`: the page of the runbook, from docs/runbook.md
- `markdown`: tables
"""
