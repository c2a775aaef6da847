//! Reports where one number of a wider type converts an array of floats to that type. This is NumPy's rule.

use super::Tensor;
use crate::trace::users_place;
use gradus_engine::environment::{self, Log};
use gradus_ir::Loc;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file and a line.
type Place = (&'static str, u32);

/// The lines of users that have been reported in this process.
fn places() -> MutexGuard<'static, BTreeSet<Place>> {
    static PLACES: Mutex<BTreeSet<Place>> = Mutex::new(BTreeSet::new());
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reports the caller's line if one operand of `name` is a single number, the other is an array of floats,
/// and the number has a wider type.
/// With `GRADUS_LOG=types` the message goes to standard error, once for each line.
#[track_caller]
pub(crate) fn note(name: &str, a: &Tensor, b: &Tensor) {
    let widens = |number: &Tensor, array: &Tensor| {
        wider(number, array) && number.rank() == 0 && array.rank() > 0
    };
    match (widens(a, b), widens(b, a)) {
        (false, false) => {}
        (true, _) => report(name, b, a),
        (_, true) => report(name, a, b),
    }
}

/// Like [`note`], for a `part` of any size that is put into `whole`.
#[track_caller]
pub(crate) fn note_part(name: &str, whole: &Tensor, part: &Tensor) {
    if wider(part, whole) {
        report(name, whole, part);
    }
}

/// Whether both are floats, and the type of `a` is the wider one.
fn wider(a: &Tensor, b: &Tensor) -> bool {
    let types = a.dtype().float().zip(b.dtype().float());
    types.is_some_and(|(a, b)| a > b)
}

#[track_caller]
fn report(name: &str, array: &Tensor, number: &Tensor) {
    let loc = users_place(Loc::caller());
    places().extend(loc.file_line());
    if environment::logs(Log::Types) {
        let (number, array) = (number.ty(), array.ty());
        let (wide, narrow) = (number.dtype, array.dtype.name().to_uppercase());
        environment::warn_once(&format!(
            "{name} converts {array} to {wide}, because the other tensor is {number}; convert that with `astype({narrow})`\n  at {loc}"
        ));
    }
}

/// Whether that happened at `place`.
pub(crate) fn at(place: Option<Place>) -> bool {
    place.is_some_and(|place| places().contains(&place))
}
