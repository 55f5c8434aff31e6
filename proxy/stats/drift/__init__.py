"""Rows of features to drift: is what a model is asked, and what it says, still distributed as in the reference?

profile          the reference: bins of each feature, and the rules of the data contract
profile_builder  a profile from the primary's first rows
features         names of features
batch            many bodies of one shape, packed into arrays
layout           a batch counted: bins, and rows that break a rule
derived          what is measured of texts, vectors and wide arrays
edges            the bins of a number
recognition      identifiers and times, which are no features
detector         the e-detector and PSI of each feature
adwin            ADWIN on chosen features and predictions (river)
figures          what streams say: drift, shapes, rows that break a rule
shown            what a detector is shown as
streams          the pipeline of a route, from observations to drift
"""
