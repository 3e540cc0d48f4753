#!/usr/bin/env python3
"""Writes what the programs are made of, as CycloneDX 1.6 in JSON, from the resolved Cargo.lock.

    sbom.py [FILE]         to a file, or to standard output

What is compiled into registry-node or registryctl is listed, with licences and checksums; what only tests and builds need is
not. The same checkout gives the same bytes."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ["schemareg-node", "schemareg-client"]
TARGET = "x86_64-unknown-linux-gnu"


def metadata():
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", TARGET]
    for extra in (["--offline"], []):
        done = subprocess.run(command + extra, cwd=ROOT, capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout)
    sys.exit(f"sbom: {done.stderr}")


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version'].replace('+', '%2B')}"


def licences(package):
    # Before SPDX expressions, "A/B" stood for "either".
    text = (package["license"] or "").replace("/", " OR ")
    return [{"expression": text}] if text else []


def component(package, checksums):
    own = package["source"] is None
    one = {
        "type": "application" if package["name"] in PROGRAMS else "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "licenses": licences(package),
        "purl": purl(package),
        "scope": "required",
    }
    if not one["licenses"]:
        del one["licenses"]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        one["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"] and not own:
        one["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return one


def sbom():
    resolved = metadata()
    packages = {one["id"]: one for one in resolved["packages"]}
    nodes = {one["id"]: one for one in resolved["resolve"]["nodes"]}
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in locked}

    def runs_in_the_compiler(package):
        return any("proc-macro" in target["kind"] for target in packages[package]["targets"])

    def linked(node):
        # Of kind null: neither for tests nor for build scripts.
        return [
            dependency["pkg"]
            for dependency in nodes[node]["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
            and not runs_in_the_compiler(dependency["pkg"])
        ]

    todo = [one for one, package in packages.items() if package["name"] in PROGRAMS]
    seen = set(todo)
    while todo:
        for one in linked(todo.pop()):
            if one not in seen:
                seen.add(one)
                todo.append(one)
    order = sorted(seen, key=lambda one: (packages[one]["name"], packages[one]["version"]))
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    top = f"pkg:generic/schema-registry@{version}"
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": top,
                "name": "schema-registry",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": top,
            }
        },
        "components": [component(packages[one], checksums) for one in order],
        "dependencies": [
            {
                "ref": top,
                "dependsOn": [purl(packages[one]) for one in order if packages[one]["name"] in PROGRAMS],
            }
        ]
        + [
            {
                "ref": purl(packages[one]),
                "dependsOn": sorted({purl(packages[other]) for other in linked(one)}),
            }
            for one in order
        ],
    }
    digest = hashlib.sha256(json.dumps(bom, sort_keys=True).encode()).hexdigest()
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}"
    return json.dumps(bom, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    text = sbom()
    if len(sys.argv) > 1:
        pathlib.Path(sys.argv[1]).write_text(text)
    else:
        os.write(1, text.encode())
