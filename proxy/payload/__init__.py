"""Bodies to features, predictions and text, one file a protocol.

decode       the door: a record in, an observation out; never raises
alike        records that are alike but for their numbers, in one go
json_forms   bodies that are the same bytes but for their numbers
reading      bodies, bounds and checks that the codecs share
content      which answers of a successful status have failed all the same
recognise    which protocol an exchange speaks
errors       errors in bodies, in the forms in which servers write them
ending       what the two ends of an answer tell that was not kept
cost         what a body costs to read, before it is parsed
encoding     content codings, with a bound on expansion
unpacking    content codings of streams, taken off as they come
oip          Open Inference Protocol V2: JSON tensors
oip_binary   its extension for raw tensors
oip_generate its extension for text, whole or streamed
oip_tensors  what a tensor of either is
tabular      rows and columns of JSON
comma_rows   rows as comma-separated values
kserve_v1    instances and predictions, from rows; TensorFlow Serving's classes and values
mlflow       four forms of data frames, from rows; SageMaker's bodies
plain        any JSON, by configured pointers, from rows
openai       what language models and their kin are asked, and answer
language/    its parts: messages, streams, forms, ranks, tokens
grpc/        gRPC bodies: messages in frames, tensors of the Open Inference Protocol as protocol buffers
redaction/   bodies of which a part is dropped or hashed before anybody keeps them
pictures/    what is measured of pictures in requests
sse          streams of events
"""
