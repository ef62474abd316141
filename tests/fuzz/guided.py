"""The command line and the weight files under atheris, a coverage-guided fuzzer.

python -m tests.fuzz.guided command_line --minutes 15
python -m tests.fuzz.guided files --minutes 15

It needs ``pip install atheris``. Inputs that reach new code stay in the folder ``--corpus``, where the next
run begins. The first failing input is written next to that folder, and the run ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

#: The seconds after which an input counts as a hang, and its limit of memory in megabytes.
TIMEOUT, MEMORY = 60, 2048


def _quoted(token: str) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in token.encode()) + '"'


def run(target: str, minutes: float, corpus: Path, seed: int) -> None:
    """Fuzz until an input fails or the time is over, then end the process."""
    import atheris

    with atheris.instrument_imports(include=["autograd", "nn", "json", "ast"]):
        from . import command_line, files

    # Each input is a file, so use a folder in memory if the system has one.
    folder = Path(
        tempfile.mkdtemp(prefix="glassgrad-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    )
    counts = {"read": 0, "rejected": 0}

    def command_line_input(data: bytes) -> None:
        counts["read" if command_line.check(data.decode(errors="replace"), folder) else "rejected"] += 1

    def files_input(data: bytes) -> None:
        if not data:
            return
        suffix = files.SUFFIXES[data[0] % len(files.SUFFIXES)]
        with_checksum = files.signed(data[1:], suffix, folder)
        for content in (data[1:], with_checksum):
            if content is not None:
                counts["read" if files.check(content, suffix, folder) else "rejected"] += 1

    seeds: list[bytes]
    if target == "command_line":
        run_input: Any = command_line_input
        seeds = [text.encode() for text in command_line.SEEDS]
        tokens = command_line.TOKENS
    else:
        run_input = files_input
        seeds = [
            bytes([i]) + seed
            for i, suffix in enumerate(files.SUFFIXES)
            for seed in files.seeds(suffix, folder)
        ]
        tokens = files.TOKENS
    corpus.mkdir(parents=True, exist_ok=True)
    for i, seed_bytes in enumerate(seeds):
        (corpus / f"seed-{i}").write_bytes(seed_bytes)
    words = folder / "words"
    words.write_text("\n".join(map(_quoted, tokens)))
    warnings.simplefilter("error")

    def run_and_count(data: bytes) -> None:
        run_input(data)
        total = sum(counts.values())
        if total & (total - 1) == 0 or total % 20_000 == 0:
            print(f"{target}: {counts}", file=sys.__stdout__, flush=True)

    options = [
        f"-max_total_time={minutes * 60:.0f}", f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY}",
        f"-dict={words}", "-max_len=2000", f"-seed={seed}", f"-artifact_prefix={corpus.parent}/failing-",
        "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], run_and_count)
    atheris.Fuzz()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("target", choices=["command_line", "files"])
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--corpus", type=Path, help="a folder; a temporary one by default")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    corpus = arguments.corpus or Path(tempfile.mkdtemp(prefix=f"glassgrad-{arguments.target}-")) / "corpus"
    run(arguments.target, arguments.minutes, corpus, arguments.seed)
