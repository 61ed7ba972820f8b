"""The port of archived pages: beside the desk's, one that is free where nobody chose, an error where somebody did."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from kiemtin import listening
from kiemtin.settings import Settings, SettingsError, load


@pytest.fixture
def desk() -> Iterator[int]:
    """A port of a desk whose next port is free."""
    while True:
        with listening.at("127.0.0.1", 0, "") as found:
            port: int = found.getsockname()[1]
            try:
                listening.at("127.0.0.1", port + 1, "").close()
            except (SettingsError, OverflowError):
                continue
            yield port
            return


def port_of(found: socket.socket) -> int:
    with found:
        port: int = found.getsockname()[1]
        return port


def test_it_is_the_port_after_the_desks_and_another_where_that_is_taken(desk: int) -> None:
    settings = Settings()
    assert port_of(listening.beside(settings, desk)) == desk + 1
    with listening.at("127.0.0.1", desk + 1, ""):
        assert port_of(listening.beside(settings, desk)) not in {desk, desk + 1}
    assert port_of(listening.beside(settings, 65535)) > 0
    assert port_of(listening.beside(settings, 0)) > 0


def test_a_port_that_was_chosen_or_that_a_proxy_knows_is_that_one_or_none(desk: int) -> None:
    chosen = Settings(frame_port=desk + 1)
    known = Settings(frame_url="https://luu.example")
    assert port_of(listening.beside(chosen, 1)) == desk + 1
    with listening.at("127.0.0.1", desk + 1, ""):
        for settings in (chosen, known):
            with pytest.raises(SettingsError, match="KIEMTIN_FRAME_PORT"):
                listening.beside(settings, desk)


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://luu.example", True),
        ("http://10.1.2.3:8001", True),
        ("https://kiemtin.example", False),
        ("https://luu.example/", False),
        ("https://luu.example; script-src *", False),
        ("luu.example", False),
    ],
)
def test_the_address_is_an_origin_and_not_the_desks(
    monkeypatch: pytest.MonkeyPatch, url: str, fine: bool
) -> None:
    monkeypatch.setenv("KIEMTIN_PUBLIC_URL", "https://kiemtin.example")
    monkeypatch.setenv("KIEMTIN_FRAME_URL", url)
    if fine:
        assert load().frame_url == url
        return
    with pytest.raises(SettingsError, match="KIEMTIN_FRAME_URL"):
        load()
