#!/usr/bin/env python3
"""Writes math_f64.csv: arguments and correctly rounded results of the f64 functions, as the bits of the floats.

Needs mpmath. Usage: math_f64.py > math_f64.csv
"""

import math
import random
import struct

import mpmath
from mpmath import mp, mpf

POINTS = 400
random.seed(20250)
TINY = 2.0**-1074


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def from_bits(b):
    return struct.unpack("<d", struct.pack("<Q", b))[0]


def rounded(value):
    """The f64 nearest to a number of mpmath, subnormal ones included."""
    if value == 0:
        return 0.0
    magnitude = abs(value)
    exponent = max(int(mpmath.floor(mpmath.log(magnitude, 2))), -1022)
    unit = mpf(2) ** (exponent - 52)
    integer = int(mpmath.nint(magnitude / unit))
    if integer >= 2**53:
        integer, unit, exponent = integer // 2, unit * 2, exponent + 1
    result = math.inf if exponent > 1023 else math.ldexp(integer, exponent - 52)
    return -result if value < 0 else result


def any_float(low=-1074, high=1023, sign=True):
    """A random significand with a random exponent in this range."""
    x = math.ldexp(random.random() + 1.0, random.randint(low, high))
    return -x if sign and random.random() < 0.5 else x


def around(*points, steps=8):
    """The neighbours of these points, some floats away."""
    for p in points:
        for d in [0, 1, 2, 3, 17, 1000, 2**20, 2**35, 2**45][: steps + 1]:
            for s in (-d, d):
                if p == 0:
                    yield from_bits(d) * (1 if s >= 0 else -1)
                else:
                    yield from_bits(bits(p) + s)


def spread(*ranges, special=(), inside=lambda x: True):
    """Uniform points in the ranges, exponents at random within them, and the special ones."""
    chosen = [x for x in special if inside(x)]
    left = POINTS - len(chosen)
    share = left // len(ranges) + 1
    for kind, low, high in ranges:
        done = 0
        while done < share:
            x = random.uniform(low, high) if kind == "uniform" else any_float(low, high)
            if inside(x):
                chosen.append(x)
                done += 1
    return chosen


def erf_inv(x):
    """By Newton's method on erfc, whose argument 1 - x is exact."""
    mp.prec = 400
    x = mpf(x)
    c = 1 - abs(x)
    y = mpmath.sqrt(-mpmath.log(c)) * mpf("0.9") if c < 0.5 else abs(x) * mpmath.sqrt(mpmath.pi) / 2
    for _ in range(200):
        residual = (mpmath.erfc(y) - c) if c < 0.5 else (abs(x) - mpmath.erf(y))
        step = residual / (2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-y * y))
        step = step / (1 - step * y)
        y += step
        if abs(step) < abs(y) * mpf(2) ** -150:
            break
    return y if x > 0 else -y


def trig_points():
    multiples = [float(mpf(k) * mpmath.pi / 4) for k in [*range(1, 21), 1000, 12345, 2**20, 2**25 + 1, 683565275]]
    return spread(
        ("uniform", -8.0, 8.0), ("uniform", -1e4, 1e4), ("exponent", -60, 29), ("uniform", -1.07e9, 1.07e9),
        special=[*around(*multiples, steps=1), 1e-310, -TINY, 6381956970095103.0 * 2.0**-24],
        inside=lambda x: abs(x) <= 2.0**30,
    )


DOMAINS = {
    "exp": lambda: spread(("uniform", -745.0, 709.7), ("uniform", -2.0, 2.0), ("exponent", -60, 9),
                          special=[*around(709.782712893384, -708.3964185322641, -745.1332191019411, steps=4), 1e-310, TINY]),
    "expm1": lambda: spread(("uniform", -50.0, 50.0), ("uniform", -1.0, 1.0), ("exponent", -60, 9), ("exponent", -1074, -60),
                            special=[*around(709.782712893384, 0.34657359027997264, -0.34657359027997264, 1.03972077083991793, steps=4)]),
    "log": lambda: spread(("exponent", -1074, 1023), ("uniform", 0.5, 2.0), ("uniform", 0.9, 1.1), special=list(around(1.0, math.sqrt(0.5), math.sqrt(2.0))),
                          inside=lambda x: x > 0),
    "log1p": lambda: spread(("exponent", -1074, 1023), ("uniform", -0.999, 2.0), ("exponent", -60, 60), ("exponent", -10, 1),
                            special=list(around(-1.0, -0.29289321881345254, 0.41421356237309503)), inside=lambda x: x > -1),
    "sin": trig_points,
    "cos": trig_points,
    "tan": trig_points,
    "asin": lambda: spread(("uniform", -1.0, 1.0), ("exponent", -1074, -1), ("exponent", -20, -1), special=list(around(1.0, -1.0, 0.5)), inside=lambda x: abs(x) <= 1),
    "acos": lambda: spread(("uniform", -1.0, 1.0), ("exponent", -1074, -1), ("exponent", -20, -1), special=list(around(1.0, -1.0, 0.5, -0.5)), inside=lambda x: abs(x) <= 1 and x != 1),
    "atan": lambda: spread(("uniform", -5.0, 5.0), ("exponent", -1074, 1023), ("exponent", -10, 10), special=list(around(1.0, 0.41421356237309503, 2.414213562373095, 0.4142135))),
    "sinh": lambda: spread(("uniform", -710.4, 710.4), ("uniform", -3.0, 3.0), ("exponent", -40, 9), ("exponent", -1074, -40), special=list(around(1.0, 710.4758600739439, steps=3))),
    "cosh": lambda: spread(("uniform", -710.4, 710.4), ("uniform", -3.0, 3.0), ("exponent", -40, 9), ("exponent", -1074, -40), special=list(around(710.4758600739439, steps=3))),
    "tanh": lambda: spread(("uniform", -20.0, 20.0), ("uniform", -1.5, 1.5), ("exponent", -40, 5), ("exponent", -1074, 1023), special=list(around(0.17328679513998632))),
    "asinh": lambda: spread(("uniform", -4.0, 4.0), ("exponent", -1074, 1023), ("exponent", -30, 30), ("exponent", -5, 5), special=list(around(2.0**28))),
    "acosh": lambda: spread(("uniform", 1.0, 4.0), ("exponent", 0, 1023), ("exponent", 0, 30), special=[*around(1.0, 2.0**28), *(1 + 2.0**-k for k in range(1, 52))], inside=lambda x: x > 1),
    "atanh": lambda: spread(("uniform", -1.0, 1.0), ("exponent", -1074, -1), ("exponent", -10, -1), special=list(around(1.0, -1.0)), inside=lambda x: abs(x) < 1),
    "sigmoid": lambda: spread(("uniform", -745.0, 50.0), ("uniform", -3.0, 3.0), ("exponent", -60, 9), special=list(around(-708.3964185322641, -745.1332191019411, steps=4))),
    "erf": lambda: spread(("uniform", -6.0, 6.0), ("uniform", -1.2, 1.2), ("exponent", -40, 3), ("exponent", -1074, -40), special=list(around(1.0, -1.0))),
    "erfc": lambda: spread(("uniform", -6.0, 27.3), ("uniform", -1.2, 1.2), ("uniform", 0.4, 3.0), ("exponent", -40, 4), special=list(around(0.5, 1.0, 26.5432, 27.2262, steps=5)), inside=lambda x: x < 28),
    "erf_inv": lambda: spread(("uniform", -1.0, 1.0), ("exponent", -1074, -1), ("exponent", -10, -1),
                              special=[*around(0.5, 0.99903, 0.99999994), *(1 - math.ldexp(random.random() + 1, -k) for k in range(2, 54)), *(1 - math.ldexp(random.random() + 1, -k) for k in range(2, 54))],
                              inside=lambda x: 0 < abs(x) < 1),
    "cbrt": lambda: spread(("exponent", -1074, 1023), ("uniform", -10.0, 10.0), ("exponent", -3, 3), special=list(around(1.0, 8.0, 27.0))),
    "rsqrt": lambda: spread(("exponent", -1074, 1023), ("uniform", 0.0, 10.0), special=list(around(1.0, 4.0)), inside=lambda x: x > 0),
}


def pairs_of_pow():
    result = []
    while len(result) < POINTS:
        kind = len(result) % 5
        if kind == 0:  # results over the whole range
            x = any_float(-1074, 1023, sign=False)
            y = random.uniform(-745, 709) / math.log(x) if x != 1 else 2.0
        elif kind == 1:
            x, y = random.uniform(0.0, 10.0), random.uniform(-20.0, 20.0)
        elif kind == 2:  # near one, to a great power
            x = 1.0 + math.ldexp(random.uniform(-1, 1), -random.randint(1, 50))
            y = random.uniform(-700, 700) / math.log(x) if x != 1 else 3.0
        elif kind == 3:
            x, y = any_float(-1074, 1023), float(random.randint(-9, 9))
        else:
            x, y = any_float(-5, 5, sign=False), any_float(-60, 8)
        if x != 0 and y != 0 and abs(y * math.log(abs(x))) < 746:
            result.append((x, y))
    return result


def pairs_of_atan2():
    result = []
    while len(result) < POINTS:
        kind = len(result) % 4
        if kind == 0:
            y, x = random.uniform(-2, 2), random.uniform(-2, 2)
        elif kind == 1:
            y, x = any_float(), any_float()
        elif kind == 2:
            x = any_float()
            y = x * random.uniform(0.2, 5.0)
        else:
            x = any_float(-500, 500)
            y = x * math.ldexp(random.uniform(1, 2), random.randint(-560, 60))
        if x != 0 and y != 0 and not math.isinf(y):
            result.append((y, x))
    return result


def pairs_of_powi():
    result = []
    while len(result) < POINTS:
        n = random.choice([*range(-12, 13), 30, -45, 64, 100, -127, 1000, -1001, 65535, -100000, 2**31 - 1, -(2**31)])
        x = random.choice([-1, 1]) * math.exp(random.uniform(-745, 709) / (abs(n) or 1))
        if 0 < abs(x) and not math.isinf(x):
            result.append((x, float(n)))
    return result


def gelu(x):
    # mpmath's erfc takes no arguments of hundreds of digits.
    return x * (mpmath.erfc(-x / mpmath.sqrt(2)) / 2 if abs(x) < 1000 else 1 if x > 0 else mpf(10) ** -9999)


def gelu_tanh(x):
    w = 2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpf("0.044715") * x**3)
    return x / (1 + mpmath.exp(-w))


# Made after the functions above, whose random points stay as they were.
LATER_DOMAINS = {
    "exp2": lambda: spread(("uniform", -1074.9, 1023.99), ("uniform", -2.0, 2.0), ("exponent", -60, 9), special=[*around(1024.0, -1022.0, -1074.0, 0.5, steps=4), 3.0, -7.0, TINY],
                           inside=lambda x: x < 1024),
    "log2": lambda: spread(("exponent", -1074, 1023), ("uniform", 0.5, 2.0), ("uniform", 0.9, 1.1), special=[8.0, 2.0**-1074, 2.0**1000, *around(1.0, math.sqrt(0.5), math.sqrt(2.0))],
                           inside=lambda x: x > 0 and x != 1),
    "log10": lambda: spread(("exponent", -1074, 1023), ("uniform", 0.5, 2.0), ("uniform", 0.9, 1.1), special=[10.0, 1000.0, 1e22, *around(1.0, math.sqrt(0.5), math.sqrt(2.0))],
                            inside=lambda x: x > 0 and x != 1),
    "silu": lambda: spread(("uniform", -752.0, 50.0), ("uniform", -3.0, 3.0), ("exponent", -60, 9), ("exponent", -1074, 1023), special=list(around(-708.3964185322641, -745.1332191019411, steps=4))),
    "gelu": lambda: spread(("uniform", -38.6, 10.0), ("uniform", -2.0, 2.0), ("exponent", -60, 4), ("exponent", -1074, 1023),
                           special=list(around(-0.7071067811865475, 1.4142135623730951, -1.4142135623730951, -37.5, -38.4, steps=5))),
    "gelu_tanh": lambda: spread(("uniform", -21.8, 10.0), ("uniform", -2.0, 2.0), ("exponent", -60, 4), ("exponent", -1074, 1023), special=list(around(-21.0, -21.5, steps=5))),
}


def pairs_of_hypot():
    return pairs_of_atan2()


def pairs_of_log_add_exp():
    result = []
    while len(result) < POINTS:
        kind = len(result) % 5
        if kind == 0:
            a, b = random.uniform(0, 700), random.uniform(-700, 700)
        elif kind == 1:
            a, b = any_float(-60, 10), 0.0
        elif kind == 2:
            a = random.uniform(-1000, 1000)
            b = a + random.uniform(-3, 3)
        elif kind == 3:
            a, b = any_float(), any_float()
        else:
            a = any_float(-60, 3)
            b = -random.uniform(0, 745)
        # Elsewhere the larger and the logarithm cancel.
        if not -2 < max(a, b) < 0:
            result.append((a, b) if random.random() < 0.5 else (b, a))
    return result


def positive(*zeros):
    """Arguments above 0, also next to these zeros. Below 0 see gamma_f64.py: one float is not the measure there."""
    return spread(("uniform", 0.0, 12.0), ("uniform", 0.8, 2.3), ("uniform", 7.5, 60.0), ("exponent", -1074, 1014), ("exponent", -60, 4),
                  special=list(around(8.0, *(z + d for z in zeros for d in (0.0, 0.125, -0.125)))), inside=lambda x: 0 < x < 2.5e305 and x not in zeros)


GAMMA_DOMAINS = {
    "lgamma": lambda: positive(1.0, 2.0),
    "digamma": lambda: positive(1.4616321449683622),
}


EXACT = {
    "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "log1p": mpmath.log1p, "sin": mpmath.sin, "cos": mpmath.cos,
    "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos, "atan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh,
    "tanh": mpmath.tanh, "asinh": mpmath.asinh, "acosh": mpmath.acosh, "atanh": mpmath.atanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "erf": mpmath.erf, "erfc": mpmath.erfc, "erf_inv": erf_inv,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.root(abs(x), 3), "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "pow": lambda x, y: mpmath.power(x, int(y) if y == int(y) else y), "atan2": mpmath.atan2,
    "powi": lambda x, n: mpmath.power(x, int(n)),
    "exp2": lambda x: mpmath.power(2, x), "log2": lambda x: mpmath.log(x) / mpmath.log(2), "log10": lambda x: mpmath.log(x) / mpmath.log(10),
    "silu": lambda x: x / (1 + mpmath.exp(-x)), "gelu": gelu, "gelu_tanh": gelu_tanh,
    "lgamma": mpmath.loggamma, "digamma": mpmath.digamma,
    "hypot": lambda x, y: mpmath.sqrt(x * x + y * y),
    "log_add_exp": lambda x, y: max(x, y) + mpmath.log1p(mpmath.exp(-min(abs(x - y), 10**5))),
}
LATER_PAIRS = {"hypot": pairs_of_hypot, "log_add_exp": pairs_of_log_add_exp}
PAIRS = {"pow": pairs_of_pow, "atan2": pairs_of_atan2, "powi": pairs_of_powi}


def main():
    print("function,argument,second argument,result (bits of f64, hexadecimal)")
    for domains, pairs in ((DOMAINS, PAIRS), (LATER_DOMAINS, LATER_PAIRS), (GAMMA_DOMAINS, {})):
        if domains is GAMMA_DOMAINS:
            random.seed(577)
        for name, points in domains.items():
            for x in sorted(set(points())):
                mp.prec = 300
                if name in ("sinh", "tanh", "asinh", "atanh", "expm1", "log1p", "erf", "acosh", "acos") and abs(x) < 1e-30:
                    mp.prec = 2500  # formulas that cancel
                print(f"{name},{bits(x):x},,{bits(rounded(mpf(EXACT[name](mpf(x))))):x}")
        for name, points in pairs.items():
            for a, b in points():
                mp.prec = 2500 if name == "log_add_exp" else 300
                print(f"{name},{bits(a):x},{bits(b):x},{bits(rounded(mpf(EXACT[name](mpf(a), mpf(b))))):x}")


if __name__ == "__main__":
    main()
