//! Scalar programs whose best elimination is published.
//!
//! The four applications are functions of the benchmark of J. Lohoff, E. Neftci,
//! *Optimizing Automatic Differentiation with Deep Reinforcement Learning* (NeurIPS 2024, "AlphaGrad").
//! They are written here from their formulas with the association used there,
//! so that each elemental operation is one vertex and the published counts come out.
//! Such programs do not share common subexpressions, so some formulas appear twice on purpose.

use super::{Builder, Edge, ScalarGraph, Var};

/// A function with its published figures.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Its name in the literature.
    pub name: &'static str,
    /// A point at which it is smooth.
    pub point: &'static [f64],
    /// Writes it down, and returns the outputs.
    pub write: for<'b> fn(&'b Builder) -> Vec<Var<'b>>,
    /// Multiplications of forward mode.
    pub forward: u64,
    /// Multiplications of reverse mode.
    pub reverse: u64,
    /// The fewest multiplications published.
    pub best: u64,
}

impl Published {
    /// The graph at [`Published::point`].
    pub fn graph(&self) -> ScalarGraph {
        let b = Builder::new(self.point);
        b.finish(&(self.write)(&b))
    }
}

/// All functions that have published counts.
pub const PUBLISHED: [Published; 4] = [
    Published {
        name: "RoeFlux_1d",
        point: &[0.01, 0.02, 0.02, 0.01, 0.03, 0.03],
        write: roe_flux_1d,
        forward: 620,
        reverse: 364,
        best: 320,
    },
    Published {
        name: "RobotArm_6DOF",
        point: &[0.3, 0.5, 0.7, 0.4, 0.6, 0.2],
        write: robot_arm_6dof,
        forward: 397,
        reverse: 301,
        best: 231,
    },
    Published {
        name: "HumanHeartDipole",
        point: &[0.3, 0.5, 0.7, 0.4, 0.6, 0.2, 0.9, 0.8],
        write: human_heart_dipole,
        forward: 240,
        reverse: 172,
        best: 148,
    },
    Published {
        name: "PropaneCombustion",
        point: &[0.3, 0.5, 0.7, 0.4, 0.6, 0.2, 0.9, 0.8, 0.35, 0.45, 0.55],
        write: propane_combustion,
        forward: 151,
        reverse: 90,
        best: 88,
    },
];

/// The numerical flux of the one-dimensional Euler equations between two states of density, momentum and energy.
///
/// P. L. Roe, *Approximate Riemann solvers, parameter vectors, and difference schemes*,
/// Journal of Computational Physics 43 (1981).
/// The two eigenvalues `|u|` appear twice as in the benchmark, which computes both.
pub fn roe_flux_1d(b: &Builder) -> Vec<Var<'_>> {
    const GAMMA: f64 = 0.5;
    let [rho_l, m_l, e_l, rho_r, m_r, e_r] = b.inputs();
    fn pressure<'b>(rho: Var<'b>, m: Var<'b>, e: Var<'b>) -> Var<'b> {
        (GAMMA - 1.0) * (e - 0.5 * m.powi(2) / rho)
    }
    fn flux<'b>(rho: Var<'b>, m: Var<'b>, e: Var<'b>, p: Var<'b>) -> [Var<'b>; 3] {
        let v = m / rho;
        [m, p + m * v, v * (p + e)]
    }

    let d_rho = rho_r - rho_l;
    let rho = (rho_l * rho_r).sqrt();
    let weight = rho_l.sqrt() + rho_r.sqrt();
    let v_l = m_l / rho_l;
    let p_l = pressure(rho_l, m_l, e_l);
    let h_l = (e_l + p_l) / rho_l;
    let v_r = m_r / rho_r;
    let p_r = pressure(rho_r, m_r, e_r);
    let h_r = (e_r + p_r) / rho_r;
    let dp = p_r - p_l;
    let dv = v_r - v_l;

    // Averages weighted by the roots of the densities.
    let u = (rho_l.sqrt() * v_l + rho_r.sqrt() * v_r) / weight;
    let h = (rho_l.sqrt() * h_l + rho_r.sqrt() * h_r) / weight;
    let q2 = u.powi(2);
    let a2 = (GAMMA - 1.0) * (h - 0.5 * q2);
    let a = a2.sqrt();
    let eigen_plus = (u + a).abs();
    let eigen = u.abs();
    let eigen_minus = u.abs();

    let n = a * rho;
    let c0 = (d_rho - dp / a2) * eigen;
    let c1 = (dv + dp / n) * eigen_plus;
    let c2 = (dv - dp / n) * eigen_minus;

    let left = flux(rho_l, m_l, e_l, p_l);
    let right = flux(rho_r, m_r, e_r, p_r);
    let [f0, f1, f2] = [0, 1, 2].map(|i| left[i] + right[i]);
    let c = 0.5 * rho / a;
    let d0 = c0 + c * c1 - c * c2;
    let d1 = c0 * u + c * c1 * (u + a) - c * c2 * (u - a);
    let d2 = c0 * 0.5 * q2 + c * c1 * (h + u * a) - c * c2 * (h - u * a);
    vec![0.5 * (f0 - d0), 0.5 * (f1 - d1), 0.5 * (f2 - d2)]
}

/// Position and angles of the hand of a robot arm with six joints, by forward kinematics of the joint angles.
pub fn robot_arm_6dof(b: &Builder) -> Vec<Var<'_>> {
    const A: [f64; 3] = [175.0, 890.0, 50.0];
    const D1: f64 = 575.0;
    const D4: f64 = 1035.0;
    const D6: f64 = 185.0;
    let [t1, t2, t3, t4, t5, t6] = b.inputs();
    let [c1, c2, c4, c5, c6] = [t1, t2, t4, t5, t6].map(Var::cos);
    let c23 = t2.cos() * t3.cos() - t2.sin() * t3.sin();
    let [s1, s2, s4, s5, s6] = [t1, t2, t4, t5, t6].map(Var::sin);
    let s23 = t2.cos() * t3.sin() + t2.sin() * t3.cos();

    let ax = s5 * (c1 * c23 * c4 + s1 * s4) + c1 * s23 * c5;
    let ay = s5 * (s1 * c23 * c4 - c1 * s4) + s1 * s23 * c5;
    let az = s23 * c4 * s5 - c23 * c5;
    let nz = c6 * (c23 * s5 + s23 * c4 * c5) - s23 * s4 * s6;
    let oz = -s6 * (c23 * s5 + s23 * c4 * c5) - s23 * s4 * c6;

    // Tait-Bryan angles.
    let z = ay.atan2(ax);
    let y = (1.0 - az.powi(2)).sqrt().atan2(az);
    let z2 = oz.atan2(-nz);

    let x_hand = D6 * (s5 * (c1 * c23 * c4 + s1 * s4) + c1 * s23 * c5);
    let x_arm = c1 * (A[0] + A[1] * c2 + A[2] * c23 + D4 * s23);
    let px = x_hand + x_arm;
    let y_hand = D6 * (s5 * (s1 * c23 * c4 + c1 * s4) + s1 * s23 * c5);
    let y_arm = s1 * (A[0] + A[1] * c2 + A[2] * c23 + D4 * s23);
    let py = y_hand + y_arm;
    let pz = A[1] * s2 + D1 + A[2] * s23 - D4 * c23 + D6 * (s23 * c4 * s5 - c23 * c5);
    vec![px, py, pz, z, y, z2]
}

/// The residuals of the human heart dipole problem of MINPACK-2.
///
/// B. M. Averick, R. G. Carter, J. J. Moré, G.-L. Xue, *The MINPACK-2 Test Problem Collection* (1992),
/// with all measurements 1.
pub fn human_heart_dipole(builder: &Builder) -> Vec<Var<'_>> {
    const SIGMA: f64 = 1.0;
    let [a, b, c, d, t, u, v, w] = builder.inputs();
    let f1 = a + b - SIGMA;
    let f2 = c + d - SIGMA;
    let f3 = t * a + u * b - v * c - w * d - SIGMA;
    let f4 = v * a + w * b + t * c + u * d - SIGMA;
    let tv = t.powi(2) - v.powi(2);
    let uw = u.powi(2) - w.powi(2);
    let f5 = a * tv - 2.0 * c * t * v + b * uw - 2.0 * d * u * w - SIGMA;
    let f6 = c * tv - 2.0 * a * t * v + d * uw - 2.0 * b * u * w - SIGMA;
    let [ttv, vvt, uuw, wwu] =
        [(t, v), (v, t), (u, w), (w, u)].map(|(x, y)| x * (x.powi(2) - 3.0 * y.powi(2)));
    let f7 = a * ttv + c * vvt + b * uuw + d * wwu - SIGMA;
    let f8 = c * ttv - a * vvt + d * uuw - b * wwu - SIGMA;
    vec![f1, f2, f3, f4, f5, f6, f7, f8]
}

/// The residuals of the combustion of propane in air, full formulation, of MINPACK-2.
///
/// B. M. Averick, R. G. Carter, J. J. Moré, G.-L. Xue, *The MINPACK-2 Test Problem Collection* (1992),
/// at pressure 40 and ratio 10.
pub fn propane_combustion(b: &Builder) -> Vec<Var<'_>> {
    const P: f64 = 40.0;
    const R: f64 = 10.0;
    let [x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11] = b.inputs();
    let root = (P / x11).sqrt();
    let f1 = x1 + x4 - 3.0;
    let f2 = 2.0 * x1 + x2 + x4 + x7 + x8 + x9 + 2.0 * x10 - R;
    let f3 = 2.0 * x2 + 2.0 * x5 + x6 + x7 - 8.0;
    let f4 = 2.0 * x3 + x9 - 4.0 * R;
    let f5 = x2 * x4 - x1 * x5;
    let f6 = (x2 * x4).sqrt() - x1.sqrt() * root * x6;
    let f7 = (x1 * x2).sqrt() - x4.sqrt() * x7 * root;
    let f8 = x1 - x4 * x8 * P / x11;
    let f9 = x1 * x3.sqrt() - x4 * x9 * root;
    let f10 = x1.powi(2) - x4.powi(2) * x10 * P / x11;
    let f11 = x11 - x1 - x2 - x3 - x4 - x5 - x6 - x7 - x8 - x9 - x10;
    vec![f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11]
}

/// An example of U. Naumann, *Jacobians, Graphs, Combinatorics*: `t = x·sin(x·y)`, outputs `cos t` and `t / y`.
/// Trying all orders finds 7 multiplications.
pub fn small_example(b: &Builder) -> Vec<Var<'_>> {
    let [x, y] = b.inputs();
    let t = x * (x * y).sin();
    vec![t.cos(), t / y]
}

/// The lion: two inputs, two intermediate vertices, four outputs.
/// The graph is after U. Naumann, *Optimal accumulation of Jacobian matrices by elimination
/// methods on the dual computational graph*, Mathematical Programming 99 (2004).
/// It shows there that eliminating single edges can be cheaper than any order of vertices:
/// both orders take 12 multiplications, edges 11.
/// The program is `t = x / y`, `s = cos t` with the outputs `t·s`, `exp s`,
/// `3.14·s` and `sin s`, from the test `lion` of OpenAD (`testRoundTrip/examples`).
pub fn lion() -> ScalarGraph {
    let edges = [
        (0, 2),
        (1, 2),
        (2, 3),
        (2, 4),
        (3, 4),
        (3, 5),
        (3, 6),
        (3, 7),
    ];
    unweighted(2, &edges, &[4, 5, 6, 7])
}

/// The bat: four inputs, three intermediate vertices, four outputs.
///
/// The program is `t = x₁ / x₂`, `u = x₃·x₄`, `v = t·u` with the outputs `t·v`, `1 / v`, `sin v` and `v·u`,
/// from the test `bat` of OpenAD (`testRoundTrip/examples`, by U. Naumann, J. Utke and others).
/// Every order of vertices takes 24 multiplications; a test tries all orders.
pub fn bat() -> ScalarGraph {
    let edges = [
        (0, 4),
        (1, 4),
        (2, 5),
        (3, 5),
        (4, 6),
        (5, 6),
        (4, 7),
        (6, 7),
        (6, 8),
        (6, 9),
        (6, 10),
        (5, 10),
    ];
    unweighted(4, &edges, &[7, 8, 9, 10])
}

/// A graph from the literature, which gives no numbers on its edges.
fn unweighted(inputs: usize, edges: &[(usize, usize)], outputs: &[usize]) -> ScalarGraph {
    let edges = edges.iter().map(|&(from, to)| Edge {
        from,
        to,
        partial: 1.0,
    });
    let vertices = outputs.last().map_or(inputs, |last| last + 1);
    ScalarGraph::new(inputs, vertices, edges, outputs).expect("the edges lead forward")
}
