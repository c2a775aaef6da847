//! The robot arm with six joints, for the tests and benchmarks of plans.

use gradus::prelude::*;

/// The robot arm of `gradus_plan::scalar::known`: position and angles of the hand from six angles.
pub fn robot_arm(t: &Tensor) -> Tensor {
    let [t1, t2, t3, t4, t5, t6] = [0, 1, 2, 3, 4, 5].map(|k| t.at(k));
    let [c1, c2, c4, c5, c6] = [&t1, &t2, &t4, &t5, &t6].map(Tensor::cos);
    let [s1, s2, s4, s5, s6] = [&t1, &t2, &t4, &t5, &t6].map(Tensor::sin);
    let c23 = &c2 * t3.cos() - &s2 * t3.sin();
    let s23 = &c2 * t3.sin() + &s2 * t3.cos();
    let ax = &s5 * (&c1 * &c23 * &c4 + &s1 * &s4) + &c1 * &s23 * &c5;
    let ay = &s5 * (&s1 * &c23 * &c4 - &c1 * &s4) + &s1 * &s23 * &c5;
    let az = &s23 * &c4 * &s5 - &c23 * &c5;
    let inner = &c23 * &s5 + &s23 * &c4 * &c5;
    let nz = &c6 * &inner - &s23 * &s4 * &s6;
    let oz = -&s6 * &inner - &s23 * &s4 * &c6;
    let z = ay.atan2(&ax);
    let y = (1.0 - az.square()).sqrt().atan2(&az);
    let z2 = oz.atan2(&-nz);
    let reach = &c2 * 890.0 + &c23 * 50.0 + &s23 * 1035.0 + 175.0;
    let px = &ax * 185.0 + &c1 * &reach;
    let py = (&s5 * (&s1 * &c23 * &c4 + &c1 * &s4) + &s1 * &s23 * &c5) * 185.0 + &s1 * &reach;
    let pz = &s2 * 890.0 + 575.0 + &s23 * 50.0 - &c23 * 1035.0 + az * 185.0;
    stack(&[&px, &py, &pz, &z, &y, &z2], 0)
}
