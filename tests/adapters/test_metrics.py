"""The metrics: always the same few series, no name among them, no cohort that is its members."""

from __future__ import annotations

import random as insecure
import threading
import urllib.request

import pytest
from adapters.exposed import scraped
from adapters.sources import fresh_source, give
from hypothesis import given
from hypothesis import strategies as st
from metrics import LEAST_MIN_DEVICES, MIN_DEVICES, OTHER, Kind, SessionEvents, registry
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from pseudonyms import pseudonym
from security_events import Event, SecurityLog
from support.bad_sources import stuck

import ratchetlib
from ratchetlib.primitives import random

RANDOM = {
    f"ratchetlib_random_{name}"
    for name in ("healthy", "failures_total", "full_tests_total", "longest_run", "draws_total", "bytes_total")
}
COHORTS = ("stable", "beta")


def events_of(found: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (dict(labels)["kind"], dict(labels)["cohort"]): value
        for (name, labels), value in scraped(found).items()
        if name == "ratchetlib_session_events_total"
    }


def counted(events: SessionEvents, cohort: str, devices: range, event: Event = Event.MESSAGE_REFUSED) -> None:
    for device in devices:
        events.count(event, cohort, f"{cohort}-{device}/phone".encode())


# --- the random source --------------------------------------------------------------------------


def exposed_source() -> dict[str, float]:
    return {name.removeprefix("ratchetlib_random_"): value for (name, _), value in scraped(registry()).items()}


@pytest.mark.attack("A121")
def test_a_good_source_is_tested_by_each_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_source(monkeypatch)
    exposed_source()
    random.random_bytes(32)
    shown = exposed_source()
    assert shown.pop("longest_run") in range(2, 6)
    assert shown == {"healthy": 1, "failures_total": 0, "full_tests_total": 2, "draws_total": 1, "bytes_total": 32}


@pytest.mark.attack("A121")
def test_a_scrape_finds_a_failed_source_that_nobody_draws_from(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_source(monkeypatch)
    assert exposed_source()["healthy"] == 1
    give(monkeypatch, stuck)
    shown = exposed_source()
    assert (shown["healthy"], shown["failures_total"], shown["full_tests_total"]) == (0, 1, 1)


@pytest.mark.attack("A121")
def test_a_failure_is_shown_for_ever_although_the_source_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_source(monkeypatch)
    with monkeypatch.context() as broken:
        give(broken, stuck)
        with pytest.raises(ratchetlib.RandomnessError):
            random.random_bytes(32)
    for _ in range(3):
        assert (exposed_source()["healthy"], exposed_source()["failures_total"]) == (0, 1)


def test_what_failed_is_for_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_source(monkeypatch)
    give(monkeypatch, stuck)
    text = generate_latest(registry()).decode()
    assert str(random.health().failure) not in text


# --- session events -----------------------------------------------------------------------------


@pytest.mark.attack("A115")
def test_the_set_of_series_is_fixed() -> None:
    events = SessionEvents(COHORTS)
    found = registry(events)
    before = set(scraped(found))
    chooser = insecure.Random(1)
    for device in range(1000):
        cohort = chooser.choice([*COHORTS, "nightly", f"{device}", ""])
        events.count(chooser.choice(list(Event)), cohort, f"d{device}/phone".encode())
    assert set(scraped(found)) == before
    assert len(before) <= 16
    assert {name for name, _ in before} == RANDOM | {"ratchetlib_session_events_total"}


@pytest.mark.attack("A115", "A114")
@given(st.lists(st.tuples(st.sampled_from(Event), st.sampled_from([*COHORTS, "x"]), st.text(min_size=1)), max_size=60))
def test_nothing_but_closed_lists_is_exposed(said: list[tuple[Event, str, str]]) -> None:
    events = SessionEvents(COHORTS, min_devices=LEAST_MIN_DEVICES)
    for event, cohort, device in said:
        events.count(event, cohort, device.encode("utf-8", "surrogatepass"))
    allowed = {"kind": set(Kind), "cohort": {*COHORTS, OTHER}}
    for _, labels in scraped(registry(events)):
        assert all(value in allowed[name] for name, value in labels)


@pytest.mark.attack("A115")
def test_neither_an_address_nor_a_pseudonym_is_exposed() -> None:
    events = SessionEvents(COHORTS, min_devices=LEAST_MIN_DEVICES)
    log = SecurityLog(lambda event, peer: events.count(event, "stable", peer))
    addresses = [f"alice{number}/laptop".encode() for number in range(50)]
    for address in addresses:
        log.error(ratchetlib.AuthenticationError(), address)
    text = generate_latest(registry(events)).decode()
    assert 'cohort="stable",kind="refused"} 46' in text or 'kind="refused",cohort="stable"} 46' in text
    assert not [address for address in addresses if address.decode() in text or pseudonym(address) in text]


@pytest.mark.attack("A115")
def test_reasons_of_refusals_are_one_series() -> None:
    refused = [Event.MESSAGE_REFUSED, Event.REPLAY_REFUSED, Event.BUNDLE_REFUSED, Event.LOGIN_REFUSED]
    events = SessionEvents(min_devices=LEAST_MIN_DEVICES)
    counted(events, OTHER, range(LEAST_MIN_DEVICES))
    before = events_of(registry(events))
    for event in refused:
        events.count(event, OTHER, b"x")
    after = events_of(registry(events))
    assert {labels: after[labels] - before[labels] for labels in after if after[labels] != before[labels]} == {
        ("refused", OTHER): len(refused)
    }


@pytest.mark.parametrize("event", [Event.REPLACED, Event.HELD_MESSAGE_DROPPED, Event.IDENTITY_CHANGED])
def test_theft_and_loss_are_for_a_person(event: Event) -> None:
    events = SessionEvents(min_devices=LEAST_MIN_DEVICES)
    counted(events, OTHER, range(LEAST_MIN_DEVICES), event)
    assert {labels for labels, value in events_of(registry(events)).items() if value} == {("alarm", OTHER)}


@pytest.mark.attack("A115")
def test_a_cohort_of_too_few_devices_does_not_show() -> None:
    events = SessionEvents(COHORTS)
    counted(events, "beta", range(MIN_DEVICES - 1))
    counted(events, "beta", range(MIN_DEVICES - 1))  # the same ones again
    assert set(events_of(registry(events)).values()) == {0}


@pytest.mark.attack("A115")
def test_what_a_small_cohort_counts_is_in_other_once_that_is_large_enough() -> None:
    events = SessionEvents(COHORTS)
    counted(events, "beta", range(MIN_DEVICES - 1))
    counted(events, "somewhere", range(1))
    shown = events_of(registry(events))
    assert {labels for labels, value in shown.items() if value} == {("refused", OTHER)}
    assert shown["refused", OTHER] == MIN_DEVICES


@pytest.mark.attack("A115")
def test_a_cohort_that_has_grown_counts_from_then_on_and_takes_nothing_from_other() -> None:
    """A counter of others that fell by what one cohort gains would show that cohort's past."""
    events = SessionEvents(COHORTS)
    counted(events, "elsewhere", range(MIN_DEVICES))
    counted(events, "beta", range(MIN_DEVICES - 1))
    before = events_of(registry(events))
    counted(events, "beta", range(MIN_DEVICES, MIN_DEVICES + 1))
    after = events_of(registry(events))
    assert after["refused", OTHER] == before["refused", OTHER] == 2 * MIN_DEVICES - 1
    assert (before["refused", "beta"], after["refused", "beta"]) == (0, 1)


@pytest.mark.attack("A115")
def test_a_device_is_forgotten_once_its_cohort_is_shown() -> None:
    events = SessionEvents(COHORTS)
    counted(events, "beta", range(MIN_DEVICES))
    assert not events._cohorts["beta"]._devices


@pytest.mark.attack("A115")
def test_no_device_is_kept_by_its_address() -> None:
    events = SessionEvents(COHORTS)
    events.count(Event.RESET_MADE, "beta", b"alice/laptop")
    kept = events._cohorts["beta"]._devices
    assert len(kept) == 1
    assert b"alice/laptop" not in kept
    assert kept != SessionEvents(COHORTS)._cohorts["beta"]._devices


@pytest.mark.parametrize(
    "cohorts", [("a", "b", "c", "d"), (OTHER,), ("alice/laptop",), ("",), ("x" * 17,), ("Beta",), ("b1",), ("beta\n",)]
)
def test_a_cohort_is_a_word_of_a_short_list(cohorts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cohort"):
        SessionEvents(cohorts)


def test_a_cohort_cannot_be_made_its_members() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        SessionEvents(min_devices=LEAST_MIN_DEVICES - 1)


def test_every_event_is_of_a_kind() -> None:
    events = SessionEvents(min_devices=LEAST_MIN_DEVICES)
    for number, event in enumerate(Event):
        events.count(event, "", bytes([number]))
    shown = events_of(registry(events))
    assert sum(shown.values()) == len(Event)
    assert shown["reset", OTHER] == 1


def test_threads_lose_no_event() -> None:
    events = SessionEvents(min_devices=LEAST_MIN_DEVICES)
    threads = [threading.Thread(target=counted, args=(events, str(number), range(500))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert events_of(registry(events))["refused", OTHER] == 2000


def test_it_is_served() -> None:
    server, thread = start_http_server(0, "127.0.0.1", registry(SessionEvents(COHORTS)))
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
        text = answer.read().decode()
    server.shutdown()
    server.server_close()
    thread.join()
    assert "ratchetlib_random_healthy 1.0" in text
    assert "python_info" not in text
    assert "_created" not in text
