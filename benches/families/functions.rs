//! Functions of few numbers that several families differentiate, in Rust and in Python.

use gradus::prelude::*;

/// Rosenbrock's function of `n` numbers, on arrays.
pub fn rosenbrock(x: &Tensor) -> Tensor {
    let (this, next) = (x.slice_axis(0, ..-1), x.slice_axis(0, 1..));
    ((next - this.square()).square() * 100.0 + (1.0 - this).square()).sum()
}

/// The same on single numbers.
pub fn rosenbrock_on_numbers(x: &Tensor) -> Tensor {
    let terms = (1..x.shape()[0]).map(|i| {
        let (this, next) = (x.at(i - 1), x.at(i));
        (next - this.square()).square() * 100.0 + (1.0 - this).square()
    });
    terms
        .reduce(|sum, term| sum + term)
        .unwrap_or(Tensor::from(0.0))
}

/// Defines `rosenbrock`.
pub const ROSENBROCK: &str = "
def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
";

/// Where an arm of six joints ends, by its angles: the point is carried back from joint to joint.
pub fn arm_by_points(q: &Tensor) -> Tensor {
    let [mut x, mut y, mut z] = [0.3, 0.0, 0.1].map(Tensor::from);
    for k in (0..6).rev() {
        let (sin, cos) = (q.at(k).sin(), q.at(k).cos());
        let turned = (&cos * &x - &sin * &y, &sin * &x + &cos * &y);
        // Every other axis is tilted by a right angle; each link is 0.4 long.
        (x, y, z) = match k % 2 {
            0 => (turned.0 + 0.4, turned.1, z),
            _ => (turned.0 + 0.4, -&z, turned.1),
        };
    }
    stack(&[&x, &y, &z], 0)
}

/// Defines `arm`, the same.
pub const ARM_BY_POINTS: &str = "
def arm(q):
    x, y, z = 0.3, 0.0, 0.1
    for k in range(5, -1, -1):
        s, c = jnp.sin(q[k]), jnp.cos(q[k])
        tx, ty = c * x - s * y, s * x + c * y
        x, y, z = (tx + 0.4, ty, z) if k % 2 == 0 else (tx + 0.4, -z, ty)
    return jnp.stack([x, y, z])
";

/// Where an arm of six joints ends, by its angles: the product of a matrix 4 × 4 for each joint,
/// in the convention of Denavit and Hartenberg.
pub fn arm_by_matrices(q: &Tensor) -> Tensor {
    let joint = |k: usize| {
        let (s, c) = (q.at(k).sin(), q.at(k).cos());
        let (minus_s, minus_c) = (-&s, -&c);
        // Links are 0.4 long and 0.1 apart; every other axis is tilted by a right angle.
        let (x, y) = (&c * 0.4, &s * 0.4);
        let [o, i, d] = [0.0, 1.0, 0.1].map(Tensor::from);
        let rows = match k % 2 {
            0 => [[&c, &minus_s, &o, &x], [&s, &c, &o, &y], [&o, &o, &i, &d]],
            _ => [[&c, &o, &s, &x], [&s, &o, &minus_c, &y], [&o, &i, &o, &d]],
        };
        let [first, second, third] = rows.map(|row| stack(&row, 0));
        let fourth = stack(&[&o, &o, &o, &i], 0);
        stack(&[&first, &second, &third, &fourth], 0)
    };
    let whole = (1..6).fold(joint(0), |product, k| product.matmul(&joint(k)));
    whole.slice_axis(0, 0..3).slice_axis(1, 3..4).ravel()
}

/// Defines `arm`, the same.
pub const ARM_BY_MATRICES: &str = "
def arm(q):
    def joint(k):
        s, c = jnp.sin(q[k]), jnp.cos(q[k])
        if k % 2 == 0:
            return jnp.array([[c, -s, 0, 0.4 * c], [s, c, 0, 0.4 * s], [0, 0, 1, 0.1], [0, 0, 0, 1]])
        return jnp.array([[c, 0, s, 0.4 * c], [s, 0, -c, 0.4 * s], [0, 1, 0, 0.1], [0, 0, 0, 1]])
    whole = joint(0)
    for k in range(1, 6):
        whole = whole @ joint(k)
    return whole[:3, 3]
";
