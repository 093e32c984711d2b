"""What a program says about devices and compilers, which changes no value on one device."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from arguments import real
from table import family

MESH = Mesh(np.array(jax.devices("cpu")[:1]), ("x",))
ROWS = NamedSharding(MESH, PartitionSpec("x"))


def per_device(function):
    """The function of each device's part."""
    return jax.shard_map(function, mesh=MESH, in_specs=PartitionSpec("x"), out_specs=PartitionSpec("x"))


row = family("devices")
row("sharding_constraint", lambda x: lax.with_sharding_constraint(x, ROWS) * 2, real(4, 3))
row("shard_map", per_device(lambda x: jnp.tanh(x) * 2), real(4, 3), stacks=False)
row("device_put", lambda x: jax.device_put(x, jax.devices("cpu")[0]) + 1, real(4))
row("optimization_barrier", lambda x, y: lax.optimization_barrier((x, y)), real(3), real(2), stacks=False)
row("composite", lambda x: lax.composite(lambda y: jnp.sin(y) * y, "choral.oracle")(x) + x, real(3, 2), stacks=False)
