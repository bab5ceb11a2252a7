"""The bridge from ASGI to Django's handler, over the real server and real connections."""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.config.probe import LIMIT
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
Connect = Callable[..., http.client.HTTPConnection]


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Probe:
    """The running server: its process, its port, and the folder that its pages write into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.config.probe", str(self.port), str(folder)], cwd=ROOT
        )
        wait_until(lambda: listens(self.port))

    def stop(self) -> float:
        """Tell it to end; return the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    """One server for all tests of this file."""
    running = Probe(tmp_path_factory.mktemp("probe"))
    yield running
    running.stop()


@pytest.fixture
def connect(probe: Probe) -> Iterator[Connect]:
    """Connect to the server, from an address of this machine."""
    made: list[http.client.HTTPConnection] = []

    def to_probe(source: str = "127.0.0.1") -> http.client.HTTPConnection:
        made.append(
            http.client.HTTPConnection(
                "127.0.0.1", probe.port, timeout=20, source_address=(source, 0)
            )
        )
        return made[-1]

    yield to_probe
    for connection in made:
        connection.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **more: Any) -> Any:
    """Ask for a page that answers with what it was asked."""
    connection.request(method, path, **more)
    answer = connection.getresponse()
    assert answer.status == 200
    return json.loads(answer.read())


def test_a_page_is_asked_for_as_wsgi_says(connect: Connect) -> None:
    """Django sees method, path, query and headers just as another server would give them."""
    asked = ask(connect(), "GET", "/caso%20n%C3%BAmero/%FF?q=%C3%B1&q=2", headers={"X-Own": "1"})

    assert asked["REQUEST_METHOD"] == "GET"
    assert asked["PATH_INFO"].encode("latin-1") == "/caso número/".encode() + b"\xff"
    assert asked["QUERY_STRING"] == "q=%C3%B1&q=2"
    assert asked["HTTP_X_OWN"] == "1"
    assert asked["REMOTE_ADDR"] == "127.0.0.1"
    assert asked["wsgi.url_scheme"] == "http"
    assert asked["SERVER_PROTOCOL"] == "HTTP/1.1"


def test_a_connection_serves_many_pages(connect: Connect) -> None:
    """Keeping a connection open works: browsers do it."""
    connection = connect()

    assert [ask(connection, "GET", f"/{number}")["PATH_INFO"] for number in range(5)] == [
        f"/{number}" for number in range(5)
    ]


def test_every_header_of_an_answer_arrives(connect: Connect) -> None:
    """Two cookies set in one answer are two headers."""
    connection = connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()

    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_a_head_request_has_no_body(connect: Connect) -> None:
    """HEAD tells the length and sends nothing, so the next answer is not mixed up with it."""
    connection = connect()
    connection.request("HEAD", "/")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.read() == b""

    assert ask(connection, "GET", "/next")["PATH_INFO"] == "/next"


def test_repeated_headers_are_joined(connect: Connect) -> None:
    """HTTP allows a header twice; cookies are joined in their own way."""
    connection = connect()
    connection.putrequest("GET", "/")
    for name, value in (("Cookie", "a=1"), ("Cookie", "b=2"), ("X-Own", "1"), ("X-Own", "2")):
        connection.putheader(name, value)
    connection.endheaders()
    asked = json.loads(connection.getresponse().read())

    assert asked["HTTP_COOKIE"] == "a=1; b=2"
    assert asked["HTTP_X_OWN"] == "1, 2"


@pytest.mark.parametrize("size", [0, 1, 65537, 3 * 1024 * 1024, LIMIT])
def test_a_body_arrives_whole(connect: Connect, size: int) -> None:
    """What is posted is read in full, in memory or through a file, up to the limit itself."""
    body = os.urandom(size)

    asked = ask(connect(), "POST", "/", body=body)

    assert (asked["size"], asked["sha256"]) == (size, hashlib.sha256(body).hexdigest())


def test_a_body_of_unknown_length_arrives_whole(connect: Connect) -> None:
    """A body sent in chunks has a length by the time Django reads it."""
    asked = ask(
        connect(),
        "POST",
        "/",
        body=iter([b"one", b"two", b"three"]),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )

    assert (asked["size"], asked["CONTENT_LENGTH"]) == (11, "11")


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(LIMIT + 1, id="one byte too many"),
        pytest.param(3 * LIMIT, id="three times too large"),
    ],
)
def test_a_body_that_is_too_large_is_refused_in_words(connect: Connect, size: int) -> None:
    """The browser has sent everything before it reads, so the words do reach the person."""
    connection = connect()
    connection.request("POST", "/", body=b"x" * size)
    answer = connection.getresponse()

    assert answer.status == 413
    assert "El envío es demasiado grande" in answer.read().decode()


def test_a_body_of_unknown_length_is_limited_too(connect: Connect) -> None:
    """Leaving the length out is no way around the limit."""
    connection = connect()
    connection.request(
        "POST",
        "/",
        body=iter([b"x" * 65536] * (LIMIT // 65536 + 2)),
        encode_chunked=True,
        headers={"Transfer-Encoding": "chunked"},
    )

    assert connection.getresponse().status == 413


def test_a_shameless_body_is_not_read_at_all(connect: Connect) -> None:
    """What announces many times the limit is refused before it is sent."""
    connection = connect()
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(100 * LIMIT))
    connection.endheaders()

    assert connection.getresponse().status == 413


def test_uploads_do_not_grow_the_process(connect: Connect) -> None:
    """A body is on disk, not in memory: many uploads at the limit cost next to nothing."""
    before = ask(connect(), "POST", "/", body=os.urandom(LIMIT))["peak_kib"]

    for _ in range(6):
        after = ask(connect(), "POST", "/", body=os.urandom(LIMIT))["peak_kib"]

    assert after - before < 6 * 1024


def test_a_client_that_leaves_in_the_middle_of_a_body_costs_nothing(
    connect: Connect, probe: Probe
) -> None:
    """Half a body is dropped, and the server goes on."""
    with socket.create_connection(("127.0.0.1", probe.port)) as half:
        half.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")

    assert ask(connect(), "GET", "/after")["PATH_INFO"] == "/after"


def test_a_stream_arrives_piece_by_piece_and_whole(connect: Connect, probe: Probe) -> None:
    """A download is sent while it is made, and its end is seen."""
    connection = connect()
    connection.request("GET", "/stream/whole/20")
    answer = connection.getresponse()
    first = answer.read(8)
    assert not (probe.folder / "whole.closed").exists()
    rest = answer.read()

    assert (first, len(first) + len(rest)) == (b"00000001", 20 * 65536)
    wait_until((probe.folder / "whole.closed").exists)


def test_a_stream_stops_when_its_reader_leaves(connect: Connect, probe: Probe) -> None:
    """An aborted download makes no more pieces: another bridge made all of them."""
    connection = connect()
    connection.request("GET", "/stream/aborted/2000")
    connection.getresponse().read(8)
    connection.close()

    wait_until((probe.folder / "aborted.closed").exists)
    assert int((probe.folder / "aborted.made").read_text()) < 1000


@pytest.mark.parametrize(
    ("source", "forwarded", "address", "scheme"),
    [
        pytest.param(
            "127.0.0.1", "192.0.2.7", "127.0.0.1", "http", id="a stranger is not believed"
        ),
        pytest.param("127.0.0.2", "192.0.2.7", "192.0.2.7", "https", id="our proxy is believed"),
        pytest.param(
            "127.0.0.2",
            "6.6.6.6, 192.0.2.7, 10.1.2.3",
            "192.0.2.7",
            "https",
            id="what the client itself wrote is not",
        ),
    ],
)
def test_only_our_proxies_say_who_asks(
    connect: Connect, source: str, forwarded: str, address: str, scheme: str
) -> None:
    """Nobody can pose as another address by writing a header."""
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https", "X_Forwarded_For": "x"}

    asked = ask(connect(source), "GET", "/", headers=headers)

    assert (asked["REMOTE_ADDR"], asked["wsgi.url_scheme"]) == (address, scheme)
    assert "HTTP_X_FORWARDED_FOR" not in asked


def test_a_page_that_fails_is_an_error_and_no_more(connect: Connect) -> None:
    """A fault in one page answers 500 and leaves the server as it was."""
    connection = connect()
    connection.request("GET", "/fails")
    assert connection.getresponse().status == 500

    assert ask(connect(), "GET", "/after")["PATH_INFO"] == "/after"


def test_it_stops_although_a_live_stream_is_open(tmp_path: Path) -> None:
    """A screen left open for live updates does not keep the server from ending in time."""
    running = Probe(tmp_path)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.request("GET", "/live")
    answer = connection.getresponse()
    assert answer.read(10) == b"still here"

    assert running.stop() < 8
    connection.close()
