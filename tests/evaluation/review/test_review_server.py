"""The server answers its own page alone, and keeps verdicts whole."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path

import batches
import pytest

from animcore.evaluation.review import server as servers
from animcore.evaluation.review import verdicts
from animcore.evaluation.review.server import ReviewServer


@pytest.fixture
def running(tmp_path):
    takes = tmp_path / "takes"
    faults = [batches.finding("closures", "3 of 9 p, b, m.", 0.7)]
    records = [batches.real_line(takes, f"line_{n}", n + 2, findings=faults if n == 1 else []) for n in range(3)]
    server = ReviewServer(batches.write_batch(takes, records))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def ask(server: ReviewServer, path: str, method: str = "GET", body: object = None, token: str | None = None, **headers):
    """Status, headers and content of a request."""
    port = server.server_address[1]
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    given = {"Host": f"127.0.0.1:{port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    line.request(method, f"/{server.token if token is None else token}/{path}", content, given)
    answer = line.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    line.close()
    return found


def judge(server: ReviewServer, body: object, **headers):
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    return ask(server, "verdict", "POST", body, **{"Content_Type": "application/json", "Origin": origin, **headers})


def test_it_listens_on_this_computer_alone(running):
    assert running.server_address[0] == "127.0.0.1"
    assert len(running.token) >= 32


@pytest.mark.parametrize(
    "name",
    ["report.html", *(f"report/{one}" for one in ("page.js", "page.css", "config.js", "rows-0.js", "details-1.js",
                                                  "head-data.js", "image-0.png", "audio-2"))],
)  # fmt: skip
def test_the_page_and_its_data_are_there(running, name):
    status, headers, content = ask(running, name)
    assert status == 200
    assert content
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("token", ["", "wrong", "x" * 32])
def test_without_the_token_nothing_is_served(running, token):
    assert ask(running, "report.html", token=token)[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:80"])
def test_another_host_is_refused(running, host):
    assert ask(running, "report.html", Host=host)[0] == 403


def test_another_origin_is_refused_and_changes_nothing(running):
    said = {"place": 0, "verdict": "good", "note": ""}
    assert judge(running, said, Origin="https://evil.example")[0] == 403
    assert ask(running, "verdict", "POST", said, Content_Type="application/json")[0] == 400
    assert not (running.folder / verdicts.NAME).exists()


@pytest.mark.parametrize(
    "path",
    ["../batch.json", "report/../../batch.json", "..%2fbatch.json", "report/audio-9", "lines.csv",
     "report/details-99.js", "report/audio--1", "ledger/lines.jsonl"],
)  # fmt: skip
def test_no_path_comes_from_outside(running, path):
    assert ask(running, path)[0] in (403, 404)


def test_a_verdict_is_on_the_disk_before_it_is_answered(running):
    status, _, content = judge(running, {"place": 0, "verdict": "redo", "note": "the b"})
    assert status == 200
    assert json.loads(content)["when"].endswith("Z")
    found = verdicts.load(running.folder)
    assert found["line_1"].verdict == "redo"
    assert found["line_1"].note == "the b"
    assert b'[0,"redo","the b"]' in ask(running, "report/config.js")[2]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", {"place": "x", "verdict": "good", "note": ""}, {"place": 0}, b"1" * 70_000]
)
def test_what_is_no_verdict_is_refused(running, body):
    assert judge(running, body)[0] == 400


@pytest.mark.parametrize(
    "said", [{"place": 99, "verdict": "good", "note": ""}, {"place": 0, "verdict": "no", "note": ""}]
)
def test_a_verdict_that_cannot_be_is_told(running, said):
    status, _, content = judge(running, said)
    assert status == 409
    assert json.loads(content)["error"]


def test_many_at_once_lose_nothing(running):
    threads = [threading.Thread(target=judge, args=(running, {"place": n % 3, "verdict": "good", "note": str(n)}))
               for n in range(12)]  # fmt: skip
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(verdicts.load(running.folder)) == 3


def test_a_player_may_ask_for_a_part(running):
    whole = ask(running, "report/audio-0")[2]
    status, headers, content = ask(running, "report/audio-0", Range="bytes=100-199")
    assert (status, content) == (206, whole[100:200])
    assert headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert ask(running, "report/audio-0", Range="bytes=-10")[2] == whole[-10:]
    assert ask(running, "report/audio-0", Range="bytes=9999999999-")[0] == 200


def test_a_recording_that_went_is_told(running):
    running.lines[0].record.audio.unlink()
    status, _, content = ask(running, "report/audio-0")
    assert status == 409
    assert "was it moved" in json.loads(content)["error"]


def test_verdicts_go_back_to_the_table(tmp_path):
    takes = tmp_path / "takes"
    record = batches.real_line(takes, "line_1", 2)
    table = takes / "lines.csv"
    batches.write_batch(takes, [record])
    table.write_text("id,audio\nline_1,a.wav\n", encoding="utf-8")
    server = ReviewServer(takes)
    server.judge(0, "good", "")
    server.server_close()
    assert servers.write_table(takes, server.lines, server.said) == Path(table)
    assert table.read_text(encoding="utf-8") == "id,audio,review_verdict,review_note\nline_1,a.wav,good,\n"
