"""Writes functions.txt: what the elementwise functions are, worked out by mpmath to hundreds of digits.

    pip install mpmath
    python runtime/tests/data/functions.py > runtime/tests/data/functions.txt

A section for each function, headed by its name; a line for each point: the arguments and the result as the bits of
f64 numbers, and how far the true value lies from that result, in 1/256 of a unit in the last place. Arguments are edges
(zeros, infinities, NaN, the least and greatest numbers of every float type, poles, zeros, thresholds) and random numbers
of all sizes, many of which narrower types hold, too.
"""

import math
import random
import struct

from mpmath import mp, mpf

mp.prec = 1600
INF, NAN = math.inf, math.nan
rng = random.Random(14)


def single(x):
    """The nearest f32, as f64 holds it."""
    try:
        return struct.unpack("f", struct.pack("f", x))[0]
    except OverflowError:
        return math.copysign(INF, x)


def half(x):
    return struct.unpack("e", struct.pack("e", x))[0] if abs(x) < 65504 else single(x)


def sizes(low, high, count, rounded=lambda x: x):
    """Positive numbers, their logarithms uniform."""
    draw = lambda: math.exp(rng.uniform(math.log(low), math.log(high)))
    return [rounded(draw()) for _ in range(count)]


TINY, NORMAL, MAX = 5e-324, 2.0**-1022, math.nextafter(INF, 0)
EDGES = [
    TINY, 3 * TINY, NORMAL, math.nextafter(NORMAL, 0), 1e-300, 1e-160, 1e-100,
    2.0**-149, 2.0**-133, 2.0**-126, 2.0**-126 - 2.0**-149, 2.0**-24, 2.0**-14, 2.0**-14 - 2.0**-24,
    1e-20, 2.0**-30, 2.0**-27, 1e-8, 1e-5, 2.0**-10, 0.125, 0.25, 0.5, 0.75,
    1 - 2.0**-53, 1 - 2.0**-24, 1 - 2.0**-11, 1 - 2.0**-8, 1.0, 1 + 2.0**-52, 1 + 2.0**-23, 1 + 2.0**-10, 1 + 2.0**-7,
    1.5, 2.0, 2.5, 3.0, 5.0, 7.5, 10.0, 20.0, 100.0, 1000.0, 65504.0, 2.0**23 + 0.5, 2.0**24, 1e10,
    2.0**52 + 1, 2.0**60, 1e25, single(3.3895e38), single(3.4028234e38), 1e60, 1e100, 1e200, 1e300, MAX,
]
SIGNED = EDGES + [-x for x in EDGES]


def around(*points):
    """Each point in every width, and its neighbours."""
    found = []
    for x in points:
        for y in (float(x), single(x), half(x)):
            found += [y]
        found += [math.nextafter(float(x), INF), math.nextafter(float(x), -INF)]
        step = max(abs(single(x)), 2.0**-126) * 2.0**-23
        found += [single(single(x) + step), single(single(x) - step)]
    return found


def spread(low, high, signed=True):
    """Random numbers of these sizes: some that f16 holds, some that f32 does, some that f64 alone does."""
    count = 16
    found = sizes(low, high, count) + sizes(low, high, count, single) + sizes(low, high, count, half)
    return [x * rng.choice((-1, 1)) for x in found] if signed else found


ANY = (1e-4, 1e4)


def bits(x):
    return "%x" % struct.unpack("<Q", struct.pack("<d", x))[0]


def rounded(y):
    """The nearest f64, and what is left in 1/256 of its last place."""
    if not isinstance(y, mp.mpf):
        return y, 0
    if mp.isnan(y) or mp.isinf(y):
        return float(y), 0
    size = abs(y)
    if size >= mpf(2) ** 1024:
        return math.copysign(INF, y), 0
    place = max(mp.floor(mp.log(size, 2)) - 52 if y else -1074, -1074)
    if size < mpf(2) ** -1022:
        place = -1074
    scaled = y / mpf(2) ** place
    near = mp.nint(scaled)
    value = math.ldexp(float(near), int(place)) if near else math.copysign(0.0, y)
    return value, int(mp.nint((scaled - near) * 256))


def section(name, function, points, edges):
    """`edges` are the results that mpmath does not tell: at zeros, infinities, poles."""
    print(name)
    seen = set()
    given = {tuple(map(bits, key)): (key, value) for key, value in edges}
    every = [key for key, _ in given.values()] + points
    every += [tuple(NAN if at == nan else 1.0 for at in range(len(points[0]))) for nan in range(len(points[0]))]
    for point in every:
        key = tuple(map(bits, point))
        if key in seen:
            continue
        seen.add(key)
        if key in given:
            value, rest = given[key][1], 0
        elif any(map(math.isnan, point)):
            value, rest = NAN, 0
        elif any(map(math.isinf, point)) or any(x == 0 and math.copysign(1, x) < 0 for x in point):
            continue
        else:
            try:
                value, rest = rounded(function(*map(mpf, point)))
            except (ValueError, ZeroDivisionError) as error:
                raise SystemExit(f"{name}{point}: {error}")
        print(*key, bits(value) if value == value else "nan", rest)


def unary(name, function, points, at_zero, at_infinity, within=lambda x: True, odd=False, extra=()):
    """`at_zero` and `at_infinity`: results at 0 and at infinity, of each sign; NaN outside of `within`."""
    at_zero = (-at_zero, at_zero) if odd else at_zero
    at_infinity = (-at_infinity, at_infinity) if odd else at_infinity
    edges = [((-0.0,), at_zero[0]), ((0.0,), at_zero[1]), ((-INF,), at_infinity[0]), ((INF,), at_infinity[1])]
    edges += [((x,), y) for x, y in extra]
    guarded = lambda x: function(x) if within(x) else NAN
    section(name, guarded, [(x,) for x in points], edges)


def lgamma(x):
    if x > 0:
        return mp.loggamma(x)
    return INF if x == mp.floor(x) else mp.log(mp.pi / abs(x * mp.sinpi(x))) - mp.loggamma(-x)


def digamma(x):
    if x > 0:
        return mp.psi(0, x)
    return NAN if x == mp.floor(x) else mp.psi(0, -x) - 1 / x - mp.pi * mp.cospi(x) / mp.sinpi(x)


def root(function, low, high):
    return mp.findroot(function, (mpf(low), mpf(high)), solver="anderson")


def erf_inv(x):
    if abs(x) >= 1:
        return mp.inf * x if abs(x) == 1 else NAN
    if abs(x) < mpf(2) ** -60:
        return x * mp.sqrt(mp.pi) / 2
    start = mpf(math.sqrt(-math.log(float(1 - abs(x))))) if abs(x) > 0.9 else abs(x)
    y = start
    for _ in range(60):
        miss = mp.erf(y) - abs(x) if abs(x) < 0.5 else (1 - abs(x)) - mp.erfc(y)
        newton = miss * mp.exp(y * y) * mp.sqrt(mp.pi) / 2
        step = newton / (1 + y * newton)
        y -= step
        if abs(step) < y * mpf(2) ** -150:
            return y * mp.sign(x)
    raise ValueError("does not converge")


def zeta(s, q):
    """By the formula of Euler and Maclaurin, far out."""
    if s == 1:
        return INF
    if s < 1:
        return NAN
    if q <= 0 and q == mp.floor(q):
        return INF if s % 2 == 0 else NAN
    if q < 0 and s != mp.floor(s):
        return NAN
    total, x = mpf(0), q
    while x <= 0:
        total += x ** -s
        x += 1
    while x < 60 + 2 * s:
        term = x ** -s
        if total and term * (1 + x) < abs(total) * mpf(2) ** -350:
            return total
        total += term
        x += 1
    rest, rising = x / (s - 1) + mpf(1) / 2, s / x
    for k in range(1, 60):
        rest += mp.bernoulli(2 * k) / mp.factorial(2 * k) * rising
        rising *= (s + 2 * k - 1) * (s + 2 * k) / x**2
    return total + x ** -s * rest


def polygamma(n, x):
    if n == 0:
        return digamma(x)
    if n < 0 or n != mp.floor(n):
        return NAN
    if x <= 0 and x == mp.floor(x):
        return INF if n % 2 else NAN
    value = mp.gamma(n + 1) * zeta(n + 1, x)
    return value if n % 2 else -value


def power(x, y):
    if x < 0 and y != mp.floor(y):
        return NAN
    exponent = y * mp.log(abs(x))
    if abs(exponent) > 2000:
        size = mpf(2) ** (3000 if exponent > 0 else -3000)
    else:
        size = mp.exp(exponent)
    return -size if x < 0 and y % 2 else size


def below_exp(function):
    """`function` where exponentials of its argument are still numbers that mpmath holds."""
    return lambda x: function(mp.sign(x) * min(abs(x), 2000))


logs = around(math.log(MAX), math.log(2 * math.log(2)), 709.78, 710.4, 710.475, 745.1, 744.4, 708.39, 700, 88.72, 89.41,
              87.33, 103.9, 11.08, 11.78, 9.7, 17.3, 18.7, 19.06, 20, 22, 36.7, 40)
signed_logs = logs + [-x for x in logs]
turns = around(math.pi / 4, math.pi / 2, math.pi, 1.5 * math.pi, 2 * math.pi, 11 * math.pi, 355, 1e22,
               6381956970095103 * 2.0**797)
turns += [-x for x in turns[:20]]
wide = spread(1e-320, MAX)
unit = [x for x in spread(1e-9, 1)] + [single(1 - x) for x in sizes(1e-7, 0.5, 12)] + [1 - x for x in sizes(1e-16, 0.5, 12)]


def main():
    points = lambda *more: SIGNED + wide + [x for part in more for x in part]
    inside = lambda x: abs(x) <= 1
    unary("chlo.acos", mp.acos, points(unit), (rounded(mp.pi / 2)[0],) * 2, (NAN, NAN), inside, extra=[(1.0, 0.0)])
    unary("chlo.acosh", mp.acosh, points(spread(1, 1e4, False), [1 + x for x in sizes(1e-15, 1, 20)]),
          (NAN, NAN), (NAN, INF), lambda x: x >= 1)
    unary("chlo.asin", mp.asin, points(unit), 0.0, NAN, inside, odd=True)
    unary("chlo.asinh", mp.asinh, points(spread(*ANY)), 0.0, INF, odd=True)
    unary("chlo.atan", mp.atan, points(spread(*ANY)), 0.0, rounded(mp.pi / 2)[0], odd=True)
    unary("chlo.atanh", mp.atanh, points(unit), 0.0, NAN, lambda x: abs(x) < 1, odd=True,
          extra=[(1.0, INF), (-1.0, -INF)])
    i1e = lambda x: mp.besseli(1, x) * mp.exp(-abs(x)) if abs(x) < 1e4 else mp.sign(x) / mp.sqrt(2 * mp.pi * abs(x)) * sum(
        bessel_term(k) / abs(x) ** k for k in range(40))
    unary("chlo.bessel_i1e", i1e, points(spread(*ANY), spread(1, 100), around(8, 20, 30)), 0.0, 0.0, odd=True)
    unary("stablehlo.cbrt", lambda x: mp.cbrt(abs(x)) * mp.sign(x), points(spread(*ANY)), 0.0, INF, odd=True)
    unary("stablehlo.cosine", mp.cos, points(spread(*ANY), turns), (1.0, 1.0), (NAN, NAN))
    unary("chlo.cosh", below_exp(mp.cosh), points(spread(1e-4, 800), signed_logs), (1.0, 1.0), (INF, INF))
    psi_zeros = [root(digamma, -n - 0.9, -n - 0.1) for n in (*range(12), 30, 100, 1000)]
    psi_zeros += [root(digamma, 1.4, 1.5)]
    unary("chlo.digamma", digamma, points(spread(*ANY), spread(0.1, 30), around(*psi_zeros, -1, -2, -10)),
          (NAN, NAN), (NAN, INF))
    unary("chlo.erf", mp.erf, points(spread(1e-4, 7)), 0.0, 1.0, odd=True)
    unary("chlo.erf_inv", erf_inv, points(unit, around(0.5, 0.9, 0.999)), 0.0, NAN, odd=True)
    unary("chlo.erfc", lambda x: mp.erfc(x) if abs(x) < 100 else mpf(0) if x > 0 else mpf(2),
          points(spread(1e-4, 30), spread(0.3, 6), around(0.4, 0.477, 0.84, 1.25, 2.5, 6, 9.19, 10.05, 26.5, 27.2, 27.22)),
          (1.0, 1.0), (2.0, 0.0))
    unary("stablehlo.exponential", below_exp(mp.exp), points(spread(1e-4, 800), signed_logs), (1.0, 1.0), (0.0, INF))
    unary("stablehlo.exponential_minus_one", below_exp(mp.expm1), points(spread(1e-4, 800), signed_logs),
          (-0.0, 0.0), (-1.0, INF))
    lgamma_zeros = [root(lgamma, -2.5, -2.4), root(lgamma, -2.8, -2.7)]
    for n in range(3, 16):
        offset = 1 / math.factorial(n)
        for side in (1, -1):
            try:
                lgamma_zeros.append(root(lgamma, -n + side * offset * 0.8, -n + side * offset * 1.3))
            except ValueError:
                pass
    unary("chlo.lgamma", lgamma, points(spread(*ANY), spread(0.1, 30), around(*lgamma_zeros, -1, -2, -19, -25, 1, 2, 171.6,
          2.55e305)), (INF, INF), (INF, INF), extra=[(1.0, 0.0), (2.0, 0.0)])
    unary("stablehlo.log", mp.log, points(spread(*ANY, False)), (-INF, -INF), (NAN, INF), lambda x: x > 0)
    unary("stablehlo.log_plus_one", mp.log1p, points(spread(*ANY), [-x for x in sizes(1e-5, 1, 20)]),
          (-0.0, 0.0), (NAN, INF), lambda x: x > -1, extra=[(-1.0, -INF)])
    unary("stablehlo.logistic", lambda x: 1 / (1 + mp.exp(-max(x, -2000))), points(spread(1e-4, 800), spread(0.1, 40), signed_logs),
          (0.5, 0.5), (0.0, 1.0))
    unary("stablehlo.rsqrt", lambda x: 1 / mp.sqrt(x), points(spread(*ANY, False)), (-INF, INF), (NAN, 0.0), lambda x: x > 0)
    unary("stablehlo.sine", mp.sin, points(spread(*ANY), turns), 0.0, NAN, odd=True)
    unary("chlo.sinh", below_exp(mp.sinh), points(spread(1e-4, 800), spread(0.1, 5), signed_logs), 0.0, INF, odd=True)
    unary("stablehlo.sqrt", mp.sqrt, points(spread(*ANY, False)), (-0.0, 0.0), (NAN, INF), lambda x: x > 0)
    unary("chlo.square", lambda x: x * x, points(spread(*ANY)), (0.0, 0.0), (INF, INF))
    unary("stablehlo.tan", mp.tan, points(spread(*ANY), turns), 0.0, NAN, odd=True)
    unary("stablehlo.tanh", lambda x: mp.tanh(mp.sign(x) * min(abs(x), 1000)), points(spread(1e-4, 50), spread(0.1, 2),
          around(0.55, 0.6, 20)), 0.0, 1.0, odd=True)
    binary()


def bessel_term(k):
    """The coefficient of the asymptotic series of I1."""
    value = mpf(1)
    for i in range(1, k + 1):
        value *= -mpf(4 - (2 * i - 1) ** 2) / (8 * i)
    return value


def pairs(xs, ys, count):
    return [(rng.choice(xs), rng.choice(ys)) for _ in range(count)]


def angle(y, x):
    return mp.atan2(y, x)


def binary():
    pi, quarter = rounded(mp.pi)[0], rounded(mp.pi / 4)[0]
    edges = []
    for y in (0.0, -0.0):
        edges += [((y, 0.0), y), ((y, -0.0), math.copysign(pi, y))]
        edges += [((y, x), y) for x in (1.0, INF)] + [((y, x), math.copysign(pi, y)) for x in (-1.0, -INF)]
    for y in (1.0, -1.0, TINY):
        edges += [((y, x), math.copysign(2 * quarter, y)) for x in (0.0, -0.0)]
        edges += [((y, INF), math.copysign(0.0, y)), ((y, -INF), math.copysign(pi, y))]
    for y in (INF, -INF):
        edges += [((y, x), math.copysign(2 * quarter, y)) for x in (1.0, -1.0, 0.0)]
        edges += [((y, INF), math.copysign(quarter, y)), ((y, -INF), math.copysign(rounded(3 * mp.pi / 4)[0], y))]
    some = spread(*ANY)
    section("stablehlo.atan2", angle, pairs(some, some, 100) + pairs(SIGNED, SIGNED, 60) + pairs(some, wide, 20), edges)

    edges = [((1.0, NAN), 1.0), ((NAN, 0.0), 1.0), ((NAN, -0.0), 1.0), ((-1.0, INF), 1.0), ((-1.0, -INF), 1.0)]
    edges += [((x, 0.0), 1.0) for x in (0.0, -0.0, INF, -INF, 2.0)] + [((1.0, y), 1.0) for y in (INF, -INF, 3.5)]
    for x, y, result in [
        (-0.0, -3.0, -INF), (0.0, -3.0, INF), (-0.0, -2.0, INF), (-0.0, -2.5, INF), (0.0, -2.5, INF), (-0.0, 3.0, -0.0),
        (0.0, 3.0, 0.0), (-0.0, 2.0, 0.0), (-0.0, 2.5, 0.0), (0.0, -INF, INF), (-0.0, -INF, INF), (0.0, INF, 0.0),
        (0.5, INF, 0.0), (0.5, -INF, INF), (2.0, INF, INF), (2.0, -INF, 0.0), (-0.5, INF, 0.0), (-2.0, INF, INF),
        (-INF, 3.0, -INF), (-INF, 2.0, INF), (-INF, 2.5, INF), (-INF, -3.0, -0.0), (-INF, -2.0, 0.0), (INF, 2.0, INF),
        (INF, -2.0, 0.0), (-8.0, single(1 / 3), NAN), (INF, INF, INF), (-INF, -INF, 0.0),
    ]:
        edges.append(((x, y), result))
    bases = spread(1e-3, 1e3, False) + [1 + x for x in sizes(1e-12, 0.1, 12)] + [single(1 - x) for x in sizes(1e-6, 0.1, 12)]
    exponents = spread(1e-3, 300) + [2.0, 3.0, -1.0, 0.5, -0.5, 10.0, 1e5, single(1e7), 1e12]
    powers = pairs(bases, exponents, 150) + pairs(EDGES, exponents, 60)
    powers += pairs([-2.0, -1.5, -0.5, -3.0], [2.0, 3.0, -1.0, -5.0, 101.0, 0.5, 2.0**60], 20)
    section("stablehlo.power", power, powers, edges)

    edges = [((5.0, INF), 5.0), ((-0.0, 2.0), -0.0), ((0.0, 2.0), 0.0), ((0.0, -2.0), 0.0), ((5.0, 0.0), NAN), ((INF, 2.0), NAN),
             ((-INF, INF), NAN), ((-6.0, 3.0), -0.0), ((6.0, -3.0), 0.0), ((-5.0, 3.0), -2.0), ((5.0, -3.0), 2.0), ((-5.0, -INF), -5.0)]
    # Exact, by Python's own numbers.
    remainder = lambda x, y: math.fmod(float(x), float(y))
    section("stablehlo.remainder", remainder, pairs(some, some, 60) + pairs(SIGNED, SIGNED, 60), edges)

    edges = [((INF, 2.0), 0.0), ((INF, 1.0), 1.0), ((INF, 0.5), INF), ((INF, INF), 0.0), ((2.0, INF), 0.0), ((1.5, INF), 0.0),
             ((1.0, INF), INF), ((0.5, INF), NAN), ((2.0, -0.0), INF), ((3.0, -0.0), NAN), ((-INF, 2.0), NAN), ((INF, -1.5), NAN),
             ((2.0, -INF), INF), ((3.0, -INF), NAN), ((0.0, 2.0), NAN), ((-0.0, 2.0), NAN)]
    orders = [1.0, 0.5, -1.0, 1 + 2.0**-52, 1 + 2.0**-23, 1.125, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 10.0, 19.0, 20.5, 40.0, 60.0, 127.0, 300.0]
    orders += [1 + x for x in spread(1e-3, 30, False)]
    where = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 10.0, 100.0, 1e-3, 1e4, single(1e10), 1e100] + spread(1e-3, 1e3, False)
    negative = [0.0, -1.0, -2.0, -0.5, -1.5, -2.5, -0.25, -1.0625, -9.75, -100.5, -2.0**-20] + [-x for x in spread(1e-2, 50, False)]
    whole = [2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 21.0, 64.0]
    points = pairs(orders, where, 160) + pairs(orders, EDGES, 60) + pairs(whole, negative, 80) + pairs(orders, negative, 12)
    section("chlo.zeta", zeta, points, edges)

    edges = [((1.0, INF), 0.0), ((2.0, INF), -0.0), ((0.0, INF), INF), ((INF, 2.0), NAN), ((-INF, 2.0), NAN), ((0.0, 0.0), NAN), ((0.0, -0.0), NAN),
             ((-0.0, 1.0), rounded(-mp.euler)[0]), ((1.0, -0.0), INF), ((2.0, -0.0), NAN), ((1.0, -INF), INF), ((2.0, -INF), NAN), ((-1.0, 2.0), NAN),
             ((0.5, 2.0), NAN)]
    orders = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 21.0, 22.0, 23.0, 24.0, 33.0, 64.0, 100.0, 169.0]
    points = pairs(orders, where, 120) + pairs(orders, EDGES, 60) + pairs(orders, negative, 80)
    for n in (170.0, 200.0, 500.0, 1000.0, 5000.0):
        points += [(n, half(n / math.e * scale)) for scale in (0.5, 0.9, 0.99, 1.0, 1.01, 1.2)]
    section("chlo.polygamma", polygamma, points, edges)


main()
