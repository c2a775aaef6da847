//! `gradus train`: trains a network on images and saves it.

mod blame;
mod checkpoint;
mod files;
mod run;
mod settings;
mod signals;
mod step;

use crate::dataset::{Dataset, broken};
use crate::end::End;
use crate::model::{self, Classifier};
use crate::network::Kind;
use crate::options::TrainOptions;
use crate::output::{self, note, say};
use crate::report::{confusion, curve, modes, profile};
use checkpoint::Saved;
use files::Files;
use gradus::debug::chrome_trace;
use gradus::{Error, ErrorKind, Result};
use run::{Ended, Run};
use settings::Settings;
use signals::Signals;
use std::fs;
use std::path::{Path, PathBuf};
use step::State;

pub fn run(options: &TrainOptions) -> Result<End> {
    if let Some(threads) = options.threads {
        gradus::set_threads(threads.into());
    }
    // All mistakes in the options are found before anything is printed.
    let (mut run, state) = begin(options)?;
    let costs = costs(&run)?;
    let files = Files::in_folder(&options.out)?;
    let signals = Signals::watch()?;
    output::when_it_fails(format!(
        "the run goes on and is saved in {}",
        options.out.display()
    ));
    introduce(&run, &costs);
    let mut last_good = options.resume.clone();
    let ended = run.train(state, options.stop_after, &signals, &mut |run, state| {
        checkpoint::write(&files.checkpoint, run, state)?;
        last_good = Some(files.checkpoint.clone());
        Ok(())
    });
    match ended {
        Ok(Ended::Complete(state)) => finish(&run, *state, options, &files, &signals)?,
        Ok(Ended::Interrupted(signal)) => {
            note!("{}", interrupted(&run, &files));
            return Ok(End::Signal(signal));
        }
        Err(error) if error.kind() == ErrorKind::NotFinite => {
            return Err(with_last_checkpoint(&error, &run, last_good.as_deref()));
        }
        Err(error) => return Err(error),
    }
    Ok(End::Done)
}

/// Reads the checkpoint at `path` and everything that its run needs, and stops before the first step.
pub fn read_checkpoint(path: &Path) -> Result<()> {
    let saved = checkpoint::read(path)?;
    let data = Dataset::open(saved.data.as_deref())?;
    let mut run = Run::new(saved.settings.clone(), data, saved.data.clone())?;
    run.resume(path, saved).map(drop)
}

/// Writes the model and the checkpoint of a run before its first step.
pub fn write_untrained(folder: &Path, options: &TrainOptions) -> Result<()> {
    let (run, state) = begin(options)?;
    let files = Files::in_folder(folder)?;
    checkpoint::write(&files.checkpoint, &run, &state)?;
    classifier(&run, &state).save(&files.model)
}

fn classifier(run: &Run, state: &State) -> Classifier {
    Classifier {
        net: state.net.clone(),
        rows: run.data.rows,
        columns: run.data.columns,
    }
}

/// The run that the options or a checkpoint describe, and its state.
fn begin(options: &TrainOptions) -> Result<(Run, State)> {
    let saved = match &options.resume {
        Some(path) => Some((path, checkpoint::read(path)?)),
        None => None,
    };
    let folder = match (&options.data, &saved) {
        (None, Some((_, saved))) => saved.data.clone(),
        (given, _) => given.clone(),
    };
    let data = Dataset::open(folder.as_deref())?;
    match saved {
        Some((path, saved)) => resumed(path, saved, options, data, folder),
        None => {
            let run = Run::new(Settings::choose(options, &data)?, data, folder)?;
            let state = run.start()?;
            Ok((run, state))
        }
    }
}

fn resumed(
    path: &Path,
    saved: Saved,
    options: &TrainOptions,
    data: Dataset,
    folder: Option<PathBuf>,
) -> Result<(Run, State)> {
    let settings = saved.settings.clone().with_epochs(options.epochs);
    let mut run = Run::new(settings, data, folder)?;
    let state = run.resume(path, saved)?;
    Ok((run, state))
}

/// The costs of forward and reverse mode.
fn costs(run: &Run) -> Result<String> {
    let (settings, data) = (&run.settings, &run.data);
    match settings.kind {
        Kind::Mlp(_) => modes::compare(&settings.widths(data)),
        Kind::Gru => modes::compare_steps(data.rows, settings.hidden.iter().sum(), data.classes),
    }
}

fn introduce(run: &Run, costs: &str) {
    let data = &run.data;
    say!(
        "{}: {} images to train, {} to test, {} classes",
        data.name,
        data.train.labels.len(),
        data.test.labels.len(),
        data.classes
    );
    say!("{}; {} threads", run.settings, gradus::threads());
    say!("\n{costs}");
}

/// The message when a signal ends the run.
fn interrupted(run: &Run, files: &Files) -> String {
    let done = match run.sums.steps {
        0 => format!("after {} of {} epochs", run.epoch(), run.settings.epochs),
        steps => format!(
            "after step {steps} of {} of epoch {}/{}",
            run.steps_per_epoch(),
            run.epoch() + 1,
            run.settings.epochs
        ),
    };
    format!(
        "interrupted {done}; `gradus train --resume {}` goes on",
        files.checkpoint.display()
    )
}

/// The error, with the path of the last good checkpoint.
fn with_last_checkpoint(error: &Error, run: &Run, path: Option<&Path>) -> Error {
    let left = match path {
        None => "no epoch was complete, so no checkpoint was written".to_string(),
        Some(path) => format!(
            "{} is the last good checkpoint, after {} of {} epochs",
            path.display(),
            run.epoch(),
            run.settings.epochs
        ),
    };
    Error::new(
        error.kind(),
        format!(
            "{}\n{left}\na smaller learning rate (--lr) or a bound for gradients (--clip) keeps numbers smaller",
            error.message()
        ),
    )
}

/// Measures, saves and reports.
fn finish(
    run: &Run,
    state: State,
    options: &TrainOptions,
    files: &Files,
    signals: &Signals,
) -> Result<()> {
    let classifier = classifier(run, &state);
    classifier.save(&files.model)?;
    curve::write_svg(&files.curve, &run.history)?;
    signals.leave();
    let (guesses, _) = model::scores(&classifier.net, &run.test.0, &run.test.1)?;
    say!(
        "\n{}",
        confusion::table(&guesses, &run.data.test.labels, run.data.classes)
    );
    say!("{}", curve::in_terminal(&run.history));
    say!("{}", run.clock.summary(run.settings.batch));
    let steps = run.profile(state)?;
    say!("{}", profile::table(&steps, options.profile.is_some()));
    if let Some(Some(path)) = &options.profile {
        fs::write(path, chrome_trace(&steps))
            .map_err(|e| broken(path, format_args!("cannot be written: {e}")))?;
        say!("trace       {}", path.display());
    }
    say!("model       {}", files.model.display());
    say!("checkpoint  {}", files.checkpoint.display());
    say!("loss curve  {}", files.curve.display());
    if run.epoch() < run.settings.epochs {
        say!(
            "stopped after {} of {} epochs; `gradus train --resume {}` goes on",
            run.epoch(),
            run.settings.epochs,
            files.checkpoint.display()
        );
    }
    say!(
        "\ntest accuracy {}",
        confusion::accuracy(&guesses, &run.data.test.labels)
    );
    Ok(())
}
