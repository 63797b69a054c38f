"""A headless Chromium, driven by the W3C WebDriver protocol over chromedriver with nothing but the standard library."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing() -> str:
    """What is not installed of a browser and its driver; empty where both are."""
    if not any(shutil.which(name) for name in BROWSERS):
        return "Chromium"
    return "" if shutil.which("chromedriver") else "chromedriver"


class Browser:
    """A window of a headless browser; close it after use.

    Args:
        width, height: of the window in pixels.
    """

    def __init__(self, width: int = 1500, height: int = 950) -> None:
        self._profile = tempfile.mkdtemp(prefix="browser-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(
            [str(shutil.which("chromedriver")), f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._address = f"http://127.0.0.1:{port}"
        self._wait()
        program = next(found for name in BROWSERS if (found := shutil.which(name)))
        flags = [
            "--headless=new", f"--window-size={width},{height}", f"--user-data-dir={self._profile}", "--mute-audio",
            "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage", "--use-gl=angle",
            "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run",
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium has none for root
        options = {"binary": program, "args": flags}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def _wait(self) -> None:
        for _ in range(100):
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("chromedriver does not start")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from error

    def open(self, address: str) -> None:
        """Load a page."""
        self._call("POST", f"{self._session}/url", {"url": address})

    def run(self, script: str, *given: Any) -> Any:
        """Run JavaScript in the page; `arguments` are `given`."""
        return self._call("POST", f"{self._session}/execute/sync", {"script": script, "args": list(given)})

    def until(self, script: str, seconds: float = 20.0) -> Any:
        """Wait until JavaScript returns something true, and return it."""
        end = time.monotonic() + seconds
        while not (found := self.run(script)):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.05)
        return found

    def type(self, keys: str) -> None:
        """Press keys, where the focus is."""
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call("POST", f"{self._session}/actions", {"actions": [{"type": "key", "id": "keys", "actions": presses}]})

    def click(self, selector: str) -> None:
        """Click on an element."""
        found = self._call("POST", f"{self._session}/element", {"using": "css selector", "value": selector})
        self._call("POST", f"{self._session}/element/{found[_ELEMENT]}/click", {})

    def screenshot(self, path: Path) -> Path:
        """Write what is seen as a PNG."""
        path.write_bytes(base64.b64decode(self._call("GET", f"{self._session}/screenshot")))
        return path

    def complaints(self) -> list[str]:
        """What the console has of errors and warnings since it was asked last."""
        found = self._call("POST", f"{self._session}/se/log", {"type": "browser"})
        return [one["message"] for one in found if one["level"] in ("SEVERE", "WARNING")]

    def close(self) -> None:
        """End browser and driver."""
        try:
            self._call("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait(10)
            shutil.rmtree(self._profile, ignore_errors=True)
