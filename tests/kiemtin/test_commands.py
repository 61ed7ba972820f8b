"""The command line as its users meet it."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, text

from crawlers import sample_site
from store import tasks
from store.records import Records
from store.tables import Post, Run
from store.vocabulary import TaskKind
from tests.factory import HARMFUL
from tests.kiemtin.program import Program, free_port, wait_for


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_help_teaches_every_command(program: Program) -> None:
    shown = program.run("--help")
    for command in (
        "demo",
        "run",
        "serve",
        "work",
        "crawl",
        "import",
        "score",
        "migrate",
        "reindex",
        "status",
        "search",
        "source",
        "user",
        "audit",
    ):
        assert command in shown
    for command in (["import"], ["crawl"], ["audit", "verify"], ["user", "add"], ["model", "train"]):
        assert "Usage" in program.run(*command, "--help")


def test_the_demo_carries_the_sample_site_to_the_queue_and_can_be_repeated(program: Program) -> None:
    shown = program.run("demo", "--no-serve")
    assert "mật khẩu dùng một lần" in shown
    for row in ("gắn cờ", "Chữa trị sai", "Lừa đảo", "phát ngôn được bảo vệ", "bản sao của bài khác"):
        assert row in shown
    assert "nước tỏi" in program.run("search", "alike", "garlic-water-cure")
    assert "Không có bài nào giống" in program.run("search", "alike", "xyzzy [bold]")
    again = program.run("demo", "--no-serve")
    assert "mật khẩu dùng một lần" not in again
    assert "page/recent" in again or "post/seen" in again
    with program.records().read() as session:
        keys = list(session.scalars(select(Post.key)))
        assert len(keys) == len(set(keys)) >= 150
    assert "Nguyên vẹn" in program.run("audit", "verify")


def test_a_file_is_tried_then_imported_then_worked_on(program: Program) -> None:
    file = program.folder / "phản ánh.csv"
    file.write_text(
        "Mã;Nội dung;Ngày\n1;Uống nước tỏi nóng là khỏi hẳn COVID, khỏi cần thuốc;20/11/2026\n2;;\n"
    )
    shown = program.run("import", str(file), "--kind", "hotline", "--dry-run")
    assert "1 sẽ được nhận, 1 bị từ chối" in shown
    assert not (program.folder / "var").exists()
    shown = program.run("import", str(file), "--kind", "hotline", "--source", "Đường dây nóng")
    assert "1 dòng bị từ chối" in shown
    (errors,) = (program.folder / "var" / "imports").iterdir()
    assert json.loads(errors.read_text())["row"] == 2
    assert "đã nhập xong trước đây" in program.run(
        "import", str(file), "--kind", "hotline", "--source", "Đường dây nóng"
    )
    program.run("work", "--until-idle", "--quiet")
    with program.records().read() as session:
        assert session.scalars(select(Post)).one().assessment_id is not None
    assert "Chỉ mục có 1 bài" in program.run("reindex")
    assert "Đường dây nóng" in program.run("source", "list")


def test_the_fields_that_help_names_are_those_of_a_mapping() -> None:
    from crawlers.imports import mapping
    from kiemtin.commands import ingest

    assert set(ingest.FIELDS) == set(mapping.FIELDS)


def test_a_file_is_scored_row_by_row(program: Program) -> None:
    source, target = program.folder / "vào.jsonl", program.folder / "ra.jsonl"
    source.write_text(
        '{"id": "a", "text": "Uống nước tỏi nóng là khỏi hẳn COVID"}\nhỏng\n{"id": 2, "text": ""}\n'
    )
    program.run("score", str(source), str(target), "--quiet")
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a", 2]
    assert set(rows[0]) == {
        "id", "about", "act", "acts", "harms", "harmful", "flagged", "protected", "uncertain", "priority", "claims",
        "model", "policy",
    }  # fmt: skip
    errors = target.with_name("ra.jsonl.errors.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in errors] == [2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve"], "kiemtin migrate"),
        (["crawl"], "kiemtin migrate"),
        (["import", "none.csv"], "Không thấy tệp"),
        (["source", "check", "none.yaml"], "Không thấy none.yaml"),
        (["score", "none.jsonl", "out.jsonl"], "Không chấm được"),
    ],
)
def test_what_is_missing_is_said_in_one_line(program: Program, arguments: list[str], said: str) -> None:
    shown = program.run(*arguments, expect=2)
    assert said in shown
    assert "Traceback" not in shown


def test_a_wrong_setting_names_its_variable(program: Program) -> None:
    program.settings = {"KIEMTIN_PORT": "nhiều", "KIEMTIN_CRAWL_MINUTES": "0"}
    shown = program.run("settings", expect=2)
    assert "KIEMTIN_PORT" in shown
    assert "KIEMTIN_CRAWL_MINUTES" in shown


def test_an_audit_log_that_was_changed_ends_with_status_1(program: Program) -> None:
    program.run("migrate")
    program.run("user", "add", "hoa", "--name", "Hoa")
    records = program.records()
    with records.write() as session:
        session.execute(text("DROP TRIGGER event_no_update"))
        session.execute(text("UPDATE event SET actor = 'user:9' WHERE id = 2"))
    assert "dòng 2" in program.run("audit", "verify", expect=1)
    records.close()


def test_people_are_added_listed_and_reset(program: Program) -> None:
    program.run("migrate")
    assert "Mật khẩu dùng một lần" in program.run("user", "add", "hoa", "--role", "lead")
    assert "Đã có tài khoản" in program.run("user", "add", "hoa", expect=2)
    assert "Mật khẩu dùng một lần của hoa" in program.run("user", "reset", "hoa")
    assert "lead" in program.run("user", "list")


def test_run_crawls_scores_serves_and_ends_cleanly(program: Program) -> None:
    site = sample_site.serve()
    entries = sample_site.sources(site.url)[:1]
    (program.folder / "sources.yaml").write_text(json.dumps(entries))
    program.settings = {"KIEMTIN_FRAME_PORT": str(free_port())}
    process = program.start("run")
    try:
        program.wait_until_well(process)
        # The same process serves archived pages at their own port, and nothing of the desk there.
        other = f"http://127.0.0.1:{program.settings['KIEMTIN_FRAME_PORT']}"
        found = {path: httpx.get(f"{other}{path}").status_code for path in ("/here", "/page", "/healthz")}
        assert found == {"/here": 200, "/page": 403, "/healthz": 404}
        assert httpx.get(f"{program.url}/here").status_code == 404
        assert f"frame-src {other};" in httpx.get(program.url).headers["Content-Security-Policy"]
        records = program.records()
        wait_for(lambda: _done(records))
        records.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0
    finally:
        process.kill()
        site.stop()
    log = [
        json.loads(line)
        for line in (program.folder / "run.log").read_text().splitlines()
        if line.startswith("{")
    ]
    assert {"crawl.source", "serve.stopped"} <= {line["event"] for line in log}
    assert not [line for line in log if line["level"] in {"error", "critical"}]
    with program.records().read() as session:
        assert [run.state for run in session.scalars(select(Run))] == ["done"]


def _done(records: Records) -> bool:
    """Say whether the one run ended and all that it brought is scored and indexed."""
    with records.read() as session:
        queues = tasks.queues(session)
        return session.scalars(select(Run.state)).all() == ["done"] and not any(
            queues[kind].waiting + queues[kind].in_hand for kind in (TaskKind.SCORE, TaskKind.INDEX)
        )


@pytest.mark.parametrize("setting", ["KIEMTIN_PORT", "KIEMTIN_FRAME_PORT", "KIEMTIN_DEMO_PORT"])
def test_a_port_that_is_taken_is_said_before_any_work(program: Program, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        program.settings = {setting: str(taken.getsockname()[1])}
        assert setting in program.run("demo", expect=2)
    assert not (program.folder / "var").exists()


def test_two_workers_share_the_queues_and_say_so(program: Program) -> None:
    (program.folder / "posts.jsonl").write_text(
        "\n".join(json.dumps({"id": i, "text": f"{i} {HARMFUL[i % len(HARMFUL)]}"}) for i in range(300))
    )
    program.run("import", "posts.jsonl", "--quiet")
    processes = [program.start("work", "--queues", "score,index") for _ in range(2)]
    try:
        wait_for(lambda: "300 bài" in program.run("status", expect=None))
        assert program.run("status").count("chấm, lập chỉ mục") == 2
        # A post that joined a case changes those that are in the index already.
        records = program.records()
        wait_for(lambda: _done(records))
        records.close()
        assert "Chỉ mục khớp" in program.run("search", "doctor")
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(180) for process in processes] == [0, 0]
    assert "không có: chạy" in program.run("status", expect=1)
    assert "Không có hàng việc" in program.run("work", "--queues", "score,x", expect=2)


def test_a_crawl_leaves_alone_what_another_crawls(program: Program) -> None:
    site = sample_site.serve()
    try:
        (program.folder / "sources.yaml").write_text(json.dumps(sample_site.sources(site.url)))
        program.run("migrate")
        program.run("crawl", "--quiet")
        assert "Không có nguồn nào" in program.run("crawl", "--due")
        records = program.records()
        with records.write() as session:
            assert tasks.take_crawls(session, "elsewhere", range(1, 10)) is not None
        assert "Không có nguồn nào" in program.run("crawl")
        records.close()
    finally:
        site.stop()
