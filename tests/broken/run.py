"""Breaks the program on purpose, one promise at a time, and says after how many seeds the simulation finds out.

    python3 tests/broken/run.py [NAME ...]

Each variant is a file beside this one. It names the promise and how it is broken, and the code that is changed:

    promise: "one's own only: end what belongs to another region"
    judge: --test it store::shared_table
    changes:
      - in: check
        find: $STORE.within($SCOPE)
        put: $STORE

`judge` names the tests that must find it, as arguments of `cargo test`; without it, the simulation must. `in` is a function, or a
constant; a method may have its type before it (`Hold::is_open`). `find` is an expression or a statement there; for an arm of a
`match`, it is called `arm`. `put` takes its place; an empty one deletes it. They are patterns of ast-grep: `$NAME` is any
expression, and the same one where it is named again; `$$$` or `$$$NAME` is any number of them. So the code may move, and change
around it, but each change must fit exactly one place. A variant that survives is an error, and so is one that does not build.

Needs Rust, Python 3.11 and `tests/python/requirements.txt`; a variant takes from seconds to two minutes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("src", "cli/src")
# Also where the environment that this runs in is not on the PATH.
AST_GREP = shutil.which("ast-grep", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))

# In growing steps, so that what is found at once is said at once.
STEPS = [(0, 10), (10, 100), (100, 300), (300, 1000), (1000, 2000)]


@dataclass(frozen=True)
class Change:
    """One place that is changed."""

    item: str
    find: str
    put: str
    is_arm: bool

    @classmethod
    def of(cls, row: dict[str, str]) -> Change:
        kind = "arm" if "arm" in row else "find"
        assert set(row) == {"in", kind, "put"}, f"a change has `in`, `find` or `arm`, and `put`: {row}"
        return cls(row["in"], row[kind], row["put"], kind == "arm")

    def rule(self, rule_id: str) -> dict[str, Any]:
        """The rule of ast-grep."""
        *implemented, name = self.item.split("::")
        named = {"field": "name", "regex": f"^{name}$"}
        item = {"any": [{"kind": "function_item"}, {"kind": "const_item"}], "has": named, "stopBy": "end"}
        for type_name in implemented:
            named = {"field": "type", "regex": rf"^{type_name}\b"}
            item["inside"] = {"kind": "impl_item", "has": named, "stopBy": "end"}
        pattern, put = self.find, self.put
        if self.is_arm:
            # By itself, an arm is no Rust.
            pattern = {"context": f"match it {{ {pattern} }}", "selector": "match_arm"}
            put = put and f"{put},"
        return {"id": rule_id, "language": "rust", "rule": {"pattern": pattern, "inside": item}, "fix": put}


@dataclass(frozen=True)
class Variant:
    """A promise, and how it is broken."""

    name: str
    promise: str
    changes: list[Change]
    # The tests that must find it, where it is not the simulation.
    judge: list[str] | None

    @classmethod
    def read(cls, file: Path) -> Variant:
        content = yaml.safe_load(file.read_text())
        assert set(content) - {"judge"} == {"promise", "changes"}, f"{file.name} has `promise`, `judge` and `changes`"
        judge = content["judge"].split() if "judge" in content else None
        return cls(file.stem, content["promise"], [Change.of(row) for row in content["changes"]], judge)

    def rules(self) -> list[tuple[str, Change]]:
        """The changes, each with the id of its rule."""
        return [(f"{self.name}/{number}", change) for number, change in enumerate(self.changes)]


VARIANTS = [Variant.read(file) for file in sorted(Path(__file__).parent.glob("*.yaml"))]


class DoesNotBuild(Exception):
    """A variant that proves nothing."""


def main() -> int:
    wanted = set(sys.argv[1:])
    unknown = wanted - {variant.name for variant in VARIANTS}
    assert not unknown, f"no such variants: {unknown}"
    survivors = []
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy"
        for variant in (variant for variant in VARIANTS if not wanted or variant.name in wanted):
            began = time.monotonic()
            make(copy, variant)
            judge = variant.judge
            try:
                found = first_seed(copy) if judge is None else failing(copy, judge)
            except DoesNotBuild as error:
                print(f"{variant.promise:<80} DOES NOT BUILD\n{error}", flush=True)
                survivors.append(variant.name)
                continue
            result = "SURVIVES" if found is None else "a test fails" if judge else f"seed {found:<5} after {found + 1} seeds"
            print(f"{variant.promise:<80} {result:<28} {time.monotonic() - began:4.0f} s", flush=True)
            if found is None:
                survivors.append(variant.name)
    return len(survivors)


def make(copy: Path, variant: Variant) -> None:
    """Brings the copy to the tree as it is, but for the variant. Untouched files keep their times, so that little is built."""
    ignored = shutil.ignore_patterns("target", ".git", ".venv", ".aws-sam", "node_modules", "__pycache__")
    if not copy.exists():
        shutil.copytree(ROOT, copy, ignore=ignored)
    for file in sorted(file for source in SOURCES for file in (ROOT / source).rglob("*.rs")):
        there = copy / file.relative_to(ROOT)
        if there.read_text() != file.read_text():
            there.write_text(file.read_text())
    apply(variant, copy)


def apply(variant: Variant, tree: Path) -> None:
    """Changes the tree."""
    wrong = misfits([variant], tree)
    assert not wrong, wrong[0]
    scan([variant], tree, "--update-all")


def misfits(variants: list[Variant], tree: Path) -> list[str]:
    """The changes that do not fit exactly one place of the tree."""
    places = Counter(match["ruleId"] for match in json.loads(scan(variants, tree, "--json=compact")))
    return [
        f"{variant.name}: in `{change.item}`, {places[rule_id]} places fit, which must be one: {change.find}"
        for variant in variants
        for rule_id, change in variant.rules()
        if places[rule_id] != 1
    ]


def scan(variants: list[Variant], tree: Path, option: str) -> str:
    """What ast-grep answers."""
    assert AST_GREP, "ast-grep is missing: pip install -r tests/python/requirements.txt"
    rules = [change.rule(rule_id) for variant in variants for rule_id, change in variant.rules()]
    documents = "\n---\n".join(map(json.dumps, rules))
    command = [AST_GREP, "scan", "--inline-rules", documents, option, *SOURCES]
    run = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert run.returncode == 0, f"{[variant.name for variant in variants]}: {run.stderr}"
    return run.stdout


def failing(copy: Path, tests: list[str]) -> int | None:
    """How many of these tests the variant breaks, if any."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target" / "broken"))
    environment = os.environ | {"CARGO_TARGET_DIR": target, "RUST_BACKTRACE": "0"}
    run = subprocess.run(["cargo", "test", "--locked", "--workspace", *tests], cwd=copy, env=environment, capture_output=True, text=True)
    failed = re.search(r"^test result: FAILED\. \d+ passed; (\d+) failed", run.stdout, re.MULTILINE)
    if failed:
        return int(failed.group(1))
    if run.returncode != 0:
        raise DoesNotBuild(run.stderr[-2000:])
    return None


def first_seed(copy: Path) -> int | None:
    """The first seed whose simulation the variant breaks."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target" / "broken"))
    command = ["cargo", "test", "--locked", "--workspace", "--test", "slow", "--", "--nocapture", "simulation::nothing_is_lost"]
    for low, high in STEPS:
        environment = os.environ | {"SEEDS": f"{low}..{high}", "CARGO_TARGET_DIR": target, "RUST_BACKTRACE": "0"}
        run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        seeds = [int(seed) for seed in re.findall(r"^seed (\d+):", run.stdout, re.MULTILINE)]
        if seeds:
            return min(seeds)
        if run.returncode != 0:
            raise DoesNotBuild(run.stderr[-2000:])
    return None


if __name__ == "__main__":
    sys.exit(main())
