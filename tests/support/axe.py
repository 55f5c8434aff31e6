"""axe-core in a page: what keeps people with other senses or other means from using it, by WCAG."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from selenium import webdriver

SCRIPT = Path(__file__).parents[2] / ".venv-node" / "node_modules" / "axe-core" / "axe.min.js"

RUN = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(violations.flatMap((each) =>
  each.nodes.map((node) => `${each.id}: ${node.html.slice(0, 200)}: ${node.failureSummary}`))));
"""


@cache
def source() -> str:
    return SCRIPT.read_text()


def violations(driver: webdriver.Chrome) -> list[str]:
    """What axe has to say of the page as it stands. It comes in by the debugger: the page's policy lets no other in."""
    if driver.execute_script("return typeof axe") == "undefined":
        driver.execute_cdp_cmd("Runtime.evaluate", {"expression": source()})
    found: list[str] = driver.execute_async_script(RUN)
    return found
