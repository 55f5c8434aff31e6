"""A message as each receiver reads it.

call          what is sent: path, fields, body
plain_json    the webhook of this program, and CloudEvents
slack         Block Kit by an incoming webhook
teams         an Adaptive Card by a webhook of Workflows
pagerduty     Events API v2
alertmanager  alerts by API v2
grafana       annotations
kubernetes    events of events.k8s.io/v1
table         format to its function
"""
