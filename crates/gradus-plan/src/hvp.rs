//! The plan of a Hessian-vector product: one of three compositions of two derivatives.

use crate::candidate::{Candidate, Candidates, Mode, Peak};
use crate::choice::Choice;
use crate::options::{Modes, PlanOptions};
use crate::plan::{Derivative, Plan, Subject};
use crate::reason::{ONLY_BACKWARD, Reason, TRANSPOSED};
use crate::segments::Outline;
use gradus_ir::primitives::Backward;
use gradus_ir::{Graph, Op, Result, ValueId, verify};

/// Plans `∇²f(x)·v` for the scalar output 0 of `graph` and its first `n` inputs, all floats.
///
/// The programs have the inputs of `graph`, then `v…`, and return one array for each `x`.
/// [`PlanOptions::modes`] says which mode comes last.
/// With reverse mode last, the program multiplies the Hessian from the left.
/// That is the same product if the Hessian is symmetric.
/// Where users have written derivatives it need not be symmetric,
/// and such a composition is a candidate only if the modes ask for it.
///
/// # Errors
/// If no composition meets the memory limit.
pub fn hvp(graph: &Graph, n: usize, options: &PlanOptions, peak: Option<Peak<'_>>) -> Result<Plan> {
    let compositions = match options.modes {
        Modes::Any => &COMPOSITIONS[..],
        Modes::Forward => &COMPOSITIONS[..1],
        Modes::Reverse => &COMPOSITIONS[1..],
    };
    let wrt: Vec<usize> = (0..n).collect();
    let function = Function {
        graph,
        gradient: gradus_ad::gradient(graph, &wrt),
        n,
        transposed_differs: options.modes == Modes::Any && graph.contents().custom_derivatives,
    };
    let mut candidates = Candidates::default();
    for (mode, compose) in compositions {
        let candidate = |program| Some(Candidate::new(mode.clone(), program, options));
        candidates.record(mode.name(), compose(&function).map(candidate));
    }
    let value = graph.extract(graph.inputs(), &graph.outputs()[..1]);
    let subject = Subject {
        derivative: Derivative::HessianProduct,
        x: graph.input_types().into_iter().take(n).collect(),
        y: value.output_types(),
        outline: Outline::of(&value, n),
        residuals: Vec::new(),
    };
    let choice = Choice::cheapest(candidates.built, options, peak)?;
    Ok(Plan::new(subject, choice, candidates.not_built, options))
}

/// The function, as the start of all compositions.
struct Function<'a> {
    graph: &'a Graph,
    /// The outputs of `graph`, then the gradient of the first.
    gradient: Graph,
    n: usize,
    /// Whether the product with the transposed Hessian can differ, and the modes do not ask for it.
    transposed_differs: bool,
}

/// The program of a composition, or why there is none.
type Compose = fn(&Function<'_>) -> Result<Graph, Reason>;

/// All compositions. In the first, forward mode comes last; in the others, reverse mode.
const COMPOSITIONS: [(Mode, Compose); 3] = [
    (Mode::ForwardOverReverse, forward_over_reverse),
    (Mode::ReverseOverReverse, reverse_over_reverse),
    (Mode::ReverseOverForward, reverse_over_forward),
];

/// A tangent pushed through the gradient.
fn forward_over_reverse(f: &Function<'_>) -> Result<Graph, Reason> {
    let mut product = Product::new(&f.gradient, f.n);
    let slopes = product.slopes(f);
    let pairs = product.pairs();
    let changes = gradus_ad::jvp(&mut product.g, &slopes, &pairs);
    Ok(product.finish(changes))
}

/// The gradient of the gradient's product with the vector.
fn reverse_over_reverse(f: &Function<'_>) -> Result<Graph, Reason> {
    if f.transposed_differs {
        return Err(TRANSPOSED);
    }
    let mut product = Product::new(&f.gradient, f.n);
    let slopes = product.slopes(f);
    let g = &mut product.g;
    let along = (slopes.iter().zip(&product.v))
        .map(|(&slope, &v)| {
            let product = g.mul(slope, v);
            let axes: Vec<usize> = (0..g.shape(product).len()).collect();
            g.sum(product, &axes)
        })
        .collect::<Vec<_>>();
    let along = along.into_iter().reduce(|a, b| {
        // The sum has the element type of the first array.
        let to = g.ty(a).dtype;
        let b = g.emit(Op::Cast(to), &[b]);
        g.add_nodes(a, b)
    });
    Ok(product.gradient(along))
}

/// The gradient of the directional derivative along the vector.
fn reverse_over_forward(f: &Function<'_>) -> Result<Graph, Reason> {
    if f.transposed_differs {
        return Err(TRANSPOSED);
    }
    if f.graph.backward() == Backward::Only {
        return Err(ONLY_BACKWARD);
    }
    let mut product = Product::new(f.graph, f.n);
    let (value, pairs) = (product.g.outputs()[0], product.pairs());
    let along = gradus_ad::jvp(&mut product.g, &[value], &pairs)[0];
    Ok(product.gradient(along))
}

/// A program with the vector as further inputs.
struct Product {
    g: Graph,
    /// The inputs without the vector.
    inputs: Vec<ValueId>,
    v: Vec<ValueId>,
}

impl Product {
    fn new(program: &Graph, n: usize) -> Product {
        let mut g = program.clone();
        let inputs = g.inputs().to_vec();
        let v = (inputs[..n].iter())
            .map(|&x| {
                let ty = g.ty(x).clone();
                g.input(ty)
            })
            .collect();
        Product { g, inputs, v }
    }

    /// Each input with its tangent.
    fn pairs(&self) -> Vec<(ValueId, ValueId)> {
        self.inputs
            .iter()
            .copied()
            .zip(self.v.iter().copied())
            .collect()
    }

    /// The gradient, in the program of the gradient.
    fn slopes(&self, f: &Function<'_>) -> Vec<ValueId> {
        self.g.outputs()[f.graph.outputs().len()..].to_vec()
    }

    fn all_inputs(&self) -> Vec<ValueId> {
        [self.inputs.as_slice(), &self.v].concat()
    }

    /// The program that returns these results, where `None` is zero.
    fn finish(mut self, results: Vec<Option<ValueId>>) -> Graph {
        let results: Vec<ValueId> = (results.into_iter().zip(&self.v))
            .map(|(r, &v)| r.unwrap_or_else(|| self.g.constant_like(0.0, v)))
            .collect();
        let program = self.g.program(&self.all_inputs(), &results).merged();
        verify::check_after("hvp", &program);
        program
    }

    /// The program that returns the gradient of `value`, where `None` is zero.
    fn gradient(self, value: Option<ValueId>) -> Graph {
        let n = self.v.len();
        let Some(value) = value else {
            return self.finish(vec![None; n]);
        };
        let along = self.g.program(&self.all_inputs(), &[value]).merged();
        let wrt: Vec<usize> = (0..n).collect();
        let slope = gradus_ad::gradient(&along, &wrt);
        slope.program(slope.inputs(), &slope.outputs()[1..])
    }
}
