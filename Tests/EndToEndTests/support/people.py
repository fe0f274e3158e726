"""Approvers, with `requests`."""

import time

import requests


class Approver:
    def __init__(self, base, *, bearer=None, credential=None, verify=True):
        self.base, self.session = base, requests.Session()
        self.session.trust_env = False
        if bearer:
            self.session.headers["Authorization"] = f"Bearer {bearer}"
        if credential:
            self.session.cert = (str(credential.cert_file), str(credential.key_file))
        self.session.verify = str(verify) if verify is not True else True

    def get(self, path="", **options):
        return self.session.get(f"{self.base}/v1/approvals{path}", timeout=30, **options)

    def pending(self):
        answer = self.get("?status=pending")
        assert answer.status_code == 200, answer.text
        return answer.json()["approvals"]

    def wait_for(self, resource, seconds=20):
        """The pending approval of this resource, whole."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for approval in self.pending():
                if approval["resource"] == resource:
                    return self.get("/" + approval["id"]).json()
            time.sleep(0.02)
        raise AssertionError(f"no pending approval for {resource}")

    def review(self, approval, decision="approve", **changes):
        body = {"decision": decision, "digest": approval["digest"], "reason": "because"} | changes
        body = {name: value for name, value in body.items() if value is not None}
        return self.session.post(f"{self.base}/v1/approvals/{approval['id']}/reviews", json=body, timeout=30)

    def approve(self, resource):
        answer = self.review(self.wait_for(resource))
        assert answer.status_code == 201, answer.text
        return answer.json()
