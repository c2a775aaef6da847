//! `gradus eval`: measures a saved model on test images.

use crate::dataset::Dataset;
use crate::model::{self, Classifier};
use crate::options::EvalOptions;
use crate::output::say;
use crate::report::confusion;
use gradus::Result;

pub fn run(options: &EvalOptions) -> Result<()> {
    let classifier = Classifier::load(&options.model)?;
    let data = Dataset::open(options.data.as_deref())?;
    classifier.fits(&options.model, &data)?;
    let (images, labels) = data.tensors(&data.test, classifier.net.dtype())?;
    let (guesses, loss) = model::scores(&classifier.net, &images, &labels)?;
    say!("{}: {} test images", data.name, data.test.labels.len());
    say!(
        "\n{}",
        confusion::table(&guesses, &data.test.labels, data.classes)
    );
    say!("test loss     {loss:.4}");
    say!(
        "test accuracy {}",
        confusion::accuracy(&guesses, &data.test.labels)
    );
    Ok(())
}
