"""A token admits at most one call: across connections, restarts, crashes and denials."""

import collections
import http.client
import signal
import threading
import time

import pytest

from support.proxy import SKEW, Proxy, run
from support.tool import Tool

# Seconds; short, so that a run soon outlasts the claims.
LIFETIME = 4


def spent(answer):
    return (answer.status, answer.slug) == (401, "token-replayed")


def test_a_token_works_once(proxy, name):
    path = f"/open/{name}"
    token = proxy.token("GET", path)
    first, second = proxy.call("GET", path, token=token), proxy.call("GET", path, token=token)
    assert first.status == 200 and spent(second)
    assert 'error="invalid_token"' in second.field("www-authenticate")
    assert len(proxy.tool.seen(path)) == 1


def test_a_token_works_once_on_one_connection_too(proxy, name):
    path = f"/open/{name}"
    token, connection = proxy.token("GET", path), proxy.caller().connection()
    answers = [proxy.call("GET", path, token=token, on=connection) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 401, 401]


def test_thirty_two_callers_race_one_token_and_one_wins(proxy, name):
    for turn in range(3):
        path = f"/open/{name}-{turn}"
        token, barrier = proxy.token("GET", path), threading.Barrier(32)

        def present():
            connection = proxy.caller().connection()
            connection.connect()
            barrier.wait(30)
            return proxy.call("GET", path, token=token, on=connection).status

        statuses = collections.Counter(f.result() for f in [proxy.later(present) for _ in range(32)])
        assert statuses == {200: 1, 401: 31}
        assert len(proxy.tool.seen(path)) == 1


def test_the_same_jti_in_another_token_of_the_issuer_is_spent_too(proxy, name):
    path, jti = f"/open/{name}", "one-and-the-same-jti"
    assert proxy.call("GET", path, jti=jti + name).status == 200
    assert spent(proxy.call("GET", path, jti=jti + name, subject="bob@example.org"))


def test_a_call_that_a_rule_denies_spends_its_token(proxy):
    path = "/open/forbidden"
    token = proxy.token("GET", path)
    first = proxy.call("GET", path, token=token)
    assert (first.status, first.slug) == (403, "policy-denied")
    assert spent(proxy.call("GET", path, token=token))
    assert not proxy.tool.seen(path)


def test_a_call_that_the_tool_never_answers_spends_its_token(proxy, name):
    from support.tool import hang_up

    path = f"/open/{name}"
    proxy.tool.behaviour[path] = hang_up
    token = proxy.token("GET", path)
    assert proxy.call("GET", path, token=token).status == 502
    assert spent(proxy.call("GET", path, token=token))
    assert len(proxy.tool.seen(path)) == 1, "an unknown outcome is never retried"


@pytest.fixture(scope="module")
def proven(realm, tmp_path_factory):
    """A proxy whose ledger proves continuity: one run of it has outlasted every claim it could have had."""

    def short(proxy):
        proxy.tool_settings["tokens"]["maxLifetime"] = f"{LIFETIME}s"

    tool = Tool()
    proxy = Proxy(realm, tmp_path_factory.mktemp("proven"), tool, change=short).start()
    time.sleep(LIFETIME + 2 * SKEW + 0.5)
    yield proxy
    proxy.close()
    tool.close()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_spent_token_stays_spent_after_a_restart_and_an_unused_one_works(proven, end, name):
    path = f"/open/{name}"
    token, unused = (proven.token("GET", path, lifetime=LIFETIME) for _ in range(2))
    assert proven.call("GET", path, token=token).status == 200
    proven.stop(end)
    proven.start(known=True)
    assert spent(proven.call("GET", path, token=token))
    assert proven.call("GET", path, token=unused).status == 200
    assert spent(proven.call("GET", path, token=unused))
    assert len(proven.tool.seen(path)) == 2
    assert run("ledger", "verify", proven.ledger.directory).returncode == 0


def test_many_answered_calls_and_a_kill_in_between_lose_no_claim(proven, name):
    path = f"/open/{name}"
    issued = [proven.token("GET", path, lifetime=LIFETIME) for _ in range(200)]
    answered = []

    def present(batch):
        connection = proven.caller().connection()
        for token in batch:
            try:
                if proven.call("GET", path, token=token, on=connection).status == 200:
                    answered.append(token)
            except (OSError, http.client.HTTPException):
                return

    workers = [proven.later(present, issued[i::4]) for i in range(4)]
    while len(answered) < 40:
        time.sleep(0.001)
    proven.process.kill()
    proven.process.wait(10)
    for worker in workers:
        worker.result()
    proven.start(known=True)
    connection = proven.caller().connection()
    refused = [proven.call("GET", path, token=token, on=connection) for token in answered]
    assert all(spent(answer) for answer in refused), refused
    proven.ledger.follow()


def test_a_restart_without_proof_refuses_what_it_cannot_know(make_proxy):
    """A young ledger: tokens from before the restart are refused, spent or not."""
    proxy = make_proxy()
    token, unused = (proxy.token("GET", "/open/young", lifetime=60) for _ in range(2))
    assert proxy.call("GET", "/open/young", token=token).status == 200
    proxy.stop(signal.SIGKILL)
    proxy.start()
    assert proxy.call("GET", "/open/young", token=token).status == 401
    assert len(proxy.tool.seen("/open/young")) == 1
    assert proxy.call("GET", "/open/young").status == 200


def test_a_second_proxy_on_the_same_ledger_does_not_start(make_proxy, realm, tmp_path):
    first = make_proxy()
    second = Proxy(realm, tmp_path / "second", first.tool)
    second.configuration["ledger"]["directory"] = str(first.directory / "ledger")
    second.write()
    done = run("proxy", "--config", second.directory / "sallyport.yaml")
    assert done.returncode != 0 and "ledger" in done.stderr.lower(), done
    assert first.call("GET", "/open/first").status == 200


def test_with_a_fresh_ledger_a_token_from_before_the_start_is_refused(make_proxy):
    proxy = make_proxy(start=False)
    early = proxy.token("GET", "/open/early", lifetime=60)
    proxy.start()
    answer = proxy.call("GET", "/open/early", token=early)
    assert (answer.status, answer.slug) == (401, "invalid-token")
    assert proxy.call("GET", "/open/early").status == 200


def test_after_the_ledger_was_taken_away_a_spent_token_is_still_refused(make_proxy):
    proxy = make_proxy()
    token = proxy.token("GET", "/open/away", lifetime=60)
    assert proxy.call("GET", "/open/away", token=token).status == 200
    proxy.stop()
    (proxy.directory / "ledger").rename(proxy.directory / "elsewhere")
    proxy.start()
    assert proxy.call("GET", "/open/away", token=token).status == 401


def test_the_claims_table_refuses_when_it_is_full(make_proxy):
    def few(proxy):
        proxy.tool_settings["tokens"]["claimsMax"] = 1000

    proxy = make_proxy(change=few)
    connections = [proxy.caller().connection() for _ in range(4)]

    def spend(connection):
        return [proxy.call("GET", "/open/full", on=connection, lifetime=59) for _ in range(260)]

    answers = [a for f in [proxy.later(spend, c) for c in connections] for a in f.result()]
    statuses = collections.Counter(answer.status for answer in answers)
    assert statuses[503] > 0 and statuses[200] <= 1000 and set(statuses) == {200, 503}, statuses
    refused = next(answer for answer in answers if answer.status == 503)
    assert refused.slug == "control-unavailable" and refused.field("retry-after")
    assert len(proxy.tool.seen("/open/full")) == statuses[200]
