#!/usr/bin/env python3
"""Checks what deploy/docker-compose.yaml says of itself: volumes and configurations exist, and each node takes its own.

    compose.py [registry-node]"""

import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import yaml

FILE = pathlib.Path(__file__).resolve().parents[2] / "deploy/docker-compose.yaml"


def main():
    compose = yaml.safe_load(FILE.read_text())
    members = {}
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            if volume.split(":")[0] not in compose["volumes"]:
                sys.exit(f"compose: {name} mounts {volume}")
        if not (service["read_only"] and service["cap_drop"] == ["ALL"]):
            sys.exit(f"compose: {name} may do more than a node needs")
        (configuration,) = service["configs"]
        text = compose["configs"][configuration["source"]]["content"]
        environment = {key: str(value) for key, value in service["environment"].items()}
        members[int(environment["REGISTRY__NODE__ID"])] = name
        for member in tomllib.loads(text)["cluster"]["members"]:
            if member["peer_address"].split(":")[0] not in compose["services"]:
                sys.exit(f"compose: {member} is no service")
        if len(sys.argv) > 1:
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write(text)
                file.flush()
                clean = {key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_")}
                command = [sys.argv[1], "--config", file.name, "--check-config"]
                done = subprocess.run(command, env={**clean, **environment}, capture_output=True, text=True)
                if done.returncode != 0:
                    sys.exit(f"compose: {name}: registry-node does not take it: {done.stderr}")
    listed = {one["id"] for one in tomllib.loads(text)["cluster"]["members"]}
    if set(members) != listed:
        sys.exit(f"compose: the services are {members}, the members {listed}")
    print(f"{len(members)} services")


if __name__ == "__main__":
    main()
