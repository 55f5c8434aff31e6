"""Why a message cannot be rewritten: each reason is a key of `FAILURES`."""

from __future__ import annotations

from typing import Final

TOO_LARGE: Final = "rewrite_too_large"
NOT_JSON: Final = "rewrite_not_json"
NO_PLACE: Final = "rewrite_no_place"
CODING: Final = "rewrite_coding"
PATH: Final = "rewrite_path"
GRPC: Final = "rewrite_grpc"
CALL: Final = "rewrite_call"


class Unwritable(Exception):
    """A message that cannot be rewritten. `reason`: one of the above; `detail`: for a problem document, without
    anything of the message."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail
