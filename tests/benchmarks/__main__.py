"""Compare glassgrad with its peers and print Markdown tables: ``python tests/benchmarks``.

Eager mode is compared with micrograd, a peer in the style of microgpt and the peers on PyPI, in an
environment that the first run creates under ``.benchmarks/``. Compiled mode uses the Python that runs this
command and the packages installed there: ``pip install torch jax casadi``, the extra ``compile``, a C and
a C++ compiler. Libraries that are not installed are skipped, and the table says so. ``--save`` also writes
RESULTS.md and the plot of docs/guide/performance.md (the extra ``train``). Times vary on a shared machine,
so the contenders take turns; quote the ratios.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import compiled
import eager
import machine
from engines import ENGINES, PEERS
from environment import CHECKOUT, HERE, Environment, clean_environ

RESULTS = HERE / "RESULTS.md"
COMPILED = {f"compiled-{workload.replace('_', '-')}": workload for workload in compiled.TITLES}
GROUPS = {"engines": [*eager.TABLES], "compiled": [*COMPILED, "growth"]}
#: Seconds of a round for a contender of compiled mode; a longer step is timed once.
SPELL = 0.05
LEFT_OUT = (
    "Peers written in C, C++ and Rust were tried and left out: minigrad 0.0.6 crashes, micrograd-rust 0.1.0 "
    "and oxigrad 0.3.2 have no wheel for Linux and need crates from elsewhere to build, micrograd-cpp-engine "
    "0.1.1 does not install as it is."
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tables = [*GROUPS, *(name for names in GROUPS.values() for name in names)]
    parser.add_argument("--only", nargs="+", choices=tables, metavar="TABLE", help=", ".join(tables))
    parser.add_argument(
        "--rounds", type=int, default=5, help="of the engines; the compiled have 4 times as many (5)"
    )
    parser.add_argument("--steps", type=int, default=5, help="steps of an engine timed in one process (5)")
    parser.add_argument(
        "--engines",
        nargs="+",
        choices=[*ENGINES],
        metavar="ENGINE",
        help=f"{' and '.join(PEERS)}, and only these of {', '.join(ENGINES)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="2 rounds of 1 step, to check that everything runs"
    )
    parser.add_argument("--save", action="store_true", help="write RESULTS.md and docs/speed-*.svg too")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.steps = 2, 1
    if options.save and (options.only or options.engines):
        parser.error("--save keeps the whole of it: leave out --only and --engines")
    if options.save and not find_spec("matplotlib"):
        parser.error("--save draws the plot with matplotlib: pip install 'glassgrad[train]'")
    chosen = options.only or [*GROUPS]
    options.tables = [t for group, names in GROUPS.items() for t in names if t in chosen or group in chosen]
    return options


def sections(options: argparse.Namespace) -> Iterator[str]:
    """Yield the sections of the report, each after its measurements."""
    command = shlex.join(["python", HERE.relative_to(CHECKOUT).as_posix(), *sys.argv[1:]])
    yield f"# Results\n\nMade by `{command}` on {machine.described()}. Quote the ratios, not the times."
    environment = Environment()
    engines = environment.prepare()
    if any(t in eager.TABLES for t in options.tables):
        if options.engines:
            engines = [e for e in engines if e in PEERS or e in options.engines]
        yield "## Eager mode"
        yield from eager.sections(environment, engines, options.tables, options.rounds, options.steps)
        yield LEFT_OUT
    if any(t not in eager.TABLES for t in options.tables):
        yield "## Compiled mode"
        yield from compiled_sections(environment, options)


def compiled_sections(environment: Environment, options: argparse.Namespace) -> Iterator[str]:
    rounds = 4 * options.rounds
    contests = {}
    for name, workload in COMPILED.items():
        if name in options.tables:
            if not contests:
                yield compiled.HOW.format(rounds=rounds)
            contests[workload], left_out = compiled.contest(workload, environment.python, rounds, SPELL)
            yield compiled.section(workload, contests[workload], left_out)
    if contests:
        yield from compiled.summary(contests)
    if options.save:
        program("plot.py", json.dumps(compiled.bars(contests["moons"])))
    if "growth" in options.tables:
        yield f"How the cost grows\n\n{program('growth.py').strip()}"


def program(name: str, text: str = "") -> str:
    """Run a program of this folder with this checkout, and return its output."""
    command = [sys.executable, str(HERE / name)]
    result = subprocess.run(
        command, input=text, env=clean_environ(), cwd=HERE, check=True, stdout=subprocess.PIPE, text=True
    )
    return result.stdout


def main() -> None:
    options = arguments()
    pieces = []
    for piece in sections(options):
        pieces.append(piece)
        print(piece, end="\n\n", flush=True)
    if options.save:
        RESULTS.write_text("\n\n".join(pieces) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
