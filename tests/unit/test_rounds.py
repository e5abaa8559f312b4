"""The schedule of many runs: nobody twice at a time, nobody forgotten, nobody in a crowd."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dcp_engine.rounds import Rounds

INTERVAL = 60.0


def taken(rounds: Rounds, now: float) -> list[str]:
    """Everything that is due."""
    found = []
    while (one := rounds.take(now)) is not None:
        found.append(one[0])
    return found


def test_what_is_due_is_taken_once_and_the_longest_overdue_first() -> None:
    rounds = Rounds(INTERVAL)
    for name, due in (("a", 30.0), ("b", 10.0), ("c", 90.0)):
        rounds.add(name, 0.0, due)
    assert rounds.next_at() == 10.0
    assert taken(rounds, 5.0) == []
    assert taken(rounds, 40.0) == ["b", "a"]
    assert taken(rounds, 40.0) == []
    assert rounds.next_at() == 90.0
    assert len(rounds) == 3


def test_a_thousand_overdue_runs_are_spread_over_the_interval() -> None:
    rounds = Rounds(INTERVAL)
    for number in range(1000):
        rounds.add(f"run-{number}", 5_000.0, None)
    begun = Counter(int(second) for second in range(60) for _ in taken(rounds, 5_000.0 + second))
    assert sum(begun.values()) >= 950
    assert max(begun.values()) <= 40


def test_a_run_keeps_its_place_in_the_interval() -> None:
    rounds = Rounds(INTERVAL)
    rounds.add("a", 0.0, None)
    first = rounds.next_at()
    assert first is not None
    moment = first
    for late in (0.0, 7.0, 0.3, 20.0, 1.0):
        assert rounds.take(moment + late) == ("a", moment)
        rounds.done("a", moment + late + 1, moment + late + 1 + INTERVAL)
        following = rounds.next_at()
        assert following is not None
        assert abs((following - first) % INTERVAL - round((following - first) % INTERVAL, 6)) < 1e-6
        assert moment + late + 1 < following <= moment + late + 1 + 1.5 * INTERVAL
        assert (following - first) / INTERVAL % 1 in (0.0, 1.0) or (
            min((following - first) % INTERVAL, INTERVAL - (following - first) % INTERVAL) < 1e-6
        )
        moment = following


def test_a_step_that_wants_to_be_tried_soon_is() -> None:
    rounds = Rounds(INTERVAL)
    rounds.add("a", 0.0, 1.0)
    assert taken(rounds, 1.0) == ["a"]
    rounds.done("a", 2.0, 4.5)
    assert rounds.next_at() == 4.5


def test_a_wish_is_heard_at_once_and_during_a_look_right_after_it() -> None:
    rounds = Rounds(INTERVAL)
    rounds.add("a", 0.0, 50.0)
    rounds.hurry("a", 3.0)
    rounds.hurry("nobody", 3.0)
    assert taken(rounds, 3.0) == ["a"]
    rounds.hurry("a", 4.0)
    assert taken(rounds, 4.0) == []
    rounds.done("a", 5.0, 65.0)
    assert taken(rounds, 5.0) == ["a"]
    rounds.done("a", 6.0, None)
    assert rounds.next_at() is None
    assert "a" not in rounds


def test_one_that_is_forgotten_does_not_come_back_by_itself() -> None:
    rounds = Rounds(INTERVAL)
    rounds.add("a", 0.0, 1.0)
    rounds.forget("a")
    rounds.forget("a")
    assert taken(rounds, 100.0) == []
    assert rounds.next_at() is None
    rounds.add("a", 100.0, 101.0)
    assert taken(rounds, 101.0) == ["a"]


def test_a_look_under_way_at_one_that_is_forgotten_is_its_last() -> None:
    rounds = Rounds(INTERVAL)
    rounds.add("a", 0.0, 1.0)
    assert taken(rounds, 1.0) == ["a"]
    rounds.hurry("a", 2.0)
    rounds.forget("a")
    assert "a" not in rounds
    assert (list(rounds), len(rounds)) == ([], 0)
    rounds.done("a", 3.0, 4.0)
    assert rounds.next_at() is None
    # And that was once: it may be taken up again, after the look or during it.
    rounds.add("a", 5.0, 6.0)
    assert taken(rounds, 6.0) == ["a"]
    rounds.forget("a")
    rounds.add("a", 7.0, 8.0)
    assert (list(rounds), len(rounds)) == (["a"], 1)
    rounds.done("a", 9.0, 10.0)
    assert taken(rounds, 10.0) == ["a"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "take", "done", "hurry", "forget"]),
            st.integers(0, 4),
            st.floats(0, 200),
        ),
        max_size=60,
    )
)
def test_whatever_happens_a_run_is_under_way_once_at_most(
    acts: list[tuple[str, int, float]],
) -> None:
    rounds = Rounds(INTERVAL)
    under_way: set[str] = set()
    forgotten: set[str] = set()
    now = 0.0
    for act, number, seconds in acts:
        now += seconds / 10
        name = f"run-{number}"
        match act:
            case "add":
                rounds.add(name, now, now + seconds)
                forgotten.discard(name)
            case "take":
                if (one := rounds.take(now)) is not None:
                    assert one[0] not in under_way
                    assert one[1] <= now
                    under_way.add(one[0])
            case "done":
                if name in under_way:
                    under_way.discard(name)
                    rounds.done(name, now, now + seconds)
                    assert (name in rounds) is (name not in forgotten)
            case "hurry":
                rounds.hurry(name, now)
            case "forget":
                rounds.forget(name)
                forgotten.add(name)
        following = rounds.next_at()
        assert following is None or following >= 0
        assert under_way - forgotten <= set(rounds)
        assert forgotten.isdisjoint(rounds)
        assert len(rounds) == len(set(rounds)) == len(list(rounds))
