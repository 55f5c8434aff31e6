"""The length of the queue of a listening socket, for all who listen on one."""

from __future__ import annotations

LISTEN_BACKLOG = 4096
"""Connections that wait while workers restart; the kernel lowers it to net.core.somaxconn."""
