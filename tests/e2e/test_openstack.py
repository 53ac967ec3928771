# SPDX-License-Identifier: BSD-2-Clause
"""Records on their way to OpenStack: the monitor's own module, fed by the test, against the real Keystone and Gnocchi, and
against a double of the retired v2 services. What matters most is what happens when they are away, slow or unwilling."""
import json
import socket
import time

import pytest

from hosts import end_process, namespaces
from openstack_double import DOUBLE_PORT, PASSWORD, Double
from openstack_feed import Feed, fed
from openstack_services import AUTH_URL, KEYSTONE_PORT, URL, USER_PASSWORD

SECOND = 10**9


@pytest.fixture
def gnocchi(stack, place):
    """Starts the module for the user of the stack: gnocchi("resource", …)."""
    (place / "password").write_text(USER_PASSWORD + "\n", encoding="utf-8")

    def words(resource, *more, auth_url=AUTH_URL):
        return (stack.host, place, "api=gnocchi", f"auth_url={auth_url}", f"url={URL}", "username=monitor",
                "project=admin", f"password_file={place}/password", f"resource_id={resource}", *more)
    return words


# --- Gnocchi and Keystone v3, the real ones ---


def test_records_become_measures(stack, gnocchi):
    """Resources and metrics come into being with the first record; unknown values do not."""
    now = time.time_ns() // (300 * SECOND) * 300 * SECOND  # the policy's own intervals: no mean is cut in two
    with fed(*gnocchi("born", auth_url=f"{AUTH_URL}/v3/")) as feed:
        for i, rate in enumerate((1000, 2000, 6000)):
            feed.sample("eth0", now + i * SECOND, f"tx={rate}:B/s", "alarm_tx?1", "overload_risk_tx=nan:%")
        feed.sample("eth1", now, "tx=7:B/s")
        report = feed.wait(sent=4, queued=0)
        assert (report["tokens"], report["refused"], report["lost"], report["answered"]) == (1, 0, 0, True)
        assert feed.end() == 0
    assert stack.measures_of("born:eth0") == {"tx": ("B/s", "low", [3000.0]), "alarm_tx": (None, "low", [1.0])}
    assert stack.measures_of("born:eth1") == {"tx": ("B/s", "low", [7.0])}
    assert USER_PASSWORD not in feed.log.read_text()


def test_batches_and_archive_policy(stack, gnocchi):
    """More records than one request takes; a second life of the monitor finds its resources again."""
    now = time.time_ns() // (300 * SECOND) * 300 * SECOND
    with fed(*gnocchi("many", "archive_policy=high")) as feed:
        for i in range(250):
            feed.sample("eth0", now + i * SECOND, f"tx={i}:B/s")
        feed.wait(sent=250, queued=0, refused=0, lost=0)
        assert feed.end() == 0
    with fed(*gnocchi("many", "archive_policy=high")) as feed:
        feed.sample("eth0", now + 250 * SECOND, "tx=250:B/s", "rx=5:B/s")
        feed.wait(sent=1, queued=0, failures=0)
        assert feed.end() == 0
    found = stack.measures_of("many:eth0")
    assert found["tx"][:2] == ("B/s", "high")
    assert sum(value for value in found["tx"][2] if value == int(value)) > 0
    assert found["rx"] [1:] == ("high", [5.0, 5.0, 5.0])  # by the second, the minute and the hour
    # 251 seconds, each a mean of its own: all of them have come.
    assert [float(second) in found["tx"][2] for second in range(251)] == [True] * 251


def test_wrong_password_then_the_right_one(stack, gnocchi, place):
    words = gnocchi("wrong")
    (place / "password").write_text("not-the-password-5d\n", encoding="utf-8")
    with fed(*words) as feed:
        feed.sample("eth0", time.time_ns(), "tx=1:B/s")
        feed.logged("status 401: give the right openstack.username, project, domains and password")
        feed.wait_until(lambda report: report["failures"] >= 2, "it is tried again")
        assert feed.log.read_text().count("status 401") == 1, "said once, not at each try"
        (place / "password").write_text(USER_PASSWORD, encoding="utf-8")
        feed.wait(sent=1, queued=0, lost=0, answered=True)
        feed.logged("takes records again")
        assert feed.end() == 0
    for secret in ("not-the-password-5d", USER_PASSWORD):
        assert secret not in feed.log.read_text()


def test_tokens_that_are_revoked(stack, gnocchi, place):
    """A changed password ends the user's tokens: 401 in the middle, a new token, and no record lost."""
    changed = "second-secret-88bb"
    with fed(*gnocchi("revoked")) as feed:
        feed.sample("eth0", time.time_ns(), "tx=1:B/s")
        feed.wait(sent=1, tokens=1)
        (place / "password").write_text(changed, encoding="utf-8")
        stack.change_password(stack.user, changed)
        try:
            feed.sample("eth0", time.time_ns(), "tx=2:B/s")
            feed.wait(sent=2, tokens=2, failures=0, queued=0)
        finally:
            stack.change_password(stack.user, USER_PASSWORD)
        assert feed.end() == 0


def test_tokens_that_end(stack, gnocchi):
    """Tokens of 30 s are renewed 60 s before they end: each serves once."""
    stack.stop_keystone()
    stack.configure_keystone(30)
    stack.start_keystone()
    try:
        with fed(*gnocchi("short")) as feed:
            for number in (1, 2, 3):
                feed.sample("eth0", time.time_ns(), f"tx={number}:B/s")
                report = feed.wait(sent=number, queued=0, failures=0)
                # The first record took two requests to find out that its resource was to be made, and a third to be sent.
                assert report["tokens"] == number + 2
            assert feed.end() == 0
    finally:
        stack.stop_keystone()
        stack.configure_keystone(3600)
        stack.start_keystone()


def test_gnocchi_gone_and_back(stack, gnocchi):
    with fed(*gnocchi("gone")) as feed:
        feed.sample("eth0", time.time_ns(), "tx=1:B/s")
        feed.wait(sent=1)
        stack.stop_gnocchi()
        try:
            for number in (2, 3, 4):
                feed.sample("eth0", time.time_ns(), f"tx={number}:B/s")
            feed.wait_until(lambda report: report["failures"] >= 2, "it is tried again")
            assert feed.report()["queued"] == 3 and not feed.report()["answered"]
        finally:
            stack.start_gnocchi()
        feed.wait(sent=4, queued=0, lost=0, answered=True)
        assert feed.log.read_text().count("records wait until it answers") == 1
        feed.logged("takes records again")
        assert feed.end() == 0


def test_keystone_gone_at_the_start(stack, gnocchi):
    stack.stop_keystone()
    try:
        with fed(*gnocchi("early")) as feed:
            feed.sample("eth0", time.time_ns(), "tx=1:B/s")
            feed.wait_until(lambda report: report["failures"] >= 1, "it failed")
            stack.start_keystone()
            feed.wait(sent=1, queued=0)
            assert feed.end() == 0
    finally:
        if stack.keystone.poll() is not None:
            stack.start_keystone()


def test_a_record_that_is_refused_takes_no_other_along(stack, gnocchi):
    """Gnocchi refuses a metric whose name holds a slash, and with it the whole batch."""
    with fed(*gnocchi("refused")) as feed:
        now = time.time_ns()
        feed.sample("eth0", now, "tx=1:B/s")
        feed.wait(sent=1)
        for i in range(5):
            feed.sample("eth0", now + i * SECOND, "a/b=1" if i == 2 else f"tx={i}:B/s")
        feed.wait(sent=5, refused=1, queued=0)
        feed.logged("the record is refused and dropped")
        assert feed.end() == 0


# --- Ceilometer v2 and Keystone v2.0: the double ---


@pytest.fixture
def lone(able):
    with namespaces(1) as (host,):
        yield host


@pytest.fixture
def double(lone):
    made = Double(lone, DOUBLE_PORT)
    yield made
    made.close()


def ceilometer_words(*more):
    address = f"http://127.0.0.1:{DOUBLE_PORT}"
    return ("api=ceilometer-v2", f"auth_url={address}/v2.0", f"url={address}", "username=admin", "project=demo",
            "password_environment=FG_TEST_PASSWORD", "resource_id=res-1", "project_id=proj-1", "meter_name=sdn_at_edge", *more)


WITH_PASSWORD = {"FG_TEST_PASSWORD": PASSWORD}


def test_ceilometer_documents(lone, double, place):
    now = 1700000000 * SECOND + 5
    with fed(lone, place, *ceilometer_words(), environment=WITH_PASSWORD) as feed:
        feed.say(f"life initialized {now}")
        feed.sample("eth0", now, "tx=1000:B/s", "alarm_tx?0", "alarm_rx?1", "overload_risk_rx=nan", volume=1500.5)
        feed.wait(sent=2, queued=0, tokens=1)
        feed.say(f"life exited {now + SECOND}")
        assert feed.end(20) == 0
    assert json.loads(double.requests[0][2]) == {"auth": {"tenantName": "demo", "passwordCredentials": {
        "username": "admin", "password": PASSWORD}}}
    frame = {"project_id": "proj-1", "resource_id": "res-1", "user_id": "admin", "counter_name": "sdn_at_edge",
             "counter_type": "gauge", "counter_unit": "b/s"}
    time_text = "2023-11-14T22:13:20.000000005Z"
    assert double.samples == [("/v2/meters/sdn_at_edge", [sample]) for sample in (
        frame | {"counter_volume": 0, "resource_metadata": {"initialized": time_text}},
        frame | {"counter_volume": 1500.5, "resource_metadata": {
            "timestamp": time_text, "interface": "eth0", "tx": 1000, "alarm_tx": False, "alarm_rx": True,
            "overload_risk_rx": None}},
        frame | {"counter_volume": 0, "resource_metadata": {"exited": "2023-11-14T22:13:21.000000005Z"}})]
    assert PASSWORD not in feed.log.read_text()
    assert not any(PASSWORD in str(word) for word in feed.words)


@pytest.mark.parametrize("status", [500, 503, 403, 404, 429])
def test_what_may_be_right_another_time_is_tried_again(lone, double, place, status):
    double.statuses = [status, status]
    with fed(lone, place, *ceilometer_words(), environment=WITH_PASSWORD) as feed:
        feed.sample("eth0", 1, "tx=1")
        report = feed.wait(sent=1, queued=0)
        assert (report["failures"], report["refused"], report["lost"]) == (2, 0, 0)
        assert feed.log.read_text().count(f"status {status}") == 1
        assert feed.end() == 0


@pytest.mark.parametrize("status", [400, 409, 413])
def test_what_is_wrong_in_itself_is_dropped(lone, double, place, status):
    double.statuses = [status]
    with fed(lone, place, *ceilometer_words(), environment=WITH_PASSWORD) as feed:
        feed.sample("eth0", 1, "tx=1")
        feed.sample("eth0", 2, "tx=2")
        feed.wait(sent=1, refused=1, queued=0, failures=0)
        assert double.samples[0][1][0]["resource_metadata"]["tx"] == 2
        assert feed.end() == 0


def test_v2_tokens_end(lone, double, place):
    """By the clock: renewed; by revocation: 401 and a new one; and one that is never taken is not asked for in a loop."""
    double.lifetime = 30
    with fed(lone, place, *ceilometer_words(), environment=WITH_PASSWORD) as feed:
        for number in (1, 2):
            feed.sample("eth0", number, "tx=1")
            feed.wait(sent=number, tokens=number)
        double.lifetime = 3600
        feed.sample("eth0", 3, "tx=1")
        feed.wait(sent=3, tokens=3)
        double.revoke()
        feed.sample("eth0", 4, "tx=1")
        feed.wait(sent=4, tokens=4, failures=0)
        double.statuses = [401, 401, 401]
        feed.sample("eth0", 5, "tx=1")
        report = feed.wait(sent=5, queued=0)
        assert report["failures"] == 2, "a fresh token that is refused is a failure; one that served before is not"
        assert feed.end() == 0


def test_queue_overflow_loses_the_oldest(lone, place):
    """Nobody listens; then somebody does."""
    with fed(lone, place, *ceilometer_words("queue=5"), environment=WITH_PASSWORD) as feed:
        for number in range(12):
            feed.sample("eth0", number, f"tx={number}")
        report = feed.wait(queued=5)
        assert (report["lost"], report["queue_limit"], report["sent"]) == (7, 5, 0)
        assert feed.log.read_text().count("records are lost") == 1
        double = Double(lone, DOUBLE_PORT)
        try:
            feed.wait(sent=5, queued=0, lost=7)
            assert [body[0]["resource_metadata"]["tx"] for _, body in double.samples] == [7, 8, 9, 10, 11]
            assert feed.end() == 0
        finally:
            double.close()


ODD_ANSWERS = {
    "no JSON": (200, {}, b"<html>"),
    "nothing": (200, {}, b""),
    "no token": (200, {}, {"access": {}}),
    "a list": (200, {}, []),
    "a token that would end its header": (200, {}, {"access": {"token": {"id": "a\r\nX-Evil: 1", "expires": "x"}}}),
    "a token that is a number": (200, {}, {"access": {"token": {"id": 5}}}),
    "a token too long": (200, {}, {"access": {"token": {"id": 20000 * "x"}}}),
    "too much": (200, {}, (2 << 20) * b" "),
    "a redirect": (302, {"Location": "http://127.0.0.1:1/"}, b""),
    "the password in an error": (500, {}, {"error": PASSWORD}),
}


@pytest.mark.parametrize("answer", ODD_ANSWERS)
def test_odd_answers_of_keystone(lone, double, place, answer):
    double.token_answer = ODD_ANSWERS[answer]
    with fed(lone, place, *ceilometer_words(), environment=WITH_PASSWORD) as feed:
        feed.sample("eth0", 1, "tx=1")
        feed.wait_until(lambda report: report["failures"] >= 2, "it is tried again")
        assert feed.report()["tokens"] == 0
        double.token_answer = None
        feed.wait(sent=1, queued=0)
        assert feed.end() == 0
    assert PASSWORD not in feed.log.read_text()
    assert not any("X-Evil" in headers for _, headers, _ in double.requests)


def test_a_server_that_never_answers(lone, place):
    """It costs the end no more than the patience that the end has, and the records are said to be lost."""
    with lone.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.bind(("127.0.0.1", DOUBLE_PORT))
        silent.listen()
        with fed(lone, place, *ceilometer_words("timeout=300"), environment=WITH_PASSWORD) as feed:
            feed.sample("eth0", 1, "tx=1")
            silent.accept()[0].close()
            feed.wait(queued=1, sent=0)
            assert feed.end(0.2) == 0
            assert "1 records are lost at the end" in feed.log.read_text()


@pytest.mark.parametrize("words, environment, error", [
    ((), {}, "the environment's FG_TEST_PASSWORD holds no password"),
    ((), {"FG_TEST_PASSWORD": ""}, "FG_TEST_PASSWORD holds no password: its first line is to be one"),
    (("password_file=/nonexistent/secret",), {}, "/nonexistent/secret cannot be read: No such file or directory"),
    (("password_file=/tmp",), {}, "/tmp is not a file"),
    (("password_file=/dev/null",), {}, "/dev/null is not a file"),
])
def test_no_password(lone, place, words, environment, error):
    feed = Feed(lone, place, *ceilometer_words(*words), environment=environment)
    assert feed.process.wait(20) == 1
    end_process(feed.process)
    assert error in feed.log.read_text()


def test_documents_of_a_dead_end(stack):
    """The retired v2.0 address is gone from today's Keystone: the reason for the double."""
    assert stack.request(KEYSTONE_PORT, "POST", "/v2.0/tokens", {"auth": {}})[0] == 404
