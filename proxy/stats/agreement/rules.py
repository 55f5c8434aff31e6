"""The rules by which the answers of one route are compared, made of its configuration.

An output has the comparer that it is configured with, or the one that fits what it is (`compare` has the table).
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from proxy.contracts.comparers import OutputComparer, OutputRule
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import DEFAULT_ANALYSIS, Analysis
from proxy.stats.agreement.scales import Scales
from proxy.stats.row_sample import MAX_RATED, sample, some_texts
from proxy.stats.selection import Selection

NO_RULE = OutputRule()

SCORE_NAMES = ("prob", "logit", "score", "softmax")
VECTOR_NAMES = ("embedding",)
BOX_NAMES = ("box",)
SIDES = frozenset(("xmin", "x1", "left", "x"))
"""First columns of boxes."""
MAX_REMEMBERED = 1024
"""Names whose rule is remembered; further ones are looked up each time."""


class AnswerRules:
    """The rules of one route. `analysis`: what is configured.

    >>> rules = AnswerRules(Analysis(outputs={"emb*": OutputRule("vectors")}))
    >>> rules.of("emb_1").comparer, rules.of("y").comparer
    ('vectors', '')
    """

    __slots__ = ("_by_name", "analysis", "ignored", "left_out", "scales", "seed", "text")

    def __init__(self, analysis: Analysis = DEFAULT_ANALYSIS) -> None:
        self.analysis = analysis
        self.text = analysis.text
        self.ignored = Selection(analysis.ignore, "response")
        self.scales = Scales()
        self.seed = self.left_out = 0
        """What samples are drawn by (`row_sample`); texts, rated rows and boxes that were not compared."""
        self._by_name: dict[str, OutputRule] = {}

    def of(self, name: str) -> OutputRule:
        """What is configured of an output: the first of `analysis.outputs` whose glob fits."""
        if not self.analysis.outputs:
            return NO_RULE
        rule = self._by_name.get(name)
        if rule is None:
            globs = self.analysis.outputs.items()
            rule = next((each for glob, each in globs if fnmatchcase(name, glob)), NO_RULE)
            if len(self._by_name) < MAX_REMEMBERED:
                self._by_name[name] = rule
        return rule

    def comparer(self, tensor: Tensor) -> OutputComparer:
        """The comparer of an output; "" for one that depends on its values."""
        configured = self.of(tensor.name).comparer
        return configured or natural(tensor)

    def some(self, lengths: Sequence[int]) -> list[int]:
        """The places of texts of so many characters that are compared: a random sample of too many."""
        places = some_texts(lengths, self._next_seed())
        self.left_out += len(lengths) - len(places)
        return places

    def some_rows(self, rows: int, width: int) -> list[int]:
        """The rows of rated classes that are compared."""
        most = max(MAX_RATED // max(width, 1), 1)
        if rows <= most:
            return list(range(rows))
        self.left_out += rows - most
        return sorted(sample(rows, most, self._next_seed()))

    def _next_seed(self) -> int:
        self.seed += 1
        return self.seed

    def learn(self, reference: Observation) -> None:
        """Adds the numbers of a primary's answer to the sizes of its outputs."""
        for tensor in reference.outputs:
            if tensor.kind == "number" and (tensor.columns or tensor.width == 1) and not tensor.integer:
                self.scales.update((tensor.name, tensor.columns), tensor.data, tensor.width)

    def is_usual(self, name: str, columns: tuple[str, ...]) -> bool:
        """Whether nothing is configured of an output, nor left out of it."""
        if self.ignored and any(map(self.ignored.has, columns or (name,))):
            return False
        return not self.analysis.outputs or all(self.of(each) is NO_RULE for each in (name, *columns))


def natural(tensor: Tensor) -> OutputComparer:
    """The comparer that fits an output by what its protocol or its name says; "" if they say nothing.

    >>> natural(Tensor("sentence_embedding", 1, 2, "number", [0.1, 0.2]))
    'vectors'
    """
    if tensor.vector:
        return "vectors"
    if tensor.ranks:
        return "ranking"
    if tensor.texts and not tensor.columns:
        return "text"
    if tensor.kind != "number" or tensor.width == 1 or tensor.columns:
        return ""
    name = tensor.name.lower()
    if any(word in name for word in VECTOR_NAMES):
        return "vectors"
    return "scores" if is_named_score(name) else ""


def is_named_score(name: str) -> bool:
    """Whether a tensor says by its name that it holds scores of classes."""
    lower = name.lower()
    return any(word in lower for word in SCORE_NAMES)


def is_rating(name: str, columns: tuple[str, ...]) -> bool:
    """Whether the columns of an output are labels with a score each, as of moderations."""
    return bool(columns) and is_named_score(name)


def is_named_box(name: str) -> bool:
    """Whether a tensor or a column says by its name that it holds boxes, or a side of one."""
    last = name.lower().rpartition(".")[2]
    return last in SIDES or any(word in last for word in BOX_NAMES)


DEFAULT_RULES = AnswerRules()
"""What holds where nothing is configured; it learns no scales."""
