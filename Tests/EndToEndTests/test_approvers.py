"""Who may look at a held call and decide it: people with a login or a listed certificate, never an agent."""

import json
import shutil
import time

import pytest

from support import settings, tokens
from support.people import Approver
from support.proxy import Proxy
from support.tool import Tool


def test_reviews_are_checked(proxy, name):
    path = f"/held/{name}"
    call, alice = proxy.hold(path), proxy.approver("alice-1")
    approval = alice.wait_for(path)
    wrong = "sha-256:" + tokens.base64url(b"\0" * 32)
    assert alice.review(approval, digest=wrong).status_code == 412
    assert alice.review(approval, digest=None).status_code == 422
    assert alice.review(approval, "perhaps").status_code == 422
    assert alice.review(approval, "deny", reason=None).status_code == 422
    assert alice.review(approval, extra=1).status_code == 422
    assert alice.review(approval | {"id": approval["id"][::-1]}).status_code == 404
    form = alice.session.post(
        f"{alice.base}/v1/approvals/{approval['id']}/reviews",
        timeout=10,
        data={"decision": "approve", "digest": approval["digest"]},
    )
    assert form.status_code == 415
    assert alice.session.delete(f"{alice.base}/v1/approvals/{approval['id']}", timeout=10).status_code == 405
    assert not call.done()
    assert alice.review(approval).status_code == 201
    assert call.result(30).status == 200
    assert alice.review(approval).status_code == 409


def test_people_outside_the_groups_neither_see_nor_decide(proxy, name):
    path = f"/held/{name}"
    call, alice = proxy.hold(path), proxy.approver("alice-1")
    approval = alice.wait_for(path)
    for subject in ("mallory-1", "carol-1"):
        outsider = proxy.approver(subject)
        assert path not in [each["resource"] for each in outsider.pending()]
        assert outsider.get("/" + approval["id"]).status_code == 404
        assert outsider.review(approval).status_code in (403, 404)
    assert not call.done()
    alice.review(approval, "deny")
    assert call.result(30).status == 403


def test_nobody_decides_on_their_own_behalf(proxy, name):
    path = f"/held/{name}"
    call, bob = proxy.hold(path, subject="bob@example.org"), proxy.approver("bob-1")
    approval = proxy.approver("alice-1").wait_for(path)
    assert bob.review(approval).status_code == 403
    assert not call.done()
    proxy.approver("alice-1").approve(path)
    assert call.result(30).status == 200


def test_someone_in_the_act_chain_does_not_decide(proxy, name):
    path = f"/held/{name}"
    act = {"sub": settings.AGENT, "act": {"sub": "bob@example.org"}}
    call = proxy.hold(path, act=act)
    approval = proxy.approver("alice-1").wait_for(path)
    assert proxy.approver("bob-1").review(approval).status_code == 403
    proxy.approver("alice-1").approve(path)
    assert call.result(30).status == 200


def test_a_subject_that_is_nobody_makes_an_approval_impossible(proxy, name):
    answer = proxy.call("POST", f"/held/{name}", body={}, subject="stranger@example.org")
    assert (answer.status, answer.slug) == (403, "policy-denied") and answer.json["detail"]


def test_a_workload_as_subject_is_approved_where_the_rule_says_so(make_proxy):
    proxy = make_proxy(
        rules=settings.RULES.replace(
            "groups: [data-stewards], expiresAfter: 60s",
            "groups: [data-stewards], expiresAfter: 60s, subject: workload",
        )
    )
    call = proxy.hold("/held/workload", subject="spiffe://example.org/batch/nightly")
    proxy.approver("alice-1").approve("/held/workload")
    assert call.result(30).status == 200


def test_two_persons_are_two_persons(proxy, name):
    path = f"/twice/{name}"
    call = proxy.hold(path)
    alice, again = proxy.approver("alice-1"), proxy.approver("alice-1", groups=["security"])
    approval = alice.wait_for(path)
    first = alice.review(approval)
    assert first.status_code == 201 and first.json()["status"] == "pending"
    assert alice.review(approval).status_code == 409 and again.review(approval).status_code == 409
    assert not call.done() and not proxy.tool.seen(path)
    second = proxy.approver("carol-1").review(approval)
    assert second.status_code == 201 and second.json()["status"] != "pending"
    assert call.result(30).status == 200 and len(proxy.tool.seen(path)) == 1


def test_one_denial_outweighs_an_approval(proxy, name):
    path = f"/twice/{name}"
    call, alice = proxy.hold(path), proxy.approver("alice-1")
    approval = alice.wait_for(path)
    assert alice.review(approval).status_code == 201
    assert proxy.approver("carol-1").review(approval, "deny").status_code == 201
    assert (answer := call.result(30)).status == 403 and answer.slug == "approval-denied"


def test_groups_may_come_from_the_login(proxy, name):
    path = f"/held/{name}"
    call, carol = proxy.hold(path), proxy.approver("carol-1", groups=["data-stewards"])
    carol.approve(path)
    assert call.result(30).status == 200


LOGINS = {
    "another audience": {"audience": "someone-else"},
    "another party": {"party": "another-page"},
    "expired": {"issued": int(time.time()) - 900, "lifetime": 60},
    "too old": {"issued": int(time.time()) - 7200, "lifetime": 86400},
    "a capability token": {"typ": "capability+jwt"},
    "a delegation token": {"typ": "delegation+jwt"},
    "a proof": {"typ": "dpop+jwt"},
    "an unknown person": {"subject": "nobody-1"},
    "the client itself": {"subject": "sallyport-page"},
    "an agent acting for a person": {"act": {"sub": settings.AGENT}},
    "groups that are no list": {"groups": "data-stewards"},
}


@pytest.mark.parametrize("kind", LOGINS)
def test_a_login_that_is_not_a_persons_is_refused(proxy, kind):
    answer = proxy.approver(**({"subject": "alice-1"} | LOGINS[kind])).get()
    assert answer.status_code in (401, 403), answer.text


def test_a_login_of_an_unlisted_issuer_is_refused(proxy, realm):
    base = f"http://127.0.0.1:{proxy.approvals_port}"
    stranger = tokens.Issuer("https://login.example.org", ["ES256"])
    assert Approver(base, bearer=tokens.login(stranger, "alice-1")).get().status_code == 401
    assert Approver(base, bearer=tokens.login(realm.broker, "alice-1")).get().status_code == 401
    assert Approver(base).get().status_code == 401
    capability = proxy.token("GET", "/open/approvals")
    assert Approver(base, bearer=capability).get().status_code in (401, 403)


def test_host_and_origin_are_checked(proxy):
    alice = proxy.approver("alice-1")
    assert alice.get(headers={"Host": "evil.example"}).status_code == 421
    assert alice.get(headers={"Origin": "https://evil.example"}).status_code == 403
    assert alice.get(headers={"Origin": alice.base}).status_code == 200


def test_an_etag_tells_whether_an_approval_has_changed(proxy, name):
    path = f"/twice/{name}"
    call, alice = proxy.hold(path), proxy.approver("alice-1")
    approval = alice.wait_for(path)
    tag = alice.get("/" + approval["id"]).headers["etag"]
    assert alice.get("/" + approval["id"], headers={"If-None-Match": tag}).status_code == 304
    assert proxy.approver("bob-1").review(approval).status_code == 201
    assert alice.get("/" + approval["id"]).headers["etag"] != tag
    alice.review(approval, "deny")
    assert call.result(30).status == 403


def test_the_list_is_paged_and_filtered(proxy, name):
    calls = [proxy.hold(f"/held/{name}-{i}") for i in range(3)]
    alice = proxy.approver("alice-1")
    for i in range(3):
        alice.wait_for(f"/held/{name}-{i}")
    found, cursor = [], ""
    while True:
        page = alice.get(f"?status=pending&limit=1{cursor}").json()
        found += [each["resource"] for each in page["approvals"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert {f"/held/{name}-{i}" for i in range(3)} <= set(found) and len(found) == len(set(found))
    for query in ("?status=maybe", "?limit=0", "?limit=1000", "?cursor=x", "?nonsense=1"):
        assert alice.get(query).status_code == 400
    for i, call in enumerate(calls):
        alice.review(alice.wait_for(f"/held/{name}-{i}"), "deny")
        assert call.result(30).status == 403


@pytest.fixture(scope="module")
def over_tls(realm, tmp_path_factory):
    """A proxy whose approvers come over TLS, and may show a certificate."""

    def change(proxy):
        for source, target in ((realm.web.cert_file, "a.pem"), (realm.web.key_file, "a.key")):
            shutil.copy(source, proxy.directory / target)
        proxy.configuration["approvals"]["tls"] = {
            "certificate": "a.pem",
            "key": "a.key",
            "clientCertificates": True,
        }
        # Listing an agent's certificate does not make a person of it.
        proxy.persons["persons"][1]["certificates"] = [realm.agent.sha256.hexdigest()]

    tool = Tool()
    proxy = Proxy(realm, tmp_path_factory.mktemp("tls"), tool, change=change)
    yield proxy.start()
    proxy.close()
    tool.close()


def test_a_listed_client_certificate_approves(over_tls, realm):
    proxy, base = over_tls, f"https://localhost:{over_tls.approvals_port}"
    call = proxy.hold("/held/certificate")
    alice = Approver(base, credential=realm.alice, verify=realm.web_authority.bundle_file)
    alice.approve("/held/certificate")
    assert call.result(30).status == 200
    reviewed = proxy.ledger.wait_for("approval.reviewed")[-1]
    assert realm.alice.sha256.hexdigest() in json.dumps(reviewed)


def test_an_agents_svid_never_approves(over_tls, realm):
    proxy, base = over_tls, f"https://localhost:{over_tls.approvals_port}"
    call = proxy.hold("/held/agent")
    alice = Approver(base, credential=realm.alice, verify=realm.web_authority.bundle_file)
    approval = alice.wait_for("/held/agent")
    for credential in (realm.agent, realm.second, None):
        intruder = Approver(base, credential=credential, verify=realm.web_authority.bundle_file)
        assert intruder.get().status_code in (401, 403)
        assert intruder.review(approval).status_code in (401, 403)
    assert not call.done()
    assert alice.review(approval, "deny").status_code == 201
    assert call.result(30).status == 403


def test_one_person_with_two_credentials_is_one_person(over_tls, realm):
    proxy, base = over_tls, f"https://localhost:{over_tls.approvals_port}"
    call = proxy.hold("/twice/credentials")
    by_certificate = Approver(base, credential=realm.alice, verify=realm.web_authority.bundle_file)
    by_login = Approver(
        base, bearer=tokens.login(realm.login, "alice-1"), verify=realm.web_authority.bundle_file
    )
    approval = by_certificate.wait_for("/twice/credentials")
    assert by_certificate.review(approval).status_code == 201
    assert by_login.review(approval).status_code == 409
    assert not call.done()
    by_carol = Approver(
        base, bearer=tokens.login(realm.login, "carol-1"), verify=realm.web_authority.bundle_file
    )
    assert by_carol.review(approval).status_code == 201
    assert call.result(30).status == 200
