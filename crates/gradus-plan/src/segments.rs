//! A linear program cut into a chain, at nodes that every path from the inputs to the outputs goes through.

use gradus_ir::{Graph, Loc, Op, Type, ValueId};
use std::borrow::Cow;
use std::sync::OnceLock;

/// The most cuts that are considered: the narrowest. More would cost more to compare than they save.
const MOST_CUTS: usize = 12;

/// A node that every path from the inputs to the outputs goes through.
#[derive(Clone, PartialEq, Debug)]
pub struct Cut {
    /// The operation that makes it: an operation of the linear program for Jacobians and Hessians,
    /// of the function for Hessian-vector products.
    pub operation: &'static str,
    /// Its type.
    pub ty: Type,
    /// The user's line that asked for it.
    pub place: Loc,
}

impl Cut {
    fn of(graph: &Graph, id: ValueId) -> Cut {
        let node = graph.maker(id);
        Cut {
            operation: node.op.name(),
            ty: graph.ty(id).clone(),
            place: node.loc,
        }
    }
}

/// A function's shape as a chain.
#[derive(Clone)]
pub(crate) struct Outline {
    /// Elements of the inputs, of each cut, and of the outputs.
    pub widths: Vec<usize>,
    /// The cuts, without the inputs and the outputs.
    pub cuts: Vec<Cut>,
    /// Operations of each segment between two cuts.
    pub operations: Vec<usize>,
}

impl Outline {
    /// The narrowest cuts of a program between its first `n` inputs and its outputs.
    pub fn of(graph: &Graph, n: usize) -> Outline {
        let x = &graph.inputs()[..n];
        let mut cuts = narrowest(graph, x);
        let end: usize = graph
            .outputs()
            .iter()
            .map(|&y| graph.ty(y).elements())
            .sum();
        if cuts.last().is_some_and(|&c| graph.ty(c).elements() == end) {
            cuts.pop();
        }
        let (active, needed) = (graph.dependents_of(x), graph.live());
        let mut operations = vec![0; cuts.len() + 1];
        for node in graph.nodes() {
            let on_path = |v: &ValueId| active[v.index()] && needed[v.index()];
            let found = node.results().find(on_path);
            if let Some(id) = found.filter(|id| !x.contains(id)) {
                operations[cuts.partition_point(|&c| c < id)] += 1;
            }
        }
        Outline {
            widths: widths(graph, &borders(x, &cuts, graph.outputs())),
            cuts: cuts.iter().map(|&id| Cut::of(graph, id)).collect(),
            operations,
        }
    }
}

/// The operations of a linear program between two cuts.
pub(crate) struct Segment {
    /// `(residuals…, x…) ↦ y…`
    pub forward: Graph,
    reverse: OnceLock<Graph>,
    /// Whether a user has written part of its backward pass, which therefore need not be linear.
    pub custom_pullbacks: bool,
    /// Which residuals of the whole program the segment needs.
    residuals: Vec<usize>,
}

impl Segment {
    /// The operations of a linear program from the values `from` to the values `to`.
    pub fn between(tangent: &Graph, residuals: usize, from: &[ValueId], to: &[ValueId]) -> Segment {
        let fixed = &tangent.inputs()[..residuals];
        let needed = needed_between(tangent, from, to);
        let residuals: Vec<usize> = (0..residuals)
            .filter(|&k| needed[fixed[k].index()])
            .collect();
        let mut inputs: Vec<ValueId> = residuals.iter().map(|&k| fixed[k]).collect();
        inputs.extend(from);
        Segment::new(tangent.extract(&inputs, to), residuals)
    }

    fn new(forward: Graph, residuals: Vec<usize>) -> Segment {
        Segment {
            custom_pullbacks: forward.contents().custom_pullbacks,
            forward,
            reverse: OnceLock::new(),
            residuals,
        }
    }

    /// `(residuals…, ȳ…) ↦ x̄…`, built on first use.
    pub fn reverse(&self) -> &Graph {
        self.reverse
            .get_or_init(|| gradus_ad::transpose_linear(&self.forward, self.residuals.len()))
    }

    /// The same program for some of the outputs alone.
    pub fn reverse_of(&self, outputs: &[usize]) -> Cow<'_, Graph> {
        let all = self.forward.outputs();
        if outputs.len() == all.len() {
            return Cow::Borrowed(self.reverse());
        }
        let some: Vec<ValueId> = outputs.iter().map(|&k| all[k]).collect();
        let forward = self.forward.extract(self.forward.inputs(), &some);
        let reverse = gradus_ad::transpose_linear(&forward, self.residuals.len());
        Cow::Owned(reverse)
    }

    /// The residuals that the segment needs, picked from those of the whole program.
    pub fn own<T: Clone>(&self, residuals: &[T]) -> Vec<T> {
        let own = self.residuals.iter();
        own.map(|&k| residuals[k].clone()).collect()
    }

    /// The types of `x…`.
    pub fn input_types(&self) -> Vec<Type> {
        self.forward.input_types().split_off(self.residuals.len())
    }
}

/// The chain of a linear program: its segments from the inputs to the outputs.
pub(crate) struct Segments {
    pub list: Vec<Segment>,
    /// Elements of the inputs, of each cut, and of the outputs.
    pub widths: Vec<usize>,
    cuts: Vec<Cut>,
}

impl Segments {
    /// The program as one segment.
    pub fn whole(tangent: &Graph, residuals: usize) -> Segments {
        let width = |ids: &[ValueId]| ids.iter().map(|&id| tangent.ty(id).elements()).sum();
        Segments {
            widths: vec![
                width(&tangent.inputs()[residuals..]),
                width(tangent.outputs()),
            ],
            list: vec![Segment::new(tangent.clone(), (0..residuals).collect())],
            cuts: Vec::new(),
        }
    }

    /// The narrowest cuts; none where no cut can save anything.
    pub fn cuts(tangent: &Graph, residuals: usize) -> Vec<ValueId> {
        let width = |id: &ValueId| tangent.ty(*id).elements();
        let mut cuts = narrowest(tangent, &tangent.inputs()[residuals..]);
        let ends = |ids: &[ValueId]| ids.iter().map(width).sum::<usize>();
        let outer = ends(&tangent.inputs()[residuals..]).min(ends(tangent.outputs()));
        // A cut no narrower than an end saves nothing.
        cuts.retain(|id| width(id) < outer);
        cuts
    }

    /// The program cut at these nodes.
    pub fn at(tangent: &Graph, residuals: usize, cuts: &[ValueId]) -> Segments {
        let x = &tangent.inputs()[residuals..];
        let borders = borders(x, cuts, tangent.outputs());
        let list = borders
            .windows(2)
            .map(|w| Segment::between(tangent, residuals, &w[0], &w[1]))
            .collect();
        Segments {
            list,
            widths: widths(tangent, &borders),
            cuts: cuts.iter().map(|&id| Cut::of(tangent, id)).collect(),
        }
    }

    /// The chain as explanations show it.
    pub fn outline(&self) -> Outline {
        let operations = |segment: &Segment| {
            let made = |id: &ValueId| {
                !matches!(segment.forward.maker(*id).op, Op::Input(_) | Op::Const(_))
            };
            segment.forward.ids().filter(made).count()
        };
        Outline {
            widths: self.widths.clone(),
            cuts: self.cuts.clone(),
            operations: self.list.iter().map(operations).collect(),
        }
    }
}

/// The inputs, each cut, and the outputs.
fn borders(x: &[ValueId], cuts: &[ValueId], y: &[ValueId]) -> Vec<Vec<ValueId>> {
    let mut borders = vec![x.to_vec()];
    borders.extend(cuts.iter().map(|&c| vec![c]));
    borders.push(y.to_vec());
    borders
}

fn widths(graph: &Graph, borders: &[Vec<ValueId>]) -> Vec<usize> {
    let elements = |ids: &Vec<ValueId>| ids.iter().map(|&id| graph.ty(id).elements()).sum();
    borders.iter().map(elements).collect()
}

/// The narrowest cuts, in order.
fn narrowest(graph: &Graph, x: &[ValueId]) -> Vec<ValueId> {
    let mut cuts = cuts(graph, x);
    let width = |id: &ValueId| graph.ty(*id).elements();
    // Among neighbours with equal widths, the one nearest to the inputs is enough.
    cuts.dedup_by(|b, a| width(b) == width(a));
    if cuts.len() > MOST_CUTS {
        let mut narrow = cuts.clone();
        narrow.sort_by_key(|id| (width(id), *id));
        narrow.truncate(MOST_CUTS);
        cuts.retain(|id| narrow.contains(id));
    }
    cuts
}

/// For each node, whether `to` needs it when `from` are available.
fn needed_between(tangent: &Graph, from: &[ValueId], to: &[ValueId]) -> Vec<bool> {
    let mut there = vec![false; tangent.len()];
    for id in from {
        there[id.index()] = true;
    }
    let mut needed = vec![false; tangent.len()];
    for id in to {
        needed[id.index()] = true;
    }
    for id in tangent.ids().rev() {
        if needed[id.index()] && !there[id.index()] {
            for o in &tangent.maker(id).operands {
                needed[o.index()] = true;
            }
        }
    }
    needed
}

/// All single nodes that every path goes through, in order. Inputs and outputs are not included.
pub(crate) fn cuts(tangent: &Graph, x: &[ValueId]) -> Vec<ValueId> {
    let active = tangent.dependents_of(x);
    let needed = tangent.live();
    let on_path = |i: usize| active[i] && needed[i];
    let mut last_use = vec![0; tangent.len()];
    for id in tangent.ids().filter(|id| on_path(id.index())) {
        for o in &tangent.maker(id).operands {
            last_use[o.index()] = id.index();
        }
    }
    for o in tangent.outputs() {
        last_use[o.index()] = usize::MAX;
    }
    let mut found = Vec::new();
    let mut reach = 0;
    for id in tangent.ids().filter(|id| on_path(id.index())) {
        let i = id.index();
        if reach <= i && !x.contains(&id) && !tangent.outputs().contains(&id) {
            found.push(id);
        }
        reach = reach.max(last_use[i]);
    }
    found
}
