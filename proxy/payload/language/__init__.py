"""What clients ask language models and their kin, and what those answer, by every API that they are asked by.

prompts      requests, as JSON
forms        requests as forms (multipart)
answers      whole answers, by the fields that tell them apart
usual        the commonest of them, in one step
said         what one choice of an answer says: text, reasoning, refusal, calls of tools
ranked       answers of rows: embeddings, ranks, classes, moderations
media        transcripts, pictures and sound
spoken       what the chunks of a stream add up to
stream       streams, read as they come
runs         events of a stream that differ in their text alone
arrivals     when the tokens of a stream came
promises     the JSON Schema that a request gives for its answer
json_schema  whether a value is what it asks for
usage        tokens, as servers count them
"""
