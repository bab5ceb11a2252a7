"""Breed hostile mails from the corpus, and see that the parser neither raises nor slows down.

    python -m tests.channels.email.fuzz --seconds 600

It prints how many mails were read, the slowest in microseconds a byte, and how time and memory grow
when a mail is doubled. The first fault is written to a file and ends the run.
"""

import argparse
import random
import re
import sys
import time
import tracemalloc
from pathlib import Path

from plazo.channels.email.parsing import from_wire, parse, to_wire

HERE = Path(__file__).parent
CHARSETS = [b"utf-8", b"iso-8859-1", b"x-nada", b"utf-16", b"utf-7", b"gb2312", b"", b"base64"]
JUNK = [b"\x00", b"\xff\xfe", b"\r\n\r\n", b"=?utf-8?b?", b"<", b">", b"(" * 50, b"--b1\r\n", b'"']


def mutated(parents: list[bytes], dice: random.Random) -> bytes:
    """Return a mail made of one or two others by a few random faults."""
    raw = bytearray(dice.choice(parents))
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(raw) + 1)
        match dice.randrange(8):
            case 0 if raw:
                raw[place % len(raw)] = dice.randrange(256)
            case 1:
                raw[place:place] = dice.choice(JUNK)
            case 2:
                del raw[place : place + dice.randint(1, 60)]
            case 3:
                other = dice.choice(parents)
                start = dice.randrange(len(other) + 1)
                raw[place:place] = other[start : start + dice.randint(1, 400)]
            case 4:
                raw = raw[:place]
            case 5:
                end = raw.find(b"\r\n\r\n")
                lines = bytes(raw[: max(end, 0)]).split(b"\r\n")
                dice.shuffle(lines)
                raw[: max(end, 0)] = b"\r\n".join(lines)
            case 6:
                swapped = re.sub(
                    rb"charset=[^\s;]+", b"charset=" + dice.choice(CHARSETS), bytes(raw)
                )
                raw = bytearray(swapped)
            case _:
                piece = raw[place : place + 80]
                raw[place:place] = piece * dice.randint(1, 20)
    return bytes(raw[:200_000])


# Shapes that make careless code quadratic; each is read at two sizes.
SHAPES = {
    "encoded words": lambda n: b"Subject: " + b"=?utf-8?q?a?= " * n + b"\r\n\r\nx",
    "addresses": lambda n: b"To: " + b"a@b.example, " * n + b"\r\n\r\nx",
    "parentheses": lambda n: b"From: " + b"(" * n + b"a@b.example\r\n\r\nx",
    "references": lambda n: b"References: " + b"<a@b> " * n + b"\r\n\r\nx",
    "folded": lambda n: b"Subject: x\r\n" + b" y\r\n" * n + b"\r\nx",
    "headers": lambda n: b"X-A: b\r\n" * n + b"\r\nx",
    "quote marks": lambda n: b"Subject: x\r\n\r\n" + b"> " * n,
    "quoted lines": lambda n: b"Subject: x\r\n\r\nhola\r\n" + b"> a\r\n" * n,
    "attributions": lambda n: b"\r\n" + b"El 23/11/26 a las 10:14, X escribio:\r\n" * n,
    "one long line": lambda n: b"\r\nEl 23/11/2026" + b" a" * n,
    "labels": lambda n: b"\r\n" + b"De: x\r\nFecha: y\r\n" * n,
    "blank lines": lambda n: b"\r\nx" + b"\r\n" * n + b"y",
    "tags": lambda n: b"Content-Type: text/html\r\n\r\n" + b"<div>" * min(n, 30_000),
    "blockquotes": lambda n: (
        b"Content-Type: text/html\r\n\r\nx" + b"<blockquote type=cite>a</blockquote>" * n
    ),
    "open brackets": lambda n: b"Content-Type: text/html\r\n\r\n" + b"<img src=" * n,
    "parts": lambda n: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * n,
    "levels": lambda n: (
        b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
        + b"".join(
            b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (i, i + 1)
            for i in range(n // 10)
        )
    ),
    "boundary look-alikes": lambda n: (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"--c\r\n" * n
    ),
    "parameters": lambda n: b"Content-Type: text/plain" + b"; a*0*=x" * n + b"\r\n\r\nx",
    "base64": lambda n: (
        b"Content-Transfer-Encoding: base64\r\n\r\n" + (b"QUJD" * 15 + b"\r\n") * (n // 20)
    ),
    "base64 with stray text": lambda n: (
        b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUJD!\r\n=== \r\n" * n
    ),
    "uuencode": lambda n: b"Content-Transfer-Encoding: x-uuencode\r\n\r\n" + b"M!!\r\n" * n,
    "flowed": lambda n: b"Content-Type: text/plain; format=flowed\r\n\r\n" + b"a \r\n" * n,
    "stray quotations": lambda n: b"Subject: Re: x\r\n\r\nhola\r\n" + b"> a\r\nb\r\n\r\n" * n,
    "half attributions": lambda n: b"\r\n" + b"El 23/11/26 a las 10:14:\r\n" * n,
    "signatures": lambda n: b"\r\nx\r\n" + b"-- \r\nEnviado desde mi iPhone\r\n" * n,
    "disclaimers": lambda n: b"\r\nx\r\n" + b"\r\nAviso legal: nada\r\n" * n,
    "tokens": lambda n: b"\r\n" + b"[plazo:aaaaaaaaaaaaaaaaaaaaaaaa " * n,
    "quotations in each other": lambda n: (
        b"Content-Type: text/html\r\n\r\nx" + b"<blockquote type=cite>" * min(n, 30_000) + b"y"
    ),
    "links": lambda n: b"Content-Type: text/html\r\n\r\n" + b"<a href=http://x.example>" * n,
    "images": lambda n: b"Content-Type: text/html\r\n\r\n" + b"<img src=http://x.example>" * n,
    "cells": lambda n: b"Content-Type: text/html\r\n\r\n<table><tr>" + b"<td>a" * n,
    "Outlook paragraphs": lambda n: (
        b"Content-Type: text/html\r\n\r\n" + b"<p class=MsoNormal>a" * n
    ),
    "empty lines of HTML": lambda n: (
        b"Content-Type: text/html\r\n\r\nx" + b"<div><br></div>" * n + b"-- <br>y"
    ),
    "entities": lambda n: b"Content-Type: text/html\r\n\r\n" + b"&amp;amp" * n,
    "verdicts": lambda n: b"Authentication-Results: x; " + b"spf=pass (a); " * n + b"\r\n\r\nx",
}  # fmt: skip


def growth() -> dict[str, tuple[float, float]]:
    """Return how much longer, and how much more memory, twice the size takes, for each shape."""
    found = {}
    for name, shape in SHAPES.items():
        times, peaks = [], []
        for size in (20_000, 40_000):
            raw = shape(size)
            best = 1e9
            for _ in range(3):
                began = time.perf_counter()
                parse(raw)
                best = min(best, time.perf_counter() - began)
            times.append(best)
            tracemalloc.start()
            parse(raw)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        found[name] = (times[1] / max(times[0], 1e-6), peaks[1] / max(peaks[0], 1))
        print(
            f"{name:16} {times[1] * 1000:9.1f} ms  ×{found[name][0]:.1f} time  ×{found[name][1]:.1f} memory"
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    slow = [name for name, (longer, _) in growth().items() if longer > 3.2]
    print("more than linear:", slow or "nothing")
    parents = [path.read_bytes() for path in sorted((HERE / "corpus").rglob("*.eml"))]
    dice, read, worst = random.Random(arguments.seed), 0, 0.0
    end = time.monotonic() + arguments.seconds
    while time.monotonic() < end:
        raw = mutated(parents, dice)
        began = time.perf_counter()
        try:
            from_wire(to_wire(parse(raw))).text.encode()
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            Path("fault.eml").write_bytes(raw)
            print(f"after {read} mails: {type(error).__name__}: {error}; see fault.eml")
            return 1
        spent = time.perf_counter() - began
        worst = max(worst, spent * 1e6 / max(len(raw), 1000))
        read += 1
    print(f"{read} mails, no fault; the slowest took {worst:.1f} µs a byte")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
