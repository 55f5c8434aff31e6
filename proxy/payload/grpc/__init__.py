"""gRPC bodies to tensors: messages in frames, protocol buffers in messages.

frames     length-prefixed messages, with a bound on expansion
wire       fields of one protocol buffer
numbers    repeated numbers, packed or not
calls      the bodies of its calls: one message, or a stream of them
inference  the messages of the Open Inference Protocol
"""
