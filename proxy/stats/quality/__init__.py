"""Late labels to the quality of predictions.

predictions        what an answer predicts, row by row
answer_block       answers as they wait for labels, packed
label_join         joins labels with the predictions that wait for them
label_bias         is it by chance which predictions get a label? (Cochran-Mantel-Haenszel)
scores             accuracy, F1, AUROC, losses of labelled predictions (river)
scorer             what each arm of a route scores
lower_bound        lower confidence sequence of a score
paired_difference  a candidate's loss against the primary's (inverse-probability weighting)
"""
