//! Krylov methods: the solution of `A·x = b` from products with `A` alone, beginning with zero.

use super::linear::Method;
use super::vector::norm;
use crate::control::while_loop;
use crate::tensor::Tensor;
use gradus_ir::DType;

/// What a method found.
pub(super) struct Found {
    pub solution: Tensor,
    /// The norm of the residual, as the method carries it along.
    pub residual: Tensor,
    /// Steps made, i64.
    pub steps: Tensor,
}

/// Goes on until the norm of the residual is at most `limit`, for at most so many steps.
pub(super) fn solve(
    method: Method,
    apply: &dyn Fn(&Tensor) -> Tensor,
    b: &Tensor,
    limit: &Tensor,
    most: usize,
) -> Found {
    match method {
        Method::Cg => cg(apply, b, limit, most),
        Method::BiCgStab => bicgstab(apply, b, limit, most),
        Method::Gmres { restart } => {
            let restart = restart.clamp(1, b.len().max(1));
            gmres(apply, b, limit, most, restart)
        }
    }
}

fn goes_on(residual: &Tensor, limit: &Tensor, steps: &Tensor, most: usize) -> Tensor {
    residual.dot(residual).greater(limit.square()) & steps.less(most as i64)
}

fn no_steps() -> Tensor {
    Tensor::from(0i64)
}

/// `a/b`, or 0 where `b` is 0.
fn ratio(a: &Tensor, b: &Tensor) -> Tensor {
    let zero = b.equal(0.0);
    let safe = zero.where_(&b.ones_like(), b);
    zero.where_(&a.zeros_like(), &(a / safe))
}

/// Conjugate gradients (Hestenes and Stiefel, 1952).
fn cg(apply: &dyn Fn(&Tensor) -> Tensor, b: &Tensor, limit: &Tensor, most: usize) -> Found {
    type State = (Tensor, Tensor, Tensor, Tensor);
    let begin = (b.zeros_like(), b.clone(), b.clone(), no_steps());
    let (solution, r, _, steps) = while_loop(
        |(_, r, _, k): &State| goes_on(r, limit, k, most),
        |(x, r, p, k): &State| {
            let q = apply(p);
            let rho = r.dot(r);
            let alpha = &rho / p.dot(&q);
            let next = r - &alpha * q;
            let beta = next.dot(&next) / rho;
            (x + alpha * p, next.clone(), next + beta * p, k + 1)
        },
        &begin,
    );
    Found {
        solution,
        residual: norm(&r),
        steps,
    }
}

/// The stabilised biconjugate gradients (van der Vorst, SIAM Journal on Scientific and Statistical Computing 13, 1992).
fn bicgstab(apply: &dyn Fn(&Tensor) -> Tensor, b: &Tensor, limit: &Tensor, most: usize) -> Found {
    type State = (Tensor, Tensor, Tensor, Tensor);
    let begin = (b.zeros_like(), b.clone(), b.clone(), no_steps());
    let (solution, r, _, steps) = while_loop(
        |(_, r, _, k): &State| goes_on(r, limit, k, most),
        |(x, r, p, k): &State| {
            let rho = b.dot(r);
            let v = apply(p);
            let alpha = &rho / b.dot(&v);
            let s = r - &alpha * &v;
            let t = apply(&s);
            // Where `s` is zero already, the first half of the step has arrived.
            let omega = ratio(&t.dot(&s), &t.dot(&t));
            let next = &s - &omega * t;
            let beta = ratio(&(b.dot(&next) * &alpha), &(rho * &omega));
            let direction = &next + beta * (p - &omega * v);
            (x + alpha * p + omega * s, next, direction, k + 1)
        },
        &begin,
    );
    Found {
        solution,
        residual: norm(&r),
        steps,
    }
}

/// The smallest residual over the Krylov space, begun anew every `m` steps.
///
/// The variant that keeps an orthonormal basis `q` of `A` times the space, and the `p` with `A·p = q`, so that each step ends with the solution at hand (Walker and Zhou, "A simpler
/// GMRES", 1994). The next direction is the residual where it shrank, which keeps the `p` well conditioned, else the last `q`, which never breaks down
/// (Jiránek and Rozložník, "Adaptive version of simpler GMRES", 2010).
fn gmres(
    apply: &dyn Fn(&Tensor) -> Tensor,
    b: &Tensor,
    limit: &Tensor,
    most: usize,
    m: usize,
) -> Found {
    const SHRANK: f64 = 0.9;
    // x, r; the p and the q, a row each; the last q, the norm before it; the place in the basis, the step.
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
    let ((solution, r), _, _, (_, steps)) = while_loop(
        |((_, r), _, _, (_, k)): &State| goes_on(r, limit, k, most),
        |((x, r), (ps, qs), (last, before), (j, k)): &State| {
            let full = j.equal(m as i64);
            let j = full.where_(&j.zeros_like(), j);
            let (ps, qs) = (
                full.where_(&ps.zeros_like(), ps),
                full.where_(&qs.zeros_like(), qs),
            );
            let size = norm(r);
            let from_residual = j.equal(0i64) | size.less_equal(before * SHRANK);
            let mut p = from_residual.where_(&(r / &size), last);
            let mut q = apply(&p);
            // Twice is enough.
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
    Found {
        solution,
        residual: norm(&r),
        steps: steps.astype(DType::I64),
    }
}
