"""Phrases that several commands print."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless the number is 1.

    >>> counted(1, "route"), counted(0, "route"), counted(1200, "record")
    ('1 route', '0 routes', '1,200 records')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def file_fault(error: OSError) -> str:
    """What is wrong with which file.

    >>> file_fault(FileNotFoundError(2, "No such file or directory", "a"))
    'a: No such file or directory'
    """
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
