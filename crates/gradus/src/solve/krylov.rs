//! Krylov methods: they solve `A·x = b` with products with `A` alone, from zero.

use super::linear::{LinearSolver, Method};
use super::vector::{Packing, norm, scaled, within};
use crate::control::while_loop;
use crate::tensor::Tensor;
use gradus_ir::DType;

/// A matrix, and an approximate inverse.
#[derive(Clone, Copy)]
pub(super) struct System<'a> {
    /// The product with the matrix.
    pub product: &'a dyn Fn(&Tensor) -> Tensor,
    /// The product with the approximate inverse.
    pub preconditioner: Option<&'a dyn Fn(&Tensor) -> Tensor>,
}

impl System<'_> {
    fn preconditioned(&self, v: &Tensor) -> Tensor {
        match self.preconditioner {
            Some(m) => m(v),
            None => v.clone(),
        }
    }
}

/// The result of a method.
pub(super) struct Found {
    pub solution: Tensor,
    /// The norm of the residual, as the method updates it.
    pub residual: Tensor,
    /// The largest norm that counts as converged.
    pub limit: Tensor,
    /// Whether the norm is within the limit.
    pub converged: Tensor,
    /// The number of steps, i64.
    pub steps: Tensor,
}

/// The final state of a method: the solution, the residual, the number of steps.
type Ended = (Tensor, Tensor, Tensor);

/// Solves for a vector with the layout of `packing`.
pub(super) fn solve(
    solver: LinearSolver,
    packing: &Packing,
    system: System<'_>,
    b: &Tensor,
) -> Found {
    // Numbers near 1 have products that neither overflow nor vanish, whatever the size of `b`.
    let (b, size) = scaled(b);
    let limit = norm(&b) * packing.tolerance(solver.tolerance);
    let most = solver.steps(packing.len());
    let (solution, residual, steps) = match solver.method {
        Method::Cg => cg(system, &b, &limit, most),
        Method::BiCgStab => bicgstab(system, &b, &limit, most),
        Method::Gmres { restart } => {
            let restart = restart.clamp(1, b.len().max(1));
            gmres(system, &b, &limit, most, restart)
        }
    };
    let residual = norm(&residual);
    Found {
        converged: within(&residual, &limit),
        solution: solution * &size,
        residual: residual * &size,
        limit: limit * size,
        steps,
    }
}

/// Whether the norm of the residual is above `limit`, and a step is left.
fn goes_on(residual: &Tensor, limit: &Tensor, steps: &Tensor, most: usize) -> Tensor {
    residual.dot(residual).greater(limit.square()) & steps.less(most as i64)
}

fn no_steps() -> Tensor {
    Tensor::from(0i64)
}

/// `a/b`, or 0 where `b` is 0.
fn ratio(a: &Tensor, b: &Tensor) -> Tensor {
    let zero = b.equal(0.0);
    let safe = zero.where_(b.ones_like(), b);
    zero.where_(a.zeros_like(), &(a / safe))
}

/// Conjugate gradients (Hestenes and Stiefel, 1952), preconditioned (Saad, "Iterative Methods for Sparse Linear
/// Systems", algorithm 9.1).
fn cg(system: System<'_>, b: &Tensor, limit: &Tensor, most: usize) -> Ended {
    // x; the residual, the direction; the preconditioned product of the residual with itself; the number of steps.
    type State = (Tensor, (Tensor, Tensor), Tensor, Tensor);
    let z = system.preconditioned(b);
    let begin = (
        b.zeros_like(),
        (b.clone(), z.clone()),
        b.dot(&z),
        no_steps(),
    );
    let (x, (r, _), _, steps) = while_loop(
        |(_, (r, _), _, k): &State| goes_on(r, limit, k, most),
        |(x, (r, p), rho, k): &State| {
            let q = (system.product)(p);
            let alpha = rho / p.dot(&q);
            let next = r - &alpha * q;
            let z = system.preconditioned(&next);
            let sigma = next.dot(&z);
            let direction = z + &sigma / rho * p;
            (x + alpha * p, (next, direction), sigma, k + 1)
        },
        &begin,
    );
    (x, r, steps)
}

/// The stabilised biconjugate gradient method (van der Vorst,
/// SIAM Journal on Scientific and Statistical Computing 13, 1992).
fn bicgstab(system: System<'_>, b: &Tensor, limit: &Tensor, most: usize) -> Ended {
    type State = (Tensor, Tensor, Tensor, Tensor);
    let begin = (b.zeros_like(), b.clone(), b.clone(), no_steps());
    let (x, r, _, steps) = while_loop(
        |(_, r, _, k): &State| goes_on(r, limit, k, most),
        |(x, r, p, k): &State| {
            let rho = b.dot(r);
            let first = system.preconditioned(p);
            let v = (system.product)(&first);
            let alpha = &rho / b.dot(&v);
            let s = r - &alpha * &v;
            let second = system.preconditioned(&s);
            let t = (system.product)(&second);
            // If `s` is zero, the first half of the step has reached the solution.
            let omega = ratio(&t.dot(&s), &t.dot(&t));
            let next = &s - &omega * t;
            let beta = ratio(&(b.dot(&next) * &alpha), &(rho * &omega));
            let direction = &next + beta * (p - &omega * v);
            (x + alpha * first + omega * second, next, direction, k + 1)
        },
        &begin,
    );
    (x, r, steps)
}

/// Minimises the residual over the Krylov space, with a restart every `m` steps.
///
/// This variant keeps an orthonormal basis `q` of `A` times the space, and the vectors `p` with `A·p = q`,
/// so that each step ends with the current solution (Walker and Zhou, "A simpler GMRES", 1994).
/// The next direction is the residual if it shrank, which keeps the `p` well conditioned, otherwise the last `q`,
/// which never breaks down (Jiránek and Rozložník, "Adaptive version of simpler GMRES", 2010).
/// The preconditioner is on the right, so the residual is the residual of the system itself.
fn gmres(system: System<'_>, b: &Tensor, limit: &Tensor, most: usize, m: usize) -> Ended {
    const SHRANK: f64 = 0.9;
    // x, r; the p and the q, one per row; the last q, the norm before it;
    // the position in the basis, the number of steps.
    type State = (
        (Tensor, Tensor),
        (Tensor, Tensor),
        (Tensor, Tensor),
        (Tensor, Tensor),
    );
    let rows = Tensor::zeros(&[m, b.len()], b.dtype());
    let begin = (
        (b.zeros_like(), b.clone()),
        (rows.clone(), rows),
        (b.clone(), norm(b)),
        (no_steps(), no_steps()),
    );
    let ((x, r), _, _, (_, steps)) = while_loop(
        |((_, r), _, _, (_, k)): &State| goes_on(r, limit, k, most),
        |((x, r), (ps, qs), (last, before), (j, k)): &State| {
            let full = j.equal(m as i64);
            let j = full.where_(j.zeros_like(), j);
            let (ps, qs) = (
                full.where_(ps.zeros_like(), ps),
                full.where_(qs.zeros_like(), qs),
            );
            let size = norm(r);
            let from_residual = j.equal(0i64) | size.less_equal(before * SHRANK);
            let mut p = system.preconditioned(&from_residual.where_(&(r / &size), last));
            let mut q = (system.product)(&p);
            // Two passes of orthogonalisation are enough.
            for _ in 0..2 {
                let h = qs.matmul(&q);
                q -= h.matmul(&qs);
                p -= h.matmul(&ps);
            }
            let length = norm(&q);
            let q = ratio(&q, &length);
            let p = ratio(&p, &length);
            let along = q.dot(r);
            let place = j.one_hot(m, b.dtype()).expand_dims(1);
            (
                (x + &along * &p, r - &along * &q),
                (ps + &place * p, qs + place * &q),
                (q, size),
                (j + 1, k + 1),
            )
        },
        &begin,
    );
    (x, r, steps.astype(DType::I64))
}
