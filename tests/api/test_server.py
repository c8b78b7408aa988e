import os
import signal
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from domov.api.listening import listen
from domov.errors import BadOption, PortInUse
from tests.api.conftest import Server, serving
from tests.conftest import STARTER, domov

BODY = {"model": STARTER, "messages": [{"role": "user", "content": "Tell me a story."}], "max_tokens": 2000}


def test_a_taken_port_is_one_sentence_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"127.0.0.1:{port}") as caught:
            listen("127.0.0.1", port)
        assert f"--port {port + 1}" in caught.value.hint


def test_only_addresses_are_listened_on() -> None:
    with pytest.raises(BadOption, match="example.org"):
        listen("example.org", 0)
    with pytest.raises(PortInUse, match="192.0.2.1"):  # of no computer
        listen("192.0.2.1", 0)


def test_serve_on_a_taken_port_ends_with_status_1(server: Server, starter_home: Path) -> None:
    done = domov(starter_home, "serve", "--port", str(server.port))
    assert done.returncode == 1
    assert f"can't listen on 127.0.0.1:{server.port}" in done.stderr
    assert "Traceback" not in done.stderr


def worker_of(server: Server) -> int:
    (worker,) = psutil.Process(server.process.pid).children()
    return worker.pid


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether the process ends within the time; one that nobody has waited for yet counts as ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV])
def test_no_worker_outlives_its_gateway_however_it_dies(home: Path, blow: signal.Signals) -> None:
    with (
        serving(home) as server,
        httpx2.stream("POST", f"{server.url}/v1/chat/completions", json=BODY | {"stream": True}, timeout=30) as answer,
    ):
        next(answer.iter_bytes())
        worker = worker_of(server)
        os.kill(server.process.pid, blow)
        assert gone(worker)


def test_even_a_suspended_worker_does_not_outlive_its_gateway(home: Path) -> None:
    with serving(home) as server:
        httpx2.post(f"{server.url}/v1/chat/completions", json=BODY | {"max_tokens": 1}, timeout=30)
        worker = worker_of(server)
        os.kill(worker, signal.SIGSTOP)
        os.kill(server.process.pid, signal.SIGKILL)
        assert gone(worker)


def test_a_killed_worker_is_a_503_for_its_request_and_the_next_one_is_answered(home: Path) -> None:
    with serving(home) as server:
        url = f"{server.url}/v1/chat/completions"
        with httpx2.stream("POST", url, json=BODY | {"stream": True}, timeout=30) as answer:
            pieces = answer.iter_bytes()
            next(pieces)
            os.kill(worker_of(server), signal.SIGKILL)
            rest = b"".join(pieces)
        assert b"service_unavailable_error" in rest and b"SIGKILL" in rest and b"[DONE]" not in rest
        assert httpx2.post(url, json=BODY | {"max_tokens": 2}, timeout=30).status_code == 200
