"""What a job tells, as it is kept."""

from domov.jobs.account import MOST_LINES, MOST_POINTS, Account, Outcome, seconds_left
from domov.optimize.progress import Progress, Warned


def told(*steps: Progress | Warned | Outcome) -> Account:
    account = Account()
    account.begin(1.0)
    for step in steps:
        account.note(step, 2.0)
    return account


def test_each_step_is_a_line_of_the_log_once() -> None:
    account = told(Progress("reading", 1, 4), Progress("reading", 2, 4), Warned("careful"), Progress("writing", 1, 4))
    assert [line["words"] for line in account.log] == ["reading", "careful", "writing"]
    assert account.progress and (account.progress["step"], account.progress["done"]) == ("writing", 1)


def test_the_newest_lines_are_kept_and_all_are_counted() -> None:
    account = told(*(Warned(str(number)) for number in range(MOST_LINES + 5)))
    assert (account.lines, len(account.log), account.log[0]["words"]) == (MOST_LINES + 5, MOST_LINES, "5")


def test_a_curve_has_a_point_for_each_figure_and_stays_small() -> None:
    account = told(*(Progress("training", n, None, "tokens", {"loss": 1 / n}) for n in range(1, 10 * MOST_POINTS)))
    (curve,) = account.curves
    assert (curve["figure"], curve["step"], curve["unit"]) == ("loss", "training", "tokens")
    assert MOST_POINTS / 2 <= len(curve["points"]) <= MOST_POINTS
    assert curve["points"][0] == [1, 1.0] and curve["points"][-1][0] == 10 * MOST_POINTS - 1


def test_two_steps_have_two_curves_and_what_is_no_number_has_none() -> None:
    steps = (Progress("a", 1, 2, "tokens", {"x": 1.0}), Progress("b", 1, 2, "tokens", {"x": 2.0, "y": float("nan")}))
    assert [(c["step"], c["figure"], c["points"]) for c in told(*steps).curves] == [
        ("a", "x", [[1, 1.0]]),
        ("b", "x", [[1, 2.0]]),
        ("b", "y", []),
    ]


def test_the_rest_time_follows_from_the_pace_of_this_step() -> None:
    step = Progress("reading", 30, 90)
    assert seconds_left(step, done=20, seconds=10.0) == 30.0  # 60 are left, 2 a second
    assert seconds_left(step, done=0, seconds=10.0) is None and seconds_left(step, done=20, seconds=0.1) is None


def test_what_is_begun_again_tells_anew_and_keeps_its_log() -> None:
    account = told(Warned("first"), Progress("x", 1, 2, "tokens", {"f": 1.0}))
    account.end(3.0, message="it broke")
    account.begin(4.0)
    assert (account.attempts, account.started_at, account.ended_at, account.error) == (2, 1.0, None, None)
    assert not account.curves and account.progress is None and account.log[0]["words"] == "first"
