"""Group `random`: JAX's counter-based generator, bit for bit. The algorithms are written out in README.md."""

import jax
import jax.numpy as jnp
import numpy as np

SEEDS = [0, 42, -1, (1 << 40) + 7]


def key_of(data):
    return jax.random.wrap_key_data(data, impl="threefry2x32")


def data_of(seed):
    return np.asarray(jax.random.key_data(jax.random.key(seed)))


def add(suite):
    def case(name, spec, fn, inputs, **more):
        suite.add(f"random/{name}", spec, fn, inputs, **more)

    for seed in SEEDS:
        case(f"key/{seed}", "the two words of key(seed): high and low half of the seed as a 64-bit integer", lambda s: jax.random.key_data(jax.random.key(s)), [np.int64(seed)])
    for seed, shape in [(0, ()), (0, (5,)), (42, (2, 3)), (-1, (4,)), ((1 << 40) + 7, (3, 1, 2)), (7, (0,)), (7, (33,))]:
        text = "x".join(map(str, shape)) or "scalar"
        case(f"bits/{seed}/{text}", f"32 random bits an element, shape {list(shape)}; input the key's two words", lambda k, shape=shape: jax.random.bits(key_of(k), shape, jnp.uint32), [data_of(seed)])
    for seed, n in [(0, 2), (42, 3), (7, 5)]:
        case(f"split/{seed}/{n}", f"split into {n} keys, one a row", lambda k, n=n: jax.random.key_data(jax.random.split(key_of(k), n)), [data_of(seed)])
    case("split_twice/1", "split into 2; split the second into 2; then 3 words of bits from the first of those", lambda k: jax.random.bits(jax.random.split(jax.random.split(key_of(k))[1])[0], (3,), jnp.uint32), [data_of(1)])
    for seed, n in [(0, 0), (42, 1), (7, 4294967295)]:
        case(f"fold_in/{seed}/{n}", f"fold_in(key, {n})", lambda k, n=n: jax.random.key_data(jax.random.fold_in(key_of(k), np.uint32(n))), [data_of(seed)])
    for dtype in (jnp.float32, jnp.float64):
        d = "f32" if dtype == jnp.float32 else "f64"
        for seed, shape in [(0, (8,)), (42, (3, 4))]:
            case(f"uniform/{seed}/{d}", f"uniform in [0, 1), shape {list(shape)}, {d}: exact", lambda k, shape=shape, dtype=dtype: jax.random.uniform(key_of(k), shape, dtype), [data_of(seed)], tol=0.0)
            case(f"normal/{seed}/{d}", f"standard normal, shape {list(shape)}, {d}", lambda k, shape=shape, dtype=dtype: jax.random.normal(key_of(k), shape, dtype), [data_of(seed)])
        case(f"uniform_range/5/{d}", f"uniform in [-2, 3), shape [6], {d}", lambda k, dtype=dtype: jax.random.uniform(key_of(k), (6,), dtype, -2.0, 3.0), [data_of(5)])
    for seed, n in [(0, 5), (42, 16), (7, 1), (3, 100), (11, 1700)]:
        case(f"permutation/{seed}/{n}", f"permutation of 0..{n} (values; any integer dtype)", lambda k, n=n: jax.random.permutation(key_of(k), n).astype(jnp.int32), [data_of(seed)])
    case("bernoulli/9", "bernoulli(0.3), shape [10]: uniform f32 < 0.3", lambda k: jax.random.bernoulli(key_of(k), np.float32(0.3), (10,)), [data_of(9)])
