"""The stacks of a process that was aborted, one for each thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from proxy.last_words import MAX_CHARACTERS, MAX_STACKS, LastWords

DIES = """
import os, signal, sys, threading
from proxy.last_words import keep_last_words
keep_last_words(int(sys.argv[1]))
threading.Thread(target=threading.Event().wait, daemon=True).start()
def where_it_was():
    os.kill(os.getpid(), signal.SIGABRT)
where_it_was()
"""


def test_an_aborted_process_leaves_the_stack_of_each_thread() -> None:
    words = LastWords()
    words.begin()
    made = subprocess.run([sys.executable, "-c", DIES, str(words.fd)], pass_fds=[words.fd], check=False)
    main, waiting = words.read()
    assert made.returncode == -signal.SIGABRT
    assert "in where_it_was" in main
    assert "in wait" in waiting
    words.begin()
    assert words.read() == []
    words.close()


def test_words_are_bounded_however_deep_and_many_the_stacks_are() -> None:
    words = LastWords()
    stack = "Thread 0x1 (most recent call first):\n" + '  File "x", line 1 in f\n' * 100_000
    os.write(words.fd, stack.encode())
    assert [len(each) for each in words.read()] == [MAX_CHARACTERS]
    words.begin()
    os.write(words.fd, b"\n\n".join([b"Thread 0x1:\n  File x"] * 100))
    assert len(words.read()) == MAX_STACKS
    words.close()
