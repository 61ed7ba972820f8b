"""The reviewers of `bench.load`, as Locust users: `python -m bench.reviewers URL SECONDS`.

The headers of each, as JSON, come on standard input. A process of its own, for Locust replaces the sockets of
the one it runs in.
"""

from __future__ import annotations

import json
import sys

import gevent
from locust import HttpUser, between, task
from locust.env import Environment

_WAIT = (1.0, 4.0)
_SEARCHES = ("nước tỏi", "vắc xin", "chuyển khoản", "phong tỏa", "âm tính")


class Reviewer(HttpUser):
    """Takes cases and decides them; looks at the queue and searches in between."""

    wait_time = between(*_WAIT)
    people: list[dict[str, str]]

    def on_start(self) -> None:
        self.client.headers.update(self.people.pop())
        self.turn = 0

    @task(6)
    def decide(self) -> None:
        lease = self.client.post("/api/v1/lanes/all/next", name="take the next case").json()
        if not lease:
            return
        path = f"/api/v1/cases/{lease['case_id']}"
        case = self.client.get(path, name="read a case").json()
        gevent.sleep(1)
        given = {
            "version": lease["version"], "token": lease["token"], "seen": case["content_hash"],
            "outcome": "dismiss", "reason": "không gây hại cho ai",
        }  # fmt: skip
        self.client.post(f"{path}/decide", json=given, name="decide a case")

    @task(2)
    def desk(self) -> None:
        self.client.get("/", name="open the desk")

    @task(2)
    def queue(self) -> None:
        self.client.get("/queue", name="list the queue")

    @task(2)
    def search(self) -> None:
        self.turn += 1
        said = _SEARCHES[self.turn % len(_SEARCHES)]
        self.client.get("/api/v1/search", params={"q": said}, name="search")


def main() -> None:
    address, seconds = sys.argv[1], float(sys.argv[2])
    Reviewer.people = json.load(sys.stdin)
    number = len(Reviewer.people)
    environment = Environment(user_classes=[Reviewer], host=address)
    runner = environment.create_local_runner()
    runner.start(number, spawn_rate=number / 3)
    gevent.sleep(seconds)
    runner.quit()
    kinds = {
        entry.name: {"number": entry.num_requests, "p95": float(entry.get_response_time_percentile(0.95))}
        for entry in environment.stats.entries.values()
    }
    print(json.dumps({"kinds": kinds, "failed": environment.stats.total.num_failures}))


if __name__ == "__main__":
    main()
