#!/bin/sh
# Runs evals of GradBench with Gradus and with other tools of the suite, and prints the times side by side.
#
#   benches/peers/gradbench.sh CHECKOUT [EVAL]...
#
# CHECKOUT is a copy of https://github.com/gradbench/gradbench with nlohmann's json.hpp in its folder cpp.
# Without names of evals all of them run. Everything runs on one thread of one processor.
#
#   GRADUS_PYTHON   a Python 3.11 or newer with numpy, scipy, pydantic, dataclasses-json, and with jax for the suite's
#                   tool of that name
#   CODIPACK        the folder `include` of CoDiPack 2.3 (the suite uses 2.3.1), for the suite's tool of that name
#   GRADUS_PROGRAM  a built gradus-gradbench, instead of building it
#   SECONDS_EACH    for how long each evaluation is repeated, 1 if not given
#   PIN             a command before each program, `taskset -c 0` if not given
set -eu

checkout=$(cd "${1:?the folder of the suite}" && pwd)
shift
python=${GRADUS_PYTHON:-python3}
seconds=${SECONDS_EACH:-1}
pin=${PIN-taskset -c 0}
here=$(cd "$(dirname "$0")/../.." && pwd)
program=${GRADUS_PROGRAM:-}
if [ -z "$program" ]; then
    (cd "$here" && cargo build --release --locked -p gradus-gradbench)
    program=${CARGO_TARGET_DIR:-$here/target}/release/gradus-gradbench
fi
cd "$checkout"

# One thread each. JAX computes in f32 if it is not told to use f64.
export GRADUS_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
export JAX_PLATFORMS=cpu JAX_ENABLE_X64=1
export PYTHONPATH="$checkout/python/gradbench" CPATH="${CODIPACK:-}"

# Each tool of the suite that has C++ code for an eval is built by the suite's own rules, for this processor.
# What is there already is kept: remove the folders tools/*/bin if it was built in another way.
flags="-O3 -march=native -Wall -I../../cpp -Wno-unknown-pragmas"
built=" "
build() {
    test -f "tools/$1/$2.cpp" || return 0
    if make -s -C "tools/$1" "bin/$2" CFLAGS="-std=c11 $flags" CXXFLAGS="-std=c++17 $flags $3" > /dev/null; then
        built="$built$1/$2 "
    fi
}

# `cpp.py` builds a tool again before it runs it, with other flags; the programs are here already.
own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT
cat > "$own/built.py" << 'END'
from gradbench import cpp

cpp.define = lambda **_: {"success": True}
cpp.main()
END

# The suite's tool for JAX stops its clock when JAX has begun to compute. This one waits for the result.
cat > "$own/waiting.py" << 'END'
import sys

import jax
from gradbench import wrap
from gradbench.tools.jax import run

repeated = wrap.multiple_runs


def multiple_runs(**options):
    decorate = repeated(**options)
    return lambda f: decorate(lambda input: jax.block_until_ready(f(input)))


wrap.multiple_runs = multiple_runs
sys.path.insert(0, "python/gradbench/gradbench/tools/jax")
run.main()
END

# A text of the kind that the suite reads for `lstm`, if a checkout lacks it: characters of 14 bits.
text=evals/lstm/data/lstm_full.txt
if [ ! -f "$text" ]; then
    echo "The text for lstm is missing; README.md with typographic apostrophes takes its place."
    mkdir -p "$(dirname "$text")"
    (cat README.md CONTRIBUTING.md) | sed "s/'/’/g; 1s/^/’/" > "$text"
fi

# Sizes of the eval, then a run with each tool that has it.
compare() {
    eval=$1
    shift
    set -- "$pin $python python/gradbench/gradbench/evals/$eval/run.py $*" "gradus=$pin $program"
    for tool in manual codipack tapenade; do
        case $built in *" $tool/$eval "*) set -- "$@" "$tool=$pin $python $own/built.py $tool" ;; esac
    done
    if [ -f "python/gradbench/gradbench/tools/jax/$eval.py" ] && "$python" -c 'import jax' 2> /dev/null; then
        set -- "$@" "jax=$pin $python $own/waiting.py"
    fi
    "$program" compare "$@"
}

repeat="--min-runs 5 --min-seconds $seconds"
for eval in ${*:-hello gmm lse llsq ode kmeans lstm ba}; do
    build manual "$eval" ""
    if [ -n "${CODIPACK:-}" ]; then
        build codipack "$eval" -DCODI_ForcedInlines=1
    fi
    build tapenade "$eval" ""
    echo
    echo "$eval"
    echo
    case $eval in
        hello) compare hello ;;
        gmm)
            compare gmm "-d 2 -k 5 $repeat"
            compare gmm "-d 10 -k 25 $repeat"
            compare gmm "-d 64 -k 50 $repeat"
            ;;
        lse) compare lse "-n 160000 1280000 $repeat" ;;
        llsq) compare llsq "-n 16 16392 $repeat" ;;
        ode)
            compare ode "-n 1000 -s 100 $repeat"
            compare ode "-n 100000 -s 10 $repeat"
            ;;
        kmeans)
            compare kmeans "-k 10 -n 1000 -d 8 $repeat"
            compare kmeans "-k 1000 -n 10000 -d 16 $repeat"
            ;;
        lstm) compare lstm "-l 2 6 -c 1024 $repeat" ;;
        ba) compare ba "--min 1 --max 1 $repeat" ;;
        *) echo "there is no eval $eval" >&2 && exit 1 ;;
    esac
done
