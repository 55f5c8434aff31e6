"""A page of the status page in a real browser: what can be read on it, and what is pressed."""

from __future__ import annotations

from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.running import eventually


class Seen:
    """What a browser shows at an address."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        driver.get("about:blank")
        driver.get_log("browser")  # what pages before this one left
        driver.get(address)

    def find(self, css: str) -> WebElement:
        """The first element that matches, as soon as there is one."""
        return eventually(lambda: next(iter(self.driver.find_elements(By.CSS_SELECTOR, css)), None), css)

    def text(self, css: str) -> str:
        """Its text; empty while it is redrawn."""
        try:
            return str(self.driver.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", css))
        except WebDriverException:
            return ""

    def shows(self, css: str, text: str) -> None:
        """Returns when `text` can be read in an element."""
        eventually(lambda: text.lower() in self.text(css).lower(), f"{text!r} in {css}")

    def press(self, css: str) -> None:
        eventually(lambda: self._pressed(css), f"{css} can be pressed")

    def _pressed(self, css: str) -> bool:
        try:
            found = self.find(css)
            if found.is_enabled() and found.is_displayed():
                found.click()
                return True
        except StaleElementReferenceException:
            pass  # the page was drawn anew meanwhile
        return False

    def script(self, code: str, *given: Any) -> Any:
        return self.driver.execute_script(code, *given)

    def nothing_undefined(self) -> None:
        """No figure of the page is one that the script did not find."""
        text = self.text("body")
        assert "undefined" not in text and "NaN" not in text, text

    def complaints(self) -> list[str]:
        """What the browser complained of: policy violations, errors of scripts, files that are not there."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
