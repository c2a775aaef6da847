//! Functions called as a whole, because their derivative is not simply that of what they do.

use super::{Body, takes};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Type;

/// A function called as a whole. Its operands are the inputs of its body, its results the outputs, unless a variant says otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// What the way back needs of its inside is computed again rather than kept.
    Checkpoint(Body),
    /// The part of a derivative that holds a loop whose number of steps is not known, with the lists that it keeps. Computed again, unless it stands outside of all other
    /// regions, where it is dissolved.
    Local(Body),
    /// A function with a derivative of its own.
    CustomJvp {
        /// `x… ↦ y…`
        body: Body,
        /// `x…, ẋ… ↦ ẏ…`, linear in `ẋ`; only floats have tangents.
        rule: Body,
    },
    /// A function with its own way back.
    CustomVjp {
        /// `x… ↦ y…`
        body: Body,
        /// `x… ↦ y…, r…`
        forward: Body,
        /// `r…, ȳ… ↦ x̄…`; only floats have cotangents.
        backward: Body,
    },
    /// [`CustomVjp`](Call::CustomVjp) that also keeps what its way back needs.
    Kept {
        /// `x… ↦ y…, r…`
        forward: Body,
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
    /// A linear function with the transpose that the user gave.
    Linear {
        /// `r…, x… ↦ y…`, linear in `x`.
        body: Body,
        /// `r…, ȳ… ↦ x̄…`
        transpose: Body,
        /// How many `r` there are.
        residuals: usize,
    },
}

impl Call {
    /// What runs. Of [`OnlyBackward`](Call::OnlyBackward), which cannot, its transpose; of [`Hook`](Call::Hook), of which nothing is left to run, its way back.
    pub fn body(&self) -> &Body {
        match self {
            Call::Checkpoint(body) | Call::Local(body) => body,
            Call::CustomJvp { body, .. } | Call::CustomVjp { body, .. } => body,
            Call::Kept { forward } => forward,
            Call::OnlyBackward { backward, .. } | Call::Hook { backward, .. } => backward,
            Call::Linear { body, .. } => body,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Call::Checkpoint(_) => "checkpoint",
            Call::Local(_) => "local",
            Call::CustomJvp { .. } => "custom_jvp",
            Call::CustomVjp { .. } => "custom_vjp",
            Call::Kept { .. } => "custom_vjp_kept",
            Call::OnlyBackward { .. } => "custom_vjp_tangent",
            Call::Hook { .. } => "with_cotangent",
            Call::Linear { .. } => "linear_call",
        }
    }

    pub(super) fn bodies(&self) -> Vec<(String, &Body)> {
        let named: Vec<(&str, &Body)> = match self {
            Call::Checkpoint(body) | Call::Local(body) => vec![("body", body)],
            Call::CustomJvp { body, rule } => vec![("body", body), ("rule", rule)],
            Call::CustomVjp {
                body,
                forward,
                backward,
            } => vec![("body", body), ("forward", forward), ("backward", backward)],
            Call::Kept { forward } => vec![("forward", forward)],
            Call::OnlyBackward { backward, .. } | Call::Hook { backward, .. } => {
                vec![("backward", backward)]
            }
            Call::Linear {
                body, transpose, ..
            } => vec![("body", body), ("transpose", transpose)],
        };
        named.into_iter().map(|(n, b)| (n.to_string(), b)).collect()
    }

    pub(super) fn attributes(&self) -> Attributes {
        let mut a = Attributes::default();
        if let Call::OnlyBackward { residuals, .. }
        | Call::Hook { residuals, .. }
        | Call::Linear { residuals, .. } = self
        {
            a = a.int("residuals", *residuals as i64);
        }
        let bodies = self.bodies();
        bodies.iter().fold(a, |a, (name, body)| a.graph(name, body))
    }

    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Call>> {
        let body = |what: &str| a.get_graph(name, what);
        let read = || {
            Ok(match name {
                "checkpoint" => Call::Checkpoint(body("body")?),
                "local" => Call::Local(body("body")?),
                "custom_jvp" => Call::CustomJvp {
                    body: body("body")?,
                    rule: body("rule")?,
                },
                "custom_vjp" => Call::CustomVjp {
                    body: body("body")?,
                    forward: body("forward")?,
                    backward: body("backward")?,
                },
                "custom_vjp_kept" => Call::Kept {
                    forward: body("forward")?,
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
                _ => return Ok(None),
            }
            .into())
        };
        read().transpose()
    }

    pub(super) fn results(&self) -> Vec<Type> {
        match self {
            Call::OnlyBackward {
                backward,
                residuals,
            }
            | Call::Hook {
                backward,
                residuals,
            } => {
                let inputs = backward.input_types();
                inputs.get(*residuals..).unwrap_or_default().to_vec()
            }
            call => call.body().output_types(),
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
        match self {
            Call::Checkpoint(body) | Call::Local(body) | Call::Kept { forward: body } => {
                takes(name, "the body", body, &given)
            }
            Call::CustomJvp { body, rule } => {
                takes(name, "the body", body, &given)?;
                let with_tangents = [given.clone(), floats(&given)].concat();
                takes(name, "the rule", rule, &with_tangents)?;
                returns("the rule", rule, &floats(&body.output_types()))
            }
            Call::CustomVjp {
                body,
                forward,
                backward,
            } => {
                takes(name, "the body", body, &given)?;
                takes(name, "the forward rule", forward, &given)?;
                let (results, kept) = (body.output_types(), forward.output_types());
                if !kept.starts_with(&results) {
                    returns("the forward rule", forward, &results)?;
                }
                let wanted = [&kept[results.len()..], &floats(&results)].concat();
                takes(name, "the backward rule", backward, &wanted)?;
                returns("the backward rule", backward, &floats(&given))
            }
            Call::OnlyBackward {
                backward,
                residuals,
            }
            | Call::Hook {
                backward,
                residuals,
            } => {
                let inputs = backward.input_types();
                let fixed = inputs.get(..*residuals).unwrap_or_default().to_vec();
                let wanted = [fixed, backward.output_types()].concat();
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
                let (fixed, linear) = given.split_at((*residuals).min(given.len()));
                let wanted = [fixed, &body.output_types()].concat();
                takes(name, "the transpose", transpose, &wanted)?;
                returns("the transpose", transpose, linear)
            }
        }
    }
}
