#!/usr/bin/env python3
"""Renders the Helm chart with the sets of values in deploy/helm/cases, and checks what comes out.

    chart.py check [--node registry-node] [--ctl registryctl]    everything below; with the programs, configuration and flags, too
    chart.py write                                               deploy/kubernetes/*.yaml and the chart's copy of the rules

Needs helm-python-sdk, kubernetes-validate and jsonschema (scripts/deploy.sh installs them)."""

import argparse
import copy
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

import helm_python as helm
import jsonschema
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/schema-registry"
CASES = ROOT / "deploy/helm/cases"
RULES = ROOT / "deploy/prometheus/rules.yaml"
KUBERNETES = ["1.30", "1.33", "1.36"]
# What is also written as plain objects, for those who do not use Helm: the file in deploy/kubernetes, and its values.
MANIFESTS = {
    "three-nodes.yaml": {},
    "three-nodes-monitored.yaml": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
}
NAME = "schema-registry"
PROBES = {"/livez", "/readyz", "/startupz"}

wrong = []


def complain(place, what):
    wrong.append(f"{place}: {what}")


class Loader(yaml.SafeLoader):
    """YAML in which a key stands once: PyYAML takes the last one without a word."""


def mapping(loader, node, deep=False):
    seen = set()
    for key, _ in node.value:
        name = loader.construct_object(key, deep=True)
        if name in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {name} is there twice", key.start_mark)
        seen.add(name)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


Loader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, lambda loader, node: mapping(loader, node, deep=True)
)


def load(text):
    return yaml.load(text, Loader)


def objects(rendered):
    """The objects of a rendered chart, in the order of the files."""
    found = []
    for path, text in sorted(rendered.items()):
        if not path.endswith("NOTES.txt"):
            found += [one for one in yaml.load_all(text, Loader) if one]
    return found


def render(chart, values, release=NAME, namespace=NAME):
    chart.validate_schema(values)
    return chart.render(values, name=release, namespace=namespace, is_install=True)


def of_kind(all_objects, kind):
    return [one for one in all_objects if one["kind"] == kind]


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def check_schemas(case, all_objects, own):
    for one in all_objects:
        place = f"{case}: {one['kind']} {one['metadata']['name']}"
        if one["kind"] in own:
            try:
                jsonschema.validate(one, own[one["kind"]])
            except jsonschema.ValidationError as error:
                complain(place, f"{error.json_path}: {error.message}")
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                complain(place, f"Kubernetes {version}: {error.message} at {list(error.path)}")


def check_references(case, all_objects):
    """What one object says of another is true: selectors, ports, volumes, names of files."""
    names = set()
    for one in all_objects:
        key = (one["kind"], one["metadata"]["name"])
        if key in names:
            complain(case, f"{key} is there twice")
        names.add(key)
    sets = of_kind(all_objects, "StatefulSet")
    pods = [one["spec"]["template"] for one in sets]
    jobs = [one["spec"]["template"] for one in of_kind(all_objects, "Job")]
    labels = [pod["metadata"]["labels"] for pod in pods]
    containers = [pod["spec"]["containers"][0] for pod in pods]
    ports = {port["name"] for container in containers for port in container["ports"]}
    for service in of_kind(all_objects, "Service"):
        place = f"{case}: Service {service['metadata']['name']}"
        selector = dict(service["spec"]["selector"])
        selector.pop("statefulset.kubernetes.io/pod-name", None)
        if not any(matches(selector, one) for one in labels):
            complain(place, "it selects no pod")
        if any(matches(selector, one["metadata"]["labels"]) for one in jobs):
            complain(place, "it selects the pods of a Job")
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                complain(place, f"no container has the port {port['targetPort']}")
    for kind, place_of in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        for one in of_kind(all_objects, kind):
            if not any(matches(one["spec"][place_of]["matchLabels"], pod) for pod in labels):
                complain(f"{case}: {kind} {one['metadata']['name']}", "it selects no pod")
    for one in of_kind(all_objects, "PodDisruptionBudget"):
        if sum(matches(one["spec"]["selector"]["matchLabels"], pod) for pod in labels) != 1:
            complain(f"{case}: PodDisruptionBudget {one['metadata']['name']}", "it covers more than one set")
    for one in of_kind(all_objects, "NetworkPolicy"):
        for rule in one["spec"]["ingress"]:
            for port in rule["ports"]:
                if port["port"] not in ports:
                    complain(case, f"NetworkPolicy: no container has the port {port['port']}")
    for one in of_kind(all_objects, "ServiceMonitor"):
        services = [
            service
            for service in of_kind(all_objects, "Service")
            if matches(one["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
        ]
        if len(services) != 1:
            complain(case, f"the ServiceMonitor selects {len(services)} services: each node is scraped once")
    files = of_kind(all_objects, "ConfigMap")[0]["data"]
    used = set()
    for one in sets:
        place = f"{case}: StatefulSet {one['metadata']['name']}"
        spec = one["spec"]
        pod = spec["template"]["spec"]
        if ("Service", spec["serviceName"]) not in names:
            complain(place, f"there is no Service {spec['serviceName']}")
        if not matches(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]):
            complain(place, "its selector is not that of its pods")
        volumes = {volume["name"] for volume in pod["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
        for container in pod["containers"]:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    complain(place, f"there is no volume {mount['name']}")
        node = pod["containers"][0]
        security = node["securityContext"]
        if not (
            security["readOnlyRootFilesystem"]
            and security["allowPrivilegeEscalation"] is False
            and security["capabilities"] == {"drop": ["ALL"]}
            and pod["securityContext"]["runAsNonRoot"]
            and pod["automountServiceAccountToken"] is False
        ):
            complain(place, "it may do more than a node needs")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = node[probe]["httpGet"]
            if asked["path"] not in PROBES or asked["port"] not in ports:
                complain(place, f"{probe} asks {asked}")
        if node["livenessProbe"]["httpGet"]["path"] != "/livez" or node["startupProbe"]["httpGet"]["path"] != "/livez":
            complain(place, "a probe that restarts asks for more than the process")
        path = next(arg for arg in node["args"] if arg.endswith(".toml"))
        for ordinal in range(spec["replicas"]):
            file = pathlib.PurePath(path.replace("$(POD_NAME)", f"{one['metadata']['name']}-{ordinal}")).name
            used.add(file)
            if file not in files:
                complain(place, f"there is no configuration {file}")
        drain = tomllib.loads(files[file])["http"]["drain_ms"] / 1000
        if drain + 60 > pod["terminationGracePeriodSeconds"]:
            complain(place, "a node that stops is killed too early")
    for file in set(files) - used:
        complain(case, f"no pod reads {file}")


def run(command, environment=None):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_")}
    done = subprocess.run(command, env={**clean, **(environment or {})}, capture_output=True, text=True, timeout=30)
    return done.returncode, (done.stdout + done.stderr).strip()


def check_programs(case, all_objects, node, ctl):
    """The programs take the configuration and the flags that the objects give them."""
    if node:
        settings = {}
        for one in of_kind(all_objects, "StatefulSet"):
            for variable in one["spec"]["template"]["spec"]["containers"][0]["env"]:
                if variable["name"].startswith("REGISTRY__"):
                    settings[variable["name"]] = variable["value"]
        with tempfile.TemporaryDirectory() as folder:
            for file, text in of_kind(all_objects, "ConfigMap")[0]["data"].items():
                # Secrets are read when the configuration is: they stand in for themselves.
                for secret in set(re.findall(r'"(/etc/schema-registry/[^"]+)"', text)):
                    stand_in = pathlib.Path(folder, pathlib.PurePath(secret).name)
                    stand_in.write_text("0123456789abcdef" * 4 + "\n")
                    text = text.replace(secret, str(stand_in))
                path = pathlib.Path(folder, file)
                path.write_text(text)
                code, said = run([node, "--config", str(path), "--check-config"], settings)
                if code != 0:
                    complain(f"{case}: {file}", f"registry-node does not take it ({code}): {said}")
        code, usage = run([node, "--help"])
        for one in of_kind(all_objects, "StatefulSet"):
            for flag in one["spec"]["template"]["spec"]["containers"][0]["args"]:
                if flag.startswith("--") and flag not in usage:
                    complain(case, f"registry-node has no flag {flag}")
    if ctl:
        for job in of_kind(all_objects, "Job"):
            for container in job["spec"]["template"]["spec"]["containers"]:
                code, said = run([ctl, "--dry-run", *container["args"]])
                if code != 0:
                    complain(f"{case}: {container['name']}", f"registryctl does not take its arguments: {said}")
        for pod in of_kind(all_objects, "Pod"):
            arguments = pod["spec"]["containers"][0]["args"]
            code, said = run([ctl, *arguments[2:], "--help"])
            if code != 0:
                complain(f"{case}: {pod['metadata']['name']}", f"registryctl has no such command: {said}")


def members_of(all_objects):
    files = of_kind(all_objects, "ConfigMap")[0]["data"]
    read = {file: tomllib.loads(text) for file, text in files.items()}
    members = {repr(one["cluster"]["members"]) for one in read.values()}
    return [one["node"]["id"] for one in read.values()], members, next(iter(read.values()))["cluster"]


def check_regions(cases):
    """The releases of one cluster over regions name the same members, and have a node for each."""
    regions = {name: members_of(all_objects) for name, all_objects in cases.items() if name.startswith("region-")}
    ids = sorted(node for nodes, _, _ in regions.values() for node in nodes)
    members = set().union(*(members for _, members, _ in regions.values()))
    clusters = {(cluster["id"], cluster["profile"]) for _, _, cluster in regions.values()}
    if len(members) != 1 or len(clusters) != 1:
        complain("regions", f"{len(members)} lists of members and {len(clusters)} clusters: each release must have the same")
    if ids != [1, 2, 3, 4, 5]:
        complain("regions", f"the nodes are {ids}")


def check_the_check(all_objects):
    """A misspelt key is noticed; otherwise nothing above says much."""
    spoilt = copy.deepcopy(of_kind(all_objects, "StatefulSet")[:1])
    spoilt[0]["spec"]["podManagmentPolicy"] = spoilt[0]["spec"].pop("podManagementPolicy")
    before = len(wrong)
    check_schemas("spoilt", spoilt, {})
    noticed = len(wrong) - before
    del wrong[before:]
    if noticed != len(KUBERNETES):
        complain("the check", "it does not notice a misspelt key")


def check_refused(chart):
    for one in load((CASES / "refused.yaml").read_text()):
        values, says = one["values"], one["says"]
        try:
            render(chart, values)
        except helm.HelmError as error:
            if says not in str(error):
                complain("refused.yaml", f"{values} is refused, but not by name: {error}")
        else:
            complain("refused.yaml", f"{values} is taken")


def check_rules(all_objects):
    """The alerts in the chart are those of deploy/prometheus, with a place that a browser finds."""
    copy_of_rules = CHART / "files/rules.yaml"
    if copy_of_rules.is_symlink() or copy_of_rules.read_bytes() != RULES.read_bytes():
        complain(copy_of_rules.relative_to(ROOT), "it is no copy of deploy/prometheus/rules.yaml: scripts/deploy.sh write")
    groups = copy.deepcopy(of_kind(all_objects, "PrometheusRule")[0]["spec"]["groups"])
    for group in groups:
        for rule in group["rules"]:
            url = rule["annotations"]["runbook_url"]
            rule["annotations"]["runbook_url"] = re.sub("^https://.*/(?=docs/)", "", url)
    if groups != load(RULES.read_text())["groups"]:
        complain("PrometheusRule", "its rules are not those of deploy/prometheus/rules.yaml")


def plain(chart, values):
    """The chart's objects without what is Helm's, for `kubectl apply`."""
    texts = []
    for path, text in sorted(render(chart, values).items()):
        if path.endswith("NOTES.txt") or "/tests/" in path:
            continue
        text = re.sub(r"^ *(app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", "", text, flags=re.M)
        texts += [part.strip("\n") for part in re.split(r"^---\n", text, flags=re.M) if part.strip()]
    head = (
        "# Made from deploy/helm by `scripts/deploy.sh write`; do not edit. docs/deploy.md tells how to use it.\n"
        f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAME}\n"
    )
    out = [head.rstrip("\n")]
    for text in texts:
        out.append(re.sub(r"^metadata:\n", f"metadata:\n  namespace: {NAME}\n", text, count=1, flags=re.M))
    return re.sub(r" +$", "", "\n---\n".join(out), flags=re.M) + "\n"


def values_of(name):
    return load((CASES / f"{name}.yaml").read_text()) or {}


def write():
    (CHART / "files/rules.yaml").write_bytes(RULES.read_bytes())
    chart = helm.Chart.load(str(CHART))
    folder = ROOT / "deploy/kubernetes"
    folder.mkdir(exist_ok=True)
    for file, values in MANIFESTS.items():
        (folder / file).write_text(plain(chart, values))


def check(chart, node, ctl):
    found = helm.lint(str(CHART), strict=True)
    for message in found["messages"]:
        if message["severity"] >= 2:
            complain(f"lint: {message['path']}", message["error"])
    own = load((CASES / "custom-resources.yaml").read_text())
    cases = {}
    names = sorted(path.stem for path in CASES.glob("*.yaml"))
    for name in names:
        if name in ("refused", "custom-resources"):
            continue
        try:
            cases[name] = objects(render(chart, values_of(name)))
        except (helm.HelmError, yaml.YAMLError) as error:
            complain(name, f"it does not render: {error}")
            continue
        check_schemas(name, cases[name], own)
        check_references(name, cases[name])
        check_programs(name, cases[name], node, ctl)
    check_the_check(cases["default"])
    check_regions(cases)
    check_refused(chart)
    check_rules(cases["monitored"])
    for file, values in MANIFESTS.items():
        path = ROOT / "deploy/kubernetes" / file
        if not path.exists() or path.read_text() != plain(chart, values):
            complain(path.relative_to(ROOT), "it is not what the chart renders: scripts/deploy.sh write")
        else:
            check_schemas(file, [one for one in yaml.load_all(path.read_text(), Loader)], own)
    used = {one["kind"] for all_objects in cases.values() for one in all_objects}
    for kind in set(own) - used:
        complain("custom-resources.yaml", f"no set of values renders a {kind}")
    print(f"{len(cases)} sets of values, {sum(map(len, cases.values()))} objects, Kubernetes {', '.join(KUBERNETES)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["check", "write"])
    parser.add_argument("--node")
    parser.add_argument("--ctl")
    given = parser.parse_args()
    if given.what == "write":
        write()
    else:
        check(helm.Chart.load(str(CHART)), given.node, given.ctl)
    for line in wrong:
        print(f"chart: {line}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
