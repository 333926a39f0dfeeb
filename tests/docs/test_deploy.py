"""The files of docs/deploy fit together, and what they set and run is there."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import pytest
import yaml
from dockerfile_parse import DockerfileParser

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "docs" / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
DEPLOYMENTS = {
    one["metadata"]["name"]: one for one in KUBERNETES if one["kind"] == "Deployment"
}
OURS = ["service", "traces"]
TOKEN = "chosen-for-this-test"


def stages():
    """Give the instructions of each stage of the Dockerfile, by its name."""
    text = (DEPLOY / "Dockerfile").read_bytes()
    found = {}
    for one in DockerfileParser(fileobj=io.BytesIO(text)).structure:
        if one["instruction"] == "FROM":
            base, _, name = one["value"].partition(" AS ")
            instructions = found[name] = list(found.get(base, [("FROM", base)]))
        elif one["instruction"] != "COMMENT":
            instructions.append((one["instruction"], one["value"]))
    return found


def values(stage, instruction):
    return [value for name, value in stages()[stage] if name == instruction]


def command(stage):
    return json.loads(values(stage, "CMD")[-1])


def port_of(stage):
    words = command(stage)
    flag = "-p" if "-p" in words else "--port"
    return int(words[words.index(flag) + 1])


@pytest.mark.parametrize("stage", OURS)
def test_images_hold_wheels_and_run_as_nobody_in_particular(stage):
    names = [name for name, _ in stages()[stage]]
    installs = [run for run in values(stage, "RUN") if "pip install" in run]

    assert all("--only-binary=:all:" in run for run in installs)
    assert len(installs) == 1
    assert values(stage, "USER") == ["10001"]
    assert "--uid 10001" in values(stage, "RUN")[0]
    assert names.index("USER") > max(n for n, i in enumerate(names) if i == "RUN")
    assert values(stage, "EXPOSE") == [str(port_of(stage))]


def test_images_ask_for_extras_that_there_are():
    words = shlex.split(values("traces", "RUN")[-1])
    (wanted,) = [word for word in words if word.startswith("spantree")]
    text = (REPOSITORY / "pyproject.toml").read_text()

    for extra in re.search(r"\[(.+)\]", wanted)[1].split(","):
        assert re.search(rf"^{extra} = \[", text, re.MULTILINE), extra


def test_copied_files_are_there():
    for value in values("service", "COPY"):
        assert (DEPLOY / value.split()[0]).is_file()


def test_data_folder_is_ours_alone_on_a_volume():
    (setting,) = re.findall(r"SPANTREE_DATA_DIR=(\S+)", " ".join(values("base", "ENV")))
    (volume,) = values("base", "VOLUME")

    # Below it: Kubernetes lets a group write to the volume itself.
    assert Path(setting).parent == Path(volume)


@pytest.mark.parametrize("name", OURS)
def test_compose_services_write_to_their_volume_only(name):
    service = SERVICES[name]
    (volume,) = service["volumes"]

    assert service["build"]["target"] in stages()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["tmpfs"] == ["/tmp"]
    assert volume.split(":")[1] == values("base", "VOLUME")[0]
    assert service["hostname"] == name


def test_compose_opens_ports_on_this_machine_only():
    for name in OURS:
        (mapping,) = SERVICES[name]["ports"]
        assert mapping == f"127.0.0.1:{port_of(name)}:{port_of(name)}"
    assert "ports" not in SERVICES["db"]


def test_compose_names_volumes_and_services_that_there_are():
    used = {v.split(":")[0] for s in SERVICES.values() for v in s["volumes"]}
    needed = {n for s in SERVICES.values() for n in s.get("depends_on", {})}
    uri = SERVICES["traces"]["environment"]["SPANTREE_TRACKING_URI"]
    store = urlsplit(re.sub(r"\$\{(\w+):.+?\}", r"\1", uri))
    database = SERVICES["db"]["environment"]

    assert used == set(COMPOSE["volumes"])
    assert needed <= set(SERVICES)
    assert all("healthcheck" in SERVICES[name] for name in needed)
    assert store.hostname in SERVICES
    assert store.username == database["POSTGRES_USER"]
    assert store.path == "/" + database["POSTGRES_DB"]
    assert database["POSTGRES_PASSWORD"].startswith("${" + store.password + ":")


def test_no_secret_is_written_down():
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if name.endswith(("TOKEN", "PASSWORD")):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[a-z ]+\}", value), name
    for deployment in DEPLOYMENTS.values():
        for one in container(deployment)["env"]:
            if one["name"].endswith("TOKEN") or "value" not in one:
                assert set(one["valueFrom"]["secretKeyRef"]) == {"name", "key"}
    assert "Secret" not in {one["kind"] for one in KUBERNETES}


def container(deployment):
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return only


def test_kubernetes_objects_have_the_required_keys():
    versions = {one["kind"]: one["apiVersion"] for one in KUBERNETES}

    assert versions == {"Deployment": "apps/v1", "Service": "v1"}
    assert set(DEPLOYMENTS) == set(OURS)
    for deployment in DEPLOYMENTS.values():
        spec = deployment["spec"]
        assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
        assert {"name", "image", "ports", "env"} <= set(container(deployment))


@pytest.mark.parametrize("name", OURS)
def test_kubernetes_pods_write_to_their_volumes_only(name):
    pod = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    own = container(DEPLOYMENTS[name])
    mounted = {mount["name"]: mount["mountPath"] for mount in own["volumeMounts"]}

    assert own["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert [str(pod["securityContext"]["runAsUser"])] == values(name, "USER")
    assert mounted == {"data": values("base", "VOLUME")[0], "tmp": "/tmp"}
    assert {volume["name"] for volume in pod["volumes"]} == set(mounted)
    assert [port["containerPort"] for port in own["ports"]] == [port_of(name)]


def test_kubernetes_names_lead_where_they_should():
    (service,) = [one for one in KUBERNETES if one["kind"] == "Service"]
    (port,) = service["spec"]["ports"]
    own = container(DEPLOYMENTS["traces"])
    sent_to = {one["name"]: one for one in container(DEPLOYMENTS["service"])["env"]}
    address = urlsplit(sent_to["SPANTREE_TRACKING_URI"]["value"])

    assert service["spec"]["selector"] == DEPLOYMENTS["traces"]["metadata"]["labels"]
    assert port["targetPort"] == own["ports"][0]["name"]
    assert address.hostname == service["metadata"]["name"]
    assert address.port == port["port"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert own[probe]["httpGet"]["port"] == own["ports"][0]["name"]


@pytest.mark.parametrize("name", OURS)
def test_kubernetes_sets_what_compose_sets(name):
    # The next test tries those.
    own = {one["name"] for one in container(DEPLOYMENTS[name])["env"]}

    assert own == set(SERVICES[name]["environment"])


@contextlib.contextmanager
def running(words, environment, folder, *, errors=None):
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        cwd=DEPLOY,
        env={
            **os.environ,
            "SPANTREE_DATA_DIR": str(folder),
            "SPANTREE_RUNTIME_DIR": str(folder / "run"),
            **environment,
        },
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def environment_of(name, uri):
    """Give a service's variables, with another address."""
    made = {
        key: re.sub(r"\$\{SPANTREE_UI_TOKEN:.+?\}", TOKEN, value)
        for key, value in SERVICES[name]["environment"].items()
    }
    return made | {"SPANTREE_TRACKING_URI": uri}


def local(words, port):
    """Give a command with an address of this machine's loopback."""
    other = {"0.0.0.0": "127.0.0.1", "8080": str(port), "8000": str(port)}
    return [other.get(word, word) for word in words]


def ask(url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    headers |= {"Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def answer_within_a_minute(question):
    """Ask again until there is an answer."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(URLError, ConnectionError):
            if answer := question():
                return answer
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def traces(tmp_path):
    """Run the server as the image does; gives its address and what it printed."""
    environment = environment_of("traces", f"sqlite:///{tmp_path}/server.db")
    words = local(command("traces"), 0)
    with running(words, environment, tmp_path / "traces") as process:
        printed = [process.stdout.readline() for _ in range(4)]
        yield re.search(r"http://[\d.:]+", printed[0])[0], "".join(printed)


def test_a_request_to_the_service_becomes_a_trace_on_the_server(traces, tmp_path):
    address, printed = traces
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = environment_of("service", address)
    words = local(command("service")[2:], port)
    authorization = {"Authorization": f"Bearer {TOKEN}"}

    with running(words, environment, tmp_path / "service", errors=subprocess.DEVNULL):
        said = answer_within_a_minute(
            lambda: ask(f"http://127.0.0.1:{port}/chat", {"message": "hi"})
        )
        found = answer_within_a_minute(
            lambda: json.loads(
                ask(f"{address}/api/v1/search", {"filter": ""}, **authorization)
            )["traces"]
        )
    experiments = json.loads(ask(f"{address}/api/v1/status", **authorization))

    assert json.loads(said) == {"response": "You said: hi"}
    assert len(found) == 1
    assert "You said: hi" in json.dumps(found)
    assert "chat" in experiments["experiments"].values()
    assert TOKEN not in printed


def test_the_server_goes_by_its_name_in_the_network(traces):
    address, _ = traces
    name = urlsplit(SERVICES["service"]["environment"]["SPANTREE_TRACKING_URI"]).netloc

    assert ask(f"{address}/health", Host=name) == "OK"
    # Kubernetes asks by the pod's address.
    assert ask(f"{address}/health", Host="10.1.2.3:8080") == "OK"
    with pytest.raises(HTTPError, match="400"):
        ask(f"{address}/health", Host="elsewhere:8080")
    with pytest.raises(HTTPError, match="401"):
        ask(f"{address}/api/v1/status", Host=name)
