"""Breaks the program on purpose, one promise at a time, and says after how many seeds the simulation finds out.

    python3 tests/broken/run.py [NAME ...]

Each variant is a patch beside this file; its first line says the promise and how it is broken. Where the second line is `judge:`,
it names the tests that must find it, as arguments of `cargo test`; else the simulation must. A patch may be off by some
lines (`patch` finds its place by the context); where the line itself has changed, make it anew: break the program, and keep
`git diff` under the old first line. A variant that survives is an error. Needs Rust, `patch` and Python 3.11; a variant takes
from seconds to two minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))

# In growing steps, so that what is found at once is said at once.
STEPS = [(0, 10), (10, 100), (100, 300), (300, 1000), (1000, 2000)]


def main() -> int:
    wanted = set(sys.argv[1:])
    unknown = wanted - {patch.stem for patch in PATCHES}
    assert not unknown, f"no such variants: {unknown}"
    survivors = []
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy"
        for patch in (patch for patch in PATCHES if not wanted or patch.stem in wanted):
            began = time.monotonic()
            make(copy, patch)
            judge = judge_of(patch)
            found = first_seed(copy) if judge is None else failing(copy, judge)
            result = "SURVIVES" if found is None else "a test fails" if judge else f"seed {found:<5} after {found + 1} seeds"
            print(f"{title(patch):<80} {result:<28} {time.monotonic() - began:4.0f} s", flush=True)
            if found is None:
                survivors.append(patch.stem)
    return len(survivors)


def title(patch: Path) -> str:
    """The promise, and how it is broken."""
    return patch.read_text().split("\n", 1)[0]


def make(copy: Path, patch: Path) -> None:
    """Brings the copy to the tree as it is, but for the patch. Untouched files keep their times, so that little is built."""
    ignored = shutil.ignore_patterns("target", ".git", ".venv", ".aws-sam", "node_modules", "__pycache__")
    if not copy.exists():
        shutil.copytree(ROOT, copy, ignore=ignored)
    for file in sorted(file for source in ("src", "cli/src") for file in (ROOT / source).rglob("*.rs")):
        there = copy / file.relative_to(ROOT)
        if there.read_text() != file.read_text():
            there.write_text(file.read_text())
    apply(patch, copy)


def apply(patch: Path, tree: Path, *options: str) -> None:
    command = ["patch", "--strip=1", "--fuzz=3", "--forward", "--no-backup-if-mismatch", f"--input={patch}", *options]
    run = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert run.returncode == 0, f"{patch.name} does not apply: {run.stdout}"


def judge_of(patch: Path) -> list[str] | None:
    """The tests that must find the variant, where it names them."""
    line = patch.read_text().split("\n", 2)[1]
    return line.removeprefix("judge:").split() if line.startswith("judge:") else None


def failing(copy: Path, tests: list[str]) -> int | None:
    """How many of these tests the variant breaks, if any."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target" / "broken"))
    environment = os.environ | {"CARGO_TARGET_DIR": target, "RUST_BACKTRACE": "0"}
    run = subprocess.run(["cargo", "test", "--locked", *tests], cwd=copy, env=environment, capture_output=True, text=True)
    failed = re.search(r"^test result: FAILED\. \d+ passed; (\d+) failed", run.stdout, re.MULTILINE)
    if failed:
        return int(failed.group(1))
    assert run.returncode == 0, f"it does not build: {run.stderr[-2000:]}"
    return None


def first_seed(copy: Path) -> int | None:
    """The first seed whose simulation the variant breaks."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target" / "broken"))
    command = ["cargo", "test", "--locked", "--test", "slow", "--", "--nocapture", "simulation::nothing_is_lost"]
    for low, high in STEPS:
        environment = os.environ | {"SEEDS": f"{low}..{high}", "CARGO_TARGET_DIR": target, "RUST_BACKTRACE": "0"}
        run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        seeds = [int(seed) for seed in re.findall(r"^seed (\d+):", run.stdout, re.MULTILINE)]
        if seeds:
            return min(seeds)
        assert run.returncode == 0, f"it does not build: {run.stderr[-2000:]}"
    return None


if __name__ == "__main__":
    sys.exit(main())
