//! A function, linearised, and the programs that accumulate its derivative.

use crate::elimination::{self, EliminationGraph, EliminationStep};
use crate::matrix::Matrix;
use crate::order::Order;
use crate::scalar::ScalarProgram;
use crate::segments::Segments;
use gradus_ad::Linearized;
use gradus_ir::primitives::{Backward, Contents};
use gradus_ir::{Graph, Literal, Loc, Op, Type, ValueId, verify};

/// The average elements of an array up to which a program counts as one of numbers.
/// Kernels run over longer arrays faster than number by number.
const MOST_IN_ARRAYS: usize = 4;

/// A strategy to accumulate the derivative.
pub(crate) enum Strategy<'a> {
    /// Segments of a chain, joined in an order.
    Chain(&'a Segments, &'a Order),
    /// Arrays, eliminated in these steps.
    Elimination(&'a EliminationGraph, &'a [EliminationStep]),
    /// Numbers, eliminated one by one.
    Scalar(&'a ScalarProgram),
}

/// A linearised function.
pub(crate) struct Problem {
    x: Vec<Type>,
    y: Vec<Type>,
    lin: Linearized,
    /// Whether forward mode is impossible.
    pub only_backward: bool,
    /// The contents of the linear program.
    pub contents: Contents,
    /// Whether the function has gates.
    pub gates: bool,
}

impl Problem {
    /// All outputs of `graph` by its first `n` inputs.
    pub fn new(graph: &Graph, n: usize) -> Problem {
        let wrt: Vec<usize> = (0..n).collect();
        let lin = gradus_ad::linearize(graph, &wrt);
        Problem {
            x: graph.input_types().into_iter().take(n).collect(),
            y: graph.output_types(),
            only_backward: lin.tangent.backward() == Backward::Only,
            contents: lin.tangent.contents(),
            gates: graph.contents().gates,
            lin,
        }
    }

    /// The linear program as one segment.
    pub fn whole(&self) -> Segments {
        Segments::whole(&self.lin.tangent, self.lin.residuals)
    }

    /// The types of the inputs that the function is differentiated by.
    pub fn inputs(&self) -> &[Type] {
        &self.x
    }

    /// The types of the outputs.
    pub fn outputs(&self) -> &[Type] {
        &self.y
    }

    /// The function, with the residuals behind its outputs.
    pub fn primal(&self) -> &Graph {
        &self.lin.primal
    }

    /// The linear program, with the residuals in front of its inputs.
    pub fn tangent(&self) -> &Graph {
        &self.lin.tangent
    }

    /// How many residuals there are.
    pub fn residuals(&self) -> usize {
        self.lin.residuals
    }

    /// The types of the residuals.
    pub fn residual_types(&self) -> Vec<Type> {
        let mut types = self.lin.tangent.input_types();
        types.truncate(self.lin.residuals);
        types
    }

    /// Whether most arrays hold a few numbers.
    pub fn is_of_numbers(&self) -> bool {
        let tangent = &self.lin.tangent;
        let active = tangent.dependents_of(&tangent.inputs()[self.lin.residuals..]);
        let all = tangent.ids().filter(|id| active[id.index()]);
        let (arrays, numbers) = all.fold((0, 0), |(arrays, numbers), id| {
            (arrays + 1, numbers + tangent.ty(id).elements())
        });
        numbers <= MOST_IN_ARRAYS * arrays
    }

    /// Whether most products of the linear program sum along rows
    /// of the operand that is not carried, as `w.matmul(x)` does.
    ///
    /// Vectors lie in rows. Forward mode multiplies them by the rows of such a matrix one by one.
    /// Reverse mode multiplies them by the matrix in the order in which it lies in memory,
    /// which takes less time for the same operations.
    pub fn multiplies_along_rows(&self) -> bool {
        let tangent = &self.lin.tangent;
        let carried = tangent.dependents_of(&tangent.inputs()[self.lin.residuals..]);
        let (mut along, mut across) = (0, 0);
        for node in tangent.nodes() {
            let Op::Contract(c) = &node.op else { continue };
            let (matrix, summed) = match [0, 1].map(|k| carried[node.operands[k].index()]) {
                [false, true] => (node.operands[0], &c.contract_left),
                [true, false] => (node.operands[1], &c.contract_right),
                _ => continue,
            };
            let rank = tangent.ty(matrix).rank();
            match rank > 1 && summed.contains(&(rank - 1)) {
                true => along += 1,
                false => across += 1,
            }
        }
        along > across
    }

    /// The function, followed by the derivatives accumulated by this strategy.
    pub fn accumulate(&self, strategy: Strategy<'_>) -> (Graph, Matrix) {
        let primal = &self.lin.primal;
        let mut g = primal.clone();
        let residuals: Vec<ValueId> = primal.outputs()[self.y.len()..].to_vec();
        // The operations that join segments have no line of their own.
        let outer = g.set_loc(Loc::UNKNOWN.tangent("product"));
        let matrix = match strategy {
            Strategy::Chain(segments, order) => order.build(&mut g, segments, &residuals),
            Strategy::Elimination(graph, steps) => {
                elimination::build(&mut g, graph, steps, &residuals)
            }
            Strategy::Scalar(scalar) => scalar.build(&mut g, &self.lin.tangent, &residuals),
        };
        g.set_loc(outer);
        (g, matrix)
    }

    /// The program that computes the Jacobian by this strategy: a block for each output and each input.
    pub fn emit(&self, strategy: Strategy<'_>) -> Graph {
        let (mut g, matrix) = self.accumulate(strategy);
        let mut blocks = Vec::new();
        for (i, y) in self.y.iter().enumerate() {
            for (j, x) in self.x.iter().enumerate() {
                let block = match matrix.get(i, j) {
                    Some(block) => block.clone().dense(&mut g, &x.shape),
                    None => zero(&mut g, y, x),
                };
                // A derivative has the element type of the output, whichever strategy accumulated it.
                blocks.push(g.emit(Op::Cast(y.dtype), &[block]));
            }
        }
        let program = g.program(self.lin.primal.inputs(), &blocks);
        verify::check_after("plan", &program);
        program
    }
}

/// The derivative of an output by an input that it does not depend on.
pub(crate) fn zero(g: &mut Graph, y: &Type, x: &Type) -> ValueId {
    let shape = [&y.shape[..], &x.shape[..]].concat();
    g.constant(Literal::from_f64(y.dtype, 0.0), &shape)
}
