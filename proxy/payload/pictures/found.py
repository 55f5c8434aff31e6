"""The pictures of a request, in whichever form it has them, as features.

| form | rows | features are of |
|---|---|---|
| a body that is a picture | one | `image` |
| files of a form | one | the field, such as `file`: the mean of its files |
| base64 in messages, in what is asked of a language model | one | `prompt`: the mean of all |
| base64 in rows (`{"b64": …}`, or a text), strings of OIP (base64 or as they are) | one each | the column |

What is a picture is told by its first bytes, whatever a media type or a field says of it. A picture behind a URL is not
fetched. Of a body the first `MAX_PICTURES` are looked at, and `MAX_LIT` for their brightness: what the others have
none of is counted as missing.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from math import isnan, nan
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.bounds import MAX_TEXT, is_shortened
from proxy.contracts.observation import Tensor
from proxy.payload.pictures.brightness import brightness_of
from proxy.payload.pictures.head import Head, head_of

MEASURED = (":width", ":height", ":aspect", ":bytes", ":channels", ":depth", ":brightness")
"""Ends of the names of features that are numbers; `:aspect` is width by height, `:brightness` from 0 to 1."""
FORMAT = ":format"
"""End of the name of the one that is a category."""

HEAD = 65_520
"""Characters of a picture in base64 that are looked at: its size stands in the first bytes, in JPEG behind what the
camera wrote. Fewer than are kept of a text (`contracts.bounds.MAX_TEXT`)."""
MAX_PICTURES = 64
"""Pictures of one body that are looked at."""
MAX_LIT = 4
"""Pictures of one body whose brightness is read: 5 ms each at most."""
MAX_VALUES = 4096
"""Values of what is asked among which pictures are looked for."""
SHORTEST = 40
"""Characters of the shortest text that may be a picture."""

PACKED = ("iVBORw0KGg", "/9j/", "R0lGOD", "UklGR", "Qk", "SUkqA", "TU0AK")
"""How pictures begin in base64."""
PLAIN = ("\x89PNG", "\xff\xd8\xff", "GIF8", "RIFF", "BM", "II*\0", "MM\0*")
"""How they begin as they are, a character a byte."""

BEGINNINGS = (*PACKED, *PLAIN, "data:image/")
"""Of a text that may be a picture."""
ENCLOSED = "b64"
"""The field of an object that is bytes, in TensorFlow Serving's and KServe's JSON."""


class Picture(Struct, frozen=True):
    """A picture of a request: its beginning, and all of its bytes."""

    head: Head
    data: bytes
    size: float


NO_PICTURE = Picture(Head("", nan, nan), b"", nan)


def is_picture(data: bytes) -> bool:
    """Whether a body is a picture as it is."""
    return head_of(data) is not None


def of_body(data: bytes) -> tuple[Tensor, ...]:
    """The features of a body that is a picture."""
    return _of_rows("image", [_picture(data, len(data)) or NO_PICTURE])


def of_files(files: Sequence[tuple[str, bytes]]) -> tuple[Tensor, ...]:
    """Those of the files of a form, by field."""
    by_name: dict[str, list[Picture]] = {}
    for name, data in files[:MAX_PICTURES]:
        if picture := _picture(data, len(data)):
            by_name.setdefault(name.removesuffix("[]"), []).append(picture)
    return tuple([tensor for name, pictures in by_name.items() for tensor in _of_one(name, pictures)])


def of_asked(value: Any, name: str) -> tuple[Tensor, ...]:
    """Those of pictures anywhere in what is asked: `image_url`, `source`, `inlineData`, `images` and their kin."""
    pictures: list[Picture] = []
    values = [value]
    for _ in range(MAX_VALUES):
        if not values or len(pictures) >= MAX_PICTURES:
            break
        each = values.pop()
        if isinstance(each, str):
            if picture := _unpacked(each):
                pictures.append(picture)
        elif isinstance(each, dict):
            values += reversed(each.values())
        elif isinstance(each, list):
            values += each[MAX_VALUES::-1]
    return _of_one(name, pictures) if pictures else ()


def in_place_of_texts(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The inputs of a request, with features of pictures in place of texts that are pictures."""
    if not any(map(_may_have_pictures, tensors)):
        return tensors
    made: list[Tensor] = []
    for tensor in tensors:
        if tensor.kind == "category" and tensor.width == 1 and not tensor.columns:
            found = _column(tensor.name, tensor.data)
            made += found or (tensor,)
            continue
        columns = {name: _column(name, column, _sizes(tensor, name)) for name, column in tensor.texts}
        texts = tuple([each for each in tensor.texts if not columns[each[0]]])
        made.append(tensor if len(texts) == len(tensor.texts) else replace(tensor, texts=texts))
        made += [each for found in columns.values() for each in found]
    return tuple(made)


def _may_have_pictures(tensor: Tensor) -> bool:
    """A glance, at the first text of each column."""
    if tensor.kind == "category":
        return True
    return any(not column or column[0] is None or column[0].startswith(BEGINNINGS) for _, column in tensor.texts)


def opened(column: list[Any]) -> list[Any]:
    """The texts of a column of objects that are bytes in base64, `{"b64": …}`; [] of any other."""
    texts = [each and each.get(ENCLOSED) for each in column]
    return texts if all(each is None or type(text) is str for each, text in zip(column, texts, strict=True)) else []


def _sizes(tensor: Tensor, name: str) -> list[float]:
    """Characters of the texts of a column, which may be longer than what is kept of them."""
    chars = f"{name}.chars"
    return list(tensor.data[tensor.columns.index(chars) :: tensor.width]) if chars in tensor.columns else []


def _column(name: str, column: Sequence[str | None], chars: Sequence[float] = ()) -> tuple[Tensor, ...]:
    """The features of a column of texts that all are pictures, as far as they are there; () for any other."""
    known = [text for text in column[:MAX_PICTURES] if text is not None]
    if not known or not all(map(_may_be_picture, known)):
        return ()
    found = [NO_PICTURE if text is None else _unpacked(text) for text in column[:MAX_PICTURES]]
    pictures = [picture for picture in found if picture is not None]
    if len(pictures) < len(found):
        return ()
    for at, (picture, size) in enumerate(zip(pictures, chars, strict=False)):
        if is_shortened(column[at] or "", MAX_TEXT):
            pictures[at] = replace(picture, size=size * 3 // 4)
    return _of_rows(name, pictures + [NO_PICTURE] * (len(column) - len(pictures)))


def _may_be_picture(text: str) -> bool:
    return text.startswith(BEGINNINGS)


def _unpacked(text: str) -> Picture | None:
    """The picture in a text: base64, a `data:` URL, or its bytes a character each."""
    if len(text) < SHORTEST:
        return None
    if text.startswith("data:image/"):
        at = text.find(",", 0, 256) + 1
    elif text.startswith(PLAIN):
        return _plain(text)
    elif text.startswith(PACKED):
        at = 0
    else:
        return None
    padding = text.endswith("=") + text.endswith("==")
    return _picture(unpacked(text[at : at + HEAD]), (len(text) - at) * 3 // 4 - padding)


def _plain(text: str) -> Picture | None:
    try:
        return _picture(text.encode("latin-1"), len(text))
    except UnicodeEncodeError:
        return None


def unpacked(text: str) -> bytes:
    """The bytes that begin in base64, in either alphabet, in lines or not, cut off or not; b"" where it is none."""
    plain = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return b64decode(plain[: len(plain) // 4 * 4] + _rest(plain))
    except (Base64Error, ValueError):
        return b""


def _rest(plain: str) -> str:
    left = len(plain) % 4
    return plain[-left:] + "=" * (4 - left) if left > 1 else ""


def _picture(data: bytes, size: float) -> Picture | None:
    head = head_of(data)
    return None if head is None else Picture(head, data, size)


def _of_rows(name: str, pictures: Sequence[Picture]) -> tuple[Tensor, ...]:
    """The features of pictures, a row each."""
    rows = [_measured(picture, at < MAX_LIT) for at, picture in enumerate(pictures)]
    return _tensors(name, rows, [picture.head.format or None for picture in pictures])


def _of_one(name: str, pictures: Sequence[Picture]) -> tuple[Tensor, ...]:
    """The features of all pictures of one row: their means, and the format of the first."""
    rows = [_measured(picture, at < MAX_LIT) for at, picture in enumerate(pictures)]
    return _tensors(name, [[_mean(column) for column in zip(*rows, strict=True)]], [pictures[0].head.format])


def _tensors(name: str, rows: list[list[float]], formats: list[str | None]) -> tuple[Tensor, ...]:
    names = tuple([name + each for each in MEASURED])
    values = [value for row in rows for value in row]
    return (
        Tensor("", len(rows), len(names), "number", values, names),
        Tensor("", len(rows), 1, "category", formats, (name + FORMAT,)),
    )


def _measured(picture: Picture, lit: bool) -> list[float]:
    head = picture.head
    aspect = head.width / head.height if head.height else nan
    light = brightness_of(picture.data, head) if lit else nan
    return [float(each) for each in (head.width, head.height, aspect, picture.size, head.channels, head.depth, light)]


def _mean(column: Iterable[float]) -> float:
    known = [value for value in column if not isnan(value)]
    return sum(known) / len(known) if known else nan
