//! `gradus train`: from images to a saved network.

mod checkpoint;
mod run;
mod settings;
mod step;

use crate::dataset::{Dataset, broken};
use crate::model::{self, Classifier};
use crate::network::Kind;
use crate::options::TrainOptions;
use crate::report::{confusion, curve, modes, profile};
use gradus::{Result, chrome_trace};
use run::Run;
use settings::Settings;
use std::fs;
use step::State;

pub fn run(options: &TrainOptions) -> Result<()> {
    if let Some(threads) = options.threads {
        gradus::set_threads(threads.into());
    }
    let checkpoint = options
        .resume
        .as_deref()
        .map(checkpoint::read)
        .transpose()?;
    let folder = match (&options.data, &checkpoint) {
        (None, Some(saved)) => saved.data.clone(),
        (given, _) => given.clone(),
    };
    let data = Dataset::open(folder.as_deref())?;
    let settings = match &checkpoint {
        Some(saved) => saved.settings.clone().with_epochs(options.epochs),
        None => Settings::choose(options, &data)?,
    };
    fs::create_dir_all(&options.out)
        .map_err(|e| broken(&options.out, format_args!("cannot be made: {e}")))?;

    println!(
        "{}: {} images to train, {} to test, {} classes",
        data.name,
        data.train.labels.len(),
        data.test.labels.len(),
        data.classes
    );
    println!("{settings}; {} threads", gradus::threads());
    let widths = settings.widths(&data);
    let costs = match settings.kind {
        Kind::Mlp(_) => modes::compare(&widths)?,
        Kind::Gru => modes::compare_steps(data.rows, settings.hidden.iter().sum(), data.classes)?,
    };
    println!("\n{costs}");

    let mut run = Run::new(settings, data, folder)?;
    let state = match (checkpoint, &options.resume) {
        (Some(saved), Some(path)) => run.resume(path, saved)?,
        _ => run.start()?,
    };
    let files = Files::in_folder(&options.out);
    let state = run.train(state, options.stop_after, &mut |run, state| {
        checkpoint::write(&files.checkpoint, run, state)
    })?;
    finish(&run, state, options, &files)
}

struct Files {
    model: std::path::PathBuf,
    checkpoint: std::path::PathBuf,
    curve: std::path::PathBuf,
}

impl Files {
    fn in_folder(folder: &std::path::Path) -> Files {
        Files {
            model: folder.join("model.safetensors"),
            checkpoint: folder.join("checkpoint.safetensors"),
            curve: folder.join("loss.svg"),
        }
    }
}

/// Measures, saves and reports.
fn finish(run: &Run, state: State, options: &TrainOptions, files: &Files) -> Result<()> {
    let classifier = Classifier {
        net: state.net.clone(),
        rows: run.data.rows,
        columns: run.data.columns,
    };
    let (guesses, _) = model::scores(&classifier.net, &run.test.0, &run.test.1)?;
    println!(
        "\n{}",
        confusion::table(&guesses, &run.data.test.labels, run.data.classes)
    );
    println!("{}", curve::in_terminal(&run.history));
    println!("{}", run.clock.summary(run.settings.batch));
    let steps = run.profile(state)?;
    println!("{}", profile::table(&steps, options.profile.is_some()));
    if let Some(Some(path)) = &options.profile {
        fs::write(path, chrome_trace(&steps))
            .map_err(|e| broken(path, format_args!("cannot be written: {e}")))?;
        println!("trace       {}", path.display());
    }

    classifier.save(&files.model)?;
    curve::write_svg(&files.curve, &run.history)?;
    println!("model       {}", files.model.display());
    println!("checkpoint  {}", files.checkpoint.display());
    println!("loss curve  {}", files.curve.display());
    if run.epoch() < run.settings.epochs {
        println!(
            "stopped after {} of {} epochs; `gradus train --resume {}` goes on",
            run.epoch(),
            run.settings.epochs,
            files.checkpoint.display()
        );
    }
    println!(
        "\ntest accuracy {}",
        confusion::accuracy(&guesses, &run.data.test.labels)
    );
    Ok(())
}
