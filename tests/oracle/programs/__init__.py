"""The programs that choral and JAX must agree on: one file per op family, one row per program."""

from importlib import import_module

from table import PROGRAMS

__all__ = ["PROGRAMS"]

FAMILIES = [
    "elementwise",
    "shape",
    "dot",
    "convolution",
    "reduce",
    "window",
    "index",
    "sort",
    "control",
    "random",
    "linalg",
    "models",
    "gradients",
    "devices",
]

for family in FAMILIES:
    import_module(f"programs.{family}")
