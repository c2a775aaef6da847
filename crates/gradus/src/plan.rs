//! The order of the chain rule: plans of derivatives, their costs, and the rates of machines.
//!
//! [`jacobian`](crate::jacobian), [`hessian`](crate::hessian) and [`hvp`](crate::hvp) take the cheapest order by
//! themselves.
//! [`plan_jacobian`], [`plan_hessian`] and [`plan_hvp`] show the candidates, their costs and the choice;
//! [`PlanOptions`] restricts it, to an order, to a goal or to a limit of memory.
//! Plans estimate times by a [`Profile`] of rates; [`calibrate`] measures the rates of a machine.
//!
//! ```
//! use gradus::plan::Mode;
//! use gradus::prelude::*;
//!
//! // Three numbers from a thousand: reverse mode needs three products, forward mode a thousand.
//! let w = Tensor::full(&[3, 1000], 0.5);
//! let f = move |x: &Tensor| w.matmul(x).tanh();
//! let x = Tensor::ones(&[1000], F64);
//! let plan = plan_jacobian(&f, &x, &PlanOptions::default())?;
//! assert_eq!(plan.plan().chosen().mode, Mode::Reverse);
//! println!("{}", plan.explain());
//!
//! let forward = PlanOptions::default().modes(Modes::Forward);
//! assert_eq!(plan_jacobian(&f, &x, &forward)?.plan().chosen().mode, Mode::Forward);
//! # Ok::<(), gradus::Error>(())
//! ```

pub use crate::transform::plan::{JacobianBlocks, JacobianPlan, plan_hessian, plan_jacobian};
pub use crate::transform::plan_hvp::{HvpPlan, plan_hvp};
pub use crate::transform::profile::{
    Calibration, calibrate, machine_profile, measure_machine, profile_path, save_profile,
};
#[doc(inline)]
pub use gradus_plan::{
    Accumulation, Analysis, Candidate, Choice, Cut, Derivative, Elimination, EliminationStep,
    Estimate, FoundBy, Join, Measured, Mode, Modes, NotBuilt, Objective, Order, Plan, PlanOptions,
    Profile, SearchLimits, SourceLines,
};
