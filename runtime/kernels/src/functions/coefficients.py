"""Writes coefficients.rs: the polynomials of the functions, for f32 and f64.

    pip install mpmath numpy
    python runtime/kernels/src/functions/coefficients.py > runtime/kernels/src/functions/coefficients.rs

Each is the minimax polynomial (found by Remez's exchange, in 400 bits) of the lowest degree whose error in the
function's result is below 1/16 of a unit in the last place, rounded one by one, the lowest power first.
"""

import numpy
from mpmath import mp, mpf

mp.prec = 400
PRECISION = {"f32": 24, "f64": 53}
HEADER = """//! The coefficients of polynomials, the lowest power first; written by `coefficients.py`.
//!
//! Must not live here: anything written by hand.

/// A series for `log(1 + f)`.
pub enum Series<T: 'static> {
    /// `log(1 + f) = f - f f / 2 + f f f P(f)`.
    OfFraction(&'static [T]),
    /// `log(1 + f) = 2 s + s z P(z)` where `s = f / (2 + f)` and `z = s s`.
    OfQuotient(&'static [T]),
}

/// What each function's polynomial is in a type. `x` is the function's operand, `z` its square.
pub trait Coefficients: Sized + 'static {"""


def chebyshev(low, high, count):
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def remez(function, weight, low, high, degree):
    """The coefficients in powers of x, and the greatest weighted error."""
    low, high = mpf(low), mpf(high)
    nodes = chebyshev(low, high, degree + 2)
    grid = chebyshev(low, high, 24 * (degree + 2)) + [high]
    grid = [low] + grid
    values = [(x, function(x), weight(x)) for x in grid]
    for _ in range(6):
        rows = mp.matrix(degree + 2, degree + 2)
        right = mp.matrix(degree + 2, 1)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                rows[i, j] = x**j
            rows[i, degree + 1] = (-1) ** i / weight(x)
            right[i] = function(x)
        solved = mp.lu_solve(rows, right)
        coefficients = [solved[j] for j in range(degree + 1)]
        errors = [(mp.polyval(coefficients[::-1], x) - y) * w for x, y, w in values]
        worst = max(abs(e) for e in errors)
        # The greatest error between changes of sign.
        runs, start = [], 0
        for i in range(1, len(errors) + 1):
            if i == len(errors) or (errors[i] > 0) != (errors[start] > 0):
                runs.append(max(range(start, i), key=lambda at: abs(errors[at])))
                start = i
        while len(runs) > degree + 2:
            runs.remove(runs[0] if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else runs[-1])
        if len(runs) < degree + 2 or worst < abs(solved[degree + 1]) * mpf("1.01"):
            break
        nodes = [grid[at] for at in runs]
    return coefficients, worst


def nonzero(function):
    """`function` where its formula would be 0 / 0, from right beside it."""
    return lambda x: function(x if abs(x) > mpf(2) ** -90 else mpf(2) ** -90)


def odd(function):
    """P where `function(x) = x + x z P(z)`, and what an error of P does to the result."""
    part = nonzero(lambda z: (function(mp.sqrt(z)) / mp.sqrt(z) - 1) / z)
    return part, nonzero(lambda z: z * mp.sqrt(z) / function(mp.sqrt(z)))


def nearest(value, kind):
    # Through a string: mpmath rounds to f64 first.
    return {"f32": numpy.float32, "f64": numpy.float64}[kind](mp.nstr(value, 40))


def rounded(coefficients, function, weight, low, high, kind):
    """The coefficients as floats, each fitted anew to what the ones before it have lost."""
    count = len(coefficients)
    places = [(x, function(x), weight(x)) for x in chebyshev(mpf(low), mpf(high), 4 * count)]
    worst = lambda found: max(abs(mp.polyval([mpf(float(c)) for c in found[::-1]], x) - y) * w for x, y, w in places)
    found, left = [], coefficients
    while left:
        found.append(nearest(left[0], kind))
        at = len(found)
        if at == count:
            break
        known = [y - sum(mpf(float(c)) * x**i for i, c in enumerate(found)) for x, y, _ in places]
        rows = mp.matrix([[w * x**i for i in range(at, count)] for x, _, w in places])
        left = list(mp.lu_solve(rows, mp.matrix([w * y for (_, _, w), y in zip(places, known)])))
    return min(found, [nearest(c, kind) for c in coefficients], key=worst)


def exponential():
    return nonzero(lambda x: (mp.exp(x) - 1 - x) / x**2), lambda x: x**2 + mpf(2) ** -90


def logarithm(power, first):
    """The series of `log((1 + s) / (1 - s)) / s` from a power of `z = s s` on."""
    def rest(z):
        return sum(mpf(2) / (2 * n + 1) * z ** (n - power) for n in range(power, 150))
    return rest, lambda z: (z + mpf(2) ** -90) ** power / 2 * first


def fraction():
    """P where `log(1 + f) = f - f f / 2 + f f f P(f)`."""
    return nonzero(lambda f: (mp.log(1 + f) - f + f * f / 2) / f**3), nonzero(lambda f: f**3 / mp.log(1 + f))


def cosine():
    return (nonzero(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2),
            nonzero(lambda z: z**2 / mp.cos(mp.sqrt(z))))


def error_near():
    return nonzero(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1), lambda z: mpf(1)


def error_far():
    return lambda u: mp.log(mp.erfc(1 + u)), lambda u: mp.erfc(1 + u)


def scaled_complement(middle):
    """P where `(1 + 2 x) e^(x x) erfc(x) = 1 + u P(u - 1)` and `u = 2 x / (x + middle)`, of `u - 1`."""
    def value(u):
        a = middle * u / (2 - u)
        return (1 + 2 * a) * mp.exp(a * a) * mp.erfc(a)
    part = nonzero(lambda u: (value(u) - 1) / u)
    return lambda q: part(q + 1), lambda q: max(q + 1, mpf(2) ** -90) / value(q + 1)


def inverse_root():
    return lambda y: y ** (mpf(-1) / 3), lambda y: y ** (mpf(1) / 3)


LN2_HALF = mp.log(2) / 2 * mpf("1.01")
QUARTER = (mp.pi / 4 * mpf("1.01")) ** 2
S = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mpf("1.001")) ** 2
FRACTIONS = (mp.sqrt(mpf(1) / 2) - 1, mp.sqrt(2) - 1)
ENDS = {"f32": (mpf(4), mpf("10.25")), "f64": (mpf(6), mpf("27.5"))}
MIDDLE = {"f32": mpf(3), "f64": mpf("3.5")}
ROOTS = (mpf("0.3535"), mpf("2.8285"))


def far(name):
    middle = MIDDLE[name]
    return scaled_complement(middle), (-1, (ENDS[name][1] - middle) / (ENDS[name][1] + middle))


# name, documentation, what gives the function, the weight and the interval for a type
TABLES = [
    ("EXPONENTIAL", "`e^x = 1 + x + x x P(x)` for `|x| <= log(2) / 2`",
     lambda name: (exponential(), (-LN2_HALF, LN2_HALF))),
    ("LOGARITHM", "`log(1 + f)` for numbers between the roots of 1/2 and 2",
     lambda name: (logarithm(1, 1), (0, S)) if name == "f64" else (fraction(), FRACTIONS)),
    ("LOGARITHM_REST", "`log((1 + s) / (1 - s)) = 2 s + s z (2 / 3 + z P(z))`, with digits to spare",
     lambda name: (logarithm(2, 2 ** 11), (0, S))),
    ("SINH", "`sinh(x) = x + x z P(z)` for `|x| <= 1`", lambda name: (odd(mp.sinh), (0, 1))),
    ("TANH", "`tanh(x) = x + x z P(z)` for `|x| <= 5 / 8`", lambda name: (odd(mp.tanh), (0, mpf(5) ** 2 / 64))),
    ("ASINH", "`asinh(x) = x + x z P(z)` for `|x| <= 1 / 2`", lambda name: (odd(mp.asinh), (0, mpf(1) / 4))),
    ("ATANH", "`atanh(x) = x + x z P(z)` for `|x| <= 1 / 2`", lambda name: (odd(mp.atanh), (0, mpf(1) / 4))),
    ("ASIN", "`asin(x) = x + x z P(z)` for `|x| <= 1 / 2`", lambda name: (odd(mp.asin), (0, mpf(1) / 4))),
    ("ATAN", "`atan(x) = x + x z P(z)` for `|x| <= 1`", lambda name: (odd(mp.atan), (0, 1))),
    ("SINE", "`sin(x) = x + x z P(z)` for `|x| <= pi / 4`", lambda name: (odd(mp.sin), (0, QUARTER))),
    ("COSINE", "`cos(x) = 1 - z / 2 + z z P(z)` for `|x| <= pi / 4`", lambda name: (cosine(), (0, QUARTER))),
    ("TANGENT", "`tan(x) = x + x z P(z)` for `|x| <= pi / 4`", lambda name: (odd(mp.tan), (0, QUARTER))),
    ("ERF_NEAR", "`erf(x) = x + x P(z)` for `|x| <= 1`", lambda name: (error_near(), (0, 1))),
    ("ERF_FAR", "`erf(1 + x) = 1 - e^P(x)` for `x` from 0 to where it is 1",
     lambda name: (error_far(), (0, ENDS[name][0] - 1))),
    ("ERFC", "`erfc(x) = e^-z / (1 + 2 x) (1 + u P(u - 1))` for `u = 2 x / (x + m)`, `m` being 3 in f32 and 3.5 in f64", far),
    ("CUBE_ROOT", "`y^(-1/3)` to 7 bits, for `y` between the roots of 1/8 and of 8", lambda name: (inverse_root(), ROOTS)),
]


def table(name, kind, make):
    (function, weight), (low, high) = make(kind)
    bound = mpf(2) ** (-7 if name == "CUBE_ROOT" else -PRECISION[kind] - 4)
    degree = 2
    while True:
        coefficients, worst = remez(function, weight, low, high, degree)
        if worst < bound:
            return rounded(coefficients, function, weight, low, high, kind)
        degree += max(1, int(degree * (mp.log(bound) / mp.log(worst) - 1) * mpf("0.7")))


def shown(value):
    return repr(value).split("(")[-1].rstrip(")")


def kind_of(name, kind):
    return f"Series<{kind}>" if name == "LOGARITHM" else f"&'static [{kind}]"


def main():
    print(HEADER)
    for name, doc, _ in TABLES:
        print(f"    /// {doc}.\n    const {name}: {kind_of(name, 'Self::Literal')};")
    print("}")
    for kind in PRECISION:
        print(f"\nimpl Coefficients for {kind} {{\n    type Literal = {kind};")
        for name, _, make in TABLES:
            coefficients = table(name, kind, make)
            series = {"f32": "Series::OfFraction(", "f64": "Series::OfQuotient("}[kind] if name == "LOGARITHM" else ""
            print(f"    const {name}: {kind_of(name, kind)} = {series}&[")
            for value in coefficients:
                print(f"        {shown(value)},")
            print("    ]);" if series else "    ];")
        print("}")


main()
