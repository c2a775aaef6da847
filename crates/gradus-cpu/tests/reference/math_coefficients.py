#!/usr/bin/env python3
"""Prints the polynomial coefficients of crates/gradus-cpu/src/math.

Each polynomial is a least-squares fit on Chebyshev nodes, which comes within a small factor of the minimax error; the
line above each array states the error reached. Needs mpmath. Usage: math_coefficients.py [NAME ...]
"""

import struct
import sys

from mpmath import (asin, atan, atanh, cos, erf, erfc, erfinv, euler, exp, expm1, findroot, log, log1p, loggamma, lu_solve,
                    matrix, mp, mpf, pi, psi, sin, sinh, sqrt, tan, tanh)

mp.dps = 80


def single(x):
    """The nearest f32."""
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def shortest_single(x):
    """The shortest decimal that reads back as this f32."""
    return next(t for t in (f"{x:.{d}g}" for d in range(1, 10)) if single(mpf(t)) == x)


def double(x):
    """The nearest f64."""
    return mpf(float(x))


def nodes(a, b, n):
    a, b = mpf(a), mpf(b)
    return [(a + b) / 2 + (b - a) / 2 * cos((2 * k + 1) * pi / (2 * n)) for k in range(n)]


def fit(f, a, b, n, fixed=(), round_to=double, free=7):
    """`n` coefficients, lowest first, of a polynomial near `f` on [a, b]; those in `fixed` come first and stay as they are.

    Least squares on the nodes of a Chebyshev polynomial of thrice the degree. The first `free` coefficients are rounded
    one after the other from the lowest on, and the others refitted, so that the rounding of one is made good by the next."""
    done = [mpf(c) for c in fixed]
    xs = nodes(a, b, 3 * n)
    values = [f(x) for x in xs]
    while len(done) < n:
        k = len(done)
        system, right = matrix(len(xs), n - k), matrix(len(xs), 1)
        for i, x in enumerate(xs):
            for j in range(n - k):
                system[i, j] = x ** (k + j)
            right[i] = values[i] - sum(c * x**j for j, c in enumerate(done))
        solution = lu_solve(system, right)  # of the normal equations, as there are more rows than columns
        take = 1 if k < free else n - k
        done.extend(round_to(solution[j]) for j in range(take))
    worst = max(abs(f(x) - sum(c * x**j for j, c in enumerate(done))) for x in nodes(a, b, 8 * n + 5))
    return done, worst


def series(f, z, at_zero):
    """`f(z)`, or its value at zero where the formula is 0/0."""
    return f(z) if abs(z) > mpf(10) ** -25 else mpf(at_zero)


R = log(2) / 2 * mpf("1.0001")  # half a step of exp's argument reduction
Q = pi / 4 * mpf("1.0001")  # the same for sin and cos
T = (tan(pi / 8) * mpf("1.001")) ** 2  # square of atan's largest reduced argument
S = ((sqrt(2) - 1) / (sqrt(2) + 1) * mpf("1.001")) ** 2  # square of log's largest s

odd_sin = lambda z: series(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, z, mpf(-1) / 6)
even_cos = lambda z: series(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, z, mpf(1) / 24)
odd_atan = lambda z: series(lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z, z, mpf(-1) / 3)
odd_asin = lambda z: series(lambda z: (asin(sqrt(z)) / sqrt(z) - 1) / z, z, mpf(1) / 6)
odd_atanh = lambda z: series(lambda z: 2 * (atanh(sqrt(z)) / sqrt(z) - 1) / z, z, mpf(2) / 3)
odd_atanh_tail = lambda z: series(lambda z: (odd_atanh(z) - mpf(2) / 3) / z, z, mpf(2) / 5)
odd_sinh = lambda z: series(lambda z: (sinh(sqrt(z)) / sqrt(z) - 1) / z, z, mpf(1) / 6)
odd_tanh = lambda z: series(lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z, z, mpf(-1) / 3)
exp_tail = lambda x: series(lambda x: (expm1(x) - x) / x**2, x, mpf(1) / 2)
log_tail = lambda x: series(lambda x: (log1p(x) - x + x * x / 2) / x**3, x, mpf(1) / 3)
odd_erf = lambda z: series(lambda z: erf(sqrt(z)) / sqrt(z), z, 2 / sqrt(pi))

odd_erf_tail = lambda z: series(lambda z: (odd_erf(z) - 2 / sqrt(pi)) / z, z, -2 / (3 * sqrt(pi)))


def erf_inv_centre(w):
    """erf_inv(x)/x as a function of w = -log(1 - x²)."""
    return series(lambda w: erfinv(sqrt(-expm1(-w))) / sqrt(-expm1(-w)), w, sqrt(pi) / 2)


def erf_inv_from_w(w):
    """erf_inv(x) at w = -log(1 - x²), also where x is too near to 1 for erfinv."""
    # erfc(y) = c with 1 - x² = c (2 - c) = exp(-w), so c = 1 - sqrt(1 - exp(-w)), by Newton's method.
    t = exp(-w)
    c = t / (1 + sqrt(1 - t))
    y = sqrt(w) * mpf("0.9")
    for _ in range(60):
        g = erfc(y)
        step = (g - c) / (2 / sqrt(pi) * exp(-y * y))
        step = step / (1 - step * y)  # Halley
        y += step
        if abs(step) < mpf(10) ** -45:
            break
    return y


def erf_inv_tail(w_to_s):
    def f(s):
        w = w_to_s(s)
        t = exp(-w)
        return erf_inv_from_w(w) / sqrt(1 - t)

    return f


def erfcx_mapped(k):
    """(1 + 2x)·exp(x²)·erfc(x) in the variable t = (x - k)/(x + k)."""

    def f(t):
        x = k * (1 + t) / (1 - t)
        if x > 1000:
            return (1 + 2 * x) / (x * sqrt(pi)) * (1 - 1 / (2 * x * x) + 3 / (4 * x**4) - 15 / (8 * x**6) + mpf(105) / (16 * x**8))
        return (1 + 2 * x) * exp(x * x) * erfc(x)

    return f


def erf_exponent(x):
    """-log(1 - erf(x))"""
    return -log(erfc(x))


ZERO_OF_DIGAMMA = findroot(lambda x: psi(0, x), mpf("1.4616321449683623412626595423257213284681962040064"))
E = mpf(1) / 8 * mpf("1.001")
lgamma_at_one = lambda t: series(lambda t: (loggamma(1 + t) / t + euler) / t, t, pi**2 / 12)
lgamma_at_two = lambda t: series(lambda t: (loggamma(2 + t) / t - 1 + euler) / t, t, (pi**2 / 6 - 1) / 2)
digamma_at_zero = lambda t: series(lambda t: (psi(0, ZERO_OF_DIGAMMA + t) / t - psi(1, ZERO_OF_DIGAMMA)) / t, t, psi(2, ZERO_OF_DIGAMMA) / 2)


def stirling(z):
    """What Stirling's formula lacks at y = z^(-1/2), by 1/y, without the first term."""
    y = 1 / sqrt(z)
    return (y * (loggamma(y) - (y - mpf(1) / 2) * log(y) + y - log(2 * pi) / 2) - mpf(1) / 12) / z


def digamma_series(z):
    """The same for digamma, by 1/y^2."""
    y = 1 / sqrt(z)
    return ((log(y) - 1 / (2 * y) - psi(0, y)) / z - mpf(1) / 12) / z


TABLE = {
    # double
    "f64 exp: (e^r - 1 - r)/r^2": lambda: fit(exp_tail, -R, R, 11, [0.5]),
    "f64 exp in one part: (e^r - 1 - r)/r^2": lambda: fit(exp_tail, -R, R, 10, [0.5]),
    "f64 sin: (sin x/x - 1)/z": lambda: fit(odd_sin, 0, Q**2, 6),
    "f64 cos: (cos x - 1 + z/2)/z^2": lambda: fit(even_cos, 0, Q**2, 6),
    "f64 log: 2(atanh s/s - 1)/z": lambda: fit(odd_atanh, 0, S, 7),
    "f64 log tail: ((2(atanh s/s - 1)/z) - 2/3)/z": lambda: fit(odd_atanh_tail, 0, S, 9),
    "f64 atan: (atan t/t - 1)/z": lambda: fit(odd_atan, 0, T, 11),
    "f64 asin: (asin x/x - 1)/z": lambda: fit(odd_asin, 0, mpf(1) / 4, 13),
    "f64 sinh: (sinh x/x - 1)/z": lambda: fit(odd_sinh, 0, 1, 8),
    "f64 tanh: (tanh x/x - 1)/z, |x| <= 0.55": lambda: fit(odd_tanh, 0, mpf("0.55") ** 2 * mpf("1.0001"), 11),
    "f64 cbrt: m^(-1/3)": lambda: fit(lambda m: m ** (mpf(-1) / 3), sqrt(mpf(1) / 2), sqrt(2), 5),
    "f64 erf: erf x/x": lambda: fit(odd_erf, 0, 1, 14),
    "f64 erfc: (1+2x) e^(x^2) erfc x, t=(x-4)/(x+4)": lambda: fit(erfcx_mapped(4), -1 + mpf(2) / 18, mpf(24) / 32, 24),
    "f64 erf_inv centre: w in [0, 6.25], w-3.125": lambda: fit(lambda s: erf_inv_centre(s + mpf(25) / 8), -mpf(25) / 8, mpf(25) / 8, 25),
    "f64 erf_inv middle: sqrt w in [2.5, 4], -3.25": lambda: fit(erf_inv_tail(lambda s: (s + mpf(13) / 4) ** 2), -0.752, 0.752, 20),
    "f64 erf_inv tail: sqrt w in [4, 6.01], -5": lambda: fit(erf_inv_tail(lambda s: (s + 5) ** 2), -1.001, 1.01, 20),
    "f64 lgamma at 1": lambda: fit(lgamma_at_one, -E, E, 13, free=5),
    "f64 lgamma at 2": lambda: fit(lgamma_at_two, -E, E, 10, free=5),
    "f64 digamma at its zero": lambda: fit(digamma_at_zero, -E, E, 12, free=5),
    "f64 lgamma: Stirling's series": lambda: fit(stirling, 0, mpf(1) / 64, 6, free=4),
    "f64 digamma: series": lambda: fit(digamma_series, 0, mpf(1) / 64, 6, free=4),
    # single
    "f32 exp: (e^r - 1 - r)/r^2": lambda: fit(exp_tail, -R, R, 5, [0.5], single),
    "f32 expm1: (e^r - 1 - r)/r^2": lambda: fit(exp_tail, -R, R, 6, [0.5], single),
    "f32 log: (log(1+f) - f + f^2/2)/f^3": lambda: fit(log_tail, sqrt(mpf(1) / 2) - 1, sqrt(2) - 1, 9, [], single),
    "f32 sin: (sin x/x - 1)/z, |x| <= pi/2": lambda: fit(odd_sin, 0, (2 * Q) ** 2, 5, [], single),
    "f32 tanh: (tanh x/x - 1)/z, |x| <= 0.625": lambda: fit(odd_tanh, 0, mpf("0.625") ** 2, 5, [], single),
    "f32 erf: (erf x/x - 2/sqrt pi)/z, |x| <= 0.8": lambda: fit(odd_erf_tail, 0, mpf("0.65"), 6, [], single),
    "f32 log1p: 2(atanh s/s - 1)/z": lambda: fit(odd_atanh, 0, S, 4, [], single),
    "f32 log_add_exp: (2 atanh(q/2)/q - 1)/z, q <= 2/3": lambda: fit(lambda z: odd_atanh(z / 4) / 8, 0, mpf(4) / 9, 5, [], single),
    "f32 erf: -log(1-erf x)/x on [0.8, 4]": lambda: fit(lambda x: erf_exponent(x) / x, 0.79, 4, 9, [], single, 9),
    # f64 arithmetic for f32 results
    "wide exp: (e^r - 1 - r)/r^2": lambda: fit(exp_tail, -R, R, 6, [0.5]),
    "wide log: 2(atanh s/s - 1)/z": lambda: fit(odd_atanh, 0, S, 6),
    "wide sin: (sin x/x - 1)/z": lambda: fit(odd_sin, 0, Q**2, 4),
    "wide cos: (cos x - 1 + z/2)/z^2": lambda: fit(even_cos, 0, Q**2, 4),
    "wide atan: (atan t/t - 1)/z": lambda: fit(odd_atan, 0, T, 6),
    "wide asin: (asin x/x - 1)/z": lambda: fit(odd_asin, 0, mpf(1) / 4, 7),
    "wide sinh: (sinh x/x - 1)/z": lambda: fit(odd_sinh, 0, 1, 4),
    "wide erf: erf x/x": lambda: fit(odd_erf, 0, 1, 9),
    "wide erfc: (1+2x) e^(x^2) erfc x, t=(x-2)/(x+2)": lambda: fit(erfcx_mapped(2), -1 + mpf(2) / 10, mpf(9) / 13, 12),
    "wide erf_inv centre: w in [0, 6.25], w-3.125": lambda: fit(lambda s: erf_inv_centre(s + mpf(25) / 8), -mpf(25) / 8, mpf(25) / 8, 11),
    "wide erf_inv tail: sqrt w in [2.5, 4.1], -3.25": lambda: fit(erf_inv_tail(lambda s: (s + mpf(13) / 4) ** 2), -0.76, 0.86, 9),
}

if __name__ == "__main__":
    for name, make in TABLE.items():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        coefficients, worst = make()
        print(f"// {name}: error {mp.nstr(worst, 3)} = 2^{mp.nstr(log(worst, 2), 4)}")
        text = shortest_single if name.startswith("f32") else repr
        print("[" + ", ".join(text(float(c)) for c in coefficients) + "]")
