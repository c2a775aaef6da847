//! Functions called as a whole, because their derivative does not follow simply from their operations.
//! Each kind has a file.

mod cotangent_hook;
mod custom_jvp;
mod custom_vjp;
mod linear;
mod recompute;
mod rules;
mod shared;
mod solve;
mod types;
mod undefined;

pub use cotangent_hook::CotangentHook;
pub use custom_jvp::CustomJvp;
pub use custom_vjp::{BackwardOnly, CustomVjp};
pub use linear::Linear;
pub use recompute::{Recompute, Recomputed, UserCost};
pub use solve::Solve;
pub use undefined::{Reason, Undefined};

use super::Body;
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use rules::CallRules;

/// A function called as a whole.
/// Its operands are the inputs of its body and its results are the outputs, unless a kind says otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// A function that its derivatives compute again.
    Recompute(Recompute),
    /// A function with a custom tangent map.
    CustomJvp(CustomJvp),
    /// A function with a custom backward pass.
    CustomVjp(CustomVjp),
    /// The tangent map of a [`CustomVjp`], which only has a transpose.
    BackwardOnly(BackwardOnly),
    /// The identity, with a function of cotangents.
    Hook(CotangentHook),
    /// An undefined derivative.
    Undefined(Undefined),
    /// A linear function with its transpose.
    Linear(Linear),
    /// The solution of a linear system.
    Solve(Solve),
}

impl Call {
    fn rules(&self) -> &dyn CallRules {
        match self {
            Call::Recompute(call) => call,
            Call::CustomJvp(call) => call,
            Call::CustomVjp(call) => call,
            Call::BackwardOnly(call) => call,
            Call::Hook(call) => call,
            Call::Undefined(call) => call,
            Call::Linear(call) => call,
            Call::Solve(call) => call,
        }
    }

    /// The program that runs.
    /// A [`BackwardOnly`] cannot run, and a [`CotangentHook`] has nothing to run: their body is the backward pass.
    pub fn body(&self) -> &Body {
        match self {
            Call::Recompute(call) => &call.body,
            Call::CustomJvp(call) => &call.body,
            Call::CustomVjp(call) => &call.body,
            Call::BackwardOnly(call) => &call.backward,
            Call::Hook(call) => &call.backward,
            Call::Undefined(call) => &call.body,
            Call::Linear(call) => &call.body,
            Call::Solve(call) => &call.solve,
        }
    }

    /// The error of a program that runs it, if it is an undefined derivative.
    pub fn cannot_run(&self) -> Option<Error> {
        let why = match self {
            Call::BackwardOnly(_) => Reason::Forward.why(),
            Call::Undefined(call) => call.reason.why(),
            _ => return None,
        };
        Some(Error::new(ErrorKind::Derivative, why))
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Call>> {
        Recompute::from_text(name, a)
            .map(|r| r.map(Call::Recompute))
            .or_else(|| CustomJvp::from_text(name, a).map(|r| r.map(Call::CustomJvp)))
            .or_else(|| CustomVjp::from_text(name, a).map(|r| r.map(Call::CustomVjp)))
            .or_else(|| BackwardOnly::from_text(name, a).map(|r| r.map(Call::BackwardOnly)))
            .or_else(|| CotangentHook::from_text(name, a).map(|r| r.map(Call::Hook)))
            .or_else(|| Undefined::from_text(name, a).map(|r| r.map(Call::Undefined)))
            .or_else(|| Linear::from_text(name, a).map(|r| r.map(Call::Linear)))
            .or_else(|| Solve::from_text(name, a).map(|r| r.map(Call::Solve)))
    }
}
