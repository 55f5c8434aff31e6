"""A replay's report as people and their tools read it.

contents  the report as headed tables, one for all forms that people read
markdown  for a pull request or the summary of a job
page      one self-contained HTML page, with plots
plot      a distribution as a picture (SVG)
junit     for what shows tests: each line of the scorecard is one
"""
