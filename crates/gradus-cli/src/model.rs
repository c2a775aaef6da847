//! The saved network: its tensors, and what is needed to show it images.

use crate::dataset::Dataset;
use gradus::nn::{Activation, Mlp};
use gradus::{DType, Error, ErrorKind, Result, Tensor, io, jit, random};
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

/// Says what kind of file it is, under the key `gradus`.
const KIND: &str = "mlp-classifier 1";

/// Images of so many at once are shown to the network when it is measured.
const CHUNK: usize = 1000;

/// A network that reads images of one size.
#[derive(Clone)]
pub struct Classifier {
    pub net: Mlp,
    pub rows: usize,
    pub columns: usize,
}

impl Classifier {
    /// Writes it to `path`.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut metadata = describe(&self.net, self.rows, self.columns);
        metadata.insert("gradus".into(), KIND.into());
        io::save(path, &self.net, &metadata)
    }

    /// Reads what [`save`](Self::save) wrote.
    pub fn load(path: &Path) -> Result<Classifier> {
        let about = Metadata::read(path)?;
        about.expect("gradus", KIND, "a model")?;
        let (blank, rows, columns) = about.network()?;
        let (net, _) = io::load(path, &blank)?;
        Ok(Classifier { net, rows, columns })
    }

    /// Checks that the network reads the images of `data`.
    pub fn fits(&self, path: &Path, data: &Dataset) -> Result<()> {
        let classes = self.net.widths().last().copied().unwrap_or(0);
        if (self.rows, self.columns) == (data.rows, data.columns) && classes == data.classes {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Data,
            format!(
                "{}: the network reads images of {}×{} in {classes} classes; those of {} are {}×{} in {}",
                path.display(),
                self.rows,
                self.columns,
                data.name,
                data.rows,
                data.columns,
                data.classes
            ),
        ))
    }

    /// Element type of the network.
    pub fn dtype(&self) -> DType {
        self.net.layers[0].weight.dtype()
    }
}

/// The scores of the network for each of `images`, `[n, classes]`, and the mean loss.
pub fn scores(net: &Mlp, images: &Tensor, labels: &Tensor) -> Result<(Vec<i64>, f64)> {
    let measure = jit(|(net, x, y): &(Mlp, Tensor, Tensor)| {
        let (n, pixels) = (
            x.shape()[0] as isize,
            x.shape()[1..].iter().product::<usize>(),
        );
        let logits = net.forward(&x.reshape(&[n, pixels as isize]));
        let loss = gradus::nn::softmax_cross_entropy(&logits, y);
        (logits.argmax_axis(-1), loss)
    });
    let n = labels.len();
    let (mut guesses, mut loss) = (Vec::with_capacity(n), 0.0);
    for start in (0..n).step_by(CHUNK) {
        let end = (start + CHUNK).min(n);
        let part = start as isize..end as isize;
        let (x, y) = (
            images.slice_axis(0, part.clone()),
            labels.slice_axis(0, part),
        );
        let (guess, mean) = measure.call(&(net.clone(), x, y))?;
        guesses.extend(guess.to_vec::<i64>()?);
        loss += mean.astype(DType::F64).item::<f64>()? * (end - start) as f64;
    }
    Ok((guesses, loss / n.max(1) as f64))
}

/// What a file says of the network in it.
pub fn describe(net: &Mlp, rows: usize, columns: usize) -> BTreeMap<String, String> {
    let widths: Vec<String> = net.widths().iter().map(usize::to_string).collect();
    let dtype = net.layers[0].weight.dtype();
    [
        ("layers", widths.join(",")),
        ("activation", net.activation.name().to_string()),
        ("dtype", dtype.to_string()),
        ("image", format!("{rows}x{columns}")),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_string(), value))
    .collect()
}

/// The metadata of a file, with errors that name it.
pub struct Metadata<'a> {
    path: &'a Path,
    values: BTreeMap<String, String>,
}

impl<'a> Metadata<'a> {
    /// Those of the file at `path`.
    pub fn read(path: &'a Path) -> Result<Metadata<'a>> {
        let values = io::metadata(path)?;
        Ok(Metadata { path, values })
    }

    /// Checks that `key` is `wanted`, as in every file that is `what`.
    pub fn expect(&self, key: &str, wanted: &str, what: &str) -> Result<()> {
        match self.values.get(key).map(String::as_str) {
            Some(found) if found == wanted => Ok(()),
            Some(found) => Err(self.broken(format!(
                "is not {what} of `gradus train`: it says `{found}`, expected `{wanted}`"
            ))),
            None => Err(self.broken(format!(
                "is not {what} of `gradus train`: nothing in it says so"
            ))),
        }
    }

    /// The value of `key`.
    pub fn get<T: FromStr>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|_| self.broken(format!("its entry `{key}` cannot be `{text}`")))
    }

    /// The value of `key`, `None` if it is empty.
    pub fn option<T: FromStr>(&self, key: &str) -> Result<Option<T>> {
        match self.text(key)? {
            "" => Ok(None),
            _ => self.get(key).map(Some),
        }
    }

    /// The values of `key`, with commas between them.
    pub fn list<T: FromStr>(&self, key: &str) -> Result<Vec<T>> {
        let text = self.text(key)?;
        text.split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                part.parse()
                    .map_err(|_| self.broken(format!("its entry `{key}` cannot hold `{part}`")))
            })
            .collect()
    }

    /// A network of the kind described, to be filled, and the size of its images.
    pub fn network(&self) -> Result<(Mlp, usize, usize)> {
        let widths: Vec<usize> = self.list("layers")?;
        let activation = self.text("activation")?;
        let activation = Activation::from_name(activation)
            .ok_or_else(|| self.broken(format!("there is no activation `{activation}`")))?;
        let dtype = self.text("dtype")?;
        let dtype = [DType::F32, DType::F64]
            .into_iter()
            .find(|d| d.to_string() == dtype)
            .ok_or_else(|| self.broken(format!("networks cannot be of `{dtype}`")))?;
        let image = self.text("image")?;
        let (rows, columns) = image
            .split_once('x')
            .and_then(|(r, c)| Some((r.parse().ok()?, c.parse().ok()?)))
            .ok_or_else(|| self.broken(format!("`{image}` is no size of an image")))?;
        let net = Mlp::new(&random::key(0), &widths, activation, dtype)?;
        if rows * columns != widths[0] {
            return Err(self.broken(format!(
                "images of {rows}×{columns} do not fit a network of {} inputs",
                widths[0]
            )));
        }
        Ok((net, rows, columns))
    }

    /// The text of `key`.
    pub fn text(&self, key: &str) -> Result<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .ok_or_else(|| self.broken(format!("has no entry `{key}`")))
    }

    /// An error about this file.
    pub fn broken(&self, what: String) -> Error {
        crate::dataset::broken(self.path, what)
    }
}
