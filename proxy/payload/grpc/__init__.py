"""gRPC bodies to tensors: messages in frames, protocol buffers in messages.

frames     length-prefixed messages, with a bound on expansion
wire       fields of one protocol buffer
numbers    repeated numbers, packed or not
inference  the messages of the Open Inference Protocol
usual      messages that are like one before, but for their numbers
joined     the tensors of all messages of a stream as those of one answer
stream     answers message by message, as they come
calls      the bodies of calls, whole
"""
