//! Small linear programs number by number: what arrays are to the tensor graph, their elements are here.

use super::{Edge, EliminationOptions, EliminationPlan, ScalarGraph};
use crate::block::Block;
use crate::matrix::Matrix;
use gradus_ir::primitives::{Binary, Contract, Layout, Reduce, ReduceKind, Resize, Unary};
use gradus_ir::{Dims, Graph, Literal, Node, NodeId, Op, Type};
use std::collections::BTreeMap;

/// Elements, products and entries of the Jacobian that a program may have for each number that it may eliminate: beyond these it is no program of scalars.
const MOST_ELEMENTS: usize = 8;

/// A few hundred microseconds for a hundred numbers.
const EFFORT: EliminationOptions = EliminationOptions {
    beam: 4,
    branch: 4,
    beam_work: 200_000,
    improvement_work: 200_000,
};

/// A number that depends on no input of the linear program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Factor {
    One,
    Element(NodeId, usize),
    /// One by the element.
    Inverse(NodeId, usize),
    /// 1 where the element is true, else 0.
    If(NodeId, usize),
    /// 0 where the element is true, else 1.
    Unless(NodeId, usize),
}

/// A partial derivative is a sum of such terms.
#[derive(Clone, Copy, Debug)]
struct Term {
    minus: bool,
    factor: Factor,
}

/// An element of an array that depends on the inputs: a vertex, or its opposite; `None` is zero.
type Element = Option<(usize, bool)>;

/// A linear program with an order in which its numbers are eliminated.
pub(crate) struct ScalarProgram {
    graph: ScalarGraph,
    /// The derivatives of each vertex by those that it is made of.
    into: Vec<BTreeMap<usize, Vec<Term>>>,
    /// The elements of each output, as places among the outputs of `graph`.
    outputs: Vec<Vec<Option<(usize, bool)>>>,
    plan: EliminationPlan,
}

impl ScalarProgram {
    /// `None` where the program is larger than `most` numbers, or does more than sums, products and moving elements about.
    pub fn of(tangent: &Graph, residuals: usize, most: usize) -> Option<ScalarProgram> {
        let mut reader = Reader {
            program: tangent,
            into: Vec::new(),
            values: vec![None; tangent.len()],
            room: most * MOST_ELEMENTS,
        };
        let x = &tangent.inputs()[residuals..];
        let dtype = tangent.ty(*x.first()?).dtype;
        let ends = x.iter().chain(tangent.outputs());
        if ends.into_iter().any(|&id| tangent.ty(id).dtype != dtype) {
            return None;
        }
        for &x in x {
            let n = tangent.ty(x).elements();
            reader.take(n)?;
            let first = reader.into.len();
            reader.into.resize(first + n, BTreeMap::new());
            reader.values[x.index()] = Some((first..first + n).map(|v| Some((v, false))).collect());
        }
        let inputs = reader.into.len();
        let outputs = tangent.outputs().iter();
        reader.take(inputs * outputs.map(|&y| tangent.ty(y).elements()).sum::<usize>())?;
        let active = tangent.dependents_of(x);
        let live = tangent.live();
        for id in tangent.ids() {
            if active[id.index()] && live[id.index()] && reader.values[id.index()].is_none() {
                if tangent.ty(id).dtype != dtype {
                    return None;
                }
                let elements = reader.node(tangent.node(id))?;
                reader.take(elements.len())?;
                reader.values[id.index()] = Some(elements);
            }
        }
        let elements = |id: &NodeId| -> Vec<Element> {
            let zeros = || vec![None; tangent.ty(*id).elements()];
            reader.values[id.index()].clone().unwrap_or_else(zeros)
        };
        let ends: Vec<Vec<Element>> = tangent.outputs().iter().map(elements).collect();
        let mut into = reader.into;
        let last: Vec<usize> = ends.iter().flatten().flatten().map(|&(v, _)| v).collect();
        contract(&mut into, inputs, &last);
        let edges = into.iter().enumerate().flat_map(|(to, before)| {
            let partial = 1.0;
            before.keys().map(move |&from| Edge { from, to, partial })
        });
        let graph = ScalarGraph::new(inputs, into.len(), edges, &last).ok()?;
        if graph.intermediates().len() > most {
            return None;
        }
        let mut next = 0;
        let outputs = ends
            .into_iter()
            .map(|elements| {
                let place = |element: Element| {
                    element.map(|(_, minus)| {
                        next += 1;
                        (next - 1, minus)
                    })
                };
                elements.into_iter().map(place).collect()
            })
            .collect();
        let plan = graph.plan(&EFFORT);
        Some(ScalarProgram {
            graph,
            into,
            outputs,
            plan,
        })
    }

    /// Numbers to eliminate.
    pub fn vertices(&self) -> usize {
        self.plan.order.len()
    }

    /// Products of partial derivatives, those with 1 and −1 included.
    pub fn multiplications(&self) -> u64 {
        self.plan.multiplications
    }

    /// The derivatives of the outputs by the inputs, appended to `g`.
    pub fn build(&self, g: &mut Graph, program: &Graph, residuals: &[NodeId]) -> Matrix {
        let mut values = Values {
            program,
            there: vec![None; program.len()],
        };
        for (&i, &r) in program.inputs().iter().zip(residuals) {
            values.there[i.index()] = Some(r);
        }
        let x: Vec<Type> = program.input_types().split_off(residuals.len());
        let Some(dtype) = x.first().map(|t| t.dtype) else {
            return Matrix::new(vec![Vec::new(); self.outputs.len()], 0);
        };
        let mut into: Vec<Vec<(usize, NodeId)>> = vec![Vec::new(); self.graph.vertices()];
        for e in self.graph.edges() {
            // An output that is used as well has a copy behind all vertices.
            let partial = match self.into.get(e.to) {
                Some(before) => values.partial(g, dtype, &before[&e.from]),
                None => g.constant(Literal::from_f64(dtype, 1.0), &[]),
            };
            into[e.to].push((e.from, partial));
        }
        for &v in &self.plan.order {
            let before = std::mem::take(&mut into[v]);
            for after in &mut into {
                let Some(at) = after.iter().position(|(from, _)| *from == v) else {
                    continue;
                };
                let (_, outer) = after.swap_remove(at);
                for &(from, inner) in &before {
                    let product = g.mul(outer, inner);
                    match after.iter_mut().find(|(f, _)| *f == from) {
                        Some((_, sum)) => *sum = g.add_nodes(*sum, product),
                        None => after.push((from, product)),
                    }
                }
            }
        }
        let rows = (self.outputs.iter().zip(program.outputs()))
            .map(|(elements, &y)| {
                let mut first = 0;
                let mut row = Vec::new();
                for x in &x {
                    let columns = first..first + x.elements();
                    first = columns.end;
                    let mut entries = Vec::new();
                    for element in elements {
                        for j in columns.clone() {
                            let entry = element.and_then(|(place, minus)| {
                                let v = self.graph.outputs()[place];
                                let found = into[v].iter().find(|(from, _)| *from == j)?;
                                Some((found.1, minus))
                            });
                            entries.push(entry.map(|(value, minus)| match minus {
                                true => g.unary(Unary::Neg, value),
                                false => value,
                            }));
                        }
                    }
                    row.push(assembled(g, dtype, &entries, program.ty(y), x));
                }
                row
            })
            .collect();
        Matrix::new(rows, x.len())
    }
}

/// A derivative from its entries, row by row; `None` where all are zero.
fn assembled(
    g: &mut Graph,
    dtype: gradus_ir::DType,
    entries: &[Option<NodeId>],
    y: &Type,
    x: &Type,
) -> Option<Block> {
    if entries.iter().all(Option::is_none) {
        return None;
    }
    let parts: Vec<NodeId> = entries
        .chunk_by(|a, b| a.is_none() && b.is_none())
        .map(|run| match run[0] {
            Some(entry) => g.reshape(entry, &[1]),
            None => g.constant(Literal::from_f64(dtype, 0.0), &[run.len()]),
        })
        .collect();
    let flat = g.concat(&parts, 0);
    let full: Dims = y.shape.iter().chain(&x.shape).copied().collect();
    let (rows, columns) = (y.rank(), x.rank());
    let tensor = g.reshape(flat, &full);
    // A block has its source in front.
    let order: Vec<usize> = (rows..rows + columns).chain(0..rows).collect();
    let tensor = g.transpose(tensor, &order);
    Some(Block {
        tensor,
        source: x.shape.clone(),
        target: y.shape.clone(),
        ties: Vec::new(),
    })
}

/// Joins numbers that are used once, in a sum, to that sum: no product is needed for them.
fn contract(into: &mut [BTreeMap<usize, Vec<Term>>], inputs: usize, outputs: &[usize]) {
    let mut uses = vec![0; into.len()];
    let mut user = vec![0; into.len()];
    for &v in outputs {
        uses[v] += 2;
    }
    for (w, before) in into.iter().enumerate() {
        for &v in before.keys() {
            uses[v] += 1;
            user[v] = w;
        }
    }
    for v in inputs..into.len() {
        if uses[v] != 1 {
            continue;
        }
        let w = user[v];
        let [
            Term {
                minus,
                factor: Factor::One,
            },
        ] = into[w][&v][..]
        else {
            continue;
        };
        into[w].remove(&v);
        for (u, mut terms) in std::mem::take(&mut into[v]) {
            for term in &mut terms {
                term.minus ^= minus;
            }
            // One user fewer where both had it before.
            let shared = into[w].contains_key(&u);
            uses[u] -= u32::from(shared);
            user[u] = w;
            into[w].entry(u).or_default().append(&mut terms);
        }
    }
}

/// Numbers of the linear program in the graph that has its residuals.
struct Values<'a> {
    program: &'a Graph,
    there: Vec<Option<NodeId>>,
}

impl Values<'_> {
    fn partial(&mut self, g: &mut Graph, dtype: gradus_ir::DType, terms: &[Term]) -> NodeId {
        let mut sum: Option<NodeId> = None;
        for term in terms {
            let one = g.constant(Literal::from_f64(dtype, 1.0), &[]);
            let value = match term.factor {
                Factor::One => one,
                Factor::Element(id, k) => self.element(g, id, k),
                Factor::Inverse(id, k) => {
                    let value = self.element(g, id, k);
                    g.div(one, value)
                }
                Factor::If(id, k) | Factor::Unless(id, k) => {
                    let condition = self.element(g, id, k);
                    let zero = g.constant(Literal::from_f64(dtype, 0.0), &[]);
                    match term.factor {
                        Factor::If(..) => g.select(condition, one, zero),
                        _ => g.select(condition, zero, one),
                    }
                }
            };
            sum = Some(match (sum, term.minus) {
                (None, false) => value,
                (None, true) => g.unary(Unary::Neg, value),
                (Some(sum), false) => g.add_nodes(sum, value),
                (Some(sum), true) => g.sub(sum, value),
            });
        }
        sum.expect("a partial derivative has a term")
    }

    fn element(&mut self, g: &mut Graph, id: NodeId, k: usize) -> NodeId {
        if self.there[id.index()].is_none() {
            self.program.copy_into(g, &mut self.there, &[id]);
        }
        let mut at = self.there[id.index()].expect("the node was copied");
        let mut k = k;
        // Through views, so that no array is made for one of its elements.
        while let Op::Layout(layout) = &g.node(at).op {
            let from = g.node(at).operands[0];
            k = viewed(layout, g.shape(from), g.shape(at), k);
            at = from;
        }
        if let Some(value) = g.literal(at) {
            return g.constant(value, &[]);
        }
        let n = g.ty(at).elements();
        let flat = g.reshape(at, &[n]);
        let one = g.slice(flat, &[k], &[k + 1], &[1]);
        g.reshape(one, &[])
    }
}

/// Where element `k` of a view is in what it is a view of.
fn viewed(layout: &Layout, from: &[usize], to: &[usize], k: usize) -> usize {
    let at = indices(to, k);
    let there: Vec<usize> = match layout {
        Layout::Reshape(_) => return k,
        Layout::Broadcast { axes, .. } => (0..from.len())
            .map(|a| if from[a] == 1 { 0 } else { at[axes[a]] })
            .collect(),
        Layout::Transpose(order) => {
            let mut there = vec![0; from.len()];
            for (i, &a) in order.iter().enumerate() {
                there[a] = at[i];
            }
            there
        }
        Layout::Slice { start, stride, .. } => (0..from.len())
            .map(|a| start[a] + at[a] * stride[a])
            .collect(),
        Layout::Reverse(axes) => (0..from.len())
            .map(|a| match axes.contains(&a) {
                true => from[a] - 1 - at[a],
                false => at[a],
            })
            .collect(),
    };
    flat(from, &there)
}

fn indices(shape: &[usize], mut k: usize) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for a in (0..shape.len()).rev() {
        at[a] = k % shape[a];
        k /= shape[a];
    }
    at
}

fn flat(shape: &[usize], at: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |k, (i, n)| k * n + i)
}

/// Reads a linear program, a vertex a sum or product.
struct Reader<'a> {
    program: &'a Graph,
    into: Vec<BTreeMap<usize, Vec<Term>>>,
    values: Vec<Option<Vec<Element>>>,
    /// Elements that may be read yet.
    room: usize,
}

impl Reader<'_> {
    fn take(&mut self, n: usize) -> Option<()> {
        self.room = self.room.checked_sub(n)?;
        Some(())
    }

    /// The elements of an operand that depends on the inputs.
    fn active(&self, node: &Node, k: usize) -> Option<&[Element]> {
        self.values[node.operands[k].index()].as_deref()
    }

    /// A sum of numbers, each with a factor.
    fn sum(&mut self, parts: impl IntoIterator<Item = (Element, Term)>) -> Element {
        let mut before: BTreeMap<usize, Vec<Term>> = BTreeMap::new();
        for (element, term) in parts {
            if let Some((v, minus)) = element {
                before.entry(v).or_default().push(Term {
                    minus: term.minus ^ minus,
                    ..term
                });
            }
        }
        if let [(&v, [term])] = before
            .iter()
            .map(|(v, terms)| (v, &terms[..]))
            .collect::<Vec<_>>()[..]
            && term.factor == Factor::One
        {
            return Some((v, term.minus));
        }
        if before.is_empty() {
            return None;
        }
        self.into.push(before);
        Some((self.into.len() - 1, false))
    }

    fn node(&mut self, node: &Node) -> Option<Vec<Element>> {
        let n = node.ty.elements();
        let plus = |factor| Term {
            minus: false,
            factor,
        };
        let one = plus(Factor::One);
        match &node.op {
            Op::Unary(Unary::Neg) => {
                let x = self.active(node, 0)?;
                Some(x.iter().map(|e| e.map(|(v, minus)| (v, !minus))).collect())
            }
            Op::Cast(_) => Some(self.active(node, 0)?.to_vec()),
            Op::Binary(op) => {
                let (a, b) = (
                    self.active(node, 0).map(<[_]>::to_vec),
                    self.active(node, 1).map(<[_]>::to_vec),
                );
                let fixed = |k: usize| node.operands[k];
                let all: Vec<Vec<(Element, Term)>> = match (op, a, b) {
                    (Binary::Add | Binary::Sub, a, b) => (0..n)
                        .map(|k| {
                            let minus = matches!(op, Binary::Sub);
                            let second = Term { minus, ..one };
                            let of = |x: &Option<Vec<Element>>| x.as_ref().and_then(|x| x[k]);
                            vec![(of(&a), one), (of(&b), second)]
                        })
                        .collect(),
                    (Binary::Mul, Some(x), None) => (0..n)
                        .map(|k| vec![(x[k], plus(Factor::Element(fixed(1), k)))])
                        .collect(),
                    (Binary::Mul, None, Some(x)) => (0..n)
                        .map(|k| vec![(x[k], plus(Factor::Element(fixed(0), k)))])
                        .collect(),
                    (Binary::Div, Some(x), None) => (0..n)
                        .map(|k| vec![(x[k], plus(Factor::Inverse(fixed(1), k)))])
                        .collect(),
                    _ => return None,
                };
                Some(all.into_iter().map(|parts| self.sum(parts)).collect())
            }
            Op::Select(_) if self.active(node, 0).is_none() => {
                let condition = node.operands[0];
                let elements = (0..n).map(|k| {
                    let of = |i: usize| self.active(node, i).and_then(|x| x[k]);
                    let (a, b) = (of(1), of(2));
                    self.sum([
                        (a, plus(Factor::If(condition, k))),
                        (b, plus(Factor::Unless(condition, k))),
                    ])
                });
                Some(elements.collect())
            }
            Op::Layout(layout) => {
                let from = self.program.shape(node.operands[0]);
                let x = self.active(node, 0)?;
                let element = |k| x[viewed(layout, from, &node.ty.shape, k)];
                Some((0..n).map(element).collect())
            }
            Op::Reduce(Reduce {
                kind: ReduceKind::Sum,
                axes,
            }) => {
                let from = self.program.shape(node.operands[0]);
                let x = self.active(node, 0)?.to_vec();
                let mut parts: Vec<Vec<(Element, Term)>> = vec![Vec::new(); n];
                for (k, &element) in x.iter().enumerate() {
                    let at = indices(from, k);
                    let kept: Vec<usize> = (0..at.len())
                        .filter(|a| !axes.contains(a))
                        .map(|a| at[a])
                        .collect();
                    parts[flat(&node.ty.shape, &kept)].push((element, one));
                }
                Some(parts.into_iter().map(|parts| self.sum(parts)).collect())
            }
            Op::Contract(c) => self.contraction(c, node),
            Op::Resize(resize) => self.resized(resize, node),
            _ => None,
        }
    }

    fn contraction(&mut self, c: &Contract, node: &Node) -> Option<Vec<Element>> {
        let shapes = [0, 1].map(|k| Dims::from_slice(self.program.shape(node.operands[k])));
        let (fl, fr) = (c.free_left(shapes[0].len()), c.free_right(shapes[1].len()));
        let (left, right) = (self.active(node, 0), self.active(node, 1));
        let (x, fixed, on_left) = match (left, right) {
            (Some(x), None) => (x.to_vec(), node.operands[1], true),
            (None, Some(x)) => (x.to_vec(), node.operands[0], false),
            _ => return None,
        };
        let sums: Vec<usize> = c.contract_left.iter().map(|&a| shapes[0][a]).collect();
        let each: usize = sums.iter().product();
        let n = node.ty.elements();
        self.take(n * each)?;
        let mut elements = Vec::with_capacity(n);
        for k in 0..n {
            let at = indices(&node.ty.shape, k);
            let (batch, rest) = at.split_at(c.batch_left.len());
            let (of_left, of_right) = rest.split_at(fl.len());
            let mut parts = Vec::with_capacity(each);
            for s in 0..each {
                let summed = indices(&sums, s);
                let place = |rank: usize, groups: [(&[usize], &[usize]); 3]| -> Vec<usize> {
                    let mut there = vec![0; rank];
                    for (axes, values) in groups {
                        for (&a, &i) in axes.iter().zip(values) {
                            there[a] = i;
                        }
                    }
                    there
                };
                let l = place(
                    shapes[0].len(),
                    [
                        (&c.batch_left, batch),
                        (&c.contract_left, &summed),
                        (&fl, of_left),
                    ],
                );
                let r = place(
                    shapes[1].len(),
                    [
                        (&c.batch_right, batch),
                        (&c.contract_right, &summed),
                        (&fr, of_right),
                    ],
                );
                let (l, r) = (flat(&shapes[0], &l), flat(&shapes[1], &r));
                let (own, other) = if on_left { (l, r) } else { (r, l) };
                let factor = Factor::Element(fixed, other);
                let minus = false;
                parts.push((x[own], Term { minus, factor }));
            }
            elements.push(self.sum(parts));
        }
        Some(elements)
    }

    fn resized(&mut self, resize: &Resize, node: &Node) -> Option<Vec<Element>> {
        let shape = &node.ty.shape;
        let n = node.ty.elements();
        let mut elements: Vec<Element> = vec![None; n];
        let (start, step): (Vec<usize>, Vec<usize>) = match resize {
            Resize::Concat(axis) => {
                let mut first = 0;
                for k in 0..node.operands.len() {
                    let from = self.program.shape(node.operands[k]);
                    if let Some(x) = self.active(node, k) {
                        for (i, &element) in x.iter().enumerate() {
                            let mut at = indices(from, i);
                            at[*axis] += first;
                            elements[flat(shape, &at)] = element;
                        }
                    }
                    first += from[*axis];
                }
                return Some(elements);
            }
            Resize::Pad { low, interior, .. } => {
                // What is filled in is zero in a linear program, unless it moves as well.
                if self.active(node, 1).is_some() {
                    return None;
                }
                (low.to_vec(), interior.iter().map(|i| i + 1).collect())
            }
            Resize::SliceAdd { start, stride } => (start.to_vec(), stride.to_vec()),
        };
        let part = match resize {
            Resize::SliceAdd { .. } => {
                if let Some(whole) = self.active(node, 0) {
                    elements = whole.to_vec();
                }
                1
            }
            _ => 0,
        };
        let from = Dims::from_slice(self.program.shape(node.operands[part]));
        let Some(x) = self.active(node, part).map(<[_]>::to_vec) else {
            return Some(elements);
        };
        let one = Term {
            minus: false,
            factor: Factor::One,
        };
        for (i, element) in x.into_iter().enumerate() {
            let at: Vec<usize> = (indices(&from, i).iter().enumerate())
                .map(|(a, k)| start[a] + k * step[a])
                .collect();
            let place = flat(shape, &at);
            elements[place] = self.sum([(elements[place], one), (element, one)]);
        }
        Some(elements)
    }
}
