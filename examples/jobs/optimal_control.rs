//! Optimal control: finds the torques that swing a pendulum up and hold it there,
//! with the gradient through its motion.

use gradus::prelude::*;

const STEPS: usize = 60;
const STEP: f64 = 0.05;

/// Angle from the top and speed after each step; the motor is too weak to lift the pendulum at once.
fn motion(controls: &Tensor) -> (Tensor, Tensor) {
    let torques = 5 * controls.tanh();
    let step = |(angle, speed): &(Tensor, Tensor), torque: &Tensor| {
        let speed = speed + STEP * (9.81 * angle.sin() + torque);
        let angle = angle + STEP * &speed;
        ((angle.clone(), speed.clone()), (angle, speed))
    };
    let hanging = (Tensor::from(std::f64::consts::PI), Tensor::from(0.0));
    scan(step, &hanging, &torques).1
}

/// Penalises deviation from upright rest during the last ten steps, and effort.
fn cost(controls: &Tensor) -> Tensor {
    let (angle, speed) = motion(controls);
    let last = STEPS - 10;
    let (angle, speed) = (angle.slice_axis(0, last..), speed.slice_axis(0, last..));
    (1 - angle.cos()).sum() * 10 + speed.square().sum() + 1e-3 * controls.square().sum()
}

fn main() -> Result<()> {
    let adam = optim::Adam::default();
    let step = jit(|(controls, memory): &(Tensor, optim::AdamState<Tensor>)| {
        let (cost, slope) = value_and_grad(cost)(controls);
        let (controls, memory) = adam.update(controls, &slope, memory, &Tensor::from(0.05));
        (controls, memory, cost)
    });
    let mut controls = 0.1 * random::normal(&random::key(0), &[STEPS], F64);
    let mut memory = adam.start(&controls);
    for k in 0..=1000 {
        let cost;
        (controls, memory, cost) = step.call_owned((controls, memory))?;
        if k % 200 == 0 {
            println!("step {k:4}: cost {:.3}", cost.item::<f64>()?);
        }
    }

    let (angle, speed) = motion(&controls);
    let upright = angle.at(-1).cos().item::<f64>()?;
    println!(
        "height {upright:.4} of 1, speed {:.3}",
        speed.at(-1).item::<f64>()?
    );
    assert!(upright > 0.99 && speed.at(-1).abs().item::<f64>()? < 0.2);
    Ok(())
}
