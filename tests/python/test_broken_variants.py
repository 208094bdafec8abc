"""The variants that are broken on purpose still fit the program; tests/broken/run.py sees that each is found."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("broken", ROOT / "tests" / "broken" / "run.py")
broken = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = broken
SPEC.loader.exec_module(broken)


def test_every_promise_is_broken():
    assert len(broken.VARIANTS) >= 60


def test_every_change_fits_one_place():
    misfits = broken.misfits(broken.VARIANTS, ROOT)
    assert not misfits, "\n".join(misfits)
