"""Fixtures. Every process is started and ended here, by its id, and listens on loopback only."""

import os
import pathlib

import pytest

from support.proxy import Proxy, Realm
from support.tool import Tool


@pytest.fixture(scope="session")
def realm(tmp_path_factory):
    return Realm(tmp_path_factory.mktemp("realm"))


@pytest.fixture(scope="session")
def shared(realm, tmp_path_factory):
    tool = Tool()
    proxy = Proxy(realm, tmp_path_factory.mktemp("shared"), tool)
    try:
        yield proxy.start()
    finally:
        proxy.close()
        tool.close()


@pytest.fixture
def proxy(shared):
    """The proxy that most tests share; it must outlive each of them."""
    yield shared
    assert shared.process.poll() is None, "the proxy died:\n" + "\n".join(shared.log[-40:])
    assert not shared.tool.ambiguous, shared.tool.ambiguous


@pytest.fixture
def make_proxy(realm, tmp_path):
    """A proxy of one's own: `make_proxy(rules=…, change=…)`; not started when `start=False`."""
    made = []

    def make(*, tool=None, start=True, **options):
        own = tool or Tool()
        proxy = Proxy(realm, tmp_path / f"proxy-{len(made)}", own, **options)
        made.append((proxy, own))
        return proxy.start() if start else proxy

    yield make
    for proxy, tool in made:
        proxy.close()
        tool.close()


@pytest.fixture(scope="session")
def vectors():
    folder = os.environ.get("SALLYPORT_VECTORS")
    if not folder:
        pytest.skip("SALLYPORT_VECTORS is not set: foreign test vectors were not run")
    return pathlib.Path(folder)


@pytest.fixture
def name(request):
    """A path segment of this test's own, so that tests which share a tool do not see each other's calls."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name.removeprefix("test_"))[:100]


counts = {"passed": 0, "failed": 0, "skipped": 0}


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        counts[report.outcome] += 1


def pytest_unconfigure(config):
    print(f"end-to-end: {counts['skipped']} skipped")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
