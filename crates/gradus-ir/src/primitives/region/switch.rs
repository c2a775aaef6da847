//! A choice between branches. Only the chosen one runs.

use super::super::{
    Batch, Compare, Cost, Jvp, Linearity, LinearityCheck, Linearized, PerResult, Primitive,
    Transpose,
};
use super::activity::{positions, reached, spread};
use super::guard::{Guard, inside};
use super::packing::Packing;
use super::programs::{batched_to, reordered};
use super::rows::SomeRows;
use super::{Bodies, Body, BodyName, HoldsPrograms, Region, as_one, takes, with_bodies};
use crate::attributes::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Types, ValueId};
use crate::linearity::nonlinearity;
use crate::primitives::Op;
use crate::types::{DType, Literal, Type};
use smallvec::{SmallVec, smallvec};
use std::collections::HashMap;

/// Runs the branch whose number is the first operand, an i64 number, on the other operands.
/// A number out of range counts as the nearest branch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Switch {
    /// The branches: programs of the same inputs and outputs.
    pub branches: Vec<Body>,
}

impl Switch {
    pub(super) fn from_text(name: &str, a: &Attributes) -> Option<Result<Switch>> {
        if name != "switch" {
            return None;
        }
        let names = (0..).map(|k| format!("branch{k}"));
        let branches = names
            .take_while(|n| a.has(n))
            .map(|n| a.get_graph(name, &n))
            .collect::<Result<_>>();
        Some(branches.map(|branches| Switch { branches }))
    }

    fn check(&self, operands: &[&Type]) -> Result<()> {
        let fail =
            |message: String| Err(Error::new(ErrorKind::Graph, format!("switch: {message}")));
        let index = Type::scalar(DType::I64);
        if self.branches.is_empty() {
            return fail("there is no branch".into());
        }
        if operands.first() != Some(&&index) {
            return fail(format!("the number of the branch must be {index}"));
        }
        let wanted: Vec<Type> = operands[1..].iter().map(|&t| t.clone()).collect();
        let results = self.branches[0].output_types();
        for (k, branch) in self.branches.iter().enumerate() {
            takes("switch", &format!("branch {k}"), branch, &wanted)?;
            if branch.output_types() != results {
                return fail(format!(
                    "branch {k} returns {:?}, branch 0 {results:?}",
                    branch.output_types()
                ));
            }
        }
        Ok(())
    }

    /// The same choice between other branches.
    fn map(&self, change: impl FnMut(&Body) -> Body) -> Region {
        let branches = self.branches.iter().map(change).collect();
        Region::Switch(Switch { branches })
    }

    /// If rows choose differently, all branches run and each row takes its own result.
    /// The other branches [have no effect on it](super::rows).
    fn batch_by_row(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        let (index, args) = (cx.operands[0], &cx.operands[1..]);
        let all = vec![true; self.branches[0].outputs().len()];
        let last = self.branches.len() - 1;
        let mut chosen: Option<Vec<ValueId>> = None;
        for (k, branch) in self.branches.iter().enumerate().rev() {
            let taken = taken(cx.graph, index, k, last);
            let some = SomeRows::new(branch, &cx.batched[1..]);
            let inputs = some.inputs(cx.graph, taken, args);
            let body = batched_to(cx.transforms, &some.body, cx.size, &some.differs, &all);
            let results = cx.graph.emit_inline(&body, &inputs);
            chosen = Some(match chosen {
                None => results,
                Some(others) => {
                    let pairs = results.into_iter().zip(others);
                    let select = |(a, b)| select_rows(cx.graph, taken, a, b);
                    pairs.map(select).collect()
                }
            });
        }
        let chosen = chosen.unwrap_or_default();
        chosen.into_iter().map(|y| (y, true)).collect()
    }
}

/// The derivative of the branch that runs.
impl Primitive for Switch {
    fn name(&self) -> &'static str {
        "switch"
    }

    fn attributes(&self) -> Attributes {
        with_bodies(Attributes::default(), &self.bodies())
    }

    fn results(&self, operands: &[&Type]) -> Result<Types> {
        self.check(operands)?;
        Ok(self.branches[0].output_types().into())
    }

    /// The branches run again, and also keep the values that their derivatives need,
    /// each in a slot that all branches share.
    fn jvp(&self, cx: &mut Jvp<'_>) -> PerResult<Option<ValueId>> {
        // A branch that runs again must not show values again.
        let switch = Switch {
            branches: self.branches.iter().map(Body::without_effects).collect(),
        };
        let active: Vec<bool> = cx.tangents[1..].iter().map(Option::is_some).collect();
        let results = switch.branches[0].outputs().len();
        let mut outputs = vec![false; results];
        for branch in &switch.branches {
            for (y, reached) in outputs.iter_mut().zip(reached(branch, &active)) {
                *y |= reached;
            }
        }
        if !outputs.contains(&true) {
            return (0..results).map(|_| None).collect();
        }
        let split = Split::new(cx, &switch, &positions(&active));
        let kept = split.emit_keeping(cx.graph, cx.operands);
        let linear = split.linear(cx, &positions(&active), &positions(&outputs));
        let mut given = cx.operands.to_vec();
        given.extend(kept);
        given.extend(cx.tangents.iter().flatten());
        let tangents = cx.graph.emit_region(Region::Switch(linear), &given);
        spread(&outputs, tangents).into_iter().collect()
    }

    fn transpose(&self, cx: &mut Transpose<'_>) -> Linearity {
        let (args, linear) = (&cx.operands[1..], &cx.linear[1..]);
        let fixed: Vec<usize> = (0..args.len()).filter(|&k| !linear[k]).collect();
        let varying = positions(linear);
        let given = (0..cx.cotangents.len()).filter(|&k| cx.cotangents[k].is_some());
        let given: Vec<usize> = given.collect();
        let order = [fixed.as_slice(), &varying].concat();
        let transposed = self.map(|branch| {
            let program = reordered(branch, &order, &given);
            cx.transforms.transpose(&program, fixed.len(), 0).into()
        });
        let mut all = vec![cx.operands[0]];
        all.extend(fixed.iter().map(|&k| args[k]));
        all.extend(cx.cotangents.iter().flatten());
        let results = cx.graph.emit_region(transposed, &all);
        for (k, ct) in varying.into_iter().zip(results) {
            cx.give(1 + k, ct);
        }
        Linearity::Linear
    }

    fn is_linear(&self, cx: &mut LinearityCheck<'_>) -> bool {
        let mut branches = self.branches.iter();
        !cx.linear[0] && branches.all(|b| nonlinearity(cx.transforms, b, &cx.linear[1..]).is_none())
    }

    fn batch(&self, cx: &mut Batch<'_>) -> PerResult<(ValueId, bool)> {
        if cx.batched[0] {
            return self.batch_by_row(cx);
        }
        let batched = &cx.batched[1..];
        let mut with_axis = vec![false; self.branches[0].outputs().len()];
        for branch in &self.branches {
            let (_, of_branch) = cx.transforms.batch(branch, cx.size, batched);
            for (all, one) in with_axis.iter_mut().zip(of_branch) {
                *all |= one;
            }
        }
        let region =
            self.map(|b| batched_to(cx.transforms, b, cx.size, batched, &with_axis).into());
        let results = cx.graph.emit_region(region, cx.operands);
        results.into_iter().zip(with_axis).collect()
    }

    fn cost(&self, _operands: &[&Type], _results: &[Type]) -> Cost {
        as_one(self.total_cost())
    }
}

impl HoldsPrograms for Switch {
    fn bodies(&self) -> Bodies<'_> {
        let branches = self.branches.iter().enumerate();
        branches.map(|(k, b)| (BodyName::Branch(k), b)).collect()
    }

    fn runs(&self) -> SmallVec<[(&Body, u64); 2]> {
        let costs = self.branches.iter();
        match costs.max_by_key(|b| b.total_cost().operations) {
            Some(most_expensive) => smallvec![(most_expensive, 1)],
            None => SmallVec::new(),
        }
    }

    fn may_fail(&self) -> bool {
        self.branches.iter().any(Body::may_fail)
    }

    fn without_effects(&self) -> Region {
        self.map(Body::without_effects)
    }

    fn guarded(&self, guard: Guard<'_>) -> Region {
        let last = self.branches[0].inputs().len();
        guard.operands.push(guard.runs);
        self.map(|branch| inside(branch, last))
    }

    fn with_forward_rules(
        &self,
        active: &[bool],
        inside: &mut dyn FnMut(&Body, &[bool]) -> Body,
    ) -> Region {
        self.map(|branch| inside(branch, &active[1..]))
    }
}

/// The linearised branches.
struct Split {
    branches: Vec<Linearized>,
    /// The number of results of the choice.
    results: usize,
    /// For each branch, the place of each residual.
    places: Vec<Vec<Place>>,
    packing: Packing,
}

/// The place of a value that a branch's derivative needs.
#[derive(Clone, Copy)]
enum Place {
    Argument(usize),
    Slot(usize),
}

impl Split {
    fn new(cx: &mut Jvp<'_>, switch: &Switch, wrt: &[usize]) -> Split {
        let results = switch.branches[0].outputs().len();
        let branches = switch.branches.iter();
        let branches: Vec<Linearized> = branches.map(|b| cx.transforms.linearize(b, wrt)).collect();
        // For each type, as many slots as the branch with the most residuals of this type needs.
        let mut slots: Vec<Type> = Vec::new();
        let mut of_type: HashMap<Type, Vec<usize>> = HashMap::new();
        let places = branches.iter().map(|branch| {
            // The number of slots of each type that the branch uses.
            let mut taken: HashMap<&Type, usize> = HashMap::new();
            let kept = branch.primal.outputs()[results..].iter();
            let places = kept.map(|&r| {
                if let Op::Input(k) = branch.primal.maker(r).op {
                    return Place::Argument(k as usize);
                }
                let ty = branch.primal.ty(r);
                let taken = taken.entry(ty).or_default();
                let all = of_type.entry(ty.clone()).or_default();
                if *taken == all.len() {
                    all.push(slots.len());
                    slots.push(ty.clone());
                }
                *taken += 1;
                Place::Slot(all[*taken - 1])
            });
            places.collect()
        });
        let places = places.collect();
        Split {
            branches,
            results,
            places,
            packing: Packing::of(slots),
        }
    }

    /// Appends the choice that also keeps the residuals; returns them, packed.
    fn emit_keeping(&self, g: &mut Graph, operands: &[ValueId]) -> Vec<ValueId> {
        let keeping = self.branches.iter().zip(&self.places);
        let keeping = keeping.map(|(branch, places)| {
            let mut body = branch.primal.clone();
            let all = body.outputs().to_vec();
            let mut outputs = all[..self.results].to_vec();
            let mut holders: Vec<Option<ValueId>> = vec![None; self.packing.len()];
            for (place, &value) in places.iter().zip(&all[self.results..]) {
                if let Place::Slot(s) = *place {
                    holders[s] = Some(value);
                }
            }
            outputs.extend(self.packing.pack(&mut body, &holders));
            Body::from(body.program(body.inputs(), &outputs))
        });
        let keeping = Region::Switch(Switch {
            branches: keeping.collect(),
        });
        g.emit_region(keeping, operands).split_off(self.results)
    }

    /// The choice between the tangent maps.
    /// Its operands are the arguments, the residuals and the tangents of the arguments `wrt`;
    /// its results are the tangents of the outputs `wanted`.
    fn linear(&self, cx: &Jvp<'_>, wrt: &[usize], wanted: &[usize]) -> Switch {
        let args = &cx.operands[1..];
        let branches = self.branches.iter().zip(&self.places);
        let branches = branches.map(|(branch, places)| {
            let mut body = Graph::new();
            let inputs = args.iter().map(|&a| body.input(cx.graph.ty(a).clone()));
            let inputs: Vec<ValueId> = inputs.collect();
            let arrays = self.packing.types().into_iter();
            let arrays: Vec<ValueId> = arrays.map(|t| body.input(t)).collect();
            let directions = wrt
                .iter()
                .map(|&k| body.input(cx.graph.ty(args[k]).clone()));
            let directions: Vec<ValueId> = directions.collect();
            let residuals = places.iter().map(|p| match *p {
                Place::Argument(k) => inputs[k],
                Place::Slot(s) => self.packing.unpack(&mut body, &arrays, s),
            });
            let residuals: Vec<ValueId> = residuals.collect();
            let given: Vec<ValueId> = residuals.into_iter().chain(directions).collect();
            let results = body.emit_inline(&branch.tangent, &given);
            body.set_outputs(wanted.iter().map(|&k| results[k]).collect());
            Body::from(body)
        });
        Switch {
            branches: branches.collect(),
        }
    }
}

/// The rows that take branch `k`. A number out of range counts as the nearest branch.
fn taken(g: &mut Graph, index: ValueId, k: usize, last: usize) -> ValueId {
    if last == 0 {
        let n = g.shape(index)[0];
        return g.constant(Literal::from_bool(true), &[n]);
    }
    let number = g.constant_like(k as f64, index);
    match k {
        0 => g.compare(Compare::Le, index, number),
        k if k == last => g.compare(Compare::Le, number, index),
        _ => g.compare(Compare::Eq, index, number),
    }
}

/// For each row, `a` if `condition` is true, else `b`.
pub(super) fn select_rows(g: &mut Graph, condition: ValueId, a: ValueId, b: ValueId) -> ValueId {
    let shape = g.shape(a).to_vec();
    let condition = g.broadcast(condition, &shape, &[0]);
    g.select(condition, a, b)
}
