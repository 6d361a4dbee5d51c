"""Drives a real headless Chromium through its DevTools protocol, over two pipes: no driver program, no open port.

Chromium reads commands from descriptor 3 and writes answers and events to descriptor 4, each a JSON document that ends
in a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    # Whatever it might still want to fetch leads nowhere.
    "--proxy-server=127.0.0.1:9",
)


def find_chromium() -> str | None:
    """Find Debian's chromium, or another name of it."""
    return next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)


class Browser:
    """One browser with one page at a time."""

    def __init__(self, program: str, profile: Path) -> None:
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        # Kept out of the way of 3 and 4, which the child gets them as.
        high = [os.dup(commands), os.dup(answers)]
        log = str(profile / "chromium.log")
        self._process = os.posix_spawn(
            program,
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            {**os.environ, "HOME": str(profile)},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, high[0], 100),
                (os.POSIX_SPAWN_DUP2, high[1], 101),
                (os.POSIX_SPAWN_DUP2, 100, 3),
                (os.POSIX_SPAWN_DUP2, 101, 4),
                (os.POSIX_SPAWN_CLOSE, 100),
                (os.POSIX_SPAWN_CLOSE, 101),
                (os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_CREAT, 0o600),
            ],
            setsid=True,
        )
        for descriptor in (commands, answers, *high):
            os.close(descriptor)
        self._number = 0
        self._buffer = b""
        self._session = ""
        self.events: list[dict[str, Any]] = []

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command to the page, or to the browser where there is none yet, and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer.get("result", {})
                return result
            self.events.append(answer)

    def open(
        self, address: str, *, width: int = 1200, height: int = 900, dark: bool = False, script: bool = True
    ) -> None:
        """Open a fresh page at a width in CSS pixels. `events` starts anew."""
        if self._session:
            self.command("Target.closeTarget", targetId=self._target)
            self._session = ""
        self._target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.command("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        self.events.clear()
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")
        self.resize(width, height)
        self.prefer(dark)
        if not script:
            self.command("Emulation.setScriptExecutionDisabled", value=True)
        self.command("Page.navigate", url=address)
        self.wait_for(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def resize(self, width: int, height: int) -> None:
        """Give the page a size; below 600 pixels it is a phone's."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def prefer(self, dark: bool) -> None:
        """Set what the system prefers, light or dark, also while a page is open."""
        value = "dark" if dark else "light"
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript in the page and give its value."""
        answer = self.command(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            allowUnsafeEvalBlockedByCSP=False,
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 60) -> None:
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never true: {expression}; {self.problems()}")
            time.sleep(0.05)

    def move_to(self, x: float, y: float) -> None:
        """Move the pointer."""
        self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def wheel(self, x: float, y: float, delta: float, *, control: bool = False) -> None:
        """Turn the wheel, with Ctrl held or not."""
        self.command(
            "Input.dispatchMouseEvent",
            type="mouseWheel",
            x=x,
            y=y,
            deltaX=0,
            deltaY=delta,
            modifiers=2 if control else 0,
        )

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Save the page as PNG."""
        answer = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(answer["data"]))

    def print_pdf(self, path: Path) -> None:
        """Print the page as it asks to be printed."""
        answer = self.command("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def requests(self) -> list[str]:
        """Give the address of everything that was requested, but data: addresses and what the policy stopped."""
        stopped = {e["params"]["requestId"] for e in self.events if e.get("params", {}).get("blockedReason") == "csp"}
        sent = [e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        kept = [values["request"]["url"] for values in sent if values["requestId"] not in stopped]
        return [address for address in kept if not address.startswith("data:")]

    def problems(self) -> list[str]:
        """Give the console's warnings and errors, exceptions, and what the page's policy blocked."""
        found = []
        for event in self.events:
            method, values = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(values["exceptionDetails"].get("exception", values["exceptionDetails"])))
            elif method == "Runtime.consoleAPICalled" and values["type"] in ("error", "warning", "assert"):
                found.append(" ".join(str(a.get("value", a.get("description"))) for a in values["args"]))
            elif method == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning"):
                found.append(values["entry"]["text"])
        return found

    def close(self) -> None:
        """End the browser and everything that it started."""
        with suppress(OSError):
            os.close(self._write)
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.command("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 12_000), "scale": 1}}

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError("chromium does not answer" if not ready else "chromium ended")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        document: dict[str, Any] = json.loads(message)
        return document


@contextmanager
def browser(program: str) -> Iterator[Browser]:
    """Start a browser with a profile of its own and end it."""
    with (
        tempfile.TemporaryDirectory(prefix="storbench-browser-", ignore_cleanup_errors=True) as folder,
        Browser(program, Path(folder)) as started,
    ):
        yield started
