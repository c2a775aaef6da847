//! Measures a case beside its peers.

use crate::case::{Beside, Case, Measured, Ready, Work};
use crate::jax::{Compiled, Jax};
use gradus::prelude::F32;
use gradus_benches::nanoseconds;
use std::fmt::Display;
use std::time::Duration;

/// Both sides are timed so often, in turn.
const ROUNDS: usize = 3;
/// The longest time of one measurement of one side.
const LIMIT: Duration = Duration::from_millis(400);

/// What was measured of a case.
pub struct Row {
    pub name: String,
    /// Whether the figures are bytes; else they are nanoseconds.
    pub in_bytes: bool,
    pub ours: f64,
    /// JAX's figure; the ratio is JAX's figure divided by ours.
    pub jax: Option<Compared>,
    /// The figure of other Rust; the ratio is our figure divided by it.
    pub beside: Option<Compared>,
    /// The most that our figure shall be.
    pub at_most: Option<f64>,
    /// The time of the first call in milliseconds: tracing, compiling, running.
    pub first_call: Option<f64>,
    /// The time that JAX takes to trace and compile, in milliseconds.
    pub jax_compile: Option<f64>,
}

/// A peer's figure.
pub struct Compared {
    pub figure: f64,
    /// The median of the ratios of all rounds.
    pub ratio: f64,
    pub bar: f64,
}

impl Row {
    /// Whether the bar of the ratio to JAX is met, if there is one.
    pub fn meets_jax(&self) -> Option<bool> {
        self.jax.as_ref().map(|peer| peer.ratio >= peer.bar)
    }

    /// Whether the bar of the ratio to other Rust is met, if there is one.
    pub fn meets_beside(&self) -> Option<bool> {
        self.beside.as_ref().map(|peer| peer.ratio <= peer.bar)
    }

    /// Whether our figure is small enough, if there is a limit.
    pub fn meets_limit(&self) -> Option<bool> {
        self.at_most.map(|most| self.ours <= most)
    }

    /// Whether each bar of the case is met.
    pub fn bars(&self) -> impl Iterator<Item = bool> {
        let all = [self.meets_jax(), self.meets_beside(), self.meets_limit()];
        all.into_iter().flatten()
    }
}

/// Measures a case.
///
/// # Errors
/// If it fails, or JAX's results differ.
pub fn measure(mut case: Case, jax: Option<&mut Jax>) -> Result<Row, String> {
    let name = case.name.clone();
    let failed = |e: &dyn Display| format!("{name}: {e}");
    let beside = case.beside.take();
    let (at_most, measured) = (case.at_most, case.measured);
    let mut peer = None;
    if let (Some(jax), Some((source, bar))) = (jax, case.jax.take()) {
        let compiled = jax.compile(&case, &source).map_err(|e| failed(&e))?;
        peer = Some((jax, compiled, bar));
    }
    let in_f32 = case.arguments.iter().any(|a| a.dtype == F32);
    let ready = case.ready().map_err(|e| failed(&e))?;
    if let Some((_, compiled, _)) = &peer {
        agree(&ready, compiled, in_f32).map_err(|e| failed(&e))?;
    }
    let mut ours = figure(ready.work);
    let mut beside = match beside {
        None => None,
        Some((Beside::ByHand(f), bar)) => Some((figure(Work::Time(f)), bar)),
        Some((Beside::Case(other), bar)) => {
            let other = other.ready().map_err(|e| failed(&e))?;
            Some((figure(other.work), bar))
        }
    };
    let (mut all, mut of_jax, mut of_beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        all.push(ours());
        if let Some((jax, compiled, _)) = &mut peer {
            of_jax.push(match compiled.bytes {
                Some(bytes) => bytes,
                None => jax.nanoseconds().map_err(|e| failed(&e))?,
            });
        }
        if let Some((f, _)) = &mut beside {
            of_beside.push(f());
        }
    }
    let ratios = |above: &[f64], below: &[f64]| {
        median(above.iter().zip(below).map(|(a, b)| a / b).collect())
    };
    Ok(Row {
        in_bytes: matches!(measured, Measured::Bytes(_)),
        jax: peer.as_ref().map(|(_, _, bar)| Compared {
            ratio: ratios(&of_jax, &all),
            figure: median(of_jax),
            bar: *bar,
        }),
        beside: beside.map(|(_, bar)| Compared {
            ratio: ratios(&all, &of_beside),
            figure: median(of_beside),
            bar,
        }),
        ours: median(all),
        at_most,
        first_call: ready.first_call.map(|time| time.as_secs_f64() * 1e3),
        jax_compile: peer.and_then(|(_, compiled, _)| compiled.milliseconds),
        name,
    })
}

/// A closure that measures once.
fn figure(work: Work) -> Box<dyn FnMut() -> f64> {
    match work {
        Work::Time(mut f) => Box::new(move || nanoseconds(LIMIT, &mut *f)),
        Work::Bytes(bytes) => Box::new(move || bytes),
    }
}

/// Compares the results with JAX's, if the function is called.
///
/// # Errors
/// If they differ.
fn agree(ready: &Ready, compiled: &Compiled, in_f32: bool) -> Result<(), String> {
    let (Some(ours), Some(theirs)) = (ready.sum, compiled.sum) else {
        return Ok(());
    };
    let tolerance = if in_f32 { 1e-3 } else { 1e-9 };
    let difference = (ours - theirs).abs();
    // A sum that is NaN is no agreement either.
    if difference.is_nan() || difference > tolerance * ours.abs().max(1.0) {
        return Err(format!("results of {ours}, in JAX of {theirs}"));
    }
    Ok(())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
