"""When the breaker opens: over batches of which nothing can be loaded, on more than one prefix."""

import pytest

from billstream.consumer.commit.breaker import Attempt, Breaker, prefix_of


def bad(prefix: str, count: int = 1, profile: str | None = None) -> list[Attempt]:
    return [Attempt(prefix, profile, loaded=False)] * count


GOOD = Attempt("good/", "plain", loaded=True)


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        ("bill.csv", "b/"),
        ("acme/usage/bill.csv", "b/acme/usage/"),
        ("acme/year=2026/month=03/bill.csv", "b/acme/"),
        ("acme/2026/03/14/bill.csv", "b/acme/"),
        ("cur/20260301-20260401/x/bill.csv", "b/cur/"),
        ("v2/bill.csv", "b/v2/"),
    ],
)
def test_a_prefix_ends_at_the_first_partition(key: str, prefix: str) -> None:
    assert prefix_of("b", key) == prefix


def test_it_opens_when_so_many_in_a_row_fail_on_more_than_one_prefix() -> None:
    breaker = Breaker(consecutive=25, share=1)
    breaker.record(bad("a/", 12, "focus"))
    assert breaker.check(bad("b/", 12)) is None
    reason = breaker.check(bad("b/", 13))
    assert reason is not None
    assert "13 in b/ (no profile), 12 in a/ (focus)" in reason
    assert breaker.check([*bad("b/", 500), GOOD]) is None, "a good object is never held back"


def test_one_prefix_alone_does_not_open_it_nor_a_single_file_elsewhere() -> None:
    breaker = Breaker(consecutive=25, share=0.5)
    assert breaker.check(bad("a/", 500)) is None
    breaker.record(bad("a/", 500))
    assert breaker.check(bad("b/")) is None


def test_a_good_object_ends_a_run() -> None:
    breaker = Breaker(consecutive=4, share=1)
    breaker.record([*bad("a/", 2), *bad("b/", 2)])
    assert breaker.check(bad("a/"))
    breaker.record([GOOD])
    assert breaker.check([*bad("a/"), *bad("b/")]) is None


def test_a_large_share_of_the_last_hundred_opens_it_though_some_can_be_loaded() -> None:
    breaker = Breaker(consecutive=0, share=0.5)
    breaker.record([*bad("a/", 30), *bad("b/", 19), *[GOOD] * 49])
    assert breaker.check([*bad("a/"), *bad("b/")])
    assert Breaker(consecutive=0, share=1).check(bad("a/", 100) + bad("b/", 100)) is None
    assert breaker.check([]) is None
