"""Bodies, queries and fields of which a part is dropped or hashed, or that are held back whole.

rules     which part, and what is done with it, from pointers
digest    keyed hashes of values, which keep equal values equal
document  rules on a document of JSON
binary    raw tensors of the Open Inference Protocol as values of such a document, and back
body      the door: a body without its content coding, redacted; or why that cannot be done for certain
places    rules on a query and on header fields
"""
