//! Trees of tensors in safetensors files.
//!
//! Each tensor is stored under its path in the tree (`.layers.0.weight`), together with the caller's metadata.
//! The `safetensors` crate reads and writes the format,
//! so every framework that knows the format can open the files.

use crate::tensor::Tensor;
use crate::trace::users_place;
use crate::tree::{Tree, paths};
use crate::tree::{leaves, rebuild};
use gradus_engine::Array;
use gradus_ir::{DType, Error, ErrorKind, Loc, Result, Type};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest header that is read, in bytes: names, types and metadata of some hundred thousand tensors.
const LONGEST_HEADER: u64 = 16 << 20;
/// The most metadata entries of a file.
const MOST_ENTRIES: usize = 10_000;
/// The most axes of a tensor.
const MOST_AXES: usize = 64;

/// Writes the tensors of `tree` to `path`, with `metadata`. The file appears complete or not at all.
///
/// ```
/// # use gradus::prelude::*;
/// let path = std::env::temp_dir().join(format!("gradus-save-{}.safetensors", std::process::id()));
/// gradus::io::save(&path, &vec![Tensor::from([1.0, 2.0])], &Default::default())?;
/// assert_eq!(gradus::io::shapes(&path)?[".0"], [2]);
/// std::fs::remove_file(path).unwrap();
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be written, or a tensor has no value.
#[doc(alias = "save_safetensors")]
#[doc(alias = "savez")]
#[track_caller]
pub fn save<A: Tree>(
    path: impl AsRef<Path>,
    tree: &A,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let (path, loc) = (path.as_ref(), Loc::caller());
    let arrays = leaves(tree)
        .iter()
        .map(Tensor::array)
        .collect::<Result<Vec<Array>>>()
        .map_err(|e| e.at(users_place(loc)))?;
    let names = paths(tree);
    let mut views = Vec::with_capacity(arrays.len());
    for (name, array) in names.into_iter().zip(&arrays) {
        let ty = array.ty();
        let view = TensorView::new(stored_dtype(ty.dtype), ty.shape.to_vec(), array.bytes())
            .map_err(|e| broken(path, "cannot be written", e))?;
        views.push((name, view));
    }
    let metadata: HashMap<String, String> = metadata.clone().into_iter().collect();
    let mut bytes =
        serialize(views, Some(metadata)).map_err(|e| broken(path, "cannot be written", e))?;
    sort_header(&mut bytes).map_err(|e| broken(path, "cannot be written", e))?;
    write_whole(path, &bytes)
}

/// Writes `bytes` to `path`.
/// The file appears complete or not at all, even if the machine stops or the disk is full.
/// Two programs that write the same file do not mix.
///
/// ```
/// # use gradus::prelude::*;
/// let path = std::env::temp_dir().join(format!("gradus-whole-{}", std::process::id()));
/// gradus::io::write_whole(&path, b"all of it")?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
/// std::fs::remove_file(path).unwrap();
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be written. The previous content of `path` is then still there.
pub fn write_whole(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let partial = partial_name(path);
    let written = write_synced(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    if let Err(error) = written {
        // The error is reported. A failure to remove the rest adds nothing to it.
        let _ = fs::remove_file(&partial);
        return Err(broken(path, "cannot be written", error));
    }
    // The new name is on the disk once its folder is synced.
    // Some systems cannot sync a folder, and the file is complete without it.
    if let Some(folder) = path.parent() {
        let here = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let _ = File::open(here).and_then(|f| f.sync_all());
    }
    Ok(())
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    // Without this, the name can reach the disk before the content.
    file.sync_all()
}

/// A name beside `path` that no other write uses, in this process or another.
fn partial_name(path: &Path) -> PathBuf {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{write}.partial", std::process::id()));
    name.into()
}

/// Sorts the entries of the header by name.
/// The crate writes metadata in an order that differs from run to run, but equal trees should give equal files.
fn sort_header(file: &mut [u8]) -> serde_json::Result<()> {
    let Some((length, rest)) = file.split_first_chunk_mut::<8>() else {
        return Ok(());
    };
    let header = &mut rest[..u64::from_le_bytes(*length) as usize];
    // The maps of `serde_json` are sorted by key.
    let entries: serde_json::Value = serde_json::from_slice(header)?;
    let mut sorted = serde_json::to_vec(&entries)?;
    sorted.resize(header.len(), b' ');
    header.copy_from_slice(&sorted);
    Ok(())
}

/// Reads the tree with the structure of `like` whose tensors are stored at `path`
/// under the same names and types, and the metadata.
///
/// ```
/// # use gradus::prelude::*;
/// let path = std::env::temp_dir().join(format!("gradus-load-{}.safetensors", std::process::id()));
/// let weights = vec![Tensor::from([1.0, 2.0])];
/// gradus::io::save(&path, &weights, &Default::default())?;
/// let (loaded, _) = gradus::io::load(&path, &weights)?;
/// assert_eq!(loaded[0].to_vec::<f64>()?, [1.0, 2.0]);
/// std::fs::remove_file(path).unwrap();
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is not a safetensors file, lacks a tensor of `like`, or has it with another type.
#[doc(alias = "load_file")]
pub fn load<A: Tree>(path: impl AsRef<Path>, like: &A) -> Result<(A, BTreeMap<String, String>)> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let file = parse(path, &bytes)?;
    let wanted = leaves(like);
    let mut found = Vec::with_capacity(wanted.len());
    for (name, t) in paths(like).iter().zip(&wanted) {
        let view = file.tensor(name).map_err(|_| {
            Error::new(
                ErrorKind::Data,
                format!("{}: has no tensor `{name}`", path.display()),
            )
        })?;
        if view.shape().len() > MOST_AXES {
            return Err(Error::new(
                ErrorKind::Data,
                format!(
                    "{}: tensor `{name}` has {} axes; the most is {MOST_AXES}",
                    path.display(),
                    view.shape().len()
                ),
            ));
        }
        let ty = loaded_type(&view).ok_or_else(|| {
            Error::new(
                ErrorKind::Data,
                format!(
                    "{}: tensor `{name}` has the element type {:?}, which is not supported",
                    path.display(),
                    view.dtype()
                ),
            )
        })?;
        if ty != *t.ty() {
            return Err(Error::new(
                ErrorKind::Data,
                format!(
                    "{}: tensor `{name}` is {ty}, expected {}",
                    path.display(),
                    t.ty()
                ),
            ));
        }
        found.push(Tensor::from_array(Array::from_bytes(ty, view.data())?));
    }
    Ok((rebuild(like, found), metadata_of(path, &bytes)?))
}

/// The metadata of the file at `path`.
///
/// ```
/// # use gradus::prelude::*;
/// let path = std::env::temp_dir().join(format!("gradus-metadata-{}.safetensors", std::process::id()));
/// let about = [("epochs".to_string(), "7".to_string())].into();
/// gradus::io::save(&path, &vec![Tensor::from(1.0)], &about)?;
/// assert_eq!(gradus::io::metadata(&path)?, about);
/// std::fs::remove_file(path).unwrap();
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read or is not a safetensors file.
pub fn metadata(path: impl AsRef<Path>) -> Result<BTreeMap<String, String>> {
    let path = path.as_ref();
    let bytes = read(path)?;
    metadata_of(path, &bytes)
}

/// The names and shapes of the tensors in the file at `path`.
///
/// ```
/// # use gradus::prelude::*;
/// let path = std::env::temp_dir().join(format!("gradus-shapes-{}.safetensors", std::process::id()));
/// gradus::io::save(&path, &(Tensor::from(1.0), Tensor::from([1.0, 2.0])), &Default::default())?;
/// assert_eq!(gradus::io::shapes(&path)?[".1"], [2]);
/// std::fs::remove_file(path).unwrap();
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read or is not a safetensors file.
pub fn shapes(path: impl AsRef<Path>) -> Result<BTreeMap<String, Vec<usize>>> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let tensors = parse(path, &bytes)?.tensors();
    let shapes = tensors
        .into_iter()
        .map(|(name, view)| (name, view.shape().to_vec()));
    Ok(shapes.collect())
}

/// The bytes of the file. Its header is checked first, so that parsing takes little time and memory.
fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(|e| broken(path, "cannot be read", e))?;
    let refuse = |what: String| Error::new(ErrorKind::Data, format!("{}: {what}", path.display()));
    // The parser finds an incomplete header, and its message says more.
    if let Some((length, rest)) = bytes.split_first_chunk::<8>()
        && let length = u64::from_le_bytes(*length)
        && length <= rest.len() as u64
    {
        if length > LONGEST_HEADER {
            return Err(refuse(format!(
                "its header has {length} bytes; the most is {LONGEST_HEADER}"
            )));
        }
        let entries = most_entries(&rest[..length as usize]);
        if entries > MOST_ENTRIES {
            return Err(refuse(format!(
                "its header has an object of {entries} entries, such as `__metadata__`; the most is {MOST_ENTRIES}"
            )));
        }
    }
    Ok(bytes)
}

/// The most entries of an object inside the outermost one: of the metadata, or of the description of a tensor.
fn most_entries(json: &[u8]) -> usize {
    let (mut depth, mut entries, mut most) = (0usize, 0usize, 0usize);
    let (mut text, mut escaped) = (false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            _ if text => {}
            b'{' => {
                depth += 1;
                entries = 0;
            }
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth >= 2 => {
                entries += 1;
                most = most.max(entries);
            }
            _ => {}
        }
    }
    most
}

fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes).map_err(|e| broken(path, "is no complete safetensors file", e))
}

fn metadata_of(path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|e| broken(path, "is no complete safetensors file", e))?;
    let entries = header.metadata().iter().flatten();
    Ok(entries.map(|(k, v)| (k.clone(), v.clone())).collect())
}

fn broken(path: &Path, what: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorKind::Data,
        format!("{}: {what}: {cause}", path.display()),
    )
    .caused_by(cause)
}

fn stored_dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::BF16 => Dtype::BF16,
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::I32 => Dtype::I32,
        DType::I64 => Dtype::I64,
        DType::U32 => Dtype::U32,
        DType::Bool => Dtype::BOOL,
    }
}

fn loaded_type(view: &TensorView<'_>) -> Option<Type> {
    let dtype = DType::ALL
        .into_iter()
        .find(|&d| stored_dtype(d) == view.dtype())?;
    Some(Type::new(dtype, view.shape()))
}
