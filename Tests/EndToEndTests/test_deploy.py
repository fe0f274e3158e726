"""The files people start from: examples that check out, manifests that Kubernetes takes."""

import pathlib
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from support import tokens
from support.pki import self_signed
from support.proxy import run

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def test_there_are_manifests():
    assert {d["kind"] for path in MANIFESTS for d in documents(path)} >= {
        "Pod",
        "ConfigMap",
        "Service",
        "NetworkPolicy",
    }


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_follow_the_kubernetes_schemas(path):
    for document in documents(path):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def pod():
    return next(d for path in MANIFESTS for d in documents(path) if d["kind"] == "Pod")


def test_the_sidecar_is_a_native_one_without_privileges():
    sidecar = pod()["spec"]["initContainers"][0]
    assert sidecar["restartPolicy"] == "Always"
    context = sidecar["securityContext"]
    assert (
        context["runAsNonRoot"]
        and context["readOnlyRootFilesystem"]
        and not context["allowPrivilegeEscalation"]
    )
    assert (
        context["capabilities"]["drop"] == ["ALL"] and context["seccompProfile"]["type"] == "RuntimeDefault"
    )
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert sidecar[probe]["httpGet"]["path"] in ("/readyz", "/livez")


def prepared(tmp_path, realm, text):
    """The example with the files it names, made here, and its ports and paths moved."""
    for source, names in {
        realm.proxy.cert_file: ["proxy.pem"],
        realm.proxy.key_file: ["proxy.key"],
        realm.authority.bundle_file: ["bundle.pem"],
        realm.foreign.bundle_file: ["other.pem"],
    }.items():
        for name in names:
            shutil.copy(source, tmp_path / name)
    web = self_signed(tmp_path, "approvals", dns=["localhost"])
    assert web.cert_file.name == "approvals.pem" and web.key_file.name == "approvals.key"
    import json

    (tmp_path / "jwks.json").write_text(json.dumps(realm.broker.jwks()))
    (tmp_path / "login-jwks.json").write_text(json.dumps(realm.login.jwks()))
    (tmp_path / "tool.key").write_text("Bearer tool\n")
    (tmp_path / "hook.secret").write_text("whsec_" + "A" * 44 + "\n")
    shutil.copytree(DEPLOY / "policies", tmp_path / "policies")
    shutil.copy(DEPLOY / "persons.yaml", tmp_path)
    (tmp_path / "sallyport.yaml").write_text(text)
    return tmp_path / "sallyport.yaml"


@pytest.mark.parametrize("example", ["sallyport.yaml", "sallyport.full.yaml"])
def test_an_example_configuration_checks_out(tmp_path, realm, example):
    path = prepared(tmp_path, realm, (DEPLOY / example).read_text())
    done = run("proxy", "--config", path, "--check")
    assert done.returncode == 0, done.stderr


def test_the_configuration_of_the_pod_checks_out(tmp_path, realm):
    config = next(d for path in MANIFESTS for d in documents(path) if d["kind"] == "ConfigMap")["data"]
    text = config["proxy.yaml"]
    for prefix in ("/etc/sallyport/", "/run/sallyport/identity/"):
        text = text.replace(prefix, "")
    path = prepared(tmp_path, realm, text)
    (tmp_path / "jwks.json").write_text(config["jwks.json"])
    (tmp_path / "orders.yaml").write_text(config["orders.yaml"])
    if "persons.yaml" in config:
        (tmp_path / "persons.yaml").write_text(config["persons.yaml"])
    done = run("proxy", "--config", path, "--check")
    assert done.returncode == 0, done.stderr


def test_the_full_example_names_every_key(realm, tmp_path):
    """`--check` prints the keys of the minimal file and all defaults; each key is in the full one."""
    path = prepared(tmp_path, realm, (DEPLOY / "sallyport.yaml").read_text())
    keys = {
        line.partition(":")[0].rpartition(".")[2]
        for line in run("proxy", "--config", path, "--check").stdout.splitlines()
        if not line.startswith("#")
    }
    full = (DEPLOY / "sallyport.full.yaml").read_text()
    missing = {key for key in keys if f"{key}:" not in full}
    assert not missing


@pytest.mark.parametrize("script", ["deploy/quickstart", "Tests/run", ".ci/run"])
def test_scripts_parse_and_explain_themselves(script):
    path = ROOT / script
    assert path.stat().st_mode & 0o100, "executable"
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True).returncode == 0
    done = subprocess.run([str(path), "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and script.rpartition("/")[2] in done.stdout


def test_the_container_runs_without_root_on_few_packages():
    text = (DEPLOY / "Containerfile").read_text()
    stages = [line for line in text.splitlines() if line.startswith("FROM ")]
    assert len(stages) == 2 and "bookworm-slim" in stages[1]
    assert "USER 65532" in text


def test_tokens_of_the_lab_issuer_are_not_shipped():
    """Examples hold no private key."""
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "PRIVATE KEY" not in text and '"d":' not in text, path
    assert tokens.KINDS
