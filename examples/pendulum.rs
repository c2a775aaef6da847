//! The derivative of a simulation: the angle of a damped pendulum after two seconds,
//! and its slopes by length and damping.

use gradus::prelude::*;

const STEP: f64 = 0.01;

/// Change of angle and angular velocity, for parameters (length, damping).
fn change(state: &(Tensor, Tensor), p: &Tensor) -> (Tensor, Tensor) {
    let (angle, speed) = state;
    let (length, damping) = (p.at(0), p.at(1));
    (
        speed.clone(),
        angle.sin() * -9.81 / length - damping * speed,
    )
}

/// One step of the classical Runge-Kutta method.
fn advance(s: &(Tensor, Tensor), p: &Tensor) -> (Tensor, Tensor) {
    let moved = |k: &(Tensor, Tensor), h: f64| (&s.0 + &k.0 * h, &s.1 + &k.1 * h);
    let k1 = change(s, p);
    let k2 = change(&moved(&k1, STEP / 2.0), p);
    let k3 = change(&moved(&k2, STEP / 2.0), p);
    let k4 = change(&moved(&k3, STEP), p);
    let mean =
        |a: &Tensor, b: &Tensor, c: &Tensor, d: &Tensor| (a + b * 2.0 + c * 2.0 + d) * (STEP / 6.0);
    (
        &s.0 + mean(&k1.0, &k2.0, &k3.0, &k4.0),
        &s.1 + mean(&k1.1, &k2.1, &k3.1, &k4.1),
    )
}

fn angle_after(p: &Tensor) -> Tensor {
    let mut state = (Tensor::from(1.0), Tensor::from(0.0));
    for _ in 0..200 {
        state = advance(&state, p);
    }
    state.0
}

fn main() -> Result<()> {
    let p = Tensor::from([1.2, 0.1]);
    let (angle, slope) = value_and_grad(angle_after)(&p);
    println!("angle after 2 s: {angle:.6}");
    println!("its derivative by length and damping: {slope}");
    let h = 1e-6;
    let slope = slope.to_vec::<f64>()?;
    for (k, dp) in [[h, 0.0], [0.0, h]].into_iter().enumerate() {
        let dp = Tensor::from(dp);
        let difference =
            (angle_after(&(&p + &dp)) - angle_after(&(&p - &dp))).item::<f64>()? / (2.0 * h);
        assert!((difference - slope[k]).abs() < 1e-7);
    }
    Ok(())
}
