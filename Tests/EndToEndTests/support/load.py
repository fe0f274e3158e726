"""Agents that call without pause, and a memory of what became of every token they presented."""

import http.client
import itertools
import random
import threading
import time

GONE = (OSError, http.client.HTTPException)
# Seconds before its `exp` in which nobody presents a token any more.
MARGIN = 1


class Spent:
    """One token, for a path of its own; `answers` has a status, or None for an answer that never came."""

    def __init__(self, method, target, token, expires):
        self.method, self.target, self.token, self.expires = method, target, token, expires
        self.answers = []

    @property
    def accepted(self):
        return sum(status is not None and 200 <= status < 300 for status in self.answers)

    @property
    def is_answered(self):
        """It was redeemed, and somebody was told."""
        return any(status in (200, 403) for status in self.answers)

    def __repr__(self):
        return f"<{self.method} {self.target} {self.answers}>"


class Load:
    """`agents` threads, two kept-alive connections each, over as many rounds as one likes."""

    def __init__(self, proxy, seed, lifetime, agents=5):
        self.proxy, self.random, self.lifetime, self.agents = proxy, random.Random(seed), lifetime, agents
        self.all, self._numbers, self._stopping = [], itertools.count(), threading.Event()
        self._workers = []

    def mint(self, kind="open"):
        number = next(self._numbers)
        target = f"/open/forbidden?n={number}" if kind == "forbidden" else f"/{kind}/{number}"
        method = "POST" if kind == "held" else "GET"
        issued = self.proxy.issued_now()
        token = self.proxy.token(method, target, issued=issued, lifetime=self.lifetime)
        spent = Spent(method, target, token, issued + self.lifetime)
        self.all.append(spent)
        return spent

    def present(self, spent, connection=None):
        """The answer, or None when none came."""
        body = {"rows": spent.target} if spent.method == "POST" else None
        answer = None
        try:
            answer = self.proxy.caller().call(
                spent.method, spent.target, token=spent.token, body=body, on=connection
            )
        except GONE:
            pass
        spent.answers.append(answer and answer.status)
        return answer

    def begin(self):
        self._stopping.clear()
        seeds = [self.random.random() for _ in range(self.agents)]
        self._workers = [self.proxy.later(self._work, random.Random(seed)) for seed in seeds]

    def end(self):
        """Calls in flight get their answers, or lose their connection with the process."""
        self._stopping.set()
        for worker in self._workers:
            worker.result(60)

    def _work(self, choice):
        one, other = (self.proxy.caller().connection() for _ in range(2))
        while not self._stopping.is_set():
            kind = choice.choices(["open", "forbidden", "twice"], [7, 2, 2])[0]
            spent = self.mint("forbidden" if kind == "forbidden" else "open")
            rival = self.proxy.later(self.present, spent, other) if kind == "twice" else None
            answer = self.present(spent, one)
            if rival:
                rival.result(60)
            if answer is None:
                return

    def outstanding(self):
        """Presented or not, and still to be believed."""
        return [spent for spent in self.all if time.time() < spent.expires - MARGIN]
