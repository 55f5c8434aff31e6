"""`penumbra capture`: what is in a capture, and captures from and to the files of other tools.

show          what is in it
export        rows of JSON or Parquet
imported      files of others, by their form, as a sealed capture
columns       files of rows: CSV, JSON lines, Parquet
labelled_rows rows of features, and labels, as requests of a protocol
perf_analyzer inputs of Triton's load generator
cloud_events  request logs of KServe and Seldon
"""
