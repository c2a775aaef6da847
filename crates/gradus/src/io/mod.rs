//! Trees of tensors in files of the safetensors format.
//!
//! Each tensor is stored under its path in the tree (`.layers.0.weight`), with metadata of the caller's beside it. The format is read and written by
//! the `safetensors` crate; files can be opened by every framework that knows the format.

use crate::tensor::Tensor;
use crate::trace::users_place;
use crate::tree::{Tree, paths};
use crate::tree::{leaves, rebuild};
use gradus_cpu::Array;
use gradus_ir::{DType, Error, ErrorKind, Loc, Result, Type};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Writes the tensors of `tree` to `path`, with `metadata`; the file appears whole or not at all.
///
/// # Errors
/// If the file cannot be written, or a tensor has no value.
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
    // A crash in the middle must not leave half a file under the name.
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|e| broken(path, "cannot be written", e))
}

/// Brings the entries of the header into the order of their names: the crate writes metadata in one that differs from run to run, and equal trees should
/// give equal files.
fn sort_header(file: &mut [u8]) -> serde_json::Result<()> {
    let Some((length, rest)) = file.split_first_chunk_mut::<8>() else {
        return Ok(());
    };
    let header = &mut rest[..u64::from_le_bytes(*length) as usize];
    // The maps of `serde_json` are sorted.
    let entries: serde_json::Value = serde_json::from_slice(header)?;
    let mut sorted = serde_json::to_vec(&entries)?;
    sorted.resize(header.len(), b' ');
    header.copy_from_slice(&sorted);
    Ok(())
}

/// The tree like `like` whose tensors are those stored at `path` under the same names and types, and the metadata.
///
/// # Errors
/// If the file cannot be read, is no safetensors file, or lacks a tensor of `like` or has it with another type.
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
/// # Errors
/// If the file cannot be read or is no safetensors file.
pub fn metadata(path: impl AsRef<Path>) -> Result<BTreeMap<String, String>> {
    let path = path.as_ref();
    let bytes = read(path)?;
    metadata_of(path, &bytes)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| broken(path, "cannot be read", e))
}

fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes).map_err(|e| broken(path, "is no complete safetensors file", e))
}

fn metadata_of(path: &Path, bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|e| broken(path, "is no complete safetensors file", e))?;
    Ok(header
        .metadata()
        .clone()
        .unwrap_or_default()
        .into_iter()
        .collect())
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
