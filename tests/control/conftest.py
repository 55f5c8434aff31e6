from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.control.houses import House, settings


@pytest.fixture
def house() -> Iterator[House]:
    made = House(settings())
    yield made
    made.store.close()
