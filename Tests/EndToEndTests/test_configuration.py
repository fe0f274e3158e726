"""The command line and the configuration file: closed schema, errors where they are, exit status 2."""

import json
import re
import shutil

import pytest

from support.proxy import run


def check(proxy):
    return run("proxy", "--config", proxy.directory / "sallyport.yaml", "--check")


@pytest.fixture
def files(make_proxy):
    return make_proxy(start=False)


def test_check_accepts_a_good_file_and_prints_the_effective_values(files):
    done = check(files)
    assert done.returncode == 0, done.stderr
    assert "tools[0].tokens.maxLifetime: 60s" in done.stdout and "drain: 10s" in done.stdout
    assert not (files.directory / "ledger").exists(), "a check changes nothing"


def edited(files, old, new, count=1):
    path = files.directory / "sallyport.yaml"
    text = path.read_text()
    assert old in text, text
    path.write_text(text.replace(old, new, count))
    return path


def position(path, text):
    """`line:column` where the text last stands in the file."""
    for number, line in reversed(list(enumerate(path.read_text().splitlines(), 1))):
        if text in line:
            return f"{number}:{line.index(text) + 1}"
    raise AssertionError(f"{text} is not in the file")


MISTAKES = {
    "an unknown key": (
        "connectTimeout",
        "upstream:\n",
        "upstream:\n    conectTimeout: 5s\n",
        "conectTimeout",
    ),
    "an unknown key at the top": ("ledger", "ledger:\n", "ledgers:\n", "ledgers"),
    "a wrong type": ("", "drain: 10s", "drain: [10s]", "[10s]"),
    "a word for a duration": ("", "drain: 10s", "drain: soon", "soon"),
    "a number without a unit": ("", "drain: 10s", "drain: 10", "10"),
    "an unknown choice": ("sync", "durability: sync", "durability: synk", "synk"),
    "an unknown algorithm": ("ES256", "- ES256", "- HS256", ""),
    "another kind": ("Proxy", "kind: Proxy", "kind: Proksy", "Proksy"),
    "a port that is none": ("", "127.0.0.1:", "127.0.0.1:99999", ""),
    "an alias": ("", "drain: 10s", "drain: &a 10s", ""),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_where_it_is(files, mistake):
    right, old, new, where = MISTAKES[mistake]
    path = edited(files, old, new)
    for arguments in (["--check"], []):
        done = run("proxy", "--config", path, *arguments)
        assert done.returncode == 2, (done.stdout, done.stderr)
        assert re.search(r"sallyport\.yaml:\d+:\d+: ", done.stderr), done.stderr
        assert right in done.stderr, done.stderr
        if where:
            assert f"sallyport.yaml:{position(path, where)}: " in done.stderr, done.stderr


@pytest.mark.parametrize(
    "missing",
    ["proxy.pem", "proxy.key", "bundle.pem", "jwks.json", "persons.yaml", "login-jwks.json", "policies"],
)
def test_a_missing_file_is_named_at_the_key_that_wants_it(files, missing):
    target = files.directory / missing
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    done = check(files)
    assert done.returncode == 2 and missing in done.stderr, done.stderr
    assert re.search(r"sallyport\.yaml:\d+:\d+: ", done.stderr), done.stderr


def test_a_missing_configuration_file_is_status_2(tmp_path):
    done = run("proxy", "--config", tmp_path / "nothing.yaml")
    assert done.returncode == 2 and "nothing.yaml" in done.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0",
        b"\xff\xfe",
        b"- a\n",
        b"a: b: c\n",
        b"{" * 10000,
        b"--- a\n--- b\n",
        b"a: !!python/object:os.system x\n",
        b"&a [*a]\n",
    ],
)
def test_what_is_no_configuration_at_all_is_status_2(tmp_path, content):
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    done = run("proxy", "--config", path, "--check")
    assert done.returncode == 2 and "odd.yaml:" in done.stderr, (done.returncode, done.stderr[:500])


RULE_MISTAKES = {
    "an unknown effect": ("effect: Permit", "Permit", "Allow"),
    "an unknown field": ("effect: Allow\n    agent: [a]", "agent", "agents"),
    "an unknown operator": (
        "effect: Allow\n    when: [{ key: args.a, operator: Equal, value: 1 }]",
        "Equal",
        "Equals",
    ),
    "an unknown attribute": ("effect: Allow\n    when: [{ key: arg.a, operator: Exists }]", "arg.a", "args"),
    "a bad regular expression": (
        "effect: Allow\n    when: [{ key: args.a, operator: Matches, value: '(' }]",
        "'('",
        "regular expression",
    ),
    "a hold without an approval": ("effect: Hold\n    tools: [x]", "", "approval"),
    "a rule that selects nothing": ("effect: Allow", "", "selects nothing"),
    "an agent that is no SPIFFE ID": ('effect: Allow\n    agents: ["sales-bot"]', '"sales-bot"', "SPIFFE"),
    "acting without a token": (
        'effect: Allow\n    agents: ["spiffe://example.org/a"]\n    tools: [x]\n    token: NotRequired',
        "",
        "unsafeWithoutToken",
    ),
}


@pytest.mark.parametrize("mistake", RULE_MISTAKES)
def test_a_mistake_in_a_rule_file_is_named_where_it_is(files, mistake):
    rule, where, right = RULE_MISTAKES[mistake]
    path = files.directory / "policies" / "rules.yaml"
    path.write_text(
        "apiVersion: sallyport.dev/v1\nkind: ActionPolicy\nmetadata: { name: rules }\nspec:\n  rules:\n"
        f"  - name: one\n    {rule}\n"
    )
    done = check(files)
    assert done.returncode == 2 and right in done.stderr, done.stderr
    assert re.search(r"rules\.yaml:\d+:\d+: ", done.stderr), done.stderr
    if where:
        assert f"rules.yaml:{position(path, where)}: " in done.stderr, done.stderr


def test_two_rules_of_one_name_in_two_files_are_refused(files):
    text = (files.directory / "policies" / "rules.yaml").read_text()
    (files.directory / "policies" / "more.yaml").write_text(text)
    done = check(files)
    assert done.returncode == 2 and re.search(r"(rules|more)\.yaml:\d+:\d+: ", done.stderr), done.stderr


def test_a_credential_of_two_persons_is_refused(files):
    people = files.persons["persons"]
    people[1]["certificates"] = people[0]["certificates"]
    files.write()
    done = check(files)
    assert done.returncode == 2 and re.search(r"persons\.yaml:\d+:\d+: ", done.stderr), done.stderr


def test_approvals_beyond_loopback_want_tls(files):
    files.configuration["approvals"]["listen"] = "0.0.0.0:0"
    files.write()
    done = check(files)
    assert done.returncode == 2 and "tls" in done.stderr


def test_a_key_that_is_not_the_certificates_is_refused(files, realm):
    shutil.copy(realm.agent.key_file, files.directory / "proxy.key")
    done = check(files)
    assert done.returncode == 2 and re.search(r"sallyport\.yaml:\d+:\d+: ", done.stderr), done.stderr


def test_a_jwks_with_a_private_key_is_refused(files, realm):
    private = {"keys": [realm.broker.keys["ES256"].as_dict(private=True)]}
    (files.directory / "jwks.json").write_text(json.dumps(private))
    assert check(files).returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["proxy"],
        ["proxy", "--config"],
        ["nonsense"],
        ["ledger", "verify"],
        ["proxy", "--config", "x", "--unknown"],
    ],
)
def test_wrong_usage_is_status_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["proxy", "--help"],
        ["ledger", "verify", "--help"],
        ["demo", "--help"],
        ["version"],
        ["--version"],
    ],
)
def test_help_and_version_are_status_0(arguments):
    done = run(*arguments)
    assert done.returncode == 0 and done.stdout
