//! Inverse kinematics of an arm with six joints: finds the angles that give its hand the wanted position and
//! direction, by damped steps with the Jacobian.

use gradus::prelude::*;
use gradus::solve::{LinearSolver, linear_solve};
use std::f64::consts::FRAC_PI_2;

/// Twist, length and offset of each link, as defined by Denavit and Hartenberg; the arm is about a metre long.
const LINKS: [(f64, f64, f64); 6] = [
    (FRAC_PI_2, 0.0, 0.1),
    (0.0, 0.45, 0.0),
    (0.0, 0.4, 0.0),
    (FRAC_PI_2, 0.0, 0.12),
    (-FRAC_PI_2, 0.0, 0.1),
    (0.0, 0.0, 0.08),
];

/// The frame of the hand, `[4, 4]`, for six angles.
fn hand(angles: &Tensor) -> Tensor {
    let mut frame = Tensor::eye(4, F64);
    for (i, (twist, length, offset)) in LINKS.into_iter().enumerate() {
        let (s, c) = (angles.at(i).sin(), angles.at(i).cos());
        let (st, ct) = twist.sin_cos();
        let (zero, one) = (s.zeros_like(), s.ones_like());
        let link = [
            [c.clone(), -&s * ct, &s * st, length * &c],
            [s.clone(), &c * ct, -&c * st, length * &s],
            [zero.clone(), st * &one, ct * &one, offset * &one],
            [zero.clone(), zero.clone(), zero, one],
        ];
        let rows = link.map(|row| stack(&row.each_ref(), 0));
        frame = frame.matmul(&stack(&rows.each_ref(), 0));
    }
    frame
}

fn main() -> Result<()> {
    // A frame that the arm can reach.
    let wanted = hand(&Tensor::from([0.4, -0.9, 1.3, -0.6, 0.8, 0.2]));

    // The upper three rows: directions and position.
    let miss = |angles: &Tensor| (hand(angles) - &wanted).slice_axis(0, ..3).ravel();
    let both = jit(|angles: &Tensor| (miss(angles), jacobian(miss)(angles)));
    let mut angles = Tensor::from([0.0, -0.5, 1.0, 0.0, 0.5, 0.0]);
    for k in 0..100 {
        let (r, j) = both.call(&angles)?;
        let error = r.norm().item::<f64>()?;
        println!("step {k:2}: error {error:.1e}");
        if error < 1e-12 {
            break;
        }
        // The damping shrinks with the error, so the last steps are Newton's.
        let normal = |v: &Tensor| j.t().matmul(&j.matmul(v)) + 0.1 * error * v;
        angles -= linear_solve(normal, &j.t().matmul(&r), LinearSolver::cg());
    }
    println!("angles {angles}");
    assert!(miss(&angles).abs().max().item::<f64>()? < 1e-10);
    Ok(())
}
