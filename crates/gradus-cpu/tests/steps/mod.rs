//! Loops whose steps are random programs.

use gradus_ir::primitives::{Compare, Loop, Region, Trips};
use gradus_ir::{DType, Graph, Literal, Type, ValueId};

/// A step that halves its sums, adds the results of `program`, and keeps these results.
/// Its inputs are the step number, constants, sums, items.
pub struct Step {
    pub program: Graph,
    /// For each input of the program, whether it is an item; the others are constants.
    pub items: Vec<bool>,
}

impl Step {
    fn types(&self, items: bool) -> Vec<Type> {
        let types = self.program.input_types().into_iter().zip(&self.items);
        types
            .filter(|(_, i)| **i == items)
            .map(|(t, _)| t)
            .collect()
    }

    /// Appends one step; returns the sums, then the kept values.
    fn append(
        &self,
        g: &mut Graph,
        consts: &[ValueId],
        sums: &[ValueId],
        items: &[ValueId],
    ) -> Vec<ValueId> {
        let (mut consts, mut items) = (consts.iter(), items.iter());
        let args = self
            .items
            .iter()
            .map(|i| if *i { items.next() } else { consts.next() });
        let args: Vec<ValueId> = args.map(|a| *a.unwrap()).collect();
        let kept = g.inline(&self.program, &args).unwrap();
        let mut all = Vec::new();
        for (&sum, &y) in sums.iter().zip(&kept) {
            let half = g.constant_like(0.5, sum);
            let less = g.mul(sum, half);
            all.push(g.add_nodes(less, y));
        }
        [all, kept].concat()
    }

    fn body(&self) -> Graph {
        let mut g = Graph::new();
        g.input(Type::scalar(DType::I64));
        let inputs = |g: &mut Graph, types: &[Type]| -> Vec<ValueId> {
            types.iter().map(|t| g.input(t.clone())).collect()
        };
        let consts = inputs(&mut g, &self.types(false));
        let sums = inputs(&mut g, &self.program.output_types());
        let items = inputs(&mut g, &self.types(true));
        let outputs = self.append(&mut g, &consts, &sums, &items);
        g.set_outputs(outputs);
        g
    }

    /// The inputs of the whole graph: the number of steps, constants, sums, sequences of `n` items.
    fn inputs(&self, g: &mut Graph, n: usize) -> [Vec<ValueId>; 4] {
        let mut all =
            |types: Vec<Type>| -> Vec<ValueId> { types.into_iter().map(|t| g.input(t)).collect() };
        [
            all(vec![Type::scalar(DType::I64)]),
            all(self.types(false)),
            all(self.program.output_types()),
            all(self.types(true).iter().map(|t| t.batched(n)).collect()),
        ]
    }

    /// The loop. It returns the kept values only if the number of steps is known.
    pub fn looped(&self, n: usize, kind: usize, reverse: bool) -> Graph {
        let mut g = Graph::new();
        let [count, consts, sums, sequences] = self.inputs(&mut g, n);
        let mut body = self.body();
        if kind != 0 {
            let outputs = body.outputs()[..sums.len()].to_vec();
            body.set_outputs(outputs);
        }
        let trips = match kind {
            0 => Trips::Fixed(n),
            1 => Trips::Counted,
            _ => {
                let mut test = Graph::new();
                let inputs: Vec<ValueId> = body
                    .inputs()
                    .iter()
                    .map(|&i| test.input_like(&body, i))
                    .collect();
                let end = test.constant(Literal::from_i64(DType::I64, n as i64), &[]);
                let on = test.compare(Compare::Lt, inputs[0], end);
                test.set_outputs(vec![on]);
                Trips::While(test.into())
            }
        };
        let mut operands = if kind == 1 { count } else { vec![] };
        operands.extend([consts.clone(), sums.clone(), sequences].concat());
        let region = Region::Loop(Loop {
            trips,
            reverse: reverse && kind < 2,
            consts: consts.len(),
            carries: sums.len(),
            body: body.pruned().into(),
        });
        let mut results = g.add_region(region, &operands).unwrap();
        if kind == 2 {
            results.pop();
        }
        g.set_outputs(results);
        g
    }
}
