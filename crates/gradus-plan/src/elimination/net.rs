//! A linear program as a small graph: narrow arrays and the parts of the program between them.

use crate::matrix::Matrix;
use crate::options::SearchLimits;
use crate::price::Price;
use crate::regions::estimate_region_vectors;
use crate::segments::{self, Segment};
use gradus_ir::primitives::Work;
use gradus_ir::{DType, Graph, Op, Type, ValueId};

use super::cuts;
use super::form::Form;
use crate::cost::estimate;

/// More inputs and outputs than this are not looked at.
const MOST_ENDS: usize = 24;
/// So many vectors show what each further one costs on its way through a loop.
const MANY: usize = 16;
/// Vertices are bits of a word in the search, and there are all pairs of them.
const MOST_KEYS: usize = 32;

/// An array, and the part of the program that makes it of the arrays before it.
pub(crate) struct Vertex {
    pub ty: Type,
    /// The vertices that the part begins at, in the order of its inputs.
    pub before: Vec<usize>,
    /// None for an input.
    pub part: Option<Segment>,
    /// For each vertex before: what it takes to accumulate the derivative by it, columns pushed.
    forward: Vec<f64>,
    /// What it takes to accumulate them all, rows pulled.
    reverse: f64,
    /// The forms of these derivatives; `None` for one that is zero, as where a loop passes two arrays side by side.
    pub(super) forms: Vec<Option<Form>>,
    /// For each vertex before: what it takes to carry a vector from there to here.
    pub(super) through: Vec<Through>,
    /// What it takes to carry a vector back to all of them.
    pub(super) back: Through,
}

impl Vertex {
    /// What it takes to accumulate the derivatives by the vertices before at these places, and whether rows are pulled for it.
    pub fn accumulated(&self, places: impl Iterator<Item = usize>) -> (f64, bool) {
        let forward: f64 = places.map(|k| self.forward[k]).sum();
        (forward.min(self.reverse), self.reverse < forward)
    }
}

/// A bound was met before anything was weighed.
pub(crate) struct TooLarge;

/// The inputs, the arrays that may be eliminated in the order of the program, then the outputs.
pub(crate) struct Net {
    pub vertices: Vec<Vertex>,
    pub inputs: usize,
    pub outputs: usize,
}

impl Net {
    /// `None` where there is nothing to gain, or the program is a chain.
    ///
    /// # Errors
    /// If the bounds leave nothing.
    pub fn of(
        tangent: &Graph,
        residuals: usize,
        limits: SearchLimits,
        price: Price<'_>,
    ) -> Result<Option<Net>, TooLarge> {
        let x = &tangent.inputs()[residuals..];
        if x.len() + tangent.outputs().len() > MOST_ENDS {
            return Err(TooLarge);
        }
        let single = segments::cuts(tangent, x);
        let active = tangent.dependents_of(x);
        let mut most = limits.vertices.min(MOST_KEYS);
        let (starts, parts) = loop {
            let keys = keys(tangent, residuals, most);
            // A chain is what the dynamic program is for.
            if keys.iter().all(|k| single.contains(k)) {
                return Ok(None);
            }
            let starts = [x, &keys].concat();
            let ends = keys.iter().map(|&key| (key, true));
            let ends = ends.chain(tangent.outputs().iter().map(|&y| (y, false)));
            let parts: Vec<(ValueId, Part)> = ends
                .map(|(node, key)| (node, Part::of(tangent, &active, &starts, node, key)))
                .collect();
            if parts.iter().map(|(_, part)| part.work()).sum::<usize>() <= limits.nodes {
                break (starts, parts);
            }
            most /= 2;
            if most == 0 {
                return Err(TooLarge);
            }
        };
        let mut known: Vec<Type> = tangent.input_types();
        known.truncate(residuals);
        let mut vertices: Vec<Vertex> = x
            .iter()
            .map(|&x| Vertex {
                ty: tangent.ty(x).clone(),
                before: Vec::new(),
                part: None,
                forward: Vec::new(),
                reverse: 0.0,
                forms: Vec::new(),
                through: Vec::new(),
                back: Through::default(),
            })
            .collect();
        for (node, Part { before, .. }) in parts {
            let from: Vec<ValueId> = before.iter().map(|&k| starts[k]).collect();
            let part = Segment::between(tangent, residuals, &from, &[node]);
            let ty = tangent.ty(node).clone();
            vertices.push(vertex(&known, ty, before, part, price));
        }
        Ok(Some(Net {
            vertices,
            inputs: x.len(),
            outputs: tangent.outputs().len(),
        }))
    }

    /// The vertices that may be eliminated.
    pub fn middle(&self) -> std::ops::Range<usize> {
        self.inputs..self.vertices.len() - self.outputs
    }
}

/// The part of a program that makes an array of those before it.
struct Part {
    /// The vertices at which paths to the array begin.
    before: Vec<usize>,
    /// Nodes between, those in bodies of loops, choices and calls included.
    nodes: usize,
}

impl Part {
    fn of(tangent: &Graph, active: &[bool], starts: &[ValueId], node: ValueId, key: bool) -> Part {
        let mut found = vec![false; starts.len()];
        let mut seen = vec![false; tangent.len()];
        let mut nodes = 0;
        let mut open = match key {
            true => tangent.maker(node).operands.to_vec(),
            false => vec![node],
        };
        while let Some(id) = open.pop() {
            if !active[id.index()] || std::mem::replace(&mut seen[id.index()], true) {
                continue;
            }
            let bodies = tangent.region(id).map(|r| r.bodies()).unwrap_or_default();
            nodes += 1 + bodies.iter().map(|(_, body)| body.len()).sum::<usize>();
            match starts.iter().position(|&s| s == id) {
                Some(k) => found[k] = true,
                None => open.extend(tangent.maker(id).operands.iter().copied()),
            }
        }
        Part {
            before: (0..starts.len()).filter(|&k| found[k]).collect(),
            nodes,
        }
    }

    /// Nodes that are met when the part is weighed: once from each array before it, and once back.
    fn work(&self) -> usize {
        self.nodes * (self.before.len() + 1)
    }
}

fn vertex(known: &[Type], ty: Type, before: Vec<usize>, part: Segment, price: Price<'_>) -> Vertex {
    let types = part.input_types();
    let fresh = || {
        let mut g = Graph::new();
        let own = part.own(known);
        let own: Vec<ValueId> = own.into_iter().map(|ty| g.input(ty)).collect();
        (g, own)
    };
    let (mut forward, mut forms) = (Vec::new(), Vec::new());
    for k in 0..types.len() {
        let (mut g, known) = fresh();
        let column = Matrix::unit_column(&mut g, &types, k).pushed(&mut g, &part, &known);
        forms.push(column.get(0, 0).map(|block| Form::of(&g, block)));
        g.set_outputs(column.tensors());
        forward.push(price.of(estimate(&g, price.profile)));
    }
    let (mut g, known_nodes) = fresh();
    let row = Matrix::identity(&mut g, std::slice::from_ref(&ty));
    let row = row.pulled(&mut g, &part, &known_nodes);
    g.set_outputs(row.tensors());
    let reverse = price.of(estimate(&g, price.profile));
    let own = part.forward.inputs().len() - types.len();
    let inputs = &part.forward.inputs()[own..];
    let through = inputs
        .iter()
        .map(|&x| Through::of(&part.forward, &[x], price))
        .collect();
    let back = Through::of(&part.forward, inputs, price);
    Vertex {
        ty,
        before,
        part: Some(part),
        forward,
        reverse,
        forms,
        through,
        back,
    }
}

/// What it takes to carry vectors through a part, either way: products are transposed to products, all else to as much work.
#[derive(Clone, Default)]
pub(super) struct Through {
    dtype: Option<DType>,
    /// Sizes of products; the last grows with the number of vectors.
    products: Vec<(usize, usize, usize, usize)>,
    /// What the rest costs, for one vector and for each further one.
    rest: (f64, f64),
}

impl Through {
    fn of(part: &Graph, starts: &[ValueId], price: Price<'_>) -> Through {
        let active = part.dependents_of(starts);
        let live = part.live();
        let mut through = Through::default();
        for node in part.nodes() {
            let on_path = |v: &ValueId| active[v.index()] && live[v.index()];
            let first = node.results().find(on_path);
            if first.is_none_or(|id| starts.contains(&id)) {
                continue;
            }
            if let Op::Region(region) = &node.op {
                let marked: Vec<bool> = (node.operands.iter()).map(|o| active[o.index()]).collect();
                let of = |n| price.of(estimate_region_vectors(region, &marked, n, price.profile));
                let (one, many) = (of(1), of(MANY));
                through.rest.0 += one;
                through.rest.1 += (many - one) / (MANY - 1) as f64;
                continue;
            }
            through.dtype = Some(node.ty().dtype);
            let types: Vec<&Type> = node.operands.iter().map(|&o| part.ty(o)).collect();
            if let Op::Contract(c) = &node.op {
                let (b, m, k, n) = c.sizes(types[0], types[1]);
                through
                    .products
                    .push(match active[node.operands[0].index()] {
                        true => (b, n, k, m),
                        false => (b, m, k, n),
                    });
                continue;
            }
            let cost = part.cost(node);
            if cost.work == Work::View {
                continue;
            }
            let amount = match cost.work {
                Work::Copy => node.ty().elements() as f64,
                _ => cost.operations as f64,
            };
            let one = price.elementwise(node.ty().dtype, amount);
            let two = price.elementwise(node.ty().dtype, 2.0 * amount);
            through.rest.0 += one;
            through.rest.1 += two - one;
        }
        through
    }

    /// What so many vectors take.
    pub fn of_vectors(&self, n: usize, price: Price<'_>) -> f64 {
        let Some(dtype) = self.dtype else { return 0.0 };
        let products = self.products.iter();
        let products: f64 = products
            .map(|&(b, m, k, own)| price.product(dtype, b, m, k, own * n))
            .sum();
        products + self.rest.0 + self.rest.1 * (n as f64 - 1.0).max(0.0)
    }
}

/// The arrays that may be eliminated, in the order of the program: small sets that cut it; where there are none, arrays through which many paths go.
fn keys(tangent: &Graph, residuals: usize, most: usize) -> Vec<ValueId> {
    let x = &tangent.inputs()[residuals..];
    let sets = cuts::narrow(tangent, x, tangent.outputs(), most);
    match sets.iter().any(|set| set.len() > 1) {
        true => {
            let mut keys = sets.concat();
            keys.sort_unstable();
            keys.dedup();
            keys
        }
        false => narrow(tangent, residuals, most),
    }
}

/// The narrow arrays through which many paths go, in the order of the program: of each run of operations without branches the narrowest.
fn narrow(tangent: &Graph, residuals: usize, most: usize) -> Vec<ValueId> {
    let x = &tangent.inputs()[residuals..];
    let active = tangent.dependents_of(x);
    let needed = tangent.live();
    let on_path = |id: &ValueId| active[id.index()] && needed[id.index()];
    let path: Vec<ValueId> = tangent.ids().filter(on_path).collect();
    let width = |id: ValueId| tangent.ty(id).elements();
    let total = |ids: &[ValueId]| ids.iter().map(|&id| width(id)).sum::<usize>();
    let outer = total(x).min(total(tangent.outputs()));

    let mut uses = vec![0; tangent.len()];
    let mut operands: Vec<Vec<ValueId>> = vec![Vec::new(); tangent.len()];
    for &id in &path {
        let mut from: Vec<ValueId> = tangent.maker(id).operands.to_vec();
        from.retain(on_path);
        from.sort_unstable();
        from.dedup();
        for o in &from {
            uses[o.index()] += 1;
        }
        operands[id.index()] = from;
    }
    // Paths from the inputs to a node, and from there to the outputs.
    let (mut to, mut from) = (vec![0.0; tangent.len()], vec![0.0; tangent.len()]);
    let mut is_output = vec![false; tangent.len()];
    for y in tangent.outputs() {
        from[y.index()] = 1.0;
        is_output[y.index()] = true;
    }
    let mut run: Vec<ValueId> = tangent.ids().collect();
    for &id in &path {
        let before = &operands[id.index()];
        to[id.index()] = match x.contains(&id) {
            true => 1.0,
            false => before.iter().map(|o| to[o.index()]).sum(),
        };
        if let [only] = before[..]
            && uses[only.index()] == 1
            && !is_output[only.index()]
            && !x.contains(&only)
        {
            run[id.index()] = run[only.index()];
        }
    }
    for &id in path.iter().rev() {
        for o in &operands[id.index()] {
            from[o.index()] += from[id.index()];
        }
    }
    let mut narrowest: Vec<Option<ValueId>> = vec![None; tangent.len()];
    for &id in &path {
        let used = uses[id.index()] > 0;
        if width(id) == 0 || width(id) >= outer || !used || x.contains(&id) {
            continue;
        }
        let place = &mut narrowest[run[id.index()].index()];
        if place.is_none_or(|known| width(id) < width(known)) {
            *place = Some(id);
        }
    }
    let mut found: Vec<ValueId> = narrowest.into_iter().flatten().collect();
    let worth = |id: &ValueId| to[id.index()] * from[id.index()] / width(*id) as f64;
    found.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.cmp(b)));
    found.truncate(most);
    found.sort_unstable();
    found
}
