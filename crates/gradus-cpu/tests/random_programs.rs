//! Runs random programs, fused and with planned memory, and compares them with the reference engine.

mod agreement;
mod programs;

use agreement::{agree, by_definition, numbers, tolerance};
use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::{DType, Graph, Op, ValueId};
use programs::{ANY, Choices, input, program_of};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_program_computes_what_its_operations_compute(genes in prop::collection::vec(any::<u32>(), 40..260)) {
        let mut choices = Choices(genes.iter());
        let dtype = [DType::F64, DType::F32][choices.below(2)];
        let g = program_of(&ANY, dtype, &mut choices);
        let inputs: Vec<Array> = g.input_types().iter().enumerate().map(|(k, ty)| input(ty, k)).collect();
        let (wanted, tolerance) = (by_definition(&g, &inputs), tolerance(&g));

        let program = compile(&g, &CompileOptions::default()).unwrap();
        for _ in 0..2 {
            let got = program.run(inputs.iter().map(Input::Borrowed).collect()).unwrap();
            agree("kept", &g, &got, &wanted, tolerance)?;
        }
        // Inputs that are given away become outputs; other handles of the caller must keep their values.
        let options = CompileOptions::default().donated(vec![true; inputs.len()]);
        let program = compile(&g, &options).unwrap();
        let shared = program.run(inputs.iter().map(|a| Input::Owned(a.clone())).collect()).unwrap();
        agree("shared", &g, &shared, &wanted, tolerance)?;
        for (k, (a, ty)) in inputs.iter().zip(g.input_types()).enumerate() {
            let kept = input(&ty, k);
            prop_assert_eq!(a.bytes(), kept.bytes());
        }
        let got = program.run(inputs.into_iter().map(Input::Owned).collect()).unwrap();
        agree("given away", &g, &got, &wanted, tolerance)?;
    }
}

/// The results of the operations of a program, each compiled by itself.
fn one_at_a_time(g: &Graph, inputs: &[Array]) -> Vec<Array> {
    let mut values: Vec<Array> = Vec::new();
    for node in g.nodes() {
        if let Op::Input(k) = node.op {
            values.push(inputs[k as usize].clone());
            continue;
        }
        let mut one = Graph::new();
        let types = node.operands.iter().map(|&o| g.ty(o).clone());
        let operands: Vec<ValueId> = types.map(|ty| one.input(ty)).collect();
        let out = one.add_like(node, &operands);
        one.set_outputs(out.to_vec());
        let operands = node.operands.iter().map(|o| &values[o.index()]);
        let operands = operands.map(Input::Borrowed).collect();
        let program = compile(&one, &CompileOptions::default()).unwrap();
        values.extend(program.run(operands).unwrap());
    }
    let outputs = g.outputs().iter();
    outputs.map(|o| values[o.index()].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn programs_of_bf16_have_the_bits_of_their_operations(genes in prop::collection::vec(any::<u32>(), 40..260)) {
        let g = program_of(&ANY, DType::BF16, &mut Choices(genes.iter()));
        let inputs: Vec<Array> = g.input_types().iter().enumerate().map(|(k, ty)| input(ty, k)).collect();
        let wanted = one_at_a_time(&g, &inputs);
        let program = compile(&g, &CompileOptions::default()).unwrap();
        let got = program.run(inputs.iter().map(Input::Borrowed).collect()).unwrap();
        agree("rounded", &g, &got, &wanted, 0.0)?;
        let options = CompileOptions::default().donated(vec![true; inputs.len()]);
        let program = compile(&g, &options).unwrap();
        let got = program.run(inputs.into_iter().map(Input::Owned).collect()).unwrap();
        agree("given away", &g, &got, &wanted, 0.0)?;
    }
}

/// Found by the test above: a kernel overwrote an operand before it had added it up.
#[test]
fn what_is_summed_is_not_overwritten_before() {
    let graph: Graph = "graph(%0: f64[2], %1: f64[2]) {
        %2: f64[4] = concat{axis=0} %0, %1
        %3: f64[4] = tanh %2
        %4: f64[4] = reverse{axes=[0]} %3
        %5: f64[] = reduce_sum{axes=[0]} %2
        return %4, %5
    }"
    .parse()
    .unwrap();
    let inputs = [[0.5, 1.5], [1.0, 2.0]].map(|v| Array::from_slice(&v, &[2]).unwrap());
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let got = program
        .run(inputs.iter().map(Input::Borrowed).collect())
        .unwrap();
    assert_eq!(numbers(&got[1]), [5.0]);
}

/// Found by random programs: in a kernel without inputs, the first instruction is the literal or index itself.
#[test]
fn powers_of_indices_need_no_array() {
    let graph: Graph = "graph() {
        %0: f64[4] = iota{axis=0}
        %1: f64[4] = powi{exponent=3} %0
        return %1
    }"
    .parse()
    .unwrap();
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let got = program.run(Vec::new()).unwrap();
    assert_eq!(numbers(&got[0]), [0.0, 1.0, 8.0, 27.0]);
}
