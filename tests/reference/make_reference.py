"""Computes the reference values that Gradus is compared with, by JAX in double precision on the CPU.

    python tests/reference/make_reference.py

writes `reference.json` (inputs and outputs) and `cases.txt` (the names and specifications, to read) beside this file.
README.md describes the format.
"""

import os
import pathlib
from collections import Counter

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_enable_x64", True)

import jaxlib
import numpy as np

import compositions
import edges
import functions
import operators
import randoms
from suite import DEFAULT_TOL, Suite

HERE = pathlib.Path(__file__).resolve().parent


def main():
    suite = Suite()
    operators.unary(suite)
    operators.structured(suite)
    operators.discrete(suite)
    edges.values(suite)
    edges.silent(suite)
    functions.add(suite)
    compositions.add(suite)
    randoms.add(suite)
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
    suite.write(header, HERE / "reference.json", HERE / "cases.txt")
    print(len(suite.cases), "cases", dict(counts), (HERE / "reference.json").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
