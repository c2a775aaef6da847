//! Runs random programs as bodies of loops, choices and calls, and compares them with the reference engine.

mod agreement;
mod programs;
mod steps;

use agreement::{agree, by_definition, numbers, tolerance};
use gradus_cpu::{Array, CompileOptions, Input, compile, forecast, passes};
use gradus_ir::primitives::region::Recompute;
use gradus_ir::primitives::{Binary, Region, Switch};
use gradus_ir::{DType, Graph, Literal, Type, ValueId, total_cost, verify};
use programs::{ANY, Choices, input, program_of};
use proptest::prelude::*;
use steps::Step;

fn run(g: &Graph, inputs: &[Array]) -> Vec<Array> {
    verify::verify(g).unwrap();
    let program = compile(g, &CompileOptions::default()).unwrap();
    program
        .run(inputs.iter().map(Input::Borrowed).collect())
        .unwrap()
}

fn values(types: &[Type], n: i64) -> Vec<Array> {
    let all = types.iter().enumerate();
    all.map(|(k, ty)| match ty.dtype {
        DType::I64 => Array::from_vec(vec![n], &[]).unwrap(),
        _ => input(ty, k),
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn loops_compute_what_their_steps_compute(
        genes in prop::collection::vec(any::<u32>(), 20..120),
        n in 0..5usize,
        kind in 0..3usize,
        reverse in any::<bool>(),
        items in any::<u8>(),
    ) {
        let reverse = reverse && kind < 2;
        let mut choices = Choices(genes.iter());
        let dtype = [DType::F64, DType::F32][choices.below(2)];
        let program = program_of(&ANY, dtype, &mut choices);
        let of_input = |k: usize| kind == 0 && items >> (k % 8) & 1 == 1;
        let items = (0..program.inputs().len()).map(of_input).collect();
        let tolerance = tolerance(&program);
        let step = Step { program, items };
        let looped = step.looped(n, kind, reverse);
        let inputs = values(&looped.input_types(), n as i64);
        let wanted = by_definition(&looped, &inputs);
        agree("loop", &looped, &run(&looped, &inputs), &wanted, tolerance)?;
        // Arrays that the caller gives away may be overwritten.
        let donated = vec![true; inputs.len()];
        let taking = compile(&looped, &CompileOptions::default().donated(donated)).unwrap();
        let owned = inputs.iter().map(|a| Input::Owned(input_copy(a))).collect();
        agree("donated", &looped, &taking.run(owned).unwrap(), &wanted, tolerance)?;
        // The loop also works within a call that is not inlined, and in a choice.
        for call in [true, false] {
            let mut outer = Graph::new();
            let args: Vec<ValueId> = looped.input_types().into_iter().map(|t| outer.input(t)).collect();
            let results = if call {
                outer.add_region(Region::Call(Recompute::checkpoint(looped.clone().into())), &args)
            } else {
                let other = step.looped(n, kind, !reverse);
                let branches = vec![looped.clone().into(), other.into()];
                let index = outer.constant(Literal::from_i64(DType::I64, -3), &[]);
                let index = outer.binary(Binary::Add, args[0], index);
                let args = [&[index], args.as_slice()].concat();
                outer.add_region(Region::Switch(Switch { branches }), &args)
            };
            outer.set_outputs(results.unwrap());
            let wanted = by_definition(&outer, &inputs);
            agree("nested", &outer, &run(&outer, &inputs), &wanted, tolerance)?;
        }
    }

    #[test]
    fn loops_of_known_length_do_what_was_forecast(
        genes in prop::collection::vec(any::<u32>(), 20..120),
        n in 0..5usize,
        items in any::<u8>(),
    ) {
        let mut choices = Choices(genes.iter());
        let dtype = [DType::F64, DType::F32][choices.below(2)];
        let program = program_of(&ANY, dtype, &mut choices);
        let items = (0..program.inputs().len()).map(|k| items >> (k % 8) & 1 == 1).collect();
        let g = Step { program, items }.looped(n, 0, false);
        let inputs = values(&g.input_types(), n as i64);
        let program = compile(&g, &CompileOptions::default()).unwrap();
        let (_, counts) = program.run_counted(inputs.iter().map(Input::Borrowed).collect()).unwrap();
        let expected = forecast(&g);
        prop_assert_eq!(&expected, &program.forecast());
        prop_assert_eq!(counts.by_work, expected.operations(), "{}", g);
        prop_assert_eq!(counts.by_work, total_cost(&passes::run(&g)).by_work, "{}", g);
        prop_assert_eq!(counts.bytes, expected.bytes());
        prop_assert_eq!(counts.peak_bytes, expected.peak_bytes);
    }
}

fn input_copy(a: &Array) -> Array {
    Array::from_bytes(a.ty().clone(), a.bytes()).unwrap()
}

/// Results that are also the last step's values or inputs of a later loop, when the caller's arrays can be reused.
#[test]
fn donated_arrays_that_a_region_reads_and_others_too() {
    let text = "graph(%s: f64[3], %xs: f64[2,3]) {
      %last: f64[3] = scan{consts=1, carries=1, length=2, body=graph(%i: i64[], %c: f64[3], %s: f64[3], %x: f64[3]) {
        %a: f64[3] = mul %s, %c
        %b: f64[3] = add %a, %x
        return %b
      }} %s, %s, %xs
      %end: f64[3], %kept: f64[2,3] = scan{consts=0, carries=1, length=2, body=graph(%i: i64[], %s: f64[3], %x: f64[3]) {
        %b: f64[3] = sub %s, %x
        return %b, %s
      }} %last, %xs
      %sum: f64[3] = add %s, %last
      return %end, %kept, %sum, %s, %last
    }";
    let g: Graph = text.parse().unwrap();
    let inputs = values(&g.input_types(), 0);
    let (s, xs) = (numbers(&inputs[0]), numbers(&inputs[1]));
    let mut last = s.clone();
    for step in 0..2 {
        for k in 0..3 {
            last[k] = last[k] * s[k] + xs[3 * step + k];
        }
    }
    let middle: Vec<f64> = (0..3).map(|k| last[k] - xs[k]).collect();
    let end: Vec<f64> = (0..3).map(|k| middle[k] - xs[3 + k]).collect();
    let sum: Vec<f64> = (0..3).map(|k| s[k] + last[k]).collect();
    let wanted = [end, [last.clone(), middle].concat(), sum, s, last];
    for donated in [[false, false], [true, false], [false, true], [true, true]] {
        let donated = donated.to_vec();
        let program = compile(&g, &CompileOptions::default().donated(donated.clone())).unwrap();
        for _ in 0..3 {
            let given = inputs.iter().zip(&donated);
            let given = given.map(|(a, d)| {
                if *d {
                    Input::Owned(input_copy(a))
                } else {
                    Input::Borrowed(a)
                }
            });
            let got = program.run(given.collect()).unwrap();
            for (got, wanted) in got.iter().zip(&wanted) {
                assert_eq!(numbers(got), *wanted, "{donated:?}");
            }
        }
    }
}

#[test]
fn an_index_out_of_range_takes_the_nearest_branch() {
    let text = "graph(%k: i64[], %x: f64[]) {
      %y: f64[] = switch{branch0=graph(%x: f64[]) { %y: f64[] = neg %x return %y },
        branch1=graph(%x: f64[]) { return %x },
        branch2=graph(%x: f64[]) { %y: f64[] = exp %x return %y }} %k, %x
      return %y
    }";
    let g: Graph = text.parse().unwrap();

    for (k, wanted) in [
        (i64::MIN, -2.0),
        (-1, -2.0),
        (0, -2.0),
        (1, 2.0),
        (2, 2f64.exp()),
        (3, 2f64.exp()),
        (i64::MAX, 2f64.exp()),
    ] {
        let inputs = [
            Array::from_vec(vec![k], &[]).unwrap(),
            Array::from_vec(vec![2.0], &[]).unwrap(),
        ];
        let y = numbers(&run(&g, &inputs)[0])[0];
        assert!((y - wanted).abs() < 1e-14, "{k}: {y}");
    }
}
