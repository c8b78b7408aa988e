"""What jobs that train foretell of themselves."""

from pathlib import Path

import pytest

from domov import app, config
from domov.jobs.house import place_of
from domov.jobs.training import Distill, Prune
from domov.jobs.work import Place
from domov.optimize.crew import Crew
from domov.store.models import Model
from tests.tiny_models import torch_needed

torch_needed()


@pytest.fixture
def place(starter_home: Path) -> Place:
    return place_of(app.App(config.load({"DOMOV_HOME": str(starter_home)})), Crew())


def test_what_is_not_healed_takes_less_and_is_no_measure_of_the_pace(place: Place, starter: Model) -> None:
    healed, bare = (Prune(model=starter.name, layers=2, heal_steps=steps).needs(place) for steps in (10, 0))
    assert bare.memory_bytes < healed.memory_bytes and healed.size and not bare.size


def test_a_student_that_begins_at_random_is_trained_whole(place: Place, starter: Model) -> None:
    sizes = {"layers": 6, "feed_forward": 768}
    copied, random = (
        Distill(teacher=starter.name, student=sizes | {"init": init}, data=["builtin"]).needs(place)
        for init in ("copy", "random")
    )
    assert random.memory_bytes > copied.memory_bytes
    by_answers = Distill(teacher=starter.name, student=sizes, data=["builtin"], by="answers").needs(place)
    assert by_answers.memory_bytes < copied.memory_bytes
