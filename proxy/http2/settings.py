"""Numbers of the settings that two peers tell each other (RFC 9113 §6.5.2)."""

from __future__ import annotations

from typing import Final

ENABLE_PUSH: Final = 2
MAX_STREAMS: Final = 3
WINDOW_SIZE: Final = 4
MAX_HEADER_LIST: Final = 6
