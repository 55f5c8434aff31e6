"""Records of a batch that are alike but for their numbers, read in one go (`contracts.alike`).

1. Records of one arm and one model asked for are looked at together. The first whose bodies are of the usual form (one
   row of numbers in one tensor, by the Open Inference Protocol as JSON or by gRPC) says how the others have to be; from
   what is left another one may.
2. What is the same bytes but for its numbers is like it, and of all such together the numbers alone are parsed
   (`json_forms`); any other body is read by itself and held against it.
3. One that is not like it is left to `decode`, and so is all that is odd: another status, parts, large or empty bodies,
   names that are too long, answers that are not finite, whole numbers that a double could not tell apart.
4. What is left by itself says the same as what is read in one go: who reads it how is a matter of cost.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import compress
from operator import attrgetter

import numpy as np

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.bounds import MAX_NAME
from proxy.contracts.datatypes import INTEGER_TYPES
from proxy.contracts.identity import Identity
from proxy.contracts.json_cost import SMALL_BYTES
from proxy.contracts.leg_join import WorkerRun
from proxy.contracts.observation import Tensor
from proxy.contracts.record import MAX_REQUEST_ID, Record
from proxy.contracts.table import COPY_ROLES, Protocol, Role
from proxy.payload.grpc.usual import ANSWERS, REQUESTS
from proxy.payload.json_forms import form_of, packer
from proxy.payload.oip import (
    EXACT_FLOATS,
    NOT_USUAL,
    ONE_VALUE,
    TypedTensor,
    known_identity,
    typed_answer,
    typed_request,
)
from proxy.payload.oip_tensors import NUMBER_TYPES

MIN_ALIKE = 8
"""Records from which on they are cheaper in one go."""

MAX_WIDTH = 4096
"""Numbers of one row: of what is wider some rows are left out before they are counted."""

Reading = Callable[[str], tuple[Protocol, Identity] | None]
"""By route, how its records are read, and where answers say who gave them; None: one by one."""

Places = list[int]
"""Places among the records of a batch, in order."""

MAX_TRIED = 8
"""Records of an arm that are looked at where none of them is of the usual form: the others are not either."""

MAX_FORMS = 2
"""Forms of an arm: the first record may be the odd one, and a route may serve two models."""

READ_TOGETHER: frozenset[Protocol] = frozenset(("oip", "grpc"))

FRAME = b"\0"
"""What a message of gRPC begins with that is not compressed, and no JSON."""

NO_CALL: tuple[tuple[Tensor, ...], str] = ((), "")
NOTHING_ASKED: list[TypedTensor] = []

USUAL = 200, "", True, 0, False
"""What facts of an answered inference are, whose record is whole."""
_arm = attrgetter(
    *("route", "version", "role", "share", "copies", "path"), *("status", "failure", "inference", "parts", "partial")
)

_bodies = attrgetter("response", "request", "request_fields", "request_id")

Whole = tuple[int, bytes, bytes]
"""The place of a record in a batch, its answer and its request, b"" where that travels with another leg."""

Arm = tuple[str, str, Role, float, int, str, int, str, bool, int, bool]
"""What all records that are looked at together have in common, the facts of `USUAL` last."""


def read_alike(
    records: Sequence[Record], source: WorkerRun, reading: Reading
) -> tuple[list[tuple[AlikeLegs, Places]], Places]:
    """The legs that are alike, with their places among `records`, and the places of all others."""
    arms: defaultdict[Arm, Places] = defaultdict(list)
    for at, record in enumerate(records):
        arms[_arm(record)].append(at)
    alike: list[tuple[AlikeLegs, Places]] = []
    odd: Places = []
    for (route, _, role, _, _, path, *facts), places in arms.items():
        how = reading(route) if len(places) >= MIN_ALIKE and tuple(facts) == USUAL else None
        if how is None or how[0] not in READ_TOGETHER or how[1].source == "json":
            odd += places
            continue
        for _ in range(MAX_FORMS):
            reader = AlikeReader(how[0], role in COPY_ROLES)
            taken, places = reader.sort(records, places)
            legs = reader.legs([records[at] for at in taken], source, path.rpartition("/")[0], how[1])
            if legs is None:
                odd += taken
            else:
                alike.append((legs, taken))
            if not taken or len(places) < MIN_ALIKE:
                break
        odd += places
    odd.sort()
    return alike, odd


def _is_short(text: str) -> bool:
    """Whether a text stays as it is where others are shortened and made plain."""
    return len(text) <= MAX_NAME and text.isascii()


class AlikeReader:
    """Takes records of one arm, all with the facts of `USUAL`, that are like the first. `copies`: their requests travel
    with other legs."""

    __slots__ = ("_answers", "_by_json", "_calls", "_copies", "_model", "_requests")

    def __init__(self, protocol: Protocol, copies: bool) -> None:
        self._copies, self._by_json = copies, protocol == "oip"
        self._answers, self._requests = AlikeRows(), AlikeRows()
        self._calls = False
        self._model: tuple[str | None, str | int | None] | None = None

    def sort(self, records: Sequence[Record], places: Places) -> tuple[Places, Places]:
        """The places of the records that it takes, and of the others, both in order. To be called once."""
        whole = self._whole(records, places)
        first = next((number for number, each in enumerate(whole[:MAX_TRIED]) if self._takes(each)), None)
        if first is None:
            return [], places
        taken = [whole[first][0]]
        taken += self._take_like(whole[first], whole[first + 1 :])
        if first + len(taken) < len(whole):
            taken = self._take_more(taken, whole[first + 1 :])
        return taken, sorted({*places}.difference(taken)) if len(taken) < len(places) else []

    def _whole(self, records: Sequence[Record], places: Places) -> list[Whole]:
        """Those whose bodies are there, and not too large to be read at once. The requests of copies travel with other
        legs."""
        some = zip(places, map(_bodies, [records[at] for at in places]), strict=True)
        if self._copies:
            return [
                (at, answer, b"")
                for at, (answer, request, fields, id_) in some
                if answer and len(answer) <= SMALL_BYTES and request is None and not fields
                if 0 < len(id_) <= MAX_REQUEST_ID
            ]
        return [
            (at, answer, request)
            for at, (answer, request, _, id_) in some
            if answer and request and len(answer) <= SMALL_BYTES and len(request) <= SMALL_BYTES
            if 0 < len(id_) <= MAX_REQUEST_ID
        ]

    def _take_like(self, first: Whole, others: list[Whole]) -> Places:
        """Takes the records whose bodies are those of the first one but for their numbers, and returns their places."""
        if self._calls or len(others) < MIN_ALIKE:
            return []
        sides = [(self._answers, form_of(first[1], typed_answer), [answer for _, answer, _ in others])]
        if first[2]:
            sides.append((self._requests, form_of(first[2], typed_request), [request for _, _, request in others]))
        found = [form.numbers(bodies) for _, form, bodies in sides if form is not None]
        if len(found) < len(sides):
            return []
        kept = list(map(all, zip(*found, strict=True)))
        rows = [form.rows([*compress(each, kept)]) for (_, form, _), each in zip(sides, found, strict=True) if form]
        if any(each is None for each in rows):
            return []
        for (side, *_), each in zip(sides, rows, strict=True):
            side.rows += each or []
        return [at for at, _, _ in compress(others, kept)]

    def _take_more(self, taken: Places, others: list[Whole]) -> Places:
        """Takes those of some that are like the first in another way, too: the places of all, in order."""
        known = {*taken}
        for number, each in enumerate([other for other in others if other[0] not in known]):
            if number == MAX_TRIED and len(taken) < 2:
                break
            if self._takes(each):
                taken.append(each[0])
        order = sorted(range(len(taken)), key=taken.__getitem__)
        for side in (self._answers, self._requests):
            side.rows = [side.rows[at] for at in order] if side.rows else []
        return [taken[at] for at in order]

    def _takes(self, record: Whole) -> bool:
        """Whether a record is like the others; then it is one of them."""
        _, answer, request = record
        call = answer[:1] == FRAME
        if self._model is None:
            self._calls = call
        if call is not self._calls or (request and (request[:1] == FRAME) is not call):
            return False
        return self._takes_call(answer, request) if call else self._by_json and self._takes_json(answer, request)

    def _takes_json(self, answer: bytes, request: bytes) -> bool:
        try:
            said = typed_answer(answer)
            asked = typed_request(request).tensors if request else NOTHING_ASKED
        except NOT_USUAL:
            return False
        if len(said.tensors) != 1 or said.error or len(asked) > 1:
            return False
        model = said.model_name, said.model_version
        if (self._model is not None and model != self._model) or not self._answers.fits(said.tensors[0]):
            return False
        if request:
            if not asked or not self._requests.fits(asked[0]):
                return False
            self._requests.put(asked[0].data)
        self._answers.put(said.tensors[0].data)
        self._model = model
        return True

    def _takes_call(self, answer: bytes, request: bytes) -> bool:
        said = ANSWERS.read(answer)
        asked = REQUESTS.read(request) if request else NO_CALL
        if said is None or asked is None or len(said[0]) != 1 or len(asked[0]) > 1:
            return False
        model = said[1], asked[1]
        if (self._model is not None and model != self._model) or not self._answers.fits_tensor(said[0][0]):
            return False
        if request:
            if not asked[0] or not self._requests.fits_tensor(asked[0][0]):
                return False
            self._requests.put(asked[0][0].data)
        self._answers.put(said[0][0].data)
        self._model = model
        return True

    def legs(self, records: list[Record], source: WorkerRun, asked: str, identity: Identity) -> AlikeLegs | None:
        """The legs of the records that were taken; None where they are to be read one by one."""
        if len(records) < MIN_ALIKE or self._model is None:
            return None
        answers, requests = self._answers.packed(), b"" if self._copies else self._requests.packed()
        numbers = np.frombuffer(answers)
        name, version = self._model
        if self._calls:  # who answers, and the model that is asked for
            who, asked = name or "", str(version or "") or (asked if self._by_json else "")
        else:
            who = known_identity(name, version)
        if not np.isfinite(numbers).all() or not (_is_short(who) and _is_short(asked)):
            return None
        if self._answers.integer and not ((np.abs(numbers) < EXACT_FLOATS) & (numbers % 1.0 == 0.0)).all():
            return None
        if self._requests.integer and not (np.abs(np.frombuffer(requests)) < EXACT_FLOATS).all():
            return None
        inputs = None if self._copies else self._requests.layout()
        return AlikeLegs(
            records,
            source,
            self._answers.layout(),
            answers,
            inputs,
            requests,
            who if identity.source == "protocol" else "",
            asked,
        )


class AlikeRows:
    """Rows of one tensor, all of one name, type and width, as doubles."""

    __slots__ = ("datatype", "name", "rows", "shape", "width")

    def __init__(self) -> None:
        self.name = self.datatype = ""
        self.shape: list[int] = []
        self.width = 0
        self.rows: list[bytes] = []

    def fits(self, tensor: TypedTensor) -> bool:
        """Whether a tensor is a row as the first one is, or the first one."""
        if self.width:
            alike = tensor.name == self.name and tensor.shape == self.shape and tensor.datatype == self.datatype
            return alike and len(tensor.data) == self.width
        shape = tensor.shape
        width = shape[1] if len(shape) == 2 and shape[0] == 1 else 1 if shape == ONE_VALUE else 0
        if not 0 < width <= MAX_WIDTH or width != len(tensor.data):
            return False
        if len(tensor.name) > MAX_NAME or tensor.datatype not in NUMBER_TYPES:
            return False
        self.name, self.shape, self.datatype, self.width = tensor.name, shape, tensor.datatype, width
        return True

    def fits_tensor(self, tensor: Tensor) -> bool:
        """The same of a tensor of a call; those of whole numbers keep them as such."""
        if self.width:
            alike = tensor.name == self.name and tensor.width == self.width and tensor.datatype == self.datatype
            return alike and tensor.rows == 1
        if tensor.rows != 1 or tensor.integer or not 0 < tensor.width <= MAX_WIDTH or len(tensor.name) > MAX_NAME:
            return False
        self.name, self.width, self.datatype = tensor.name, tensor.width, tensor.datatype
        return True

    @property
    def integer(self) -> bool:
        """Whether they are whole numbers by type."""
        return self.datatype in INTEGER_TYPES

    def put(self, row: Sequence[float]) -> None:
        """Adds a row that fits."""
        self.rows.append(row.tobytes() if type(row) is array else packer(self.width)(*row))

    def packed(self) -> bytes:
        """The numbers as doubles, shape (rows, width)."""
        return b"".join(self.rows)

    def layout(self) -> Tensor:
        """The tensor less its values."""
        return Tensor(*(self.name, 1, self.width, "number", (), (), self.integer, False, False, (), self.datatype))
