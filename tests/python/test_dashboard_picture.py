"""The picture of the dashboard is what the template and the demo make of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLI = Path(os.environ.get("CLI_BINARY", ROOT / "target/debug/eks-nodegroup-updater"))


@cache
def demo() -> str:
    assert CLI.is_file(), f"{CLI} is missing: run `cargo build -p eks-nodegroup-updater-cli`, or set CLI_BINARY"
    return subprocess.run([CLI, "demo", "--output", "json"], capture_output=True, text=True, check=True).stdout


def draw(report: str, picture: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "docs/images/dashboard.py", picture]
    return subprocess.run(command, input=report, capture_output=True, text=True, check=False)


def test_the_picture_is_up_to_date(tmp_path):
    drawn = draw(demo(), tmp_path / "dashboard.svg")
    assert drawn.returncode == 0, drawn.stderr
    as_kept = (ROOT / "docs/images/dashboard.svg").read_text()
    assert (tmp_path / "dashboard.svg").read_text() == as_kept, "run `just pictures`"


def test_a_metric_that_no_run_has_written_is_named(tmp_path):
    report: dict[str, Any] = json.loads(demo())
    for run in report["runs"]:
        (directive,) = run["metrics"]["_aws"]["CloudWatchMetrics"]
        directive["Metrics"] = [it for it in directive["Metrics"] if it["Name"] != "BehindSeconds"]
    drawn = draw(json.dumps(report), tmp_path / "dashboard.svg")
    assert drawn.returncode == 1
    assert "How far behind shows EksNodegroupUpdater BehindSeconds" in drawn.stderr
    assert not (tmp_path / "dashboard.svg").exists()
