//! Functions called as a whole, because their derivative is not simply that of what they do.

use super::{Body, takes};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Type;
use smallvec::{SmallVec, smallvec};

/// A function called as a whole. Its operands are the inputs of its body, its results the outputs, unless a variant says otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// What the way back needs of its inside is computed again rather than kept.
    Checkpoint(Body),
    /// The part of a derivative that holds a loop whose number of steps is not known, with the lists that it keeps. Computed again, unless it stands outside of all other
    /// regions, where it is dissolved.
    Local(Body),
    /// A function of which the user says what it costs. Its derivatives are calls of this kind, computed again as those of a [`Checkpoint`](Call::Checkpoint) are until the
    /// calls are dissolved.
    Stated {
        /// What runs.
        body: Body,
        /// What it is said to cost.
        cost: StatedCost,
    },
    /// A function with a derivative of its own.
    CustomJvp {
        /// `x… ↦ y…`
        body: Body,
        /// `x…, y…, ẋ… ↦ ẏ…`, linear in `ẋ`; only floats have tangents, and of the `x` only those that are not fixed.
        rule: Body,
        /// How many of the first `x` no derivative is known with respect to.
        fixed: usize,
    },
    /// A function with its own way back.
    CustomVjp {
        /// `x… ↦ y…`
        body: Body,
        /// `x… ↦ y…, r…`
        forward: Body,
        /// `r…, ȳ… ↦ x̄…`; only floats have cotangents, and of the `x` only those that are not fixed.
        backward: Body,
        /// How many of the first `x` no derivative is known with respect to.
        fixed: usize,
    },
    /// The derivative of a [`CustomVjp`](Call::CustomVjp), of which only the transpose is known: operands `r…, ẋ…`, results `ẏ…`.
    OnlyBackward {
        /// `r…, ȳ… ↦ x̄…`
        backward: Body,
        /// How many `r` there are.
        residuals: usize,
    },
    /// The identity of operands `r…, x…` on `x…`, through which cotangents do not pass as they are.
    Hook {
        /// `r…, ȳ… ↦ x̄…`, which need not be linear; `x` are floats.
        backward: Body,
        /// How many `r` there are.
        residuals: usize,
    },
    /// A derivative that nobody knows. It cannot run.
    Undefined {
        /// `ẋ… ↦ ẏ…`, of which the types alone count.
        body: Body,
        /// Why nobody knows it.
        reason: Reason,
    },
    /// A linear function with the transpose that the user gave.
    Linear {
        /// `r…, x… ↦ y…`, linear in `x`.
        body: Body,
        /// `r…, ȳ… ↦ x̄…`
        transpose: Body,
        /// How many `r` there are.
        residuals: usize,
    },
    /// The solution of a linear system `A·x = b`, of which the derivative is the solution of another.
    Solve(Solve),
}

/// What a user says that a function costs, in operations.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct StatedCost {
    /// Its values.
    pub value: u64,
    /// One tangent: a product with its Jacobian, once the values are there.
    pub tangent: u64,
    /// One cotangent: a product with the transpose of its Jacobian.
    pub cotangent: u64,
}

impl StatedCost {
    /// Of the derivative: a linear function, which is its own.
    pub fn of_derivative(self) -> StatedCost {
        StatedCost {
            value: self.tangent,
            ..self
        }
    }

    /// Of the transpose of a linear function.
    pub fn of_transpose(self) -> StatedCost {
        StatedCost {
            value: self.cotangent,
            tangent: self.cotangent,
            cotangent: self.tangent,
        }
    }

    /// Of so many at once.
    pub fn times(self, n: usize) -> StatedCost {
        let times = |cost: u64| cost.saturating_mul(n as u64);
        StatedCost {
            value: times(self.value),
            tangent: times(self.tangent),
            cotangent: times(self.cotangent),
        }
    }
}

/// Why a derivative is not known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It is with respect to what a function with a rule of its own uses from outside.
    Outside,
    /// It is one of a [`CustomVjp`](Call::CustomVjp) in forward mode.
    Forward,
}

/// A linear system that depends on `r…`, and how to solve it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Solve {
    /// `r…, x… ↦ A·x…`
    pub apply: Body,
    /// `r…, y… ↦ Aᵀ·y…`
    pub apply_transposed: Body,
    /// `r…, b… ↦ A⁻¹·b…`, which is what runs.
    pub solve: Body,
    /// `r…, c… ↦ A⁻ᵀ·c…`
    pub solve_transposed: Body,
    /// How many `r` there are.
    pub residuals: usize,
}

impl Solve {
    /// The system of the transposed matrix.
    pub fn transposed(&self) -> Solve {
        Solve {
            apply: self.apply_transposed.clone(),
            apply_transposed: self.apply.clone(),
            solve: self.solve_transposed.clone(),
            solve_transposed: self.solve.clone(),
            residuals: self.residuals,
        }
    }

    /// The same with each program changed by `f`.
    pub fn map(&self, f: impl Fn(&Body) -> Body) -> Solve {
        Solve {
            apply: f(&self.apply),
            apply_transposed: f(&self.apply_transposed),
            solve: f(&self.solve),
            solve_transposed: f(&self.solve_transposed),
            residuals: self.residuals,
        }
    }

    fn bodies(&self) -> [(&'static str, &Body); 4] {
        [
            ("apply", &self.apply),
            ("apply_transposed", &self.apply_transposed),
            ("solve", &self.solve),
            ("solve_transposed", &self.solve_transposed),
        ]
    }
}

impl Call {
    /// Why forward mode stops at an [`OnlyBackward`](Call::OnlyBackward).
    pub const NO_FORWARD_MODE: &str = "custom_vjp: a function with this rule was differentiated in forward mode, and only its way back is known; \
         use reverse mode (`grad`, `vjp`, `jacrev`), or give it a `custom_jvp` rule, which serves both";

    /// What runs. Of [`OnlyBackward`](Call::OnlyBackward), which cannot, its transpose; of [`Hook`](Call::Hook), of which nothing is left to run, its way back.
    pub fn body(&self) -> &Body {
        match self {
            Call::Checkpoint(body) | Call::Local(body) | Call::Undefined { body, .. } => body,
            Call::Stated { body, .. } => body,
            Call::CustomJvp { body, .. } | Call::CustomVjp { body, .. } => body,
            Call::OnlyBackward { backward, .. } | Call::Hook { backward, .. } => backward,
            Call::Linear { body, .. } => body,
            Call::Solve(solve) => &solve.solve,
        }
    }

    /// The same call [without effects](crate::Graph::without_effects) of what runs; its rules stay as they are.
    pub(super) fn without_effects(&self) -> Call {
        let mut call = self.clone();
        match &mut call {
            Call::Checkpoint(body) | Call::Local(body) => *body = body.without_effects(),
            Call::Stated { body, .. }
            | Call::CustomJvp { body, .. }
            | Call::Linear { body, .. } => {
                *body = body.without_effects();
            }
            Call::CustomVjp { body, forward, .. } => {
                *body = body.without_effects();
                *forward = forward.without_effects();
            }
            Call::Solve(solve) => *solve = solve.map(|body| body.without_effects()),
            Call::OnlyBackward { .. } | Call::Hook { .. } | Call::Undefined { .. } => {}
        }
        call
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Call::Checkpoint(_) => "checkpoint",
            Call::Local(_) => "local",
            Call::Stated { .. } => "with_cost",
            Call::CustomJvp { .. } => "custom_jvp",
            Call::CustomVjp { .. } => "custom_vjp",
            Call::OnlyBackward { .. } => "custom_vjp_tangent",
            Call::Hook { .. } => "with_cotangent",
            Call::Undefined { .. } => "undefined_tangent",
            Call::Linear { .. } => "linear_call",
            Call::Solve(_) => "linear_solve",
        }
    }

    pub(super) fn bodies(&self) -> Vec<(String, &Body)> {
        let named = self.named().into_iter();
        named.map(|(n, b)| (n.to_string(), b)).collect()
    }

    /// Its programs with their names.
    pub(super) fn named(&self) -> SmallVec<[(&'static str, &Body); 4]> {
        match self {
            Call::Checkpoint(body)
            | Call::Local(body)
            | Call::Stated { body, .. }
            | Call::Undefined { body, .. } => smallvec![("body", body)],
            Call::CustomJvp { body, rule, .. } => smallvec![("body", body), ("rule", rule)],
            Call::CustomVjp {
                body,
                forward,
                backward,
                ..
            } => smallvec![("body", body), ("forward", forward), ("backward", backward)],
            Call::OnlyBackward { backward, .. } | Call::Hook { backward, .. } => {
                smallvec![("backward", backward)]
            }
            Call::Linear {
                body, transpose, ..
            } => smallvec![("body", body), ("transpose", transpose)],
            Call::Solve(solve) => solve.bodies().into(),
        }
    }

    pub(super) fn attributes(&self) -> Attributes {
        let mut a = Attributes::default();
        match self {
            Call::OnlyBackward { residuals, .. }
            | Call::Hook { residuals, .. }
            | Call::Linear { residuals, .. }
            | Call::Solve(Solve { residuals, .. }) => a = a.int("residuals", *residuals as i64),
            Call::CustomJvp { fixed, .. } | Call::CustomVjp { fixed, .. } if *fixed > 0 => {
                a = a.int("fixed", *fixed as i64);
            }
            Call::Undefined { reason, .. } => a = a.int("reason", *reason as i64),
            Call::Stated { cost, .. } => {
                let int = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
                a = a
                    .int("value", int(cost.value))
                    .int("tangent", int(cost.tangent))
                    .int("cotangent", int(cost.cotangent));
            }
            _ => {}
        }
        let bodies = self.bodies();
        bodies.iter().fold(a, |a, (name, body)| a.graph(name, body))
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Call>> {
        let body = |what: &str| a.get_graph(name, what);
        let fixed = || match a.has("fixed") {
            true => a.get_size(name, "fixed"),
            false => Ok(0),
        };
        let read = || {
            Ok(match name {
                "checkpoint" => Call::Checkpoint(body("body")?),
                "local" => Call::Local(body("body")?),
                "with_cost" => Call::Stated {
                    body: body("body")?,
                    cost: StatedCost {
                        value: a.get_size(name, "value")? as u64,
                        tangent: a.get_size(name, "tangent")? as u64,
                        cotangent: a.get_size(name, "cotangent")? as u64,
                    },
                },
                "custom_jvp" => Call::CustomJvp {
                    body: body("body")?,
                    rule: body("rule")?,
                    fixed: fixed()?,
                },
                "custom_vjp" => Call::CustomVjp {
                    body: body("body")?,
                    forward: body("forward")?,
                    backward: body("backward")?,
                    fixed: fixed()?,
                },
                "custom_vjp_tangent" => Call::OnlyBackward {
                    backward: body("backward")?,
                    residuals: a.get_size(name, "residuals")?,
                },
                "with_cotangent" => Call::Hook {
                    backward: body("backward")?,
                    residuals: a.get_size(name, "residuals")?,
                },
                "linear_call" => Call::Linear {
                    body: body("body")?,
                    transpose: body("transpose")?,
                    residuals: a.get_size(name, "residuals")?,
                },
                "undefined_tangent" => Call::Undefined {
                    body: body("body")?,
                    reason: match a.get_size(name, "reason")? {
                        0 => Reason::Outside,
                        _ => Reason::Forward,
                    },
                },
                "linear_solve" => Call::Solve(Solve {
                    apply: body("apply")?,
                    apply_transposed: body("apply_transposed")?,
                    solve: body("solve")?,
                    solve_transposed: body("solve_transposed")?,
                    residuals: a.get_size(name, "residuals")?,
                }),
                _ => return Ok(None),
            }
            .into())
        };
        read().transpose()
    }

    /// How many of the first operands are set apart from the others.
    fn first_operands(&self) -> usize {
        match self {
            Call::CustomJvp { fixed, .. } | Call::CustomVjp { fixed, .. } => *fixed,
            Call::OnlyBackward { residuals, .. }
            | Call::Hook { residuals, .. }
            | Call::Linear { residuals, .. }
            | Call::Solve(Solve { residuals, .. }) => *residuals,
            Call::Checkpoint(_) | Call::Local(_) | Call::Stated { .. } | Call::Undefined { .. } => {
                0
            }
        }
    }

    pub(super) fn result_at(&self, index: usize) -> Option<&Type> {
        match self {
            Call::OnlyBackward {
                backward,
                residuals,
            }
            | Call::Hook {
                backward,
                residuals,
            } => {
                let input = backward.inputs().get(residuals.checked_add(index)?)?;
                Some(backward.ty(*input))
            }
            call => call.body().output_type(index),
        }
    }

    pub(super) fn results_len(&self) -> usize {
        match self {
            Call::OnlyBackward {
                backward,
                residuals,
            }
            | Call::Hook {
                backward,
                residuals,
            } => backward.inputs().len().saturating_sub(*residuals),
            call => call.body().outputs().len(),
        }
    }

    pub(super) fn check(&self, operands: &[&Type]) -> Result<()> {
        let name = self.name();
        let given: Vec<Type> = operands.iter().map(|&t| t.clone()).collect();
        let floats = |types: &[Type]| -> Vec<Type> {
            let floats = types.iter().filter(|t| t.dtype.is_float());
            floats.cloned().collect()
        };
        let returns = |what: &str, body: &Body, wanted: &[Type]| {
            let outputs = body.output_types();
            if outputs == wanted {
                return Ok(());
            }
            let message =
                format!("{name}: {what} returns {outputs:?}, and should return {wanted:?}");
            Err(Error::new(ErrorKind::Graph, message))
        };
        if self.first_operands() > given.len() {
            let message = format!(
                "{name}: sets the first {} operands apart, and has {}",
                self.first_operands(),
                given.len()
            );
            return Err(Error::new(ErrorKind::Graph, message));
        }
        match self {
            Call::Checkpoint(body)
            | Call::Local(body)
            | Call::Stated { body, .. }
            | Call::Undefined { body, .. } => takes(name, "the body", body, &given),
            Call::CustomJvp { body, rule, fixed } => {
                takes(name, "the body", body, &given)?;
                let (results, free) = (body.output_types(), &given[*fixed..]);
                let of_rule = [given.clone(), results.clone(), floats(free)].concat();
                takes(name, "the rule", rule, &of_rule)?;
                returns("the rule", rule, &floats(&results))
            }
            Call::CustomVjp {
                body,
                forward,
                backward,
                fixed,
            } => {
                takes(name, "the body", body, &given)?;
                takes(name, "the forward rule", forward, &given)?;
                let (results, kept) = (body.output_types(), forward.output_types());
                if !kept.starts_with(&results) {
                    returns("the forward rule", forward, &results)?;
                }
                let wanted = [&kept[results.len()..], &floats(&results)].concat();
                takes(name, "the backward rule", backward, &wanted)?;
                returns("the backward rule", backward, &floats(&given[*fixed..]))
            }
            Call::Hook {
                backward,
                residuals,
            } => {
                // A cotangent has its value's type, before the rule and after it.
                takes(name, "the backward rule", backward, &given)?;
                returns("the backward rule", backward, &given[*residuals..])
            }
            Call::OnlyBackward {
                backward,
                residuals,
            } => {
                let mut wanted = backward.input_types();
                if *residuals > wanted.len() {
                    return takes(name, "the backward rule", backward, &given[..*residuals]);
                }
                wanted.truncate(*residuals);
                wanted.extend(backward.output_types());
                if given == wanted {
                    return Ok(());
                }
                let message = format!("{name}: operands {given:?}, not {wanted:?}");
                Err(Error::new(ErrorKind::Graph, message))
            }
            Call::Linear {
                body,
                transpose,
                residuals,
            } => {
                takes(name, "the body", body, &given)?;
                let (fixed, linear) = given.split_at(*residuals);
                let wanted = [fixed, &body.output_types()].concat();
                takes(name, "the transpose", transpose, &wanted)?;
                returns("the transpose", transpose, linear)
            }
            Call::Solve(solve) => {
                let linear = &given[solve.residuals..];
                solve.bodies().into_iter().try_for_each(|(what, body)| {
                    takes(name, what, body, &given)?;
                    returns(what, body, linear)
                })
            }
        }
    }
}
