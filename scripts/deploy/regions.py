#!/usr/bin/env python3
"""Measures what reads and writes cost with a round trip of 150 ms between any two of three regions; docs/multi-region.md has the
table. A proxy between each two nodes holds back every byte; the client is beside the node that it asks.

    regions.py --node registry-node --ctl registryctl [--round-trip 150] [--times 50]"""

import argparse
import asyncio
import http.client
import statistics
import tempfile
import threading
import time

import run

CHUNK = 65536


class Distance:
    """Proxies that carry bytes with a delay, each way the half of a round trip."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def carry(self, reader, writer):
        queue = asyncio.Queue()

        async def deliver():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0, due - self.loop.time()))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            writer.close()

        task = asyncio.ensure_future(deliver())
        try:
            while data := await reader.read(CHUNK):
                queue.put_nowait((self.loop.time() + self.seconds, data))
        finally:
            queue.put_nowait((self.loop.time() + self.seconds, b""))
            await task

    def to(self, port):
        async def accept(reader, writer):
            try:
                await asyncio.sleep(2 * self.seconds)  # The handshake of TCP.
                other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(self.carry(reader, other_writer), self.carry(other_reader, writer))
            except OSError:
                writer.close()

        async def serve():
            server = await asyncio.start_server(accept, "127.0.0.1", 0)
            return server.sockets[0].getsockname()[1]

        return asyncio.run_coroutine_threadsafe(serve(), self.loop).result()


class Client:
    """One connection that is kept."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.connection.connect()

    def timed(self, method, path, body=None, headers=None):
        started = time.monotonic()
        self.connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"regions: {method} {path}: {answer.status} {text}")
        return (time.monotonic() - started) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", required=True)
    parser.add_argument("--ctl", required=True)
    parser.add_argument("--round-trip", type=float, default=150)
    parser.add_argument("--times", type=int, default=50)
    given = parser.parse_args()
    given.root = None
    distance = Distance(given.round_trip / 2000)
    with tempfile.TemporaryDirectory() as work:
        nodes = run.Nodes(given, work)
        for one in range(run.VOTERS):
            path = nodes.work / f"etc-{one}/cluster.toml"
            others = "".join(
                f'{other + 1} = "127.0.0.1:{distance.to(nodes.peer[other])}"\n' for other in range(run.VOTERS) if other != one
            )
            text = path.read_text().replace('id = "try"\n', 'id = "try"\nprofile = "wan"\n')
            path.write_text(f"{text}[cluster.peer_overrides]\n{others}")
        with nodes:
            for one in range(run.VOTERS):
                nodes.start(one)
            for port in nodes.http[: run.VOTERS]:
                run.wait_for("every node to be ready", lambda port=port: run.status_of(port, "/readyz") == 200)
            leader = run.wait_for("a leader", nodes.leader) - 1
            follower = (leader + 1) % 3
            run.ask(nodes.http[follower], "POST", "/subjects/known/versions", run.SCHEMA, 30)
            time.sleep(1)
            local = {"X-Registry-Consistency": "local"}
            number = iter(range(10**9))
            measured = [
                ("a schema by its id", "GET", lambda: "/schemas/ids/1", None, None),
                ("registration of a known schema", "POST", lambda: "/subjects/known/versions", run.SCHEMA, None),
                ("`latest`, `local`", "GET", lambda: "/subjects/known/versions/latest", None, local),
                ("`latest`, confirmed", "GET", lambda: "/subjects/known/versions/latest", None, None),
                ("registration of a new schema", "POST", lambda: f"/subjects/n{next(number)}/versions", run.SCHEMA, None),
            ]
            at = {"leader": Client(nodes.http[leader]), "follower": Client(nodes.http[follower])}
            print("| what | asked of the leader: median | slowest | of a follower: median | slowest |")
            print("|---|---:|---:|---:|---:|")
            for what, method, path, body, headers in measured:
                cells = []
                for client in at.values():
                    times = sorted(client.timed(method, path(), body, headers) for _ in range(given.times))
                    cells += [f"{statistics.median(times):.0f} ms", f"{times[-1]:.0f} ms"]
                print(f"| {what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
