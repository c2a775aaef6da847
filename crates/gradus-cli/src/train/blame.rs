//! Finds the first number in a run that is not finite.

use super::run::Run;
use super::step::{Measured, State, Stepper};
use crate::model;
use crate::network::Network;
use gradus::debug::{NanReport, find_nan};
use gradus::nn::softmax_cross_entropy;
use gradus::tree::leaves;
use gradus::{DType, Error, ErrorKind, Result, Tensor, grad, jit};

/// The stages of a step or a measurement, in order.
#[derive(Clone, Copy)]
enum Stage {
    Forward,
    Loss,
    Backward,
    Update,
    Test,
}

impl Stage {
    fn in_words(self) -> &'static str {
        match self {
            Stage::Forward => "in the forward pass",
            Stage::Loss => "in the loss",
            Stage::Backward => "in the backward pass",
            Stage::Update => "in the optimiser's update",
            Stage::Test => "when the test images are measured",
        }
    }
}

/// Whether all numbers of the state are finite.
pub fn is_finite(state: &State) -> Result<bool> {
    for leaf in leaves(state) {
        // A NaN is not below infinity.
        if leaf.dtype().has_derivatives() && !leaf.abs().less(f64::INFINITY).all().item::<bool>()? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Run {
    /// The error that ends the run because `what` is not finite.
    /// To find the cause, the steps of epoch `epoch` are repeated from `state`, the state before step `first`.
    pub fn not_finite(
        &self,
        what: &str,
        epoch: usize,
        state: State,
        first: usize,
    ) -> Result<Error> {
        let stepper = self.stepper();
        let again = self.stepper();
        let compiled = jit(move |(state, chosen): &(State, Tensor)| again.step(state, chosen));
        let mut state = state;
        let mut found = None;
        let mut step = first;
        for chosen in self.batches(epoch)?.into_iter().skip(first) {
            step += 1;
            let (next, measured): (State, Measured) =
                compiled.call(&(state.clone(), chosen.clone()))?;
            let loss = measured.0.astype(DType::F64).item::<f64>()?;
            if !loss.is_finite() || !is_finite(&next)? {
                found = stepper.blame(&state, &chosen)?;
                break;
            }
            state = next;
        }
        let found = match found {
            None => self.blame_test(&state.net)?,
            found => found,
        };
        let why = match found {
            Some((stage, report)) => in_words(stage, &report, self.settings.hidden.len()),
            None => "it cannot be found when the steps are done again".into(),
        };
        Ok(Error::new(
            ErrorKind::NotFinite,
            format!("epoch {}, step {step}: {what}\n  {why}", epoch + 1),
        ))
    }

    /// The first bad number when the test images are measured.
    fn blame_test(&self, net: &Network) -> Result<Option<(Stage, NanReport)>> {
        for (x, y) in model::chunks(&self.test.0, &self.test.1) {
            let loss = |net: &Network| softmax_cross_entropy(&net.scores(&x), &y);
            if let Some(report) = find_nan(loss, net)? {
                return Ok(Some((Stage::Test, report)));
            }
        }
        Ok(None)
    }
}

impl Stepper {
    /// The first bad number of a step from a state.
    fn blame(&self, state: &State, chosen: &Tensor) -> Result<Option<(Stage, NanReport)>> {
        let (x, y) = self.images_of(state, chosen);
        let scores = |net: &Network| net.scores(&x);
        let loss = |net: &Network| softmax_cross_entropy(&net.scores(&x), &y);
        let stages = [
            (Stage::Forward, find_nan(scores, &state.net)?),
            (Stage::Loss, find_nan(loss, &state.net)?),
            (Stage::Backward, find_nan(grad(loss), &state.net)?),
            (
                Stage::Update,
                find_nan(|state: &State| self.step(state, chosen), state)?,
            ),
        ];
        let reported = |(stage, report): (Stage, Option<NanReport>)| Some((stage, report?));
        let mut all: Vec<(Stage, NanReport)> = stages.into_iter().filter_map(reported).collect();
        // A bad number that reaches no result does no harm. It is reported only if there is no other.
        let position = all.iter().position(|(_, report)| report.reaches_result);
        Ok((!all.is_empty()).then(|| all.swap_remove(position.unwrap_or(0))))
    }
}

/// The operation, the stage of the work, and the layer whose weights it uses.
fn in_words(stage: Stage, report: &NanReport, hidden: usize) -> String {
    let text = report.message();
    let (head, rest) = text.split_once('\n').unwrap_or((text.as_str(), ""));
    let layer = report.nearest.iter().find_map(|path| layer(path, hidden));
    let layer = layer.map_or(String::new(), |l| format!(", at {l}"));
    format!("{head} {}{layer}\n{rest}", stage.in_words())
}

/// The layer of the tensor at `path` in a network or a state.
fn layer(path: &str, hidden: usize) -> Option<String> {
    let path = path.trim_start_matches(".net").trim_start_matches('.');
    let number = match path.strip_prefix("layers.") {
        Some(rest) => rest.split('.').next()?.parse::<usize>().ok()? + 1,
        None if path.starts_with("head") => hidden + 1,
        None => return None,
    };
    Some(format!("layer {number} of {} (`{path}`)", hidden + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted_from_one() {
        let of = |path| layer(path, 1).unwrap();
        assert_eq!(of(".layers.1.bias"), "layer 2 of 2 (`layers.1.bias`)");
        assert_eq!(
            of(".net.layers.0.state.weight"),
            "layer 1 of 2 (`layers.0.state.weight`)"
        );
        assert_eq!(of(".head.weight"), "layer 2 of 2 (`head.weight`)");
        assert_eq!(layer(".step", 1), None);
    }
}
