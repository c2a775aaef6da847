#!/usr/bin/env python3
"""Writes gamma_f64.csv: arguments and results of the functions around the gamma function, as the bits of the floats.

lgamma, digamma and polygamma of several orders below 0, polygamma above 0. Below 0 each is the difference of two terms;
the last column is the larger one, in whose units the error is measured.

Needs mpmath. Usage: gamma_f64.py > gamma_f64.csv
"""

import random

import mpmath
from mpmath import mp, mpf

from math_f64 import bits, rounded

ORDERS = [*range(1, 12), 17, 40, 100, 171, 500, 1000]
random.seed(1618)


def hurwitz(s, x):
    """The sum of (x + k)^-s, by the formula of Euler and Maclaurin far from 0: mpmath's zeta loses digits next to it."""
    far = max(0, int(60 + 0.7 * s - x))
    total = mpmath.fsum((x + k) ** -s for k in range(far))
    y, c = x + far, mpf(s)
    total += y ** (1 - s) / (s - 1) + y**-s / 2
    for j in range(1, 31):
        total += mpmath.bernoulli(2 * j) / mpmath.factorial(2 * j) * c * y ** (1 - s - 2 * j)
        c *= (s + 2 * j - 1) * (s + 2 * j)
    return total


def sum_of_powers(n, x):
    return (-1) ** (n + 1) * mpmath.factorial(n) * hurwitz(n + 1, x)


def derivative_of_cotangent(n, x):
    """That of order n of pi·cot(pi·x), as the sum over all integers."""
    r = x - mpmath.nint(x)
    both = r ** -(n + 1) + hurwitz(n + 1, 1 + r) + (-1) ** (n + 1) * hurwitz(n + 1, 1 - r)
    return (-1) ** n * mpmath.factorial(n) * both


def terms(name, order, x):
    """Two terms whose difference is the value."""
    if name == "lgamma":
        return mpmath.log(mpmath.pi / abs(x * mpmath.sin(mpmath.pi * x))), mpmath.loggamma(-x)
    if name == "digamma":
        return mpmath.digamma(1 - x), mpmath.pi * mpmath.cot(mpmath.pi * x)
    return (-1) ** order * sum_of_powers(order, 1 - x), derivative_of_cotangent(order, x)


def line(name, order, x):
    if x > 0:
        value = larger = sum_of_powers(order, mpf(x))
    else:
        a, b = terms(name, order, mpf(x))
        value, larger = a - b, max(abs(a), abs(b))
    print(f"{name},{order},{bits(x):x},{bits(rounded(value)):x},{bits(abs(rounded(larger))):x}")


def below_zero(count):
    for _ in range(count):
        yield -random.uniform(0, 12)
        yield -random.uniform(1, 2) * 2.0 ** random.randint(3, 30)
        yield -random.randint(0, 30) + random.uniform(-1, 1) * 2.0 ** -random.randint(1, 40)
        yield -random.randint(0, 3000) - 0.5 + random.choice([0, 1, -1]) * 2.0 ** -random.randint(20, 41)


def above_zero(order, count):
    for _ in range(count):
        yield random.uniform(1, 2) * 2.0 ** random.randint(min(-int(1000 / (order + 1)), -3), -3)
        yield random.uniform(0, 12 + order)
        yield random.uniform(7, 60 + 4 * order)
        yield random.uniform(1, 2) * 2.0 ** random.randint(4, max(8, min(1020, int(1070 / order))))


def main():
    print("function,order,argument,result,larger term (bits of f64, hexadecimal)")
    mp.prec = 300
    for order in ORDERS:
        for x in above_zero(order, 40 if order <= 10 else 8):
            line("polygamma", order, x)
    mp.prec = 1000  # the sum over all integers cancels next to the half ones
    for name, order, count in [("lgamma", 0, 100), ("digamma", 0, 100), *(("polygamma", n, 12) for n in ORDERS if n < 50)]:
        for x in below_zero(count):
            if x < 0 and x != int(x):
                line(name, order, x)


if __name__ == "__main__":
    main()
