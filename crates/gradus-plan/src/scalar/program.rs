//! Small linear programs, number by number: each array element is a vertex.

use super::orders::eliminate;
use super::read::{Element, Factor, Reader, Term, viewed};
use super::{Edge, EliminationOptions, EliminationPlan, ScalarGraph};
use crate::matrix::Matrix;
use gradus_ir::block::Block;
use gradus_ir::primitives::Unary;
use gradus_ir::{Dims, Graph, Literal, Op, Type, ValueId};
use std::collections::BTreeMap;

/// The most elements, products and entries of the Jacobian for each number that can be eliminated.
/// A program with more is not treated as a program of scalars.
const MOST_ELEMENTS: usize = 8;

/// A linear program with an order in which its numbers are eliminated.
pub(crate) struct ScalarProgram {
    graph: ScalarGraph,
    /// The derivatives of each vertex by the vertices before it.
    into: Vec<BTreeMap<usize, Vec<Term>>>,
    /// The elements of each output, as positions among the outputs of `graph`.
    outputs: Vec<Vec<Option<(usize, bool)>>>,
    plan: EliminationPlan,
}

impl ScalarProgram {
    /// `None` if the program has more than `most` numbers,
    /// or other operations than sums, products and movement of elements.
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
                let elements = reader.node(tangent.maker(id))?;
                reader.take(elements.len())?;
                reader.values[id.index()] = Some(elements);
            }
        }
        let elements = |id: &ValueId| -> Vec<Element> {
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
        let plan = graph.plan(&EliminationOptions::QUICK);
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

    /// Products of partial derivatives, including products with 1 and −1.
    pub fn multiplications(&self) -> u64 {
        self.plan.multiplications
    }

    /// The derivatives of the outputs by the inputs, appended to `g`.
    pub fn build(&self, g: &mut Graph, program: &Graph, residuals: &[ValueId]) -> Matrix {
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
        let mut into: Vec<Vec<(usize, ValueId)>> = vec![Vec::new(); self.graph.vertices()];
        for e in self.graph.edges() {
            // An output that is also used has a copy behind all vertices.
            let partial = match self.into.get(e.to) {
                Some(before) => values.partial(g, dtype, &before[&e.from]),
                None => g.constant(Literal::from_f64(dtype, 1.0), &[]),
            };
            into[e.to].push((e.from, partial));
        }
        eliminate(&mut into, &self.plan.order, |outer, inner, sum| {
            let product = g.mul(outer, inner);
            match sum {
                Some(sum) => g.add_nodes(sum, product),
                None => product,
            }
        });
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

/// Builds a derivative from its entries, row by row; `None` if all are zero.
fn assembled(
    g: &mut Graph,
    dtype: gradus_ir::DType,
    entries: &[Option<ValueId>],
    y: &Type,
    x: &Type,
) -> Option<Block> {
    if entries.iter().all(Option::is_none) {
        return None;
    }
    let parts: Vec<ValueId> = entries
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
    // A block has its source axes in front.
    let order: Vec<usize> = (rows..rows + columns).chain(0..rows).collect();
    let tensor = g.transpose(tensor, &order);
    Some(Block {
        tensor,
        source: x.shape.clone(),
        target: y.shape.clone(),
        diagonal: Vec::new(),
    })
}

/// Merges numbers that are used once, in a sum, into that sum. They need no product.
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
            // The operand loses a user if both had it before.
            let shared = into[w].contains_key(&u);
            uses[u] -= u32::from(shared);
            user[u] = w;
            into[w].entry(u).or_default().append(&mut terms);
        }
    }
}

/// The numbers of the linear program in a graph that has its residuals.
struct Values<'a> {
    program: &'a Graph,
    there: Vec<Option<ValueId>>,
}

impl Values<'_> {
    fn partial(&mut self, g: &mut Graph, dtype: gradus_ir::DType, terms: &[Term]) -> ValueId {
        let mut sum: Option<ValueId> = None;
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

    fn element(&mut self, g: &mut Graph, id: ValueId, k: usize) -> ValueId {
        if self.there[id.index()].is_none() {
            self.program.copy_into(g, &mut self.there, &[id], &[]);
        }
        let mut at = self.there[id.index()].expect("the node was copied");
        let mut k = k;
        // Looks through views, so that no array is made for one of its elements.
        while let Op::Layout(layout) = &g.maker(at).op {
            let from = g.maker(at).operands[0];
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
