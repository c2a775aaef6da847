//! A run: epochs of compiled steps.

use super::blame::is_finite;
use super::settings::Settings;
use super::signals::Signals;
use super::step::{Measured, State, Stepper};
use crate::dataset::Dataset;
use crate::model;
use crate::network::Network;
use crate::report::clock::Clock;
use crate::report::history::Epoch;
use crate::report::progress::Progress;
use gradus::debug::StepTime;
use gradus::random::{self, Key};
use gradus::{Error, Jit, Result, Tensor, jit};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The number of steps that the profile averages.
const PROFILED: usize = 20;

/// A run, before, between or after its epochs.
pub struct Run {
    pub settings: Settings,
    pub data: Dataset,
    /// The folder of the data; `None` is the embedded set.
    pub folder: Option<PathBuf>,
    pub history: Vec<Epoch>,
    /// The sums of the epoch in progress.
    pub sums: Sums,
    pub clock: Clock,
    /// Test images and labels.
    pub test: (Tensor, Tensor),
    net_key: Key,
    order_key: Key,
    shift_key: Key,
    train: (Tensor, Tensor),
}

/// Sums over the steps of an epoch so far.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sums {
    pub steps: usize,
    /// The losses of all images seen.
    pub loss: f64,
    /// Images that were classified correctly.
    pub right: i64,
    pub seen: usize,
}

impl Sums {
    /// Adds a step on `n` images; gives the [means](Self::means).
    fn add(&mut self, n: usize, loss: f64, right: i64) -> (f64, f64) {
        self.steps += 1;
        self.loss += loss * n as f64;
        self.right += right;
        self.seen += n;
        self.means()
    }

    /// The mean loss and the accuracy.
    fn means(self) -> (f64, f64) {
        let seen = self.seen as f64;
        (self.loss / seen, self.right as f64 / seen)
    }
}

/// The beginning of an epoch. If a number becomes infinite, the steps run again from there to find the cause.
struct Begun {
    epoch: usize,
    state: State,
    /// The first step still to run.
    step: usize,
    /// Whether the state is not kept yet.
    unsaved: bool,
}

const NOT_FINITE: &str = "the state after the step is not finite";

/// Saving a state waits for the disk, which takes longer than an epoch of small images.
const BETWEEN: Duration = Duration::from_secs(1);

type CompiledStep<F> = Jit<(State, Tensor), (State, Measured), F>;

/// How the training of a run ended.
pub enum Ended {
    /// The last requested epoch ended.
    Complete(Box<State>),
    /// A signal ended it, after a step.
    Interrupted(u8),
}

impl Run {
    /// A new run with these settings on these images.
    pub fn new(settings: Settings, data: Dataset, folder: Option<PathBuf>) -> Result<Run> {
        let [net_key, order_key, shift_key] = random::key(settings.seed).split();
        let dtype = settings.dtype.dtype();
        let train = data.tensors(&data.train, dtype)?;
        let test = data.tensors(&data.test, dtype)?;
        let margin = (settings.shift, settings.shift);
        let images = train.0.pad(&[(0, 0), margin, margin], 0.0);
        Ok(Run {
            settings,
            folder,
            history: Vec::new(),
            sums: Sums::default(),
            clock: Clock::default(),
            test,
            net_key,
            order_key,
            shift_key,
            train: (images, train.1),
            data,
        })
    }

    /// The state before the first step.
    pub fn start(&self) -> Result<State> {
        let widths = self.settings.widths(&self.data);
        let dtype = self.settings.dtype.dtype();
        let net = Network::new(self.settings.kind, &self.net_key, &widths, dtype)?;
        Ok(State::new(net, self.settings.optimizer))
    }

    /// The number of completed epochs.
    pub fn epoch(&self) -> usize {
        self.history.len()
    }

    fn images(&self) -> usize {
        self.data.train.labels.len()
    }

    pub fn steps_per_epoch(&self) -> usize {
        self.images().div_ceil(self.settings.batch)
    }

    pub fn stepper(&self) -> Stepper {
        let steps = self.settings.epochs * self.steps_per_epoch();
        Stepper {
            images: self.train.0.clone(),
            labels: self.train.1.clone(),
            schedule: self.settings.schedule(steps as u64),
            settings: self.settings.clone(),
            shift_key: self.shift_key.clone(),
        }
    }

    /// The images of each step of epoch `epoch`: all in random order, each once.
    pub fn batches(&self, epoch: usize) -> Result<Vec<Tensor>> {
        let key = self.order_key.fold_in(epoch as u32);
        let order = random::permutation(&key, self.images())?;
        let (n, batch) = (self.images(), self.settings.batch);
        Ok((0..n)
            .step_by(batch)
            .map(|at| order.slice_axis(0, at..(at + batch).min(n)))
            .collect())
    }

    /// Trains for all epochs that are left, at most `limit`.
    /// `keep` is called after the last epoch, after other epochs at most once in [`BETWEEN`],
    /// and before a signal or a number that is not finite ends the run.
    ///
    /// # Errors
    /// If a loss, or the state at the end of an epoch, is not finite.
    /// The error names the operation that made the first such number. The last state that `keep` saved is finite.
    pub fn train(
        &mut self,
        mut state: State,
        limit: Option<u32>,
        signals: &Signals,
        keep: &mut dyn FnMut(&Run, &State) -> Result<()>,
    ) -> Result<Ended> {
        let stepper = self.stepper();
        let compiled = jit(move |(state, chosen): &(State, Tensor)| stepper.step(state, chosen));
        let last = limit.map_or(self.settings.epochs, |n| {
            self.settings.epochs.min(self.epoch() + n as usize)
        });
        let mut progress = Progress::new(
            self.epoch(),
            last,
            self.settings.epochs,
            self.steps_per_epoch(),
        );
        let (mut saved, mut unsaved) = (None::<Instant>, false);
        for epoch in self.epoch()..last {
            let begin = Instant::now();
            let batches = self.batches(epoch)?;
            self.clock.order += begin.elapsed();
            let begun = Begun {
                epoch,
                state: state.clone(),
                step: self.sums.steps,
                unsaved,
            };
            for chosen in batches.into_iter().skip(begun.step) {
                if let Some(signal) = signals.received() {
                    if !is_finite(&state)? {
                        return Err(self.broken(NOT_FINITE, begun, keep)?);
                    }
                    keep(self, &state)?;
                    progress.finish();
                    return Ok(Ended::Interrupted(signal));
                }
                let n = chosen.len();
                let (next, loss, right) = self.step(&compiled, (state, chosen))?;
                state = next;
                if !loss.is_finite() {
                    return Err(self.broken(&format!("the loss is {loss}"), begun, keep)?);
                }
                let (loss, accuracy) = self.sums.add(n, loss, right);
                progress.step(epoch, loss, accuracy);
            }
            let begin = Instant::now();
            let (test_loss, test_accuracy) = self.test_scores(&state)?;
            if !test_loss.is_finite() || !is_finite(&state)? {
                let what = match test_loss.is_finite() {
                    true => NOT_FINITE,
                    false => &format!("the loss of the test images is {test_loss}"),
                };
                return Err(self.broken(what, begun, keep)?);
            }
            self.clock.evaluation += begin.elapsed();
            let (loss, train_accuracy) = std::mem::take(&mut self.sums).means();
            let result = Epoch {
                loss,
                train_accuracy,
                test_loss,
                test_accuracy,
            };
            self.history.push(result);
            progress.epoch(epoch, &result);
            let begin = Instant::now();
            unsaved = epoch + 1 < last && saved.is_some_and(|at| at.elapsed() < BETWEEN);
            if !unsaved {
                keep(self, &state)?;
                saved = Some(Instant::now());
            }
            self.clock.saving += begin.elapsed();
        }
        progress.finish();
        match signals.received() {
            Some(signal) => Ok(Ended::Interrupted(signal)),
            None => Ok(Ended::Complete(Box::new(state))),
        }
    }

    /// One step: the next state, the loss, and the images that were right.
    fn step(
        &mut self,
        compiled: &CompiledStep<impl Fn(&(State, Tensor)) -> (State, Measured)>,
        from: (State, Tensor),
    ) -> Result<(State, f64, i64)> {
        let programs = compiled.programs();
        let begin = Instant::now();
        let (next, measured) = compiled.call_owned(from)?;
        if compiled.programs() > programs {
            self.clock.compiled(begin.elapsed());
        } else {
            self.clock.step(begin.elapsed());
        }
        let loss = measured.0.astype(gradus::DType::F64).item::<f64>()?;
        Ok((next, loss, measured.1.item::<i64>()?))
    }

    /// The loss and the accuracy on the test images.
    fn test_scores(&self, state: &State) -> Result<(f64, f64)> {
        let (guesses, loss) = model::scores(&state.net, &self.test.0, &self.test.1)?;
        let pairs = guesses.iter().zip(&self.data.test.labels);
        let hits = pairs.filter(|&(&g, &l)| g == i64::from(l)).count();
        Ok((loss, hits as f64 / guesses.len().max(1) as f64))
    }

    /// The error of an epoch that fails because a number is not finite; `what` names it.
    /// Saves the state at the beginning of the epoch, unless it is saved already.
    fn broken(
        &mut self,
        what: &str,
        begun: Begun,
        keep: &mut dyn FnMut(&Run, &State) -> Result<()>,
    ) -> Result<Error> {
        if begun.unsaved {
            self.sums = Sums::default();
            keep(self, &begun.state)?;
        }
        self.not_finite(what, begun.epoch, begun.state, begun.step)
    }

    /// The mean time of each part of the compiled step from `state` on. The run itself does not advance.
    pub fn profile(&self, state: State) -> Result<Vec<StepTime>> {
        let stepper = self.stepper();
        let compiled = jit(move |(state, chosen): &(State, Tensor)| stepper.step(state, chosen));
        let chosen = self.batches(0)?.swap_remove(0);
        let mut state = compiled.call_owned((state, chosen.clone()))?.0;
        let mut total: Vec<StepTime> = Vec::new();
        for _ in 0..PROFILED {
            let ((next, _), steps) = compiled.call_profiled((state, chosen.clone()))?;
            state = next;
            if total.is_empty() {
                total = steps;
            } else {
                for (sum, step) in total.iter_mut().zip(steps) {
                    sum.time += step.time;
                }
            }
        }
        for step in &mut total {
            step.time /= PROFILED as u32;
        }
        Ok(total)
    }
}
