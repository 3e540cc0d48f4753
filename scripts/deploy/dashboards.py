#!/usr/bin/env python3
"""Asks a real Prometheus, which scrapes three real nodes, for every panel of the dashboards and every alert.

    dashboards.py --prometheus prometheus --node registry-node --ctl registryctl

A panel must answer without an error, and show something; those of QUIET show nothing while all is well."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse

import run

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Nothing fails here.
QUIET = {"Failures by operation"}


def ask(port, path, **parameters):
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    status, text = run.ask(port, "GET", f"/api/v1/{path}{query}")
    answer = json.loads(text)
    return answer["data"] if status == 200 and answer["status"] == "success" else sys.exit(f"dashboards: {path}: {text}")


def traffic(nodes):
    """Something of everything that the dashboards tell of."""
    record = '{"type":"record","name":"R","fields":[%s]}'
    one = json.dumps({"schema": record % '{"name":"a","type":"int"}'})
    other = json.dumps({"schema": record % '{"name":"a","type":"string"}'})
    for port in nodes.http[: run.VOTERS]:
        run.ask(port, "POST", f"/subjects/s{port}/versions", one)
        run.ask(port, "POST", f"/subjects/s{port}/versions", other)
        run.ask(port, "GET", "/schemas/ids/1")
        run.ask(port, "GET", "/schemas/ids/4711")


def urgent(alerts):
    return [one for one in alerts if one["state"] == "firing" or one["labels"]["severity"] == "critical"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("--ctl", required=True)
    given = parser.parse_args()
    given.root = None
    with tempfile.TemporaryDirectory() as work:
        nodes = run.Nodes(given, work)
        (port,) = run.ports(1)
        place = pathlib.Path(work)
        targets = json.dumps([f"127.0.0.1:{one}" for one in nodes.http[: run.VOTERS]])
        place.joinpath("prometheus.yml").write_text(
            "global: { scrape_interval: 1s, evaluation_interval: 1s }\n"
            f"rule_files: ['{ROOT}/deploy/prometheus/rules.yaml']\n"
            f"scrape_configs: [{{ job_name: schema-registry, static_configs: [{{ targets: {targets} }}] }}]\n"
        )
        log = open(place / "node-prometheus.log", "wb")
        prometheus = None
        try:
            for one in range(run.VOTERS):
                nodes.start(one)
            for one in nodes.http[: run.VOTERS]:
                run.wait_for("every node to be ready", lambda one=one: run.status_of(one, "/readyz") == 200)
            nodes.ctl("backup", "create")
            traffic(nodes)
            command = [given.prometheus, f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/tsdb"]
            command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
            prometheus = subprocess.Popen(command, stdout=log, stderr=log)
            run.wait_for("Prometheus", lambda: run.status_of(port, "/-/ready") == 200)
            until = time.monotonic() + run.SECONDS_MAX
            panels = [
                (path.name, panel["title"], target["expr"].replace("$job", "schema-registry"))
                for path in sorted((ROOT / "deploy/grafana").glob("*.json"))
                for panel in json.loads(path.read_text())["panels"]
                for target in panel.get("targets", [])
            ]
            silent = panels
            # A rate needs two scrapes, and something that counts between them.
            while silent and time.monotonic() < until:
                traffic(nodes)
                time.sleep(1)
                silent = [one for one in silent if not ask(port, "query", query=one[2])["result"] and one[1] not in QUIET]
            if silent:
                sys.exit(f"dashboards: these show nothing: {silent}")
            down = [one for one in ask(port, "targets")["activeTargets"] if one["health"] != "up"]
            rules = [rule for group in ask(port, "rules")["groups"] for rule in group["rules"]]
            sick = [rule for rule in rules if rule["health"] != "ok"]
            if down or sick:
                sys.exit(f"dashboards: targets {down}, rules {sick}")
            # The first scrapes do not come at the same moment; and what warns after a day may pend until then.
            run.wait_for("a healthy cluster without alerts", lambda: not urgent(ask(port, "alerts")["alerts"]))
            nodes.stop(2)
            run.wait_for(
                "the alert for a node that is down",
                lambda: any(one["labels"]["alertname"] == "SchemaRegistryNodeDown" for one in ask(port, "alerts")["alerts"]),
            )
            print(f"{len(panels)} panels show something, {len(rules)} rules are sound, and a stopped node is noticed")
        except BaseException:
            nodes.logs()
            raise
        finally:
            if prometheus:
                prometheus.kill()
                prometheus.wait()
            nodes.end()


if __name__ == "__main__":
    main()
