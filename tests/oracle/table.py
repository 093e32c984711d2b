"""The table of programs, which the families fill."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """A function, and how its arguments are drawn."""

    name: str
    family: str
    function: Callable
    arguments: tuple
    #: What JAX lowers for. Some ops stay ops on one platform and become library calls on another.
    platform: str = "cpu"
    #: Multiplies the tolerance of the element type, where much is summed or a series is cut off.
    slack: float = 1.0
    #: Whether `jax.vmap` gives what the single runs give. If not, the single runs alone are compared.
    stacks: bool = True
    #: Whether its derivatives are compared, if JAX has them.
    differentiates: bool = True


PROGRAMS: list[Program] = []


def family(name, **common):
    """A function that adds rows to this family: a name, a function, and a draw for each argument."""

    def row(program, function, *arguments, **settings):
        PROGRAMS.append(Program(program, name, function, arguments, **{**common, **settings}))

    return row
