"""Records of a batch that are alike but for their numbers, read in one go (`contracts.alike`).

1. Records of one arm and one model asked for are looked at together. The first whose bodies are of the usual form (one
   row of numbers in one tensor, by the Open Inference Protocol as JSON or by gRPC) says how the others have to be; from
   what is left another one may.
2. One that is not like it is left to `decode`, and so is all that is odd: another status, parts, large or empty bodies,
   names that are too long, answers that are not finite, whole numbers that a double could not tell apart.
3. What is left by itself says the same as what is read in one go: who reads it how is a matter of cost.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
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

_arm = attrgetter("route", "version", "role", "share", "copies", "path")
_facts = attrgetter("status", "failure", "inference", "parts", "partial")
USUAL = 200, "", True, 0, False
"""What facts of an answered inference are, whose record is whole."""


def read_alike(
    records: Sequence[Record], source: WorkerRun, reading: Reading
) -> tuple[list[tuple[AlikeLegs, Places]], Places]:
    """The legs that are alike, with their places among `records`, and the places of all others."""
    arms: defaultdict[tuple[str, str, Role, float, int, str], Places] = defaultdict(list)
    for at, record in enumerate(records):
        arms[_arm(record)].append(at)
    alike: list[tuple[AlikeLegs, Places]] = []
    odd: Places = []
    for (route, _, role, _, _, path), places in arms.items():
        how = reading(route) if len(places) >= MIN_ALIKE else None
        if how is None or how[0] not in READ_TOGETHER or how[1].source == "json":
            odd += places
            continue
        for _ in range(MAX_FORMS):
            reader = AlikeReader(how[0], role in COPY_ROLES)
            taken, places = _sorted_out(reader, records, places)
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


def _sorted_out(reader: AlikeReader, records: Sequence[Record], places: Places) -> tuple[Places, Places]:
    """The places of records that a reader takes, and of the others."""
    taken: Places = []
    odd: Places = []
    for number, at in enumerate(places):
        if reader.takes(records[at]):
            taken.append(at)
        else:
            odd.append(at)
            if number + 1 == MAX_TRIED and len(taken) < 2:
                return taken, odd + places[MAX_TRIED:]
    return taken, odd


class AlikeReader:
    """Takes records of one arm that are like the first. `copies`: their requests travel with other legs."""

    __slots__ = ("_answers", "_by_json", "_calls", "_copies", "_model", "_requests")

    def __init__(self, protocol: Protocol, copies: bool) -> None:
        self._copies, self._by_json = copies, protocol == "oip"
        self._answers, self._requests = AlikeRows(), AlikeRows()
        self._calls = False
        self._model: tuple[str | None, str | int | None] | None = None

    def takes(self, record: Record) -> bool:
        """Whether a record is like the others; then it is one of them."""
        answer, request = record.response, record.request
        if not answer or len(answer) > SMALL_BYTES or not 0 < len(record.request_id) <= MAX_REQUEST_ID:
            return False
        if _facts(record) != USUAL:
            return False
        if self._copies:
            if request is not None or record.request_fields:
                return False
        elif not request or len(request) > SMALL_BYTES:
            return False
        call = answer[:1] == FRAME
        if self._model is None:
            self._calls = call
        if call is not self._calls or (request and (request[:1] == FRAME) is not call):
            return False
        return self._takes_call(answer, request) if call else self._by_json and self._takes_json(answer, request)

    def _takes_json(self, answer: bytes, request: bytes | None) -> bool:
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
            self._requests.rows.append(asked[0].data)
        self._answers.rows.append(said.tensors[0].data)
        self._model = model
        return True

    def _takes_call(self, answer: bytes, request: bytes | None) -> bool:
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
            self._requests.rows.append(asked[0][0].data)
        self._answers.rows.append(said[0][0].data)
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
    """Rows of one tensor, all of one name, type and width."""

    __slots__ = ("datatype", "name", "rows", "shape", "width")

    def __init__(self) -> None:
        self.name = self.datatype = ""
        self.shape: list[int] = []
        self.width = 0
        self.rows: list[Sequence[float]] = []

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

    def packed(self) -> bytes:
        """The numbers as doubles, shape (rows, width)."""
        pack = _packer(self.width)
        return b"".join([pack(*row) for row in self.rows])

    def layout(self) -> Tensor:
        """The tensor less its values."""
        return Tensor(*(self.name, 1, self.width, "number", (), (), self.integer, False, False, (), self.datatype))


@lru_cache(maxsize=256)
def _packer(values: int) -> Callable[..., bytes]:
    return struct.Struct(f"{values}d").pack
