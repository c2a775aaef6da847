#!/usr/bin/env python3
"""Writes elementwise.csv: values and derivatives of the functions of each element, and what they tend to at the ends of the numbers.

Needs mpmath. Usage: elementwise.py > elementwise.csv

A line is a function, an element type, a point (x, y), a direction (u, v), the value, what the value lacks of the exact one in units of its last place, and the first
three derivatives along the direction. A derivative that is left out is not compared: it does not exist, or a convention decides.
"""

import math
import random
import struct

import mpmath
from mpmath import mp, mpf

random.seed(1414)
INF = math.inf
LIMITS = {"f64": (5e-324, 2.0**-1022, 1.7976931348623157e308), "f32": (2.0**-149, 2.0**-126, (2 - 2.0**-23) * 2.0**127)}
ALPHA, SCALE = mpf("1.6732632423543772"), mpf("1.0507009873554805")


def to_f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def rounded(value, unit=-1074, digits=53, top=1024):
    """The nearest float, with the digits of f64 unless told otherwise."""
    if value == 0:
        return 0.0
    exponent = max(int(mpmath.floor(mpmath.log(abs(value), 2))), unit + digits - 1)
    scale = mpf(2) ** (exponent - digits + 1)
    result = int(mpmath.nint(abs(value) / scale)) * scale
    result = INF if result >= mpf(2) ** top else float(result)
    return -result if value < 0 else result


def rest(value, nearest):
    """What `nearest` lacks of `value`, in units of its last place."""
    if math.isinf(nearest):
        return 0.0
    return float((value - mpf(nearest)) / mpf(math.ulp(nearest)))


def positive(f, other):
    return lambda x: f(x) if x > 0 else other(x)


def erf_inv(x):
    y = mpf(mpmath.erfinv(float(x))) if abs(x) < 0.99999 else mpmath.sign(x) * mpmath.sqrt(-mpmath.log(1 - abs(x)))
    for _ in range(60):
        step = (mpmath.erf(y) - x) / (2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-y * y))
        step = step / (1 + step * y)
        y -= step
        if abs(step) <= abs(y) * mpf(2) ** (20 - mp.prec):
            break
    return y


def gelu(x):
    return x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2 if abs(x) < 1000 else x if x > 0 else mpf(10) ** -9999


def gelu_tanh(x):
    if abs(x) > 10**6:
        return x if x > 0 else mpf(10) ** -9999
    w = 2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpf("0.044715") * x**3)
    return x / (1 + mpmath.exp(-w))


def log_add_exp(x, y):
    return max(x, y) + mpmath.log1p(mpmath.exp(-min(abs(x - y), 10**5)))


def erfc(x):
    return mpmath.erfc(x) if abs(x) < 1000 else mpf(2 if x < 0 else 0)


def erf(x):
    return mpmath.erf(x) if abs(x) < 1000 else mpmath.sign(x)


ID = lambda x: x
ROOT = (0.0, 1.0)
# Function, interval to draw from, points of interest, what it tends to: {point: (value, slope)}.
UNARY = {
    "neg": (lambda x: -x, (-9, 9), [], {INF: (-INF, -1), -INF: (INF, -1)}),
    "abs": (abs, (-9, 9), [], {0.0: (0, None), INF: (INF, 1), -INF: (INF, -1)}),
    "sign": (mpmath.sign, (-9, 9), [], {0.0: (0, 0), INF: (1, 0), -INF: (-1, 0)}),
    "floor": (mpmath.floor, (-9, 9), [], {0.0: (0, 0), INF: (INF, 0), -INF: (-INF, 0)}),
    "ceil": (mpmath.ceil, (-9, 9), [], {0.0: (0, 0), INF: (INF, 0), -INF: (-INF, 0)}),
    "round": (mpmath.nint, (-9, 9), [], {0.0: (0, 0), INF: (INF, 0), -INF: (-INF, 0)}),
    "trunc": (lambda x: mpmath.sign(x) * mpmath.floor(abs(x)), (-9, 9), [], {0.0: (0, 0), INF: (INF, 0), -INF: (-INF, 0)}),
    "sqrt": (mpmath.sqrt, (0, 9), [1.0], {0.0: (0, INF), INF: (INF, 0)}),
    "rsqrt": (lambda x: 1 / mpmath.sqrt(x), (0, 9), [1.0], {0.0: (INF, -INF), INF: (0, 0)}),
    "cbrt": (lambda x: mpmath.sign(x) * mpmath.root(abs(x), 3), (-9, 9), [1.0], {0.0: (0, INF), INF: (INF, 0), -INF: (-INF, 0)}),
    "exp": (mpmath.exp, (-700, 700), [0.0, 1.0], {INF: (INF, INF), -INF: (0, 0)}),
    "exp2": (lambda x: mpmath.power(2, x), (-1070, 1020), [0.0, 0.5, 3.0], {INF: (INF, INF), -INF: (0, 0)}),
    "expm1": (mpmath.expm1, (-50, 700), [0.0, 1.0, -40.0], {INF: (INF, INF), -INF: (-1, 0)}),
    "log": (mpmath.log, (0, 9), [1.0], {0.0: (-INF, INF), INF: (INF, 0)}),
    "log2": (lambda x: mpmath.log(x) / mpmath.log(2), (0, 9), [1.0, 8.0], {0.0: (-INF, INF), INF: (INF, 0)}),
    "log10": (lambda x: mpmath.log(x) / mpmath.log(10), (0, 9), [1.0, 1000.0], {0.0: (-INF, INF), INF: (INF, 0)}),
    "log1p": (mpmath.log1p, (-1, 9), [0.0, 1.0], {-1.0: (-INF, INF), INF: (INF, 0)}),
    "sin": (mpmath.sin, (-99, 99), [0.0, 1.0], {}),
    "cos": (mpmath.cos, (-99, 99), [0.0, 1.0], {}),
    "tan": (mpmath.tan, (-99, 99), [0.0, 1.0], {}),
    "asin": (mpmath.asin, (-1, 1), [0.0, 0.5], {1.0: (math.pi / 2, INF), -1.0: (-math.pi / 2, INF)}),
    "acos": (mpmath.acos, (-1, 1), [0.0, 0.5], {1.0: (0, -INF), -1.0: (math.pi, -INF)}),
    "atan": (mpmath.atan, (-9, 9), [0.0, 1.0], {INF: (math.pi / 2, 0), -INF: (-math.pi / 2, 0)}),
    "sinh": (mpmath.sinh, (-700, 700), [0.0, 1.0], {INF: (INF, INF), -INF: (-INF, INF)}),
    "cosh": (mpmath.cosh, (-700, 700), [0.0, 1.0], {INF: (INF, INF), -INF: (INF, -INF)}),
    "tanh": (mpmath.tanh, (-9, 9), [0.0, 1.0], {INF: (1, 0), -INF: (-1, 0)}),
    "asinh": (mpmath.asinh, (-9, 9), [0.0, 1.0], {INF: (INF, 0), -INF: (-INF, 0)}),
    "acosh": (mpmath.acosh, (1, 9), [2.0], {1.0: (0, INF), INF: (INF, 0)}),
    "atanh": (mpmath.atanh, (-1, 1), [0.0, 0.5], {1.0: (INF, INF), -1.0: (-INF, INF)}),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), (-700, 30), [0.0, 1.0], {INF: (1, 0), -INF: (0, 0)}),
    "silu": (lambda x: x / (1 + mpmath.exp(-x)), (-745, 30), [0.0, 1.0, -103.9000015258789], {INF: (INF, 1), -INF: (0, 0)}),
    "gelu": (gelu, (-38, 9), [0.0, 1.0, -3.0], {INF: (INF, 1), -INF: (0, 0)}),
    "gelu_tanh": (gelu_tanh, (-21, 9), [0.0, 1.0, -3.0], {INF: (INF, 1), -INF: (0, 0)}),
    "erf": (erf, (-6, 6), [0.0, 1.0], {INF: (1, 0), -INF: (-1, 0)}),
    "erfc": (erfc, (-6, 26), [0.0, 1.0], {INF: (0, 0), -INF: (2, 0)}),
    "erf_inv": (erf_inv, (-1, 1), [0.0, 0.5], {1.0: (INF, INF), -1.0: (-INF, INF)}),
    "square": (lambda x: x * x, (-9, 9), [0.0, 1.0], {INF: (INF, INF), -INF: (INF, -INF)}),
    "reciprocal": (lambda x: 1 / x, (-9, 9), [1.0], {0.0: (INF, -INF), INF: (0, 0), -INF: (0, 0)}),
    "powi": (lambda x: x**3, (-9, 9), [0.0, 1.0], {INF: (INF, INF), -INF: (-INF, INF)}),
    "relu": (positive(ID, lambda x: mpf(0)), (-9, 9), [], {0.0: (0, None), INF: (INF, 1), -INF: (0, 0)}),
    "leaky_relu": (positive(ID, lambda x: x / 8), (-9, 9), [], {0.0: (0, None), INF: (INF, 1), -INF: (-INF, 0.125)}),
    "elu": (positive(ID, mpmath.expm1), (-50, 9), [1.0, -1.0], {0.0: (0, 1), INF: (INF, 1), -INF: (-1, 0)}),
    "selu": (positive(lambda x: SCALE * x, lambda x: SCALE * ALPHA * mpmath.expm1(x)), (-50, 9), [1.0, -1.0],
             {0.0: (0, None), INF: (INF, float(SCALE)), -INF: (float(-SCALE * ALPHA), 0)}),
    "softplus": (lambda x: log_add_exp(x, mpf(0)), (-700, 700), [0.0, 1.0, -40.0], {INF: (INF, 1), -INF: (0, 0)}),
    "log_sigmoid": (lambda x: -log_add_exp(-x, mpf(0)), (-700, 700), [0.0, 1.0, 40.0], {INF: (0, 0), -INF: (-INF, 1)}),
    "clip": (lambda x: min(max(x, mpf(-0.5)), mpf(1.25)), (-2, 2), [0.0], {INF: (1.25, 0), -INF: (-0.5, 0)}),
}
# Functions whose derivatives are known: differences of so many digits would take too long. Drawn after all others,
# above 0: below, one unit in the last place is not the measure.
LADDER = [mpmath.loggamma, mpmath.digamma, *(lambda x, n=n: mpmath.polygamma(n, x) for n in range(1, 6))]
GAMMAS = {
    # Step of the ladder, what it tends to.
    "lgamma": (0, {0.0: (INF, -INF), INF: (INF, INF)}),
    "digamma": (1, {0.0: (-INF, INF), INF: (INF, 0)}),
    "polygamma": (3, {0.0: (-INF, INF), INF: (-0.0, 0)}),
}
X, Y = (1.0, 0.0), (0.0, 1.0)
ALONG = [X, Y, (1.0, 1.0), (1.0, -2.0)]


def floor_mod(x, y):
    return x - y * mpmath.floor(x / y)


def trunc_mod(x, y):
    q = x / y
    return x - y * mpmath.sign(q) * mpmath.floor(abs(q))


HUGE = {"f64": 1e200, "f32": to_f32(1e20)}
SMALL = {"f64": 1e-200, "f32": to_f32(1e-20)}
HALF = math.sqrt(0.5)
# Function, interval, points of interest, points at the ends whose value and slopes mpmath finds, and limits: (x, y, direction, value, slope).
BINARY = {
    "add": (lambda x, y: x + y, (-9, 9), [(1.0, 2.0)], ["mm"], [(INF, 1.0, X, INF, 1), (1.0, -INF, X, -INF, 1)]),
    "sub": (lambda x, y: x - y, (-9, 9), [(1.0, 2.0)], [], [(INF, 1.0, X, INF, 1), (1.0, -INF, Y, INF, -1)]),
    "mul": (lambda x, y: x * y, (-9, 9), [(1.0, 2.0), (0.0, 2.0)], [], [(INF, 2.0, X, INF, 2), (INF, 2.0, Y, INF, INF)]),
    "div": (lambda x, y: x / y, (-9, 9), [(1.0, 2.0), (0.0, 2.0)], ["hs", "sh", "hh", "ss"], [(INF, 2.0, X, INF, 0.5), (1.0, INF, X, 0, 0), (1.0, INF, Y, 0, 0), (1.0, -INF, Y, 0, 0)]),
    "rem": (trunc_mod, (-9, 9), [(7.5, 2.0), (-7.5, 2.0)], [], [(1.0, INF, X, 1, 1), (1.0, INF, Y, 1, 0)]),
    "remainder": (floor_mod, (-9, 9), [(7.5, 2.0), (-7.5, 2.0)], [], [(1.0, INF, X, 1, 1), (1.0, INF, Y, 1, 0)]),
    "maximum": (max, (-9, 9), [(1.0, 2.0)], ["hs", "sh"], [(INF, 1.0, X, INF, 1), (-INF, 1.0, X, 1, 0)]),
    "minimum": (min, (-9, 9), [(1.0, 2.0)], ["hs", "sh"], [(INF, 1.0, X, 1, 0), (-INF, 1.0, X, -INF, 1)]),
    "pow": (lambda x, y: mpmath.power(x, y) if x != 0 else mpf(0), (0, 9), [(2.0, 0.0), (2.0, 1.0), (0.5, 2.0), (3.0, 0.5), (1.0, 0.0)], [],
            [(0.0, 2.0, X, 0, 0), (0.0, 1.0, X, 0, 1), (0.0, 0.5, X, 0, INF), (0.0, 2.0, Y, 0, 0), (0.0, -1.0, X, INF, -INF), (0.0, -1.0, Y, INF, -INF),
             (INF, 2.0, X, INF, INF), (INF, -1.0, X, 0, 0), (INF, -1.0, Y, 0, 0), (INF, 0.0, X, 1, 0), (INF, 0.0, Y, 1, INF), (0.0, 0.0, X, 1, 0), (0.0, 0.0, Y, 1, 0),
             (2.0, INF, X, INF, INF), (2.0, INF, Y, INF, INF), (2.0, -INF, X, 0, 0), (2.0, -INF, Y, 0, 0), (0.5, INF, X, 0, 0), (0.5, -INF, X, INF, -INF)]),
    "atan2": (mpmath.atan2, (-9, 9), [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 2.0), (-1.0, -1.0), (1.0, -3.0)], ["hh", "ss", "hs", "sh", "1h", "h1", "1s", "s1", "m1", "mm", "mh"],
              [(0.0, -1.0, X, math.pi, -1), (0.0, -1.0, Y, math.pi, 0), *((x, y, d, v, 0) for d in (X, Y) for x, y, v in ((1.0, INF, 0), (INF, 1.0, math.pi / 2), (1.0, -INF, math.pi), (INF, INF, math.pi / 4)))]),
    "hypot": (lambda x, y: mpmath.sqrt(x * x + y * y), (-9, 9), [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (-3.0, 4.0), (-1.0, -1.0), (2.0, -2.0)],
              ["hh", "ss", "hs", "sh", "1h", "h1", "1s", "s1", "tt", "t1", "m1", "mm", "nn"],
              [(0.0, 0.0, X, 0, 0), (0.0, 0.0, Y, 0, 0), (INF, 1.0, X, INF, 1), (INF, 1.0, Y, INF, 0), (1.0, -INF, X, INF, 0), (1.0, -INF, Y, INF, -1), (-INF, 0.0, X, INF, -1)]),
    "log_add_exp": (log_add_exp, (-30, 30), [(0.0, 0.0), (1.0, 1.0), (3.0, 3.0), (-2.5, -2.5), (0.0, 1.0), (2.0, -3.0), (-40.0, 0.0)], ["hh", "ss", "hs", "1h", "h1", "1s", "mm", "m1", "tt"],
                    [(-INF, -INF, X, -INF, 0.5), (-INF, -INF, Y, -INF, 0.5), (INF, INF, X, INF, 0.5), (1.0, INF, X, INF, 0), (1.0, INF, Y, INF, 1), (-INF, 1.0, X, 1, 0),
                     (-INF, 1.0, Y, 1, 1), (INF, -INF, X, INF, 1), (INF, -INF, Y, INF, 0), (-INF, 1.0, (1.0, 1.0), 1, 1)]),
}


def derivatives(f, point, direction, n):
    """The first derivatives along a direction, by central differences whose step is 2^-200 of the scale of the point."""
    scale = min([abs(mpf(p)) for p, d in zip(point, direction) if d and p] + [mpf(1)] + ([abs(mpf(p)) for p in point if p]))
    # Products with squares of the smallest numbers have to keep their digits.
    mp.prec = 2000 + int(8 * abs(mpmath.log(scale, 2))) + 4 * max(0, *(int(mpmath.log(abs(mpf(p)), 2)) if p else 0 for p in point))
    h = scale * mpf(2) ** -200
    at = lambda k: f(*(mpf(p) + k * h * mpf(d) for p, d in zip(point, direction)))
    middle = at(0)
    result = [(at(1) - at(-1)) / (2 * h)]
    if n > 1:
        result.append((at(1) - 2 * middle + at(-1)) / h**2)
    if n > 2:
        result.append((at(2) - 2 * at(1) + 2 * at(-1) - at(-2)) / (2 * h**3))
    # What is left of a zero.
    nothing = mpf(10) ** -60 if n > 1 else mpf(2) ** -1500
    return middle, [d if abs(d) > nothing else mpf(0) for d in result]


def shown(x):
    return "" if x is None else repr(float(x))


def line(name, dtype, point, direction, value, slopes):
    nearest = rounded(value) if isinstance(value, mpf) else float(value)
    lacks = rest(value, nearest) if isinstance(value, mpf) else 0.0
    slopes = [rounded(s) if isinstance(s, mpf) else s for s in slopes] + [None] * (3 - len(slopes))
    pair = lambda p: [shown(c) for c in (*p, None)[:2]]
    print(",".join([name, dtype, *pair(point), *pair(direction), shown(nearest), f"{lacks:.4f}", *map(shown, slopes)]))


def drawn(low, high, dtype):
    x = random.uniform(low, high)
    if dtype == "f32" and abs(low) > 80:
        x /= 8
    return to_f32(x) if dtype == "f32" else x


def unary(name, dtype):
    f, (low, high), special, limits = UNARY[name]
    tiny, normal, largest = LIMITS[dtype]
    inside = lambda x: (low <= x if low > -2 and low not in (-0.5,) else True) and (x <= high if high == 1 else True)
    for x in special:
        if dtype == "f32":
            x = to_f32(x)
        value, slopes = derivatives(f, (x,), (1.0,), 3)
        line(name, dtype, (x,), (1.0,), value, slopes)
    for k in range(40):
        x = drawn(low, high, dtype)
        mp.prec = 600
        value, slopes = derivatives(f, (x,), (1.0,), 1) if k < 8 else (f(mpf(x)), [])
        line(name, dtype, (x,), (1.0,), value, slopes)
    steps = name in ("floor", "ceil", "round", "trunc")
    for a in (tiny, normal, SMALL[dtype], HUGE[dtype], largest):
        if name in ("sin", "cos", "tan") and a > 1:
            continue
        for x in (a, -a):
            clipped = name == "clip"
            if not (inside(x) or clipped) or (low >= 0 and x <= low) or (abs(low) == 1 and high == 1 and abs(x) > 1) or (name == "log1p" and x <= -1) or (low == 1 and x < 1):
                continue
            if abs(x) > 1 and name in OVERFLOWING:
                continue
            if steps:
                mp.prec = 3000
                line(name, dtype, (x,), (1.0,), f(mpf(x)), [0.0])
                continue
            line(name, dtype, (x,), (1.0,), *derivatives(f, (x,), (1.0,), 1))
    for x, (value, slope) in limits.items():
        line(name, dtype, (x,), (1.0,), mpf(value) if value and abs(value) < 9 else value, [slope])
        if x == 0.0 and name not in ("rsqrt", "reciprocal", "sqrt"):
            line(name, dtype, (-0.0,), (1.0,), value, [slope])


# Their values at huge arguments are limits of their own, written out below.
OVERFLOWING = {"exp", "exp2", "expm1", "sinh", "cosh", "tanh", "sigmoid", "silu", "softplus", "log_sigmoid", "elu", "selu", "erf", "erfc", "gelu", "gelu_tanh"}


def at_huge(name, dtype):
    limits = UNARY[name][3]
    for a in (HUGE[dtype], LIMITS[dtype][2]):
        for sign, end in ((1, INF), (-1, -INF)):
            value, slope = limits[end]
            # Where the function tends to a multiple of its argument.
            linear = {INF: float(SCALE) if name == "selu" else 1.0, -INF: 1.0}[end]
            if math.isinf(value) and not math.isinf(slope):
                value = mpf(sign * a) * mpf(SCALE if name == "selu" else linear)
            line(name, dtype, (sign * a,), (1.0,), mpf(value) if not math.isinf(value) else value, [slope])


def binary(name, dtype):
    f, (low, high), special, ends, limits = BINARY[name]
    tiny, normal, largest = LIMITS[dtype]
    for point in special:
        for direction in ALONG:
            line(name, dtype, point, direction, *derivatives(f, point, direction, 3))
    for k in range(60):
        point = (drawn(low, high, dtype), drawn(low, high, dtype))
        mp.prec = 600
        if k < 6:
            for direction in (X, Y):
                line(name, dtype, point, direction, *derivatives(f, point, direction, 1))
        else:
            line(name, dtype, point, X, f(*map(mpf, point)), [])
    letters = {"h": HUGE[dtype], "s": SMALL[dtype], "1": 1.0, "t": tiny, "m": largest, "n": normal}
    for pair in ends:
        for signs in ((1, 1), (-1, 1), (1, -1)):
            point = tuple(s * letters[c] for s, c in zip(signs, pair))
            for direction in (X, Y):
                line(name, dtype, point, direction, *derivatives(f, point, direction, 1))
    for x, y, direction, value, slope in limits:
        line(name, dtype, (x, y), direction, mpf(value) if value and abs(value) < 9 else value, [slope])


def gamma(name, dtype):
    step, limits = GAMMAS[name]
    tiny, normal, largest = LIMITS[dtype]
    special = [1.0, 2.0, 0.5, 1.5, 3.25, 8.0, 30.0]
    places = [*special, *(drawn(0, 12, dtype) for _ in range(40)), *(drawn(0.8, 2.3, dtype) for _ in range(20)), tiny, normal, SMALL[dtype], HUGE[dtype], largest]
    for x in places:
        # The sum that mpmath takes loses digits next to 0.
        mp.prec = 600 if 1e-3 < x < 1e10 else 300 if x > 1 else 9000
        values = [f(mpf(x)) for f in LADDER[step : step + 4]] if x > 1e-3 else near_zero(step, mpf(x))
        line(name, dtype, (x,), (1.0,), values[0], values[1:] if x in special else values[1:2])
    for x, (value, slope) in limits.items():
        line(name, dtype, (x,), (1.0,), value, [slope])


def near_zero(step, x):
    """By the first terms next to the pole."""
    first = [-mpmath.log(x) - mpmath.euler * x, -1 / x - mpmath.euler]
    return [*first, *((-1) ** (n + 1) * mpmath.factorial(n) * x ** -(n + 1) for n in range(1, 6))][step : step + 4]


def main():
    print("function,type,x,y,u,v,value,rest in units of the last place,first,second,third derivative")
    for dtype in ("f64", "f32"):
        for name in UNARY:
            unary(name, dtype)
            if name in OVERFLOWING:
                at_huge(name, dtype)
        for name in BINARY:
            binary(name, dtype)
    random.seed(1729)
    for dtype in ("f64", "f32"):
        for name in GAMMAS:
            gamma(name, dtype)


if __name__ == "__main__":
    main()
