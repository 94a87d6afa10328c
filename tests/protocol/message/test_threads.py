"""Threads: by references, by subject, and as servers tell them; against everything that may be referred to."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailctl.protocol.message.threads import (
    Linked,
    Placed,
    build_threads,
    find_message_id,
    list_references,
    parse_threads,
)

EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def message(message_id: str | None, *references: str, subject: str = "", day: int = 0) -> Linked:
    return Linked(message_id=message_id, references=references, subject=subject, date=EPOCH + dt.timedelta(days=day))


def shape(messages: list[Linked]) -> list[list[tuple[int, int]]]:
    return [[(placed.number, placed.depth) for placed in thread] for thread in build_threads(messages)]


def test_answers_stand_below_what_they_answer() -> None:
    messages = [message("a"), message("b", "a", day=1), message("c", "a", "b", day=2), message("d", "a", day=3)]
    assert shape(messages) == [[(0, 0), (1, 1), (2, 2), (3, 1)]]
    assert shape(messages[::-1]) == [[(3, 0), (2, 1), (1, 2), (0, 1)]]


def test_a_missing_message_between_two_is_left_out() -> None:
    assert shape([message("a"), message("c", "a", "gone", day=1)]) == [[(0, 0), (1, 1)]]


def test_answers_to_a_message_that_is_not_there_belong_together() -> None:
    assert shape([message("b", "gone"), message("c", "gone", day=1)]) == [[(0, 0), (1, 1)]]


def test_one_subject_is_one_thread_where_references_are_missing() -> None:
    messages = [message("a", subject="Plan"), message("b", subject="RE: plan", day=2), message("c", subject="x", day=1)]
    assert shape(messages) == [[(0, 0), (1, 1)], [(2, 0)]]
    assert shape([message(None), message(None)]) == [[(0, 0)], [(1, 0)]]  # no subject is none in common


def test_one_message_id_on_two_messages_makes_two_messages() -> None:
    assert shape([message("a", subject="x"), message("a", subject="y", day=1)]) == [[(0, 0)], [(1, 0)]]


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_references_in_a_circle_lose_no_message(count: int) -> None:
    messages = [message(str(number), str((number + 1) % count)) for number in range(count)]
    assert sorted(number for thread in shape(messages) for number, _ in thread) == list(range(count))


@pytest.mark.parametrize("step", [1, -1])
def test_a_conversation_of_ten_thousand_messages_is_one_thread(step: int) -> None:
    messages = [message(str(number), *([str(number - 1)] if number else []), day=number) for number in range(10_000)]
    threads = build_threads(messages[::step])
    assert [placed.depth for placed in threads[0]] == list(range(10_000))


def test_ten_thousand_references_are_read_by_the_nearest() -> None:
    listed = list_references(" ".join(f"<{number}@x>" for number in range(10_000)), None)
    assert (len(listed), listed[-1]) == (500, "9999@x")
    messages = [message(f"m{number}", *listed, day=number) for number in range(100)]
    assert len(build_threads(messages)) == 1


def test_references_come_before_in_reply_to() -> None:
    assert list_references("<a@x> <b@x>", "<c@x>") == ("a@x", "b@x")
    assert list_references("none here", 'Your letter of Friday <"c"@x> <d@x>') == ("c@x",)
    assert list_references(None, None) == ()
    assert find_message_id('<"quoted"@x>') == find_message_id(" <quoted@x>") == "quoted@x"
    assert find_message_id("no brackets@x") is None


def test_what_a_server_tells_is_read() -> None:
    # The examples of RFC 5256, section 4.
    assert parse_threads(b"(166)(167)(168)") == [[Placed(166, 0)], [Placed(167, 0)], [Placed(168, 0)]]
    threads = parse_threads(b"(2)(3 6 (4 23)(44 7 96))")
    assert [(placed.number, placed.depth) for placed in threads[1]] == [
        (3, 0), (6, 1), (4, 2), (23, 3), (44, 2), (7, 3), (96, 4),
    ]  # fmt: skip
    assert parse_threads(b"((3)(5))") == [[Placed(3, 0), Placed(5, 1)]]
    assert parse_threads(b"") == []
    assert len(parse_threads(b"(" * 100_000 + b"1" + b")" * 100_000)[0]) == 1


@given(st.binary(max_size=200))
def test_any_answer_of_a_server_is_taken(response: bytes) -> None:
    parse_threads(response)


IDS = st.one_of(st.none(), st.sampled_from("abcdefgh"))
SUBJECTS = st.sampled_from(["", "x", "Re: x", "y", "Fwd: y", "[z] x"])
MESSAGES = st.lists(
    st.builds(
        message,
        IDS,
        subject=SUBJECTS,
        day=st.integers(0, 5),
    ).flatmap(
        lambda one: st.lists(st.sampled_from("abcdefgh"), max_size=4).map(
            lambda references: Linked(
                message_id=one.message_id, references=tuple(references), subject=one.subject, date=one.date
            )
        )
    ),
    max_size=12,
)


@given(MESSAGES)
def test_each_message_is_in_one_thread_once(messages: list[Linked]) -> None:
    threads = build_threads(messages)
    assert sorted(placed.number for thread in threads for placed in thread) == list(range(len(messages)))
    for thread in threads:
        depths = [placed.depth for placed in thread]
        assert depths[0] == 0
        assert all(later <= earlier + 1 and later > 0 for earlier, later in pairwise(depths))


@given(MESSAGES)
def test_threads_are_in_the_order_of_their_dates(messages: list[Linked]) -> None:
    first_dates = [messages[thread[0].number].date for thread in build_threads(messages)]
    assert first_dates == sorted(first_dates)
