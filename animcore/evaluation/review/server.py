"""`animcore batch review`: the page on a server of this computer alone, which keeps verdicts as they are given.

Who may talk to it: it listens on 127.0.0.1; every address begins with a token that is new at each start; a request
whose Host is not this server (another name that was pointed at this computer) or whose Origin is another page's is
refused. What it serves are the page, the lines, and the recordings and motions that the ledger names: no path comes
from outside.
"""

from __future__ import annotations

import hmac
import json
import mimetypes
import re
import secrets
import threading
import webbrowser
from collections.abc import Callable, Sequence
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from animcore.errors import AnimcoreError, InputError
from animcore.evaluation.review import head, rows, static_report, verdicts
from animcore.evaluation.review.static_report import ASSETS, PAGE, ROWS_AT_ONCE
from animcore.evaluation.review.verdicts import Verdict
from animcore.pipelines.batch import ledger

HOST = "127.0.0.1"
_LARGEST_POST = 64 << 10
_PIECE = 256 << 10
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
}


class ReviewServer(ThreadingHTTPServer):
    """The server of one batch.

    Attributes:
        folder: of the batch.
        token: that every address begins with.
        address: what is opened in a browser.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0, head_path: Path | None = None) -> None:
        """Read the batch and bind to a port of this computer; 0 for a free one.

        Raises:
            InputError: where the folder holds no batch, or the port is taken.
        """
        static_report.check_page()
        self.folder = folder
        self.token = secrets.token_urlsafe(24)
        self.mesh = head.load(head_path)
        self.lines = rows.review_lines(ledger.read(folder))
        self._said = verdicts.load(folder)
        self._lock = threading.Lock()
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise InputError(f"Port {port} cannot be used ({error.strerror}); choose another (--port).") from error

    @property
    def address(self) -> str:
        """The address of the page, with its token."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/report.html"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser may call this server."""
        return tuple(f"{name}:{self.server_address[1]}" for name in (HOST, "localhost"))

    @cached_property
    def head_script(self) -> bytes:
        """The script with the head."""
        return f"animcore.head({json.dumps(head.payload(self.mesh))});\n".encode()

    @property
    def said(self) -> dict[str, Verdict]:
        """The verdicts so far, by the names of lines."""
        with self._lock:
            return dict(self._said)

    def judge(self, place: int, verdict: str, note: str) -> Verdict:
        """Keep a verdict on the line at a place, on the disk before this returns.

        Raises:
            InputError: where there is no such line, the verdict is none, or the file cannot be written.
        """
        if not 0 <= place < len(self.lines):
            raise InputError(f"There is no line {place}; load the page again.")
        name = self.lines[place].record.name
        one = Verdict(verdict, note, verdicts.now())
        with self._lock:
            said = {**self._said, name: one}
            known = {line.record.name: (line.record.id, line.record.language) for line in self.lines}
            verdicts.save(self.folder, said, known)
            self._said = said
        return one


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ReviewServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answer a request for a file, a script or a recording."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Keep a verdict."""
        self._answer(self._post)

    def log_message(self, format: str, *args: object) -> None:
        """Be silent: addresses hold the token."""

    def _answer(self, work: Callable[[str], None]) -> None:
        """Check who asks, then work."""
        try:
            path = self._checked()
            if path is None:
                self._send(403, b"forbidden", "text/plain")
            else:
                work(path)
        except AnimcoreError as error:
            self._send(409, json.dumps({"error": str(error)}).encode(), "application/json")
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True

    def _checked(self) -> str | None:
        """The path behind the token; None where the request is not from the page."""
        origin = self.headers.get("Origin")
        if self.headers.get("Host", "") not in self.server.hosts:
            return None
        if origin is not None and origin not in [f"http://{host}" for host in self.server.hosts]:
            return None
        _, token, *rest = self.path.partition("?")[0].split("/")
        return "/".join(rest) if hmac.compare_digest(token.encode(), self.server.token.encode()) else None

    def _get(self, path: str) -> None:
        name = path.removeprefix("report/")
        if path == "report.html":
            self._send(200, (PAGE / "page.html").read_bytes(), _TYPES[".html"])
        elif name in ASSETS:
            self._send(200, (PAGE / name).read_bytes(), _TYPES[Path(name).suffix])
        elif (
            found := re.fullmatch(r"(config|head-data|rows|details|image|audio)(?:-(\d{1,9}))?(?:\.\w+)?", name)
        ) is None:
            self._send(404, b"there is no such page", "text/plain")
        else:
            self._data(found[1], int(found[2] or 0))

    def _data(self, kind: str, place: int) -> None:
        """Send what belongs to the line, or the part of the list, at a place."""
        server = self.server
        if kind == "config":
            script = static_report.config_script(
                server.folder, server.lines, server.said, len(server.lines), (), is_live=True
            )
            self._send(200, script.encode(), _TYPES[".js"])
        elif kind == "head-data":
            self._send(200, server.head_script, _TYPES[".js"])
        elif kind == "rows":
            part = server.lines[place * ROWS_AT_ONCE : (place + 1) * ROWS_AT_ONCE]
            self._send(200, static_report.rows_script(place, part, server.folder).encode(), _TYPES[".js"])
        elif place >= len(server.lines):
            self._send(404, b"there is no such line", "text/plain")
        elif kind == "details":
            self._send(
                200, static_report.details_script(place, server.lines[place : place + 1]).encode(), _TYPES[".js"]
            )
        elif kind == "image" and (motion := server.lines[place].record.motion) is not None:
            self._send(200, head.image(motion, server.lines[place].worst, server.mesh), "image/png")
        elif kind == "audio":
            self._file(server.lines[place].record.audio)
        else:
            self._send(404, b"there is no such image", "text/plain")

    def _post(self, path: str) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        if path != "verdict" or not is_json or not 0 < size <= _LARGEST_POST or self.headers.get("Origin") is None:
            self.close_connection = True
            self._send(400, b"not a verdict", "text/plain")
            return
        try:
            asked = json.loads(self.rfile.read(size))
            place, verdict, note = int(asked["place"]), str(asked["verdict"]), str(asked["note"])
        except (ValueError, TypeError, LookupError):
            self._send(400, b"not a verdict", "text/plain")
            return
        one = self.server.judge(place, verdict, note)
        self._send(200, json.dumps({"when": one.when}).encode(), "application/json")

    def _file(self, path: Path) -> None:
        """Send a recording, or the part of it that a player asks for."""
        kind = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        try:
            handle = path.open("rb")
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); was it moved?") from error
        with handle:
            size = handle.seek(0, 2)
            first, last = _span(self.headers.get("Range", ""), size)
            partial = "Range" in self.headers and last >= first
            first, last = (first, last) if partial else (0, size - 1)
            self._head(206 if partial else 200, kind, last - first + 1)
            self.send_header("Accept-Ranges", "bytes")
            if partial:
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            self.end_headers()
            handle.seek(first)
            left = last - first + 1
            while left > 0 and (piece := handle.read(min(_PIECE, left))):
                self.wfile.write(piece)
                left -= len(piece)

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self._head(status, f"{kind}; charset=utf-8" if kind.startswith("text/") else kind, len(content))
        self.end_headers()
        self.wfile.write(content)

    def _head(self, status: int, kind: str, size: int) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(size)),
            ("Content-Security-Policy", _POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)


def _span(asked: str, size: int) -> tuple[int, int]:
    """First and last byte of a range that is asked for; an empty one where it is none."""
    found = _RANGE.fullmatch(asked.strip())
    if found is None or not (found[1] or found[2]):
        return 0, -1
    if not found[1]:
        return max(0, size - int(found[2])), size - 1
    return int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)


def review(
    folder: str | Path,
    port: int = 0,
    *,
    is_opened: bool = True,
    head_path: Path | None = None,
    to_table: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> int:
    """Serve the page until it is interrupted (Ctrl+C), and return how many verdicts there are.

    Args:
        folder: of the batch.
        port: of this computer; 0 for a free one.
        is_opened: whether a browser is opened.
        head_path: the user's own head, in the place of the default one.
        to_table: whether verdicts and notes also go into two columns of the table, at the end.
        told: is given sentences for the user.

    Raises:
        InputError: where the folder holds no batch, the port is taken or the table cannot be written.
    """
    server = ReviewServer(Path(folder), port, head_path)
    told(f"Reviewing {len(server.lines)} lines at {server.address} (Ctrl+C ends it).")
    if is_opened:
        webbrowser.open(server.address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    said = server.said
    told(f"{len(said)} verdicts lie in {Path(folder) / verdicts.NAME}.")
    if to_table and said:
        told(f"They are in {write_table(Path(folder), server.lines, said)} too.")
    return len(said)


def write_table(folder: Path, lines: Sequence[rows.ReviewLine], said: dict[str, Verdict]) -> Path:
    """Write verdicts into the table that a batch came from.

    Raises:
        InputError: where it is not there any more, or of a kind that is not written.
    """
    table = Path(str(ledger.header(folder).get("table", "")))
    path = table if table.is_absolute() else folder / table
    if not path.is_file():
        raise InputError(f"The table {path} is not there; {folder / verdicts.NAME} has the verdicts.")
    return verdicts.into_table(
        path, {line.record.row: said[line.record.name] for line in lines if line.record.name in said}
    )
