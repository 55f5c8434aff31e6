"""Bodies to features, predictions and text, one file a protocol.

- `decode`: the door: a record in, an observation out; never raises
- `oip`: Open Inference Protocol V2
- `reading`: bounds and checks that the codecs share
"""
