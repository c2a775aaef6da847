//! Packs many small arrays of one type into few.
//! The values that a branch keeps for its derivative pass through every branch around it, as results and operands,
//! so in nested programs the number of such arrays would grow with the square of the depth.
//! With repeated packing it grows with little more than the depth.

use crate::graph::{Graph, ValueId};
use crate::types::{Dims, Literal, Type};
use std::collections::HashMap;

/// The number of arrays of one type that become one.
const AT_ONCE: usize = 16;
/// The largest array that is packed, in bytes. Copying larger arrays takes longer than passing them on.
const SMALL: usize = 4096;

/// The slots that are packed together.
pub(super) struct Packing {
    slots: Vec<Type>,
    /// The slots in each array, ordered by their first slot: one, or [`AT_ONCE`].
    arrays: Vec<Vec<usize>>,
    /// The array of each slot and the position in it.
    places: Vec<(usize, usize)>,
}

impl Packing {
    /// The packing of slots of these types.
    pub fn of(slots: Vec<Type>) -> Packing {
        let mut of_type: HashMap<&Type, Vec<usize>> = HashMap::new();
        for (s, ty) in slots.iter().enumerate() {
            of_type.entry(ty).or_default().push(s);
        }
        let mut arrays: Vec<Vec<usize>> = Vec::new();
        for (ty, all) in of_type {
            let small = !ty.is_list() && ty.bytes() <= SMALL;
            let packed = if small {
                all.len() / AT_ONCE * AT_ONCE
            } else {
                0
            };
            arrays.extend(all[..packed].chunks(AT_ONCE).map(<[usize]>::to_vec));
            arrays.extend(all[packed..].iter().map(|&s| vec![s]));
        }
        arrays.sort_unstable();
        let mut places = vec![(0, 0); slots.len()];
        for (a, array) in arrays.iter().enumerate() {
            for (k, &s) in array.iter().enumerate() {
                places[s] = (a, k);
            }
        }
        Packing {
            slots,
            arrays,
            places,
        }
    }

    /// The number of slots.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The types of the arrays.
    pub fn types(&self) -> Vec<Type> {
        let of = |array: &Vec<usize>| match array.as_slice() {
            [s] => self.slots[*s].clone(),
            all => self.slots[all[0]].batched(all.len()),
        };
        self.arrays.iter().map(of).collect()
    }

    /// Appends the arrays that hold these values of the slots, with zeros for a slot without a value.
    pub fn pack(&self, g: &mut Graph, values: &[Option<ValueId>]) -> Vec<ValueId> {
        let types = self.types();
        let pairs = self.arrays.iter().zip(&types);
        pairs
            .map(|(array, ty)| {
                let held: Vec<Option<ValueId>> = array.iter().map(|&s| values[s]).collect();
                if held.iter().all(Option::is_none) {
                    return g.constant(Literal::from_f64(ty.dtype, 0.0), &ty.shape);
                }
                if let [Some(one)] = held[..] {
                    return one;
                }
                let row = self.slots[array[0]].batched(1);
                let rows: Vec<ValueId> = held
                    .into_iter()
                    .map(|value| match value {
                        Some(value) => g.reshape(value, &row.shape),
                        None => g.constant(Literal::from_f64(row.dtype, 0.0), &row.shape),
                    })
                    .collect();
                g.concat(&rows, 0)
            })
            .collect()
    }

    /// Appends the value of slot `s`, given the arrays.
    pub fn unpack(&self, g: &mut Graph, arrays: &[ValueId], s: usize) -> ValueId {
        let (a, k) = self.places[s];
        if self.arrays[a].len() == 1 {
            return arrays[a];
        }
        let ty = &self.slots[s];
        let mut start = Dims::from_elem(0, ty.rank() + 1);
        let mut limit = ty.batched(k + 1).shape;
        let stride = Dims::from_elem(1, ty.rank() + 1);
        (start[0], limit[0]) = (k, k + 1);
        let row = g.slice(arrays[a], &start, &limit, &stride);
        g.reshape(row, &ty.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::DType;

    #[test]
    fn small_arrays_of_one_type_are_packed_and_found_again() {
        let scalar = Type::scalar(DType::F64);
        let pair = Type::new(DType::I64, &[2]);
        let large = Type::new(DType::F64, &[1000]);
        let mut slots = vec![scalar; 35];
        slots.extend(vec![pair; 16]);
        slots.extend(vec![large; 20]);
        let packing = Packing::of(slots.clone());
        let types = packing.types();
        let count = |ty: &Type| types.iter().filter(|t| *t == ty).count();
        assert_eq!(count(&Type::new(DType::F64, &[16])), 2);
        assert_eq!(count(&Type::scalar(DType::F64)), 3);
        assert_eq!(count(&Type::new(DType::I64, &[16, 2])), 1);
        assert_eq!(types.len(), 2 + 3 + 1 + 20);
        // Packing and unpacking returns the same values.
        let mut g = Graph::new();
        let values: Vec<ValueId> = slots.iter().map(|ty| g.input(ty.clone())).collect();
        let held: Vec<Option<ValueId>> = values.iter().copied().map(Some).collect();
        let arrays = packing.pack(&mut g, &held);
        let found: Vec<Type> = arrays.iter().map(|&a| g.ty(a).clone()).collect();
        assert_eq!(found, types);
        for (s, ty) in slots.iter().enumerate() {
            let out = packing.unpack(&mut g, &arrays, s);
            assert_eq!(g.ty(out), ty);
        }
    }

    /// Each level keeps as many arrays as pass from the level below, and two more. Their number stays small.
    #[test]
    fn the_number_of_arrays_hardly_grows_with_the_depth() {
        let mut kept: Vec<Type> = Vec::new();
        for _ in 0..400 {
            kept.extend([Type::scalar(DType::F64), Type::scalar(DType::I64)]);
            kept = Packing::of(kept).types();
            assert!(kept.len() < 64, "{}", kept.len());
        }
    }
}
