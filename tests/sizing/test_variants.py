from domov.hardware.machine import described
from domov.sizing.choice import TASKS, best_of, offers
from domov.sizing.plan import Wishes
from domov.sizing.variants import Variant, alternatives, best, quality, variants
from domov.store import blueprint, catalogue
from domov.store.headers import rough_shape, typed
from domov.store.shape import shape_of

CHAT = Wishes(context_tokens=8192, exact=True)


def table(name: str, machine: str, wishes: Wishes = CHAT) -> list[Variant]:
    return list(variants(blueprint.header(blueprint.load()[name]), described(machine), wishes, name=name))


def test_the_reference_table_of_whole_memory() -> None:
    # weights, 4,096 tokens of conversation, buffers and the process, in GB: what a user needs to know
    wishes = Wishes(context_tokens=4096, exact=True)
    whole = {
        name: [
            round(v.plan.needed_bytes / 1e9, 1)
            for v in table(name, "256 GB RAM", wishes)
            if v.quantization in ("F16", "Q8_0", "Q4_K_M")
        ]
        for name in ("tinyllama:1.1b", "mistral:7b", "llama2:13b")
    }
    assert whole == {
        "tinyllama:1.1b": [2.4, 1.4, 0.9],
        "mistral:7b": [15.2, 8.4, 5.1],
        "llama2:13b": [29.6, 17.4, 11.4],
    }


def test_eight_gigabytes_take_mistral_in_fewer_bits_than_sixteen() -> None:
    small, large = (best(table("mistral:7b", f"{n} GB RAM")) for n in (8, 24))
    assert small and large
    assert (small.quantization, large.quantization) == ("Q6_K", "Q8_0")


def test_where_nothing_fits_there_is_something_to_do() -> None:
    rows = table("llama2:70b", "8 GB RAM", Wishes(context_tokens=32768, slots=4, exact=True))
    assert best(rows) is None
    words = " ".join(alternatives(rows, Wishes(context_tokens=32768, slots=4, exact=True)))
    assert "--slots 1" in words and "--context" in words and "smaller model" in words


def test_few_bits_cost_a_small_model_more() -> None:
    assert quality("Q4_K_M", 10**8) != quality("Q4_K_M", 10**10)
    assert quality("IQ9_XXS", 1) == ""


def test_every_task_has_a_best_model_on_a_good_machine() -> None:
    rows = []
    for entry in catalogue.load().entries:
        known = blueprint.load().get(entry.name.removesuffix(":latest"))
        shape = shape_of(typed(blueprint.header(known), entry), name=entry.name) if known else rough_shape(entry)
        rows.append((entry, shape, known is None))
    found = offers(rows, described("24 GB GPU, 64 GB RAM"))
    assert all(best_of(found, task) for task in TASKS)
    chat = best_of(found, "chat")
    assert chat and chat.entry.parameters > 7e9
    weak = best_of(offers(rows, described("2 GB RAM, 2 cores")), "chat")
    assert weak and weak.entry.parameters < 2e9
