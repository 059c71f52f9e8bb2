"""Days that end where people live, and addresses that end after some time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms.platform import clock, signing
from tms.platform.ids import code, new_id


@pytest.mark.parametrize(
    ("day", "zone", "end"),
    [
        (date(2026, 12, 31), "UTC", datetime(2026, 12, 31, 23, 59, 59, 999999, UTC)),
        (date(2026, 12, 31), "Europe/Berlin", datetime(2026, 12, 31, 22, 59, 59, 999999, UTC)),
        # The clocks go forward in the night before and back: days of 23 and of 25 hours.
        (date(2026, 3, 29), "Europe/Berlin", datetime(2026, 3, 29, 21, 59, 59, 999999, UTC)),
        (date(2026, 10, 25), "Europe/Berlin", datetime(2026, 10, 25, 22, 59, 59, 999999, UTC)),
        (date(2026, 6, 1), "Asia/Kathmandu", datetime(2026, 6, 1, 18, 14, 59, 999999, UTC)),
    ],
)
def test_a_day_ends_at_local_midnight(day, zone, end):
    assert clock.end_of_day(day, zone) == end


@given(
    st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.sampled_from(["UTC", "America/New_York", "Pacific/Apia"])
)
def test_days_end_one_after_the_other(day, zone):
    ends = clock.end_of_day(day, zone), clock.end_of_day(day + timedelta(days=1), zone)
    assert ends[0] < ends[1]


def test_an_address_is_signed_for_itself_alone():
    path = "/api/v1/media/0192f0c1-2345-7abc-8def-0123456789ab"
    signed = signing.sign(path)
    signature = signed.partition("?signature=")[2]
    assert signing.is_signed(path, signature, seconds=300)
    assert not signing.is_signed(path + "0", signature, seconds=300)
    other = "A" if signature[-2] != "A" else "B"
    assert not signing.is_signed(path, signature[:-2] + other + signature[-1], seconds=300)
    assert not signing.is_signed(path, "", seconds=300)
    assert not signing.is_signed(path, "x.y.z", seconds=300)
    assert not signing.is_signed(path, signature, seconds=-1)


def test_keys_grow_with_time_and_codes_have_three_digits_at_least():
    keys = [new_id() for _ in range(1000)]
    assert len(set(keys)) == 1000
    assert keys == sorted(keys)
    assert [code("STU", number) for number in (1, 42, 999, 1000)] == ["STU001", "STU042", "STU999", "STU1000"]
