//! Where one number of f64 turned an array of f32 into f64. NumPy's rule is kept; this says that it was applied.

use super::Tensor;
use crate::trace::users_place;
use gradus_engine::environment::{self, Log};
use gradus_ir::{DType, Loc};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file and a line.
type Place = (&'static str, u32);

/// The lines of users where that happened in this process.
fn places() -> MutexGuard<'static, BTreeSet<Place>> {
    static PLACES: Mutex<BTreeSet<Place>> = Mutex::new(BTreeSet::new());
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes the caller's line if one of the operands of `name` is a single number of f64 and the other an array of f32.
/// `GRADUS_LOG=types` says it on standard error, once a line.
#[track_caller]
pub(crate) fn note(name: &str, a: &Tensor, b: &Tensor) {
    let widens = |number: &Tensor, array: &Tensor| {
        number.dtype() == DType::F64
            && array.dtype() == DType::F32
            && number.rank() == 0
            && array.rank() > 0
    };
    match (widens(a, b), widens(b, a)) {
        (false, false) => {}
        (true, _) => report(name, b, a),
        (_, true) => report(name, a, b),
    }
}

/// As [`note`], where `part` of any size is put into `whole`.
#[track_caller]
pub(crate) fn note_part(name: &str, whole: &Tensor, part: &Tensor) {
    if whole.dtype() == DType::F32 && part.dtype() == DType::F64 {
        report(name, whole, part);
    }
}

#[track_caller]
fn report(name: &str, array: &Tensor, number: &Tensor) {
    let loc = users_place(Loc::caller());
    places().extend(loc.file_line());
    if environment::logs(Log::Types) {
        let (number, array) = (number.ty(), array.ty());
        environment::warn_once(&format!(
            "{name} converts {array} to f64, because the other tensor is {number}; convert that with `astype(F32)`\n  at {loc}"
        ));
    }
}

/// Whether that happened at `place`.
pub(crate) fn at(place: Option<Place>) -> bool {
    place.is_some_and(|place| places().contains(&place))
}
