"""An installation as who watches over it sees it: every figure of the dashboard is measured, traces tell no tales."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from crawlers import sample_site
from tests.conftest import ROOT
from tests.kiemtin.program import Program, free_port, wait_for

MONITORING = ROOT / "docs" / "operator" / "monitoring"
SEARCHED = "xauxihiemhoi"
# What Prometheus itself adds, and what only comes with an error.
ADDED = {"up"}
ON_ERROR = re.compile(r"(score|index|crawl)/failed|score/uncertain|5\.\.")


@dataclass
class Collector:
    """Receives OTLP over HTTP as a collector does, and keeps what came."""

    server: ThreadingHTTPServer
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self) -> list[tuple[str, dict[str, str]]]:
        """Return name and attributes of all spans received."""
        found = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        values = {
                            a.key: str(a.value.string_value or a.value.int_value) for a in span.attributes
                        }
                        found.append((span.name, values))
        return found


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            made.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    made = Collector(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@dataclass(frozen=True)
class Watched:
    metrics: dict[str, list[dict[str, str]]]
    collector: Collector


@pytest.fixture(scope="module")
def watched(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """What an installation showed while it crawled, scored, indexed and served the sample site."""
    program = Program(
        tmp_path_factory.mktemp("watched"),
        settings={"KIEMTIN_TRACES_URL": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"},
    )
    site = sample_site.serve()
    (program.folder / "sources.yaml").write_text(json.dumps(sample_site.sources(site.url)))
    process = program.start("run")
    try:
        program.wait_until_well(process)
        for path in (f"/search?q={SEARCHED}", f"/cases/{SEARCHED}", "/api/v1/queue"):
            httpx.get(f"{program.url}{path}")

        def measured() -> str:
            return httpx.get(f"{program.url}/metrics").text

        wait_for(
            lambda: all(name in measured() for name in ("crawl/post/new", "score/protected", "index/put"))
        )
        shown = measured()
    finally:
        process.terminate()
        process.wait()
        site.stop()
    assert process.returncode == 0
    metrics: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(shown):
        for sample in family.samples:
            metrics.setdefault(sample.name, []).append(sample.labels)
    return Watched(metrics, collector)


def expressions() -> list[str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    panels = [one["expr"] for panel in dashboard["panels"] for one in panel.get("targets", ())]
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return panels + [rule["expr"] for group in rules for rule in group["rules"]]


@pytest.mark.parametrize("expression", expressions())
def test_every_expression_of_dashboard_and_alerts_asks_for_what_is_measured(
    watched: Watched, expression: str
) -> None:
    selectors = re.findall(r"\b(kiemtin_\w+|up)\b(?:\{([^}]*)\})?", expression)
    assert selectors
    for name, matchers in selectors:
        if name in ADDED:
            continue
        assert name in watched.metrics, name
        labels = watched.metrics[name]
        for label, kind, wanted in re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers):
            for one in wanted.split("|") if kind == "=~" and "(" not in wanted else [wanted]:
                if ON_ERROR.fullmatch(one):
                    continue
                pattern = one if kind == "=~" else re.escape(one)
                assert any(re.fullmatch(pattern, given[label]) for given in labels), (name, label, one)
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        for label in grouped.replace(" ", "").split(","):
            assert any(label in given for name, _ in selectors for given in watched.metrics[name]), label


def test_requests_and_batches_are_traced_by_their_kind(watched: Watched) -> None:
    spans = watched.collector.spans()
    names = {name for name, _ in spans}
    assert {"work score", "work index", "work crawl", "GET /healthz"} <= names
    served = dict(spans)["GET /healthz"]
    assert served["http.response.status_code"] in {"200", "503"}
    assert int(dict(spans)["work score"]["kiemtin.tasks"]) > 0


def test_traces_hold_no_text_no_address_and_nothing_that_was_typed(watched: Watched) -> None:
    told = b"".join(watched.collector.bodies)
    assert told
    words = {w for thread in sample_site.threads() for m in thread.messages for w in m.text.split()}
    assert not [word for word in words if len(word) > 6 and word.encode() in told]
    for hidden in (SEARCHED, "/dien-dan/", "rss.xml", "Ben Nuoc", "admin@"):
        assert hidden.encode() not in told, [one for one in watched.collector.spans() if hidden in str(one)]


def test_a_collector_that_is_away_holds_nothing_up(tmp_path: Path) -> None:
    away = Program(tmp_path, settings={"KIEMTIN_TRACES_URL": f"http://127.0.0.1:{free_port()}"})
    away.run("migrate")
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": 1, "text": "Uống nước tỏi là khỏi, khỏi cần thuốc tây"}))
    away.run("import", str(rows), "--source", "Thử")
    said = away.run("work", "--until-idle", "--quiet")
    assert said.count("traces.unsent") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("url", ["ftp://may:4318", "may:4318", "http://", "http://may:999999"])
def test_an_address_that_cannot_be_one_is_said(tmp_path: Path, url: str) -> None:
    program = Program(tmp_path, settings={"KIEMTIN_TRACES_URL": url})
    program.run("migrate")
    assert "KIEMTIN_TRACES_URL phải là" in program.run("work", "--until-idle", expect=None)
