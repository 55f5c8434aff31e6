"""The meaning of each option of `analysis`, as `option_docs` has that of all others: texts, defaults, and what holds
without."""

from __future__ import annotations

TEXTS = {
    "analysis": "How bodies are understood and compared.",
    "analysis.features": (
        'JSON pointer to the features in a request; `""` is the whole body. An object is one row of named columns '
        "(if all its values are lists of one length: columns of that many rows). A list is rows: objects, lists of "
        "equal length, or single values, so `[1.5, 0.3]` are two rows of one column. Only with protocol `json`."
    ),
    "analysis.prediction": "JSON pointer to the prediction in a response. Only with protocol `json`.",
    "analysis.rows": (
        "What a flat list of values is: `auto` a row for each value, `one` a single row. In requests and answers."
    ),
    "analysis.tolerance": (
        "Part of the larger number by which two may differ and still agree; never finer than the datatype of an output "
        "(`FP16`, `BF16`). Of vectors: cosine distance."
    ),
    "analysis.absolute_tolerance": "Difference of two numbers that is none, however small they are.",
    "analysis.text": (
        "How texts are compared: `exact`; by `words` or `characters`, of which a part may be edited; as `json`, by key "
        "at any depth. `auto`: as JSON where both texts are, bare or between fences, else by words; in scripts without "
        "spaces each character is a word. All but `exact` take forms of the same character for the same, and compare "
        "texts of at most five words as numbers or labels."
    ),
    "analysis.text_edits": "Part of the words or characters that may be edited, in texts of more than five words.",
    "analysis.judge": (
        "A model of your own that scores texts which the comparer finds different. It is called by control, never in "
        'the way of a request: `POST` of `{"primary": …, "candidate": …}`, answered by `{"score": 0.9}`. Without a '
        "score the comparer's result holds."
    ),
    "analysis.judge.url": "Where it is asked.",
    "analysis.judge.sample": "Percent of the requests whose texts it is asked about.",
    "analysis.judge.budget": "Calls a minute, at most. Equal pairs are asked once.",
    "analysis.judge.agree": "Score from 0 to 1 from which on two texts say the same.",
    "analysis.judge.token": (
        "Sent as a bearer token; from the environment by `${VARIABLE}`, or from a file by `file:PATH`, read for "
        "each call."
    ),
    "analysis.outputs": (
        "How single outputs (tensors, columns, paths in JSON) are compared, by name, `*` standing for anything; the "
        "first that fits holds. What is not said is as the route says."
    ),
    "analysis.outputs.*.comparer": (
        "As `labels` (equal), `numbers` (by tolerances), `scores` (the same class has the largest), `ranking` (the "
        "same best, nearly the same order), `vectors` (cosine), `boxes` (each meets one of its class, IoU 0.5), or "
        "`text`."
    ),
    "analysis.outputs.*.tolerance": "As `tolerance` of the route, and taken as given.",
    "analysis.outputs.*.absolute_tolerance": "As `absolute_tolerance` of the route.",
    "analysis.outputs.*.unordered": "Its rows, or the values of its only row, are a set.",
    "analysis.ignore": (
        "Features that are left out of drift, of the data contract and of comparisons, such as identifiers and times: "
        "names with `*` for anything (on both sides), or pointers with globs: `/request/…`, `/response/…`."
    ),
    "analysis.reference": "Rows from which the reference profile is learnt.",
    "analysis.profile": "File made by `penumbra profile`, in place of a learnt reference.",
    "analysis.detectors": "Names of features and predictions that ADWIN watches beside, at most 32.",
    "analysis.redact": "Parts of an example of disagreement that are never shown.",
    "analysis.wait": "How long a prediction waits for its label.",
}

DEFAULTS = {
    "analysis": "{}",
    "analysis.features": '""',
    "analysis.prediction": '""',
    "analysis.rows": "auto",
    "analysis.tolerance": "0.05",
    "analysis.text": "auto",
    "analysis.text_edits": "0.3",
    "analysis.judge.sample": "100",
    "analysis.judge.budget": "60",
    "analysis.judge.agree": "0.5",
    "analysis.outputs": "{}",
    "analysis.outputs.*.unordered": "false",
    "analysis.ignore": "[]",
    "analysis.reference": "1000",
    "analysis.detectors": "[]",
    "analysis.redact": "[]",
    "analysis.wait": "24h",
}

ABSENT = {
    "analysis.profile": "learnt",
    "analysis.absolute_tolerance": "a thousandth of the output's size, or eight steps of its datatype",
    "analysis.judge": "none",
    "analysis.judge.token": "none",
    "analysis.outputs.*.comparer": "what fits the output (`docs/statistics.md`)",
    "analysis.outputs.*.tolerance": "as of the route",
    "analysis.outputs.*.absolute_tolerance": "as of the route",
    "analysis.ignore": "none",
    "analysis.detectors": "none",
    "analysis.redact": "none",
}
