#!/usr/bin/env python3
"""Runs three nodes as a supervisor or a kubelet would, and looks whether what deploy/ promises of them holds.

    run.py --node registry-node --ctl registryctl     the programs as they are
    run.py ... --root DIRECTORY                       those of an unpacked image: below a read-only root, as user 65532 (needs root)

The voters are all started with --bootstrap, as the chart does; a node without a vote is added twice, as its Job may do; the
leader is stopped with SIGTERM while a client writes."""

import argparse
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SECONDS_MAX = 60
USER = 65532
VOTERS = 3
# The node without a vote is the last one.
READER, READER_ID = VOTERS, 101
SCHEMA = json.dumps({"schema": '"string"'})


def ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found


def ask(port, method, path, body=None, seconds=15):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def status_of(port, path):
    try:
        return ask(port, "GET", path, seconds=3)[0]
    except (OSError, http.client.HTTPException):
        return None


def wait_for(what, holds):
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    sys.exit(f"run: after {SECONDS_MAX} s still waiting for {what}")


class Nodes:
    def __init__(self, given, work):
        self.given, self.work = given, pathlib.Path(work)
        self.http, self.peer = ports(VOTERS + 1), ports(VOTERS + 1)
        self.processes = {}
        members = "".join(
            f'[[cluster.members]]\nid = {one + 1}\npeer_address = "127.0.0.1:{self.peer[one]}"\n'
            f'http_url = "http://127.0.0.1:{self.http[one]}"\nregion = "zone-{one}"\n'
            for one in range(VOTERS)
        )
        for one in range(VOTERS + 1):
            node = READER_ID if one == READER else one + 1
            place = self.work / f"etc-{one}"
            place.mkdir()
            place.joinpath("cluster.toml").write_text(
                f'[node]\nid = {node}\nregion = "zone-{one}"\ndata_dir = "{self.state(one)}/data"\n'
                f'[cluster]\nid = "try"\n{members}'
                f'[http]\nlisten = "127.0.0.1:{self.http[one]}"\n[peer]\nlisten = "127.0.0.1:{self.peer[one]}"\n'
                f'[backup]\ndirectory = "{self.state(one)}/backups"\nevery_seconds = 86400\n'
            )
        self.heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # An abstract socket is reached from below another root, too.
        self.heard.bind(f"\0schema-registry-run-{os.getpid()}")
        self.heard.settimeout(SECONDS_MAX)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.logs()
        self.end()

    def state(self, one):
        return "/var/lib/schema-registry" if self.given.root else self.work / f"state-{one}"

    def below_root(self, one, command):
        """The command line that runs a command as a container would."""
        root = self.given.root
        mounts = (
            f"mount --bind '{root}' '{root}' && mount -o remount,bind,ro '{root}' && mount --rbind /proc '{root}/proc' && "
            f"mount --rbind /dev '{root}/dev' && "
            f"mount -t tmpfs -o uid={USER},gid={USER},mode=0700 tmpfs '{root}/var/lib/schema-registry' && "
            f"mount --bind '{self.work}/etc-{one}' '{root}/etc/schema-registry' && "
            f"exec chroot --userspec={USER}:{USER} '{root}' \"$@\""
        )
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounts, "sh", *command]

    def start(self, one):
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "NOTIFY_SOCKET": f"@schema-registry-run-{os.getpid()}"}
        if self.given.root:
            command = self.below_root(one, ["/usr/bin/registry-node", "--config", "/etc/schema-registry/cluster.toml"])
        else:
            command = [self.given.node, "--config", str(self.work / f"etc-{one}/cluster.toml")]
        log = open(self.work / f"node-{one}.log", "ab")
        command += ["--bootstrap"] if one < VOTERS else []
        self.processes[one] = subprocess.Popen(command, env=environment, stderr=log, stdout=log)

    def ctl(self, *arguments):
        url = ",".join(f"http://127.0.0.1:{port}" for port in self.http[:VOTERS])
        if self.given.root:
            command = self.below_root(0, ["/usr/bin/registryctl", "--url", url, *arguments])
        else:
            command = [self.given.ctl, "--url", url, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
        if done.returncode != 0:
            sys.exit(f"run: registryctl {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def leader(self):
        return json.loads(self.ctl("-o", "json", "cluster", "status"))["leader_id"]

    def stop(self, one):
        process = self.processes.pop(one)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=SECONDS_MAX)

    def end(self):
        for process in self.processes.values():
            process.kill()
            process.wait()

    def logs(self):
        for path in sorted(self.work.glob("node-*.log")):
            print(f"--- {path.name}\n{path.read_text()[-3000:]}", file=sys.stderr)


def try_it(nodes):
    def good(what, holds):
        if not holds:
            sys.exit(f"run: it does not hold that {what}")

    http = nodes.http[:VOTERS]
    nodes.start(0)
    wait_for("the first node's port", lambda: status_of(http[0], "/livez") == 200)
    good("a node without its peers lives", status_of(http[0], "/livez") == 200)
    good("and is not ready", status_of(http[0], "/readyz") == 503)
    good("and has not started, so nothing may be restarted for that", status_of(http[0], "/startupz") == 503)
    nodes.start(1)
    nodes.start(2)
    for port in http:
        wait_for("every node to be ready", lambda port=port: status_of(port, "/readyz") == 200)
    told = [nodes.heard.recv(100).decode() for _ in range(3)]
    good(f"each told its supervisor that it is ready: {told}", all(one.startswith("READY=1") for one in told))
    good("a follower takes a write", ask(http[1], "POST", "/subjects/s/versions", SCHEMA)[0] == 200)
    good("another node has it", ask(http[2], "GET", "/subjects/s/versions/1")[0] == 200)
    good("registryctl finds every node ready", "not ready" not in nodes.ctl("cluster", "health"))
    reader = nodes.http[READER]
    nodes.start(READER)
    wait_for("the port of the node without a vote", lambda: status_of(reader, "/livez") == 200)
    for _ in range(2):
        addresses = ["--peer-address", f"127.0.0.1:{nodes.peer[READER]}", "--http-url", f"http://127.0.0.1:{reader}"]
        nodes.ctl("member", "add", str(READER_ID), *addresses, "--region", "zone-9")
    wait_for("the node without a vote to be ready", lambda: status_of(reader, "/readyz") == 200)
    good("it has what was written", ask(reader, "GET", "/subjects/s/versions/1")[0] == 200)
    good("it told its supervisor, too", nodes.heard.recv(100).startswith(b"READY=1"))
    leader = wait_for("a leader", nodes.leader)
    others = [one for one in range(VOTERS) if one != leader - 1]
    failed, slowest, written, stop = [], [0.0], [0], threading.Event()

    def write():
        while not stop.is_set():
            started = time.monotonic()
            number = written[0]
            for _ in range(2):
                try:
                    status, body = ask(http[others[number % 2]], "POST", f"/subjects/n{number}/versions", SCHEMA)
                except OSError as error:
                    status, body = None, str(error)
                if status == 200:
                    break
            else:
                failed.append((number, status, body))
            slowest[0] = max(slowest[0], time.monotonic() - started)
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    wait_for("some writes", lambda: written[0] > 20)
    before = written[0]
    code = nodes.stop(leader - 1)
    wait_for("some more writes", lambda: written[0] > before + 20)
    stop.set()
    writer.join()
    good(f"the leader ends with 0 on SIGTERM, not with {code}", code == 0)
    told = nodes.heard.recv(100).decode()
    good(f"it told its supervisor that it stops: {told}", told == "STOPPING=1")
    good(f"no write failed twice: {failed[:3]}", not failed)
    good("another node leads", wait_for("a leader", nodes.leader) != leader)
    for one in [*others, READER]:
        code = nodes.stop(one)
        good(f"a follower ends with 0 on SIGTERM, not with {code}", code == 0)
    print(f"{written[0]} writes over a hand-over, none failed twice; the slowest took {slowest[0] * 1000:.0f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", default="registry-node")
    parser.add_argument("--ctl", default="registryctl")
    parser.add_argument("--root")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        with Nodes(given, work) as nodes:
            try_it(nodes)


if __name__ == "__main__":
    main()
