"""The variants that are broken on purpose still fit the program; tests/broken/variants.py sees that each is found."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("variants", ROOT / "tests" / "broken" / "variants.py")
variants = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = variants
SPEC.loader.exec_module(variants)


@pytest.mark.parametrize("variant", variants.VARIANTS, ids=lambda variant: variant.name)
def test_the_text_that_a_variant_breaks_is_there_once(variant):
    assert (ROOT / variant.file).read_text().count(variant.old) == 1
