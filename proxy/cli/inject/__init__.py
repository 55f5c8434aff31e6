"""Manifests of Kubernetes → the same with Penumbra as a sidecar: `penumbra inject`.

options      what may be chosen, and the annotations that choose it for one pod
pods         where a kind has its pod
sidecar      the container, its volumes and its configuration
operations   additions and replacements (RFC 6902), on values
patch        what has to change in a manifest
services     Services that led to the model lead to the sidecar
yaml_edit    operations on the text of a manifest, which stays as it is otherwise
stream       a stream of manifests, in and out
review       an AdmissionReview, in and out: what a mutating webhook answers
"""
