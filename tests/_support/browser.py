"""Browsers for the tests of pages; without one, they are skipped."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to drive")
FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
needs_firefox = pytest.mark.skipif(FIREFOX is None, reason="there is no Firefox to drive")

#: The code points of keys in WebDriver; any other key is its character.
KEYS = {
    "Backspace": "\ue003", "Tab": "\ue004", "Enter": "\ue007", "Shift": "\ue008", "PageUp": "\ue00e",
    "PageDown": "\ue00f", "End": "\ue010", "Home": "\ue011", "ArrowLeft": "\ue012", "ArrowUp": "\ue013",
    "ArrowRight": "\ue014", "ArrowDown": "\ue015",
}  # fmt: skip

#: No page is opened from the network, and the reader prefers dark pages.
PREFERENCES = {
    "marionette.port": 0,
    "layout.css.prefers-color-scheme.content-override": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
    "network.connectivity-service.enabled": False,
    "network.captive-portal-service.enabled": False,
}


def chromium() -> Iterator[Any]:
    """Start Chromium, for a fixture of a module."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Firefox:
    """Firefox, driven over Marionette: JSON on a socket. Keys and the pointer are those of WebDriver."""

    def __init__(self, profile: Path) -> None:
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()
        ]
        (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        self._process = subprocess.Popen(
            [str(FIREFOX), "--headless", "--no-remote", "--marionette", "--profile", str(profile)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port = profile / "MarionetteActivePort"
        for _ in range(1200):
            if self._process.poll() is not None or (port.exists() and port.read_text()):
                break
            time.sleep(0.05)
        self._socket = socket.create_connection(("127.0.0.1", int(port.read_text())))
        self._stream = self._socket.makefile("rb")
        self._read()  # its greeting
        self._send("WebDriver:NewSession")

    def _read(self) -> Any:
        digits = b""
        while (byte := self._stream.read(1)) != b":":
            assert byte, "Firefox has closed the connection"
            digits += byte
        return json.loads(self._stream.read(int(digits)))

    def _send(self, command: str, **parameters: Any) -> Any:
        message = json.dumps([0, 1, command, parameters])  # ASCII, so that its length is that in bytes
        self._socket.sendall(f"{len(message)}:{message}".encode())
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def goto(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self._send("WebDriver:Navigate", url=url)

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a function of JavaScript and await its result, as Playwright's method of this name does."""
        script = f"const [x, done] = arguments; Promise.resolve(({function})(x)).then(done)"
        result = self._send(
            "WebDriver:ExecuteAsyncScript", script=script, args=[argument], sandbox=None, scriptTimeout=60_000
        )
        return result["value"]

    def press(self, *keys: str) -> None:
        """Press keys one after another, such as "ArrowLeft", "Shift+ArrowLeft" or "a"."""
        steps = []
        for chord in keys:
            codes = [KEYS.get(key, key) for key in chord.split("+")]
            steps += [{"type": "keyDown", "value": code} for code in codes]
            steps += [{"type": "keyUp", "value": code} for code in reversed(codes)]
        self._send("WebDriver:PerformActions", actions=[{"type": "key", "id": "keys", "actions": steps}])

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the mouse button at the first point, move to the others, and release it."""
        moves: list[dict[str, Any]] = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 20} for x, y in points
        ]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        mouse = {"type": "pointer", "id": "mouse", "actions": [moves[0], down, *moves[1:], up]}
        self._send("WebDriver:PerformActions", actions=[mouse])

    def close(self) -> None:
        """End the program."""
        self._stream.close()
        self._socket.close()
        self._process.terminate()
        self._process.wait()


def firefox(profile: Path) -> Iterator[Firefox]:
    """Start Firefox, for a fixture of a module."""
    browser = Firefox(profile)
    yield browser
    browser.close()
