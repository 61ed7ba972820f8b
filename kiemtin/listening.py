"""The sockets of a server: the desk's, and the one of archived pages beside it."""

from __future__ import annotations

import socket

from kiemtin.settings import Settings, SettingsError


def at(host: str, port: int, setting: str) -> socket.socket:
    """Return a socket that listens at a port, 0 for a free one; raises `SettingsError` naming `setting`."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        raise SettingsError(
            f"Không mở được cổng {port} trên {host}: {error.strerror}. Chọn cổng khác bằng {setting}."
        ) from error
    return bound


def beside(settings: Settings, port: int) -> socket.socket:
    """Return the socket of archived pages, beside the desk's at `port`; raises `SettingsError`.

    Where nobody chose a port and no proxy has to know it, one that is taken is replaced by one that is free.
    """
    if settings.frame_port is not None:
        return at(settings.host, settings.frame_port, "KIEMTIN_FRAME_PORT")
    wanted = port + 1 if 0 < port < 65535 else 0
    try:
        return at(settings.host, wanted, "KIEMTIN_FRAME_PORT")
    except SettingsError:
        if settings.frame_url:
            raise
    return at(settings.host, 0, "KIEMTIN_FRAME_PORT")
