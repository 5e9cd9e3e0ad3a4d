"""The copies of the design draft's fragments are the fragments."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

SEED = Path(__file__).with_name("seed")


@pytest.mark.parametrize(
    ("name", "sha"),
    [
        ("section-5-workbook-entry", "b38649d1479394c2cb2f200663009b7b893ce36e6d1336e6fa5eefac70b5021a"),
        ("section-7-steps", "cf7e6a351a4280b431ed58f605881ccd3ab81f5f26d554629a98fa4364744960"),
        ("section-9-save-as", "8f5da7e5bb50a9fb2e9681298415419d3dc64271d5322c0e5c8a07fbfd86c8ab"),
    ],
)
def test_the_blocks_are_those_of_the_design_draft(name, sha):
    assert hashlib.sha256((SEED / f"{name}.yaml").read_bytes()).hexdigest() == sha
