//! The memory of calls beside their arguments: temporaries, and results that are not in the memory of arguments that
//! were given away. Of JAX it is what `memory_analysis` says.

use crate::case::{Case, Measured};
use crate::products::attention_gradient;
use crate::training::{LARGE, SMALL};

pub fn cases() -> Vec<Case> {
    let steps = [SMALL, LARGE].map(|training| {
        let case = training.case("memory of a step of Adam", 1.0);
        case.measured(Measured::Bytes(training.given()))
    });
    let attention = attention_gradient("memory of the gradient of attention", 1.0);
    let mut all = Vec::from(steps);
    all.push(attention.measured(Measured::Bytes(0)));
    all
}
