"""A shadow's answers beside the primary's answers to the same requests.

pairing        brings the legs of one request together
settle         what becomes of a due pair: agrees, differs or lost
compare        one pair of answers: do they agree, and by how much do they differ?
compare_batch  many pairs of one shape at once
comparer       what was compared on a route, and what was lost
examples       the worst pairs, bounded and redacted
"""
