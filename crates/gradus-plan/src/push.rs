//! Pushes derivatives through a linear program, by the rules of its operations.

use gradus_ad::GraphTransforms;
use gradus_ir::block::Block;
use gradus_ir::primitives::{Push, Pushed};
use gradus_ir::{Graph, Literal, ValueId};

/// A linear program `(residuals…, x…) ↦ y…`, seen from another graph that has the residuals.
pub(crate) struct Linear<'a> {
    program: &'a Graph,
    /// Nodes that depend on some `x`.
    linear: Vec<bool>,
    /// For nodes that depend on residuals alone, the equal nodes of the other graph.
    fixed: Vec<Option<ValueId>>,
    residuals: usize,
    /// The number of rows, if values that do not depend on the `x…` count for all rows alike.
    /// `None` if they count as zero.
    affine: Option<usize>,
    transforms: GraphTransforms,
}

impl<'a> Linear<'a> {
    /// `residuals` are the nodes of the other graph that stand for the first inputs of `program`.
    pub fn new(program: &'a Graph, residuals: &[ValueId]) -> Linear<'a> {
        let mut fixed = vec![None; program.len()];
        for (&i, &r) in program.inputs().iter().zip(residuals) {
            fixed[i.index()] = Some(r);
        }
        Linear {
            program,
            linear: program.dependents_of(&program.inputs()[residuals.len()..]),
            fixed,
            residuals: residuals.len(),
            affine: None,
            transforms: GraphTransforms::default(),
        }
    }

    /// Like [`push`](Self::push), for a backward pass that a user has written, which need not be linear.
    /// A result that does not depend on the cotangent is in every row.
    pub fn pull_all(mut self, g: &mut Graph, starts: &[Block]) -> Vec<Option<Block>> {
        let n = starts[0].source.iter().product();
        self.affine = Some(n);
        let starts: Vec<Option<Block>> = starts.iter().cloned().map(Some).collect();
        let mut results = self.push(g, &starts);
        for (result, &y) in results.iter_mut().zip(self.program.outputs()) {
            let zero = |v: Literal| v.as_f64() == 0.0;
            if result.is_none() && !self.program.literal(y).is_some_and(zero) {
                let same = self.copied(g, y);
                *result = Some(Block::repeated(g, same, n));
            }
        }
        results
    }

    /// Appends the derivatives of the outputs to `g`,
    /// computed from the derivatives of the `x…` (by any source; `None` is zero).
    pub fn push(&mut self, g: &mut Graph, starts: &[Option<Block>]) -> Vec<Option<Block>> {
        let program = self.program;
        let needed = program.live();
        let mut active: Vec<Option<Block>> = vec![None; program.len()];
        for (&i, start) in program.inputs()[self.residuals..].iter().zip(starts) {
            // In an accumulated block, axes can be merged or split compared with the shape here.
            let shape = &program.ty(i).shape;
            active[i.index()] = start.clone().map(|block| block.retargeted(g, shape));
        }
        for node in program.nodes() {
            let waits = |v: ValueId| needed[v.index()] && active[v.index()].is_none();
            if !node.results().any(waits)
                || node.operands.iter().all(|o| active[o.index()].is_none())
            {
                continue;
            }
            let outer = g.set_loc(node.loc);
            let operands: Vec<Pushed> = node
                .operands
                .iter()
                .map(|&o| match &active[o.index()] {
                    Some(block) => Pushed::Active(block.clone()),
                    None if self.linear[o.index()] => Pushed::Zero(program.ty(o).clone()),
                    None => Pushed::Fixed(self.copied(g, o)),
                })
                .collect();
            let pushed = node.op.push(Push {
                graph: g,
                transforms: &mut self.transforms,
                operands,
                results: node.types(),
            });
            for ((v, ty), result) in node.results().zip(node.types()).zip(pushed) {
                let block = match result {
                    Pushed::Active(block) => Some(block),
                    // In a linear program, a value that does not depend on the rows is zero.
                    Pushed::Fixed(x) => self.affine.map(|n| Block::repeated(g, x, n)),
                    Pushed::Zero(_) => None,
                };
                debug_assert!(
                    block.as_ref().is_none_or(|b| b.target == ty.shape),
                    "{}: a derivative has its value's shape",
                    node.op.name()
                );
                active[v.index()] = block;
            }
            g.set_loc(outer);
        }
        program
            .outputs()
            .iter()
            .map(|o| active[o.index()].clone())
            .collect()
    }

    fn copied(&mut self, g: &mut Graph, id: ValueId) -> ValueId {
        if let Some(there) = self.fixed[id.index()] {
            return there;
        }
        self.program.copy_into(g, &mut self.fixed, &[id], &[]);
        self.fixed[id.index()].expect("the node was copied")
    }
}
