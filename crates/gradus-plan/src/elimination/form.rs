//! What is known of a block without making it, and what it costs to join two.

use crate::price::Price;
use gradus_ir::block::{Block, Carried};
use gradus_ir::{DType, Dims, Graph};
use smallvec::SmallVec;
use std::collections::HashMap;

/// The shape of a [`Block`]: all that the cost of a product or a sum follows from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Form {
    pub dtype: DType,
    pub source: Dims,
    pub target: Dims,
    pub ties: SmallVec<[(usize, usize); 4]>,
    /// The derivative of an array with respect to itself, with which a product is no work.
    pub unit: bool,
}

impl Form {
    pub fn of(g: &Graph, block: &Block) -> Form {
        let tied = |a: usize| block.tied_to(a).is_some() || block.target[a] == 1;
        let one = g.literal(block.tensor).is_some_and(|v| v.is(1.0));
        Form {
            dtype: g.ty(block.tensor).dtype,
            source: block.source.clone(),
            target: block.target.clone(),
            ties: block.ties.iter().copied().collect(),
            unit: one && (0..block.target.len()).all(tied),
        }
    }

    /// The sizes of the source axes that are not tied, multiplied: how many vectors the block has.
    pub fn vectors(&self) -> usize {
        let free = |s: &usize| self.ties.iter().all(|(t, _)| t != s);
        (0..self.source.len())
            .filter(free)
            .map(|s| self.source[s])
            .product()
    }

    /// The same of the transposed block.
    pub fn covectors(&self) -> usize {
        let free = |a: &usize| self.ties.iter().all(|(_, t)| t != a);
        (0..self.target.len())
            .filter(free)
            .map(|a| self.target[a])
            .product()
    }

    /// Numbers in the tensor.
    pub fn elements(&self) -> usize {
        self.vectors() * self.target.iter().product::<usize>()
    }

    fn retargeted(&self, shape: &Dims) -> Form {
        if self.target == *shape {
            return self.clone();
        }
        let carried = Carried::over(&self.source, &self.target, &self.ties, shape);
        Form {
            dtype: self.dtype,
            source: carried.source,
            target: shape.clone(),
            ties: carried.ties.into_iter().collect(),
            unit: self.unit,
        }
    }

    /// The form of [`Block::product`], and what that costs.
    pub fn product(outer: &Form, inner: &Form, price: Price<'_>) -> (Form, f64) {
        let inner = inner.retargeted(&outer.source);
        let through = |i: usize| outer.ties.iter().find(|(t, _)| *t == i).map(|(_, a)| *a);
        let mut ties: SmallVec<[(usize, usize); 4]> = SmallVec::new();
        for &(s, i) in &inner.ties {
            if let Some(a) = through(i) {
                ties.push((s, a));
            }
        }
        let form = Form {
            dtype: outer.dtype,
            source: inner.source.clone(),
            target: outer.target.clone(),
            ties,
            unit: outer.unit && inner.unit,
        };
        if outer.unit || inner.unit {
            return (form, 0.0);
        }
        let (mut batch, mut summed) = (1, 1);
        let mut sums = false;
        for (i, &size) in outer.source.iter().enumerate() {
            match through(i).is_some() || inner.ties.iter().any(|(_, t)| *t == i) {
                true => batch *= size,
                false => {
                    summed *= size;
                    sums = true;
                }
            }
        }
        let cost = match sums {
            true => price.product(
                form.dtype,
                batch,
                outer.covectors(),
                summed,
                inner.vectors(),
            ),
            false => price.elementwise(form.dtype, form.elements() as f64),
        };
        (form, cost)
    }

    /// The form of [`Block::sum`], and what that costs.
    pub fn sum(a: &Form, b: &Form, price: Price<'_>) -> (Form, f64) {
        let mut form = a.clone();
        form.unit = false;
        if a.source == b.source {
            form.ties.retain(|t| b.ties.contains(t));
        } else {
            let n: usize = a.source.iter().product();
            form.source = Dims::from_slice(&[n]);
            form.ties.clear();
        }
        let cost = price.elementwise(form.dtype, form.elements() as f64);
        (form, cost)
    }
}

/// All forms met in a search by number, so that each pair is looked at once.
pub(super) struct Forms<'a> {
    price: Price<'a>,
    all: Vec<Form>,
    numbers: HashMap<Form, u32>,
    products: HashMap<(u32, u32), (u32, f64)>,
    sums: HashMap<(u32, u32), (u32, f64)>,
}

impl<'a> Forms<'a> {
    pub fn new(price: Price<'a>) -> Forms<'a> {
        Forms {
            price,
            all: Vec::new(),
            numbers: HashMap::new(),
            products: HashMap::new(),
            sums: HashMap::new(),
        }
    }

    pub fn get(&self, k: u32) -> &Form {
        &self.all[k as usize]
    }

    pub fn number(&mut self, form: Form) -> u32 {
        let next = self.all.len() as u32;
        *self.numbers.entry(form).or_insert_with_key(|form| {
            self.all.push(form.clone());
            next
        })
    }

    pub fn product(&mut self, outer: u32, inner: u32) -> (u32, f64) {
        if let Some(&known) = self.products.get(&(outer, inner)) {
            return known;
        }
        let (form, cost) = Form::product(self.get(outer), self.get(inner), self.price);
        let found = (self.number(form), cost);
        self.products.insert((outer, inner), found);
        found
    }

    pub fn sum(&mut self, a: u32, b: u32) -> (u32, f64) {
        if let Some(&known) = self.sums.get(&(a, b)) {
            return known;
        }
        let (form, cost) = Form::sum(self.get(a), self.get(b), self.price);
        let found = (self.number(form), cost);
        self.sums.insert((a, b), found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::estimate;
    use crate::options::Objective;
    use crate::profile::Profile;
    use gradus_ir::Type;

    /// Forms of products and sums are those of the blocks, and their operations are those of the graph.
    #[test]
    fn forms_are_those_of_blocks() {
        let profile = Profile::default();
        let price = Price {
            profile: &profile,
            objective: Objective::Operations,
        };
        let shapes: [&[usize]; 5] = [&[6], &[2, 3], &[3, 2], &[4], &[2, 2]];
        let mut checked = 0;
        for (source, middle, target) in (0..125).map(|k| (k / 25, k / 5 % 5, k % 5)) {
            for (ties_in, ties_out) in (0..16).map(|k| (k / 4, k % 4)) {
                let mut g = Graph::new();
                let (u, w, v) = (shapes[source], shapes[middle], shapes[target]);
                let inner = block(&mut g, u, w, ties_in);
                let outer = block(&mut g, w, v, ties_out);
                let (form, cost) =
                    Form::product(&Form::of(&g, &outer), &Form::of(&g, &inner), price);
                let made = Block::product(&mut g, outer.clone(), inner);
                assert_eq!(form, Form::of(&g, &made));
                assert_eq!(form.elements(), g.ty(made.tensor).elements());
                g.set_outputs(vec![made.tensor]);
                assert_eq!(cost, estimate(&g, &profile).operations as f64);
                let other = block(&mut g, w, v, ties_in);
                let (form, cost) = Form::sum(&Form::of(&g, &outer), &Form::of(&g, &other), price);
                let made = Block::sum(&mut g, outer, other);
                assert_eq!(form, Form::of(&g, &made));
                g.set_outputs(vec![made.tensor]);
                assert_eq!(cost, estimate(&g, &profile).operations as f64);
                checked += 1;
            }
        }
        assert_eq!(checked, 2000);
    }

    /// A block without values whose ties are those axes, by the bits of `wanted`, that both shapes have at one place.
    fn block(g: &mut Graph, source: &[usize], target: &[usize], wanted: usize) -> Block {
        let ties: Vec<(usize, usize)> = (0..source.len().min(target.len()))
            .filter(|&a| source[a] == target[a] && wanted >> a & 1 == 1)
            .map(|a| (a, a))
            .collect();
        let mut block = Block {
            tensor: g.input(Type::scalar(DType::F64)),
            source: Dims::from_slice(source),
            target: Dims::from_slice(target),
            ties,
        };
        let mut shape = block.lead_shape();
        shape.extend_from_slice(target);
        block.tensor = g.input(Type::new(DType::F64, &shape));
        block
    }
}
