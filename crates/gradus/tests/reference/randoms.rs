//! Random numbers, bit for bit.

use crate::Case;
use gradus::prelude::*;
use gradus::random::Key;

pub fn evaluate(case: &Case) -> Option<Vec<Tensor>> {
    let mut parts = case.name.split('/').skip(1);
    let (kind, arguments) = (parts.next()?, parts.collect::<Vec<_>>());
    if kind == "key" {
        let seed: i64 = case.inputs[0].item().ok()?;
        return Some(vec![random::key(seed as u64).data().clone()]);
    }
    let key = Key::from_data(case.inputs[0].clone()).ok()?;
    let (shape, dtype) = (&case.outputs[0].shape, case.outputs[0].dtype);
    Some(vec![match kind {
        "bits" => random::bits(&key, shape),
        "split" => key.split_data(arguments[1].parse::<usize>().ok()?),
        "split_twice" => {
            let [_, second] = key.split();
            let [first, _] = second.split();
            random::bits(&first, shape)
        }
        "fold_in" => key.fold_in(arguments[1].parse().ok()?).data().clone(),
        "uniform" => random::uniform(&key, shape, dtype),
        "uniform_range" => random::uniform_in(&key, shape, dtype, -2.0, 3.0),
        "normal" => random::normal(&key, shape, dtype),
        "permutation" => random::permutation(&key, shape[0]).ok()?,
        "bernoulli" => random::bernoulli(&key, shape, 0.3),
        _ => return None,
    }])
}
