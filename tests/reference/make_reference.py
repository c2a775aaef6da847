"""Computes the reference values that Gradus is compared with, by JAX in double precision on the CPU.

    python tests/reference/make_reference.py [reference] [control] [custom]

writes `reference.json`, `control.json` and `custom.json` (inputs and outputs), or only those named, and `cases.txt`,
`control.txt` and `custom.txt` (the names and specifications, to read) beside this file. README.md describes the format.
"""

import os
import pathlib
import sys
from collections import Counter

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_enable_x64", True)

import jaxlib
import numpy as np

import compositions
import control
import custom
import edges
import functions
import operators
import randoms
from suite import DEFAULT_TOL, Suite

HERE = pathlib.Path(__file__).resolve().parent


def reference(suite):
    operators.unary(suite)
    operators.structured(suite)
    operators.discrete(suite)
    edges.values(suite)
    edges.silent(suite)
    functions.add(suite)
    compositions.add(suite)
    randoms.add(suite)


def make(add, stem, names):
    suite = Suite()
    add(suite)
    counts = Counter(c["name"].split("/")[0] for c in suite.cases)
    header = {
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "numpy": np.__version__,
        "platform": "cpu",
        "jax_enable_x64": True,
        "jax_threefry_partitionable": bool(jax.config.jax_threefry_partitionable),
        "comparison": "|got - want| <= tol * max(1, |want|), NaN equals NaN, infinities equal, integers and booleans exact",
        "default_tol": DEFAULT_TOL,
        "cases": len(suite.cases),
        "groups": dict(counts),
    }
    path = HERE / f"{stem}.json"
    suite.write(header, path, HERE / f"{names}.txt")
    print(len(suite.cases), "cases", dict(counts), path.stat().st_size, "bytes")


def main():
    wanted = sys.argv[1:] or ["reference", "control", "custom"]
    if "reference" in wanted:
        make(reference, "reference", "cases")
    if "control" in wanted:
        make(control.add, "control", "control")
    if "custom" in wanted:
        make(custom.add, "custom", "custom")


if __name__ == "__main__":
    main()
