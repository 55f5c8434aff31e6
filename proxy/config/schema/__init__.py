"""The options that the configuration's reader takes, written down by the reader itself.

recorder         notes every key that the reader asks for, and how it reads it
scalars          the JSON Schema of one value, from its parser
json_schema      the JSON Schema of a whole file (`penumbra schema`)
option_docs      the sentence and the default of each option
analysis_docs    those of `analysis`
version_docs     those of `versions`
releases_docs    those of `releases`
capture_docs     those of `capture`
kept_docs        those of `history` and `access_log`
rewrite_docs     those of what is rewritten for a version
option_examples  a value of each that is not its default
"""
