//! Native code computes the same bits as tiles.

mod programs;
mod steps;

use gradus_cpu::native::{Policy, functions_made, set_policy};
use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::primitives::{Binary, Compare, Op, Region, Switch, Unary};
use gradus_ir::{DType, Graph, Kind, Literal, Type, ValueId};
use programs::{Choices, FEW, LONG, input, program_of};
use proptest::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};
use steps::Step;

/// The policy is one for the process, so tests that set it take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The results on tiles and as native code.
fn both(g: &Graph, inputs: &[Array]) -> [Vec<Array>; 2] {
    [Policy::Off, Policy::Always].map(|policy| {
        set_policy(policy);
        let program = compile(g, &CompileOptions::default()).unwrap();
        let given = inputs.iter().map(Input::Borrowed).collect();
        program.run(given).unwrap()
    })
}

/// The bits of an array; all NaNs are equal.
fn bits(a: &Array) -> Vec<u64> {
    let dtype = a.ty().dtype;
    let elements = a.bytes().chunks(dtype.size()).map(|bytes| {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(all)
    });
    let same = |bits: u64| match dtype {
        DType::F64 if f64::from_bits(bits).is_nan() => u64::MAX,
        DType::F32 if f32::from_bits(bits as u32).is_nan() => u64::MAX,
        _ => bits,
    };
    elements.map(same).collect()
}

fn same(g: &Graph, inputs: &[Array]) -> Result<(), TestCaseError> {
    let _turn = turn();
    let [tiles, native] = both(g, inputs);
    for (k, (tiles, native)) in tiles.iter().zip(&native).enumerate() {
        prop_assert_eq!(bits(tiles), bits(native), "result {} of {}", k, g);
    }
    Ok(())
}

/// Numbers with zeros of both signs, the ends of the range, infinities and NaN among them.
fn special(ty: &Type, k: usize) -> Array {
    let x = [
        0.0,
        -0.0,
        1.0,
        f64::NAN,
        f64::INFINITY,
        -1.5,
        f64::NEG_INFINITY,
        1e-310,
        3e38,
        -7.0,
        0.3,
    ];
    let of = |i: usize| x[(i * 5 + k * 3) % x.len()];
    match ty.dtype.kind() {
        Kind::Integer(_) => {
            let all = (0..ty.elements()).map(|i| i as i64 - 1);
            match ty.dtype {
                DType::I32 => Array::from_vec(all.map(|i| i as i32).collect(), &ty.shape),
                DType::U32 => Array::from_vec(all.map(|i| i as u32).collect(), &ty.shape),
                _ => Array::from_vec(all.collect(), &ty.shape),
            }
            .unwrap()
        }
        _ if ty.dtype == DType::F32 => {
            let all = (0..ty.elements()).map(|i| of(i) as f32).collect();
            Array::from_vec::<f32>(all, &ty.shape).unwrap()
        }
        _ => Array::from_vec((0..ty.elements()).map(of).collect(), &ty.shape).unwrap(),
    }
}

fn inputs(g: &Graph, n: i64, special_numbers: bool) -> Vec<Array> {
    let types = g.input_types().into_iter().enumerate();
    types
        .map(|(k, ty)| match (ty.dtype, special_numbers) {
            (DType::I64, _) => Array::from_vec(vec![n], &[]).unwrap(),
            (_, true) => special(&ty, k),
            (_, false) => input(&ty, k),
        })
        .collect()
}

/// The number of cases. For a long run: `GRADUS_CASES=100000 cargo test --release -p gradus-cpu --test native`.
fn cases() -> u32 {
    let asked = std::env::var("GRADUS_CASES");
    asked.map_or(150, |n| n.parse().expect("a number of cases"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs(genes in prop::collection::vec(any::<u32>(), 20..160), special_numbers in any::<bool>()) {
        let mut choices = Choices(genes.iter());
        let dtype = [DType::F64, DType::F32][choices.below(2)];
        let g = program_of(&FEW, dtype, &mut choices);
        same(&g, &inputs(&g, 0, special_numbers))?;
    }

    /// Loop nests of vector instructions: tiles and vectors that are not full, arrays that a broadcast repeats.
    #[test]
    fn kernels(genes in prop::collection::vec(any::<u32>(), 20..160), special_numbers in any::<bool>()) {
        let mut choices = Choices(genes.iter());
        let dtype = [DType::F64, DType::F32][choices.below(2)];
        let g = program_of(&LONG, dtype, &mut choices);
        same(&g, &inputs(&g, 0, special_numbers))?;
    }

    #[test]
    fn loops(
        genes in prop::collection::vec(any::<u32>(), 20..120),
        n in 0..5usize,
        kind in 0..3usize,
        reverse in any::<bool>(),
        items in any::<u8>(),
        special_numbers in any::<bool>(),
    ) {
        let mut choices = Choices(genes.iter());
        let dtype = [DType::F64, DType::F32][choices.below(2)];
        let program = program_of(&FEW, dtype, &mut choices);
        let of_input = |k: usize| kind == 0 && items >> (k % 8) & 1 == 1;
        let items = (0..program.inputs().len()).map(of_input).collect();
        let step = Step { program, items };
        let looped = step.looped(n, kind, reverse);
        same(&looped, &inputs(&looped, n as i64, special_numbers))?;
        // In a choice. If the number of steps is computed, so is the index: the number less 2.
        let mut outer = Graph::new();
        let args: Vec<ValueId> = looped.input_types().into_iter().map(|t| outer.input(t)).collect();
        let other = step.looped(n, kind, !reverse);
        let branches = vec![looped.clone().into(), other.into(), looped.into()];
        let less = outer.constant(Literal::from_i64(DType::I64, -2), &[]);
        let index = match kind {
            1 => outer.binary(Binary::Add, args[0], less),
            _ => less,
        };
        let args = [&[index], args.as_slice()].concat();
        let results = outer.add_region(Region::Switch(Switch { branches }), &args);
        outer.set_outputs(results.unwrap());
        same(&outer, &inputs(&outer, n as i64, special_numbers))?;
    }
}

/// Each operation of a loop nest, with a second one, so that they make a nest.
#[test]
fn each_operation_of_a_nest() {
    type Build = Box<dyn Fn(&mut Graph, ValueId, ValueId) -> ValueId>;
    let mut all: Vec<(DType, Build)> = Vec::new();
    for dtype in [DType::F32, DType::F64, DType::I32, DType::I64, DType::U32] {
        let is_float = matches!(dtype, DType::F32 | DType::F64);
        let mut add = |build: Build| all.push((dtype, build));
        for op in [Binary::Add, Binary::Sub] {
            add(Box::new(move |g, x, y| g.binary(op, x, y)));
        }
        for op in [
            Compare::Eq,
            Compare::Ne,
            Compare::Lt,
            Compare::Le,
            Compare::Gt,
            Compare::Ge,
        ] {
            let is_nest = dtype != DType::U32 || matches!(op, Compare::Eq | Compare::Ne);
            if is_nest {
                add(Box::new(move |g, x, y| {
                    let condition = g.compare(op, x, y);
                    g.select(condition, x, y)
                }));
            }
        }
        if !is_float {
            for op in [Binary::And, Binary::Or, Binary::Xor] {
                add(Box::new(move |g, x, y| g.binary(op, x, y)));
            }
            continue;
        }
        for op in [Binary::Mul, Binary::Div, Binary::Max, Binary::Min] {
            add(Box::new(move |g, x, y| g.binary(op, x, y)));
        }
        for op in [
            Unary::Neg,
            Unary::Abs,
            Unary::Sign,
            Unary::Sqrt,
            Unary::Rsqrt,
            Unary::Floor,
            Unary::Ceil,
            Unary::Round,
            Unary::Trunc,
        ] {
            add(Box::new(move |g, x, _| g.unary(op, x)));
        }
        add(Box::new(move |g, x, _| {
            let finite = g.unary(Unary::IsFinite, x);
            g.add(Op::Cast(dtype), &[finite]).unwrap()
        }));
    }
    for (dtype, build) in all {
        for n in [67, 64, 5003] {
            let mut g = Graph::new();
            let [x, y] = [(); 2].map(|()| g.input(Type::new(dtype, &[n])));
            let result = build(&mut g, x, y);
            let sum = g.binary(Binary::Add, result, y);
            g.set_outputs(vec![result, sum]);
            let given: Vec<Array> = g
                .input_types()
                .iter()
                .enumerate()
                .map(|(k, ty)| special(ty, k))
                .collect();
            let before = functions_made();
            same(&g, &given).unwrap();
            assert!(functions_made() > before, "{g}");
        }
    }
}

/// A program with more values at once than there are registers, whose booleans leave the nest and come back.
#[test]
fn more_values_than_registers() {
    let mut g = Graph::new();
    let x = g.input(Type::new(DType::F64, &[1001]));
    let mut values = vec![x];
    for k in 0..40 {
        let c = g.constant(
            Literal::from_f64(DType::F64, 0.1 * f64::from(k) - 2.0),
            &[1001],
        );
        values.push(g.binary(
            [Binary::Mul, Binary::Add, Binary::Sub][k as usize % 3],
            x,
            c,
        ));
    }
    let masks: Vec<ValueId> = values
        .iter()
        .map(|&v| g.compare(Compare::Gt, v, x))
        .collect();
    let sine = g.unary(Unary::Sin, x);
    let mut sum = sine;
    for (&mask, &value) in masks.iter().zip(values.iter().rev()) {
        let chosen = g.select(mask, value, sine);
        sum = g.binary(Binary::Add, sum, chosen);
    }
    g.set_outputs(vec![sum, masks[3]]);
    let before = functions_made();
    same(&g, &inputs(&g, 0, true)).unwrap();
    same(&g, &inputs(&g, 0, false)).unwrap();
    assert!(functions_made() > before);
}

/// Programs of each form, so that the tests above compare what they are about.
#[test]
fn small_programs_have_native_code() {
    let _turn = turn();
    for text in [
        "graph(%0: f64[3]) { %1: f64[3] = sin %0 %2: f64[] = reduce_sum{axes=[0]} %1 return %2 }",
        "graph(%0: f32[2,3]) { %1: f32[3] = reduce_max{axes=[0]} %0 return %1 }",
        "graph(%0: f64[3], %1: f64[4,3]) {
          %2: f64[3], %3: f64[4,3] = scan{consts=0, carries=1, length=4, body=graph(%i: i64[], %c: f64[3], %x: f64[3]) {
            %a: f64[3] = sin %c
            %b: f64[3] = add %a, %x
            return %b, %a
          }} %0, %1
          return %2, %3
        }",
        "graph(%0: f64[]) {
          %k: i64[] = cast{to=i64} %0
          %1: f64[] = switch{branch0=graph(%x: f64[]) { %y: f64[] = neg %x return %y },
            branch1=graph(%x: f64[]) { %y: f64[] = exp %x return %y }} %k, %0
          return %1
        }",
    ] {
        let g: Graph = text.parse().unwrap();
        let before = functions_made();
        both(&g, &inputs(&g, 0, false));
        assert_eq!(functions_made(), before + 1, "{text}");
    }
}
