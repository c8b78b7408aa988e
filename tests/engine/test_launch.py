from domov.engine.launch import Endpoint, Failed, Launch, Ready, answer_line, parse_answer
from domov.options import AdapterFile, ModelOptions


def test_a_launch_survives_the_way_to_the_worker() -> None:
    launch = Launch("/m.gguf", Endpoint("/s"), context_tokens=512, threads=2, parent=1, llama_server="/bin/ls")
    assert Launch.from_line(launch.to_line()) == launch


def test_its_options_survive_too() -> None:
    options = ModelOptions(adapters=(AdapterFile("/a.gguf", 0.5),), draft_model="/d.gguf", mmproj="/p.gguf")
    launch = Launch("/m.gguf", Endpoint("/s"), 512, 2, parent=1, options=options, slot_save_path="/states")
    assert Launch.from_line(launch.to_line()) == launch
    assert set(launch.files) == {"/m.gguf", "/a.gguf", "/d.gguf", "/p.gguf"}


def test_answers_survive_the_way_back() -> None:
    for answer in (Ready(5, ("landlock",)), Failed("no")):
        assert parse_answer(answer_line(answer).encode()) == answer


def test_anything_else_is_no_answer() -> None:
    for line in (b"", b"\n", b"hello", b"[]", b"1", b'{"is": "Ready"}'):
        assert parse_answer(line) is None
