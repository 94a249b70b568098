#!/usr/bin/env python3
"""Runs a program in a pseudo-terminal and records it as an asciicast (version 2).

    record.py CAST COLUMNS ROWS PROGRAM [ARGUMENT…] < commands

Each line of standard input is a command. `press KEY` sends a key: a character or a name of KEYS. `say KEYS<tab>TEXT`
shows the pressed keys and their purpose in two more rows below the program's screen. `begin` makes the current screen
the first picture. At the end of the input the program is killed.
"""

import codecs
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

from picture import THEMES

KEYS = {
    "Enter": "\r", "Escape": "\x1b", "Tab": "\t", "Up": "\x1b[A", "Down": "\x1b[B", "Right": "\x1b[C", "Left": "\x1b[D",
}
# The end of a frame of the program (a synchronized update). Incomplete frames are not recorded.
FRAME_END = b"\x1b[?2026l"
CAPTION_ROWS = 2


class Recorder:
    def __init__(self, path, columns, rows):
        self.cast = open(path, "w", encoding="utf-8")
        background, foreground, palette = THEMES["dark"]
        theme = {"fg": foreground, "bg": background, "palette": ":".join(palette)}
        self.write({"version": 2, "width": columns, "height": rows + CAPTION_ROWS, "theme": theme})
        self.columns, self.rows = columns, rows
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.written = b""
        self.began = None

    def write(self, value):
        self.cast.write(json.dumps(value, ensure_ascii=False) + "\n")

    def event(self, text):
        """Records text at the current time; text before the first picture has the time 0."""
        seconds = time.monotonic() - self.began if self.began else 0
        self.write([round(seconds, 3), "o", text])

    def program_wrote(self, written):
        frames, end, self.written = (self.written + written).rpartition(FRAME_END)
        if end:
            self.event(self.decoder.decode(frames + end))

    def say(self, keys, text):
        caps = "".join(f"\x1b[1;7;36m {key} \x1b[0m " for key in keys.split())
        self.event(f"\x1b7\x1b[{self.rows + CAPTION_ROWS};1H\x1b[0m\x1b[2K {caps}\x1b[1m {text}\x1b[0m\x1b8")


def main():
    path, columns, rows, *program = sys.argv[1:]
    columns, rows = int(columns), int(rows)
    recorder = Recorder(path, columns, rows)
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvpe(program[0], program, dict(os.environ, TERM="xterm-256color", COLORTERM=""))
    commands = b""
    while True:
        readable, _, _ = select.select([terminal, 0], [], [])
        if terminal in readable:
            recorder.program_wrote(os.read(terminal, 1 << 16))
        if 0 in readable:
            read = os.read(0, 1 << 16)
            if not read:
                break
            *lines, commands = (commands + read).split(b"\n")
            for line in lines:
                command, _, rest = line.decode().partition(" ")
                if command == "press":
                    os.write(terminal, KEYS.get(rest, rest).encode())
                elif command == "say":
                    recorder.say(*rest.split("\t"))
                elif command == "begin":
                    recorder.began = time.monotonic()
    recorder.event("")
    recorder.cast.close()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
