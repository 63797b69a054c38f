"""Whatever a line of the engine's input holds, one sentence comes back, and the engine goes on."""

from __future__ import annotations

import io
import json
import random
import threading
from typing import Any

import pytest

from animcore.service import WORK, Service

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 10**400, "", "x", "\0", "\ud800", [], [1], [1, 0], [[]], [None], {}, {"a": 1},
    [{}], {"x": []}, "9" * 5000, float("nan"), float("inf"), ["arkit"], "/", ".",
)  # fmt: skip
FIELDS = (
    "audio", "parts", "listening_to", "fps", "out", "direction", "transcript", "finish", "postprocess", "map", "values",
    "face", "gestures", "offset", "span", "cast", "envelope", "rig", "folder", "formats", "motion", "setup", "check",
)  # fmt: skip
INNER = ("seed", "intensity", "strengths", "emotions", "style", "target", "variant", "profile", "mesh", "model",
         "character", "audio", "at", "skip", "length", "gain", "npz", "path", "start", "emotion", "time")  # fmt: skip
BAD_LINES = (
    "[" * 100_000, '{"id": "1", "do": []}', '{"id": "1", "do": {}}', '{"id": [[1]], "do": "about"}', '{"id": "1"}',
    '{"do": "about"}', "7", "null", '"text"', "[]", "{", '{"id": "1", "do": "generate", "fps": ' + "[" * 50_000,
    '{"id": NaN, "do": "nothing"}', "\udcff", "{}" * 10, '{"id": "1", "do": "x", "x": ' + "9" * 10_000 + "}",
)  # fmt: skip


class Input:
    """Gives lines one by one, each when the job before it is over."""

    def __init__(self, lines: list[str], service: Service) -> None:
        self.lines, self.service = lines, service

    def readline(self, _most: int = -1) -> str:
        while self.service._job is not None and self.service._job.is_alive():
            self.service._job.join(20)
            assert not self.service._job.is_alive(), "a job does not end"
        return self.lines.pop(0) + "\n" if self.lines else ""


def answers(lines: list[str]) -> list[dict[str, Any]]:
    out = io.StringIO()
    service = Service(out)
    service.run(Input(list(lines), service))
    return [json.loads(line) for line in out.getvalue().splitlines()][1:]


@pytest.mark.parametrize("line", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_line_that_is_no_request_is_one_sentence(line):
    (answer,) = answers([line])
    assert (answer["event"], answer["report"]) == ("error", "")
    assert len(answer["message"]) < 300


@pytest.mark.parametrize("inside", [False, True])
def test_former_names_of_fields_are_read_with_a_note(inside, caplog):
    one = {"finish": ["twirl"], "audio": "no.wav", "fps": [30, 1], "out": "x.npz"}
    request = {"do": "dialogue", "cast": [one]} if inside else {"do": "generate", **one}
    (answer,) = (one for one in answers([json.dumps({"id": "1", **request})]) if one["event"] == "error")
    assert "twirl" in answer["message"]
    assert "The field finish of a request is now postprocess" in caplog.text


def test_fields_of_all_kinds_of_values_are_sentences(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    chance = random.Random(14)
    lines = []
    for number in range(1500):
        wish = chance.choice([name for name in WORK if name != "listen"])
        request: dict[str, Any] = {"id": str(number), "do": wish, "audio": "no.wav", "fps": [30, 1], "out": "no/x.npz",
                                   "motion": "no.npz", "rig": "no.npz", "folder": "no", "formats": ["npz"],
                                   "capture": "no", "gaussians": 100, "steps": 1}  # fmt: skip
        for _ in range(chance.randint(1, 3)):
            value = chance.choice(ODD)
            if chance.random() < 0.4:
                value = {chance.choice(INNER): value}
            request[chance.choice(FIELDS)] = [value] if chance.random() < 0.2 else value
        lines.append(json.dumps(request))
    found = answers(lines)
    ends = [answer for answer in found if answer["event"] not in ("progress", "news")]
    assert [answer["id"] for answer in ends] == [str(number) for number in range(1500)]
    wrong = [(answer["message"], line) for answer, line in zip(ends, lines, strict=True) if answer.get("report")]
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"


def test_a_job_that_dies_in_any_way_leaves_the_engine_free(monkeypatch):
    class Panic(BaseException):
        """What a native library raises."""

    def die(_request, _wire):
        raise Panic("out of bounds")

    monkeypatch.setitem(WORK, "about", die)
    found = answers([json.dumps({"id": "1", "do": "about"})] * 2)
    assert [answer["event"] for answer in found] == ["error", "error"]
    assert "Panic" in found[0]["message"]
    assert "Traceback" in found[0]["report"]
    assert threading.active_count() < 20
