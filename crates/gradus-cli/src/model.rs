//! The saved network: its tensors, and what is needed to show it images.

use crate::dataset::Dataset;
use crate::network::{Kind, Network};
use crate::options::TaskName;
use clap::ValueEnum;
use gradus::nn::Activation;
use gradus::{DType, Error, ErrorKind, Result, Tensor, io, jit, random};
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

/// Says what kind of file it is, under the key `gradus`.
fn kind_of_file(task: TaskName) -> &'static str {
    match task {
        TaskName::Digits => "mlp-classifier 1",
        TaskName::Rows => "gru-classifier 1",
    }
}

/// Images of so many at once are shown to the network when it is measured.
const CHUNK: usize = 1000;

/// A network that reads images of one size.
#[derive(Clone)]
pub struct Classifier {
    pub net: Network,
    pub rows: usize,
    pub columns: usize,
}

impl Classifier {
    /// Writes it to `path`.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut metadata = describe(&self.net, self.rows, self.columns);
        let kind = kind_of_file(self.net.kind().task());
        metadata.insert("gradus".into(), kind.into());
        io::save(path, &self.net, &metadata)
    }

    /// Reads what [`save`](Self::save) wrote.
    pub fn load(path: &Path) -> Result<Classifier> {
        let about = Metadata::read(path)?;
        let tasks = TaskName::value_variants();
        let kinds: Vec<&str> = tasks.iter().map(|&task| kind_of_file(task)).collect();
        let task = tasks[about.expect("gradus", &kinds, "a model")?];
        let (blank, rows, columns) = about.network(task)?;
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
}

/// The scores of the network for each of `images`, `[n, classes]`, and the mean loss.
pub fn scores(net: &Network, images: &Tensor, labels: &Tensor) -> Result<(Vec<i64>, f64)> {
    let measure = jit(|(net, x, y): &(Network, Tensor, Tensor)| {
        let logits = net.scores(x);
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
pub fn describe(net: &Network, rows: usize, columns: usize) -> BTreeMap<String, String> {
    let widths: Vec<String> = net.widths().iter().map(usize::to_string).collect();
    let mut entries = vec![
        ("layers", widths.join(",")),
        ("dtype", net.dtype().to_string()),
        ("image", format!("{rows}x{columns}")),
    ];
    if let Kind::Mlp(activation) = net.kind() {
        entries.push(("activation", activation.name().to_string()));
    }
    entries
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

    /// Which of the `known` values `key` has, as in every file that is `what`.
    pub fn expect(&self, key: &str, known: &[&str], what: &str) -> Result<usize> {
        let Some(found) = self.values.get(key) else {
            return Err(self.broken(format!(
                "is not {what} of `gradus train`: nothing in it says so"
            )));
        };
        known.iter().position(|name| name == found).ok_or_else(|| {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            self.broken(format!(
                "is not {what} of `gradus train`: it says `{found}`, expected {}",
                known.join(" or ")
            ))
        })
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

    /// Which network does `task`.
    pub fn kind(&self, task: TaskName) -> Result<Kind> {
        if task == TaskName::Rows {
            return Ok(Kind::Gru);
        }
        let activation = self.text("activation")?;
        Activation::from_name(activation)
            .map(Kind::Mlp)
            .ok_or_else(|| self.broken(format!("there is no activation `{activation}`")))
    }

    /// A network for `task` as described, to be filled, and the size of its images.
    pub fn network(&self, task: TaskName) -> Result<(Network, usize, usize)> {
        let kind = self.kind(task)?;
        let widths: Vec<usize> = self.list("layers")?;
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
        let net = Network::new(kind, &random::key(0), &widths, dtype)?;
        if kind.inputs(rows, columns) != widths[0] {
            let what = match kind {
                Kind::Mlp(_) => format!("images of {rows}×{columns}"),
                Kind::Gru => format!("rows of {columns} pixels"),
            };
            return Err(self.broken(format!(
                "{what} do not fit a network of {} inputs",
                widths[0]
            )));
        }
        Ok((net, rows, columns))
    }

    /// Whether there is an entry `key`.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
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
