"""Requests rewritten for a version, and the names in its answers mapped back: head and body in, head and body out.

- `plan`: what one version on one route has rewritten
- `target`: the path and query; `json_text`: values in a text of JSON, in place; `form`: fields of a form
- `answer`: names in answers, whole ones and streams
- `call`: a request of REST as a call of gRPC; `metadata`: which of its fields can go with it
- `unwritable`: why a message cannot be rewritten
"""
