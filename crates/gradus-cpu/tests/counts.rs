//! Costs of operations, counts of the executor and forecasts are the same numbers.

mod programs;

use gradus_cpu::{Array, CompileOptions, Counts, Forecast, Input, compile, forecast, passes};
use gradus_ir::primitives::{Binary, Compare, Op, Unary, Work};
use gradus_ir::{ByWork, DType, Graph, Literal, Type, total_cost};
use programs::{ANY, Choices, input, program_of};
use proptest::prelude::*;

/// Fails if counts and forecast differ.
fn same_run(counts: &Counts, forecast: &Forecast) -> Result<(), TestCaseError> {
    prop_assert_eq!(counts.by_work, forecast.operations());
    prop_assert_eq!(counts.operations, counts.by_work.total());
    prop_assert_eq!(counts.bytes, forecast.bytes());
    prop_assert_eq!(counts.peak_bytes, forecast.peak_bytes);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn costs_counts_and_forecasts_agree(genes in prop::collection::vec(any::<u32>(), 40..260)) {
        let dtype = [DType::F64, DType::F32, DType::BF16][genes[0] as usize % 3];
        let g = program_of(&ANY, dtype, &mut Choices(genes[1..].iter()));
        let inputs: Vec<Array> = g.input_types().iter().enumerate().map(|(k, ty)| input(ty, k)).collect();
        let cost = total_cost(&passes::run(&g));

        let kept = compile(&g, &CompileOptions::default()).unwrap();
        let (_, counts) = kept.run_counted(inputs.iter().map(Input::Borrowed).collect()).unwrap();
        prop_assert_eq!(counts.by_work, cost.by_work, "in\n{}\n{}", g, kept.report());
        prop_assert_eq!(counts.operations, cost.operations);
        // The forecast with and without kernels.
        let expected = forecast(&g);
        prop_assert_eq!(&expected, &kept.forecast());
        prop_assert_eq!(expected.arena_bytes, kept.report().arena_bytes as u64);
        same_run(&counts, &expected)?;

        let donated = vec![true; inputs.len()];
        let given = compile(&g, &CompileOptions::default().donated(donated)).unwrap();
        let (_, counts) = given.run_counted(inputs.into_iter().map(Input::Owned).collect()).unwrap();
        prop_assert_eq!(counts.by_work, cost.by_work);
        same_run(&counts, &given.forecast())?;
        prop_assert!(counts.peak_bytes <= expected.peak_bytes);
    }
}

/// One operation on inputs of these types: its operations of this kind, and the bytes that a run moves.
struct Row {
    inputs: &'static str,
    operation: &'static str,
    result: &'static str,
    work: Work,
    operations: u64,
    bytes: u64,
}

const fn row(
    operation: &'static str,
    inputs: &'static str,
    result: &'static str,
    work: Work,
    operations: u64,
    bytes: u64,
) -> Row {
    Row {
        inputs,
        operation,
        result,
        work,
        operations,
        bytes,
    }
}

/// At least one row for each family, counted by hand.
const ROWS: &[Row] = &[
    row(
        "neg %0",
        "%0: f64[6, 5]",
        "f64[6, 5]",
        Work::Arithmetic,
        30,
        480,
    ),
    row(
        "erf %0",
        "%0: f32[6, 5]",
        "f32[6, 5]",
        Work::Transcendental,
        30,
        240,
    ),
    row(
        "stop_gradient %0",
        "%0: f64[30]",
        "f64[30]",
        Work::View,
        0,
        480,
    ),
    // x²·x; (x²)²·x² ·x; 1/(x²·x).
    row(
        "powi{exponent=3} %0",
        "%0: f64[30]",
        "f64[30]",
        Work::Arithmetic,
        60,
        480,
    ),
    row(
        "powi{exponent=7} %0",
        "%0: f64[30]",
        "f64[30]",
        Work::Arithmetic,
        120,
        480,
    ),
    row(
        "powi{exponent=8} %0",
        "%0: f64[30]",
        "f64[30]",
        Work::Arithmetic,
        90,
        480,
    ),
    row(
        "powi{exponent=-3} %0",
        "%0: f64[30]",
        "f64[30]",
        Work::Arithmetic,
        90,
        480,
    ),
    row(
        "cast{to=i32} %0",
        "%0: f64[30]",
        "i32[30]",
        Work::Arithmetic,
        30,
        360,
    ),
    row(
        "mul %0, %1",
        "%0: f64[30], %1: f64[30]",
        "f64[30]",
        Work::Arithmetic,
        30,
        720,
    ),
    // An array that is read twice in the same way comes from memory once.
    row(
        "mul %0, %0",
        "%0: f64[30]",
        "f64[30]",
        Work::Arithmetic,
        30,
        480,
    ),
    row(
        "atan2 %0, %1",
        "%0: f64[30], %1: f64[30]",
        "f64[30]",
        Work::Transcendental,
        30,
        720,
    ),
    row(
        "lt %0, %1",
        "%0: f64[30], %1: f64[30]",
        "bool[30]",
        Work::Arithmetic,
        30,
        510,
    ),
    row(
        "select %0, %1, %2",
        "%0: bool[30], %1: f64[30], %2: f64[30]",
        "f64[30]",
        Work::Arithmetic,
        30,
        750,
    ),
    row(
        "reduce_sum{axes=[0]} %0",
        "%0: f64[6, 5]",
        "f64[5]",
        Work::Reduction,
        25,
        280,
    ),
    row(
        "reduce_prod{axes=[1]} %0",
        "%0: f64[6, 5]",
        "f64[6]",
        Work::Reduction,
        24,
        288,
    ),
    row(
        "reduce_max{axes=[0, 1]} %0",
        "%0: f64[6, 5]",
        "f64[]",
        Work::Reduction,
        29,
        248,
    ),
    row(
        "reduce_sum{axes=[1]} %0",
        "%0: f64[6, 0]",
        "f64[6]",
        Work::Reduction,
        0,
        48,
    ),
    row(
        "argmax{axis=0} %0",
        "%0: f32[6, 5]",
        "i64[5]",
        Work::Reduction,
        25,
        160,
    ),
    row(
        "cumsum{axis=1, reverse=1} %0",
        "%0: f64[6, 5]",
        "f64[6, 5]",
        Work::Reduction,
        24,
        480,
    ),
    row(
        "cumsum{axis=0, reverse=0} %0",
        "%0: f64[2, 0]",
        "f64[2, 0]",
        Work::Reduction,
        0,
        0,
    ),
    row(
        "probe{id=0} %0",
        "%0: f64[6, 5]",
        "f64[6, 5]",
        Work::Copy,
        0,
        480,
    ),
    row(
        "contract{batch_left=[0], batch_right=[0], contract_left=[2], contract_right=[1]} %0, %1",
        "%0: f64[2, 3, 4], %1: f64[2, 4, 5]",
        "f64[2, 3, 5]",
        Work::Product,
        2 * 2 * 3 * 4 * 5,
        8 * (24 + 40 + 30),
    ),
    row(
        "contract{batch_left=[], batch_right=[], contract_left=[0], contract_right=[0]} %0, %1",
        "%0: i32[0, 3], %1: i32[0, 5]",
        "i32[3, 5]",
        Work::Product,
        0,
        60,
    ),
    row(
        "take{batch=0, axis=0} %0, %1",
        "%0: f64[6, 5], %1: i32[2]",
        "f64[2, 5]",
        Work::Indexing,
        0,
        168,
    ),
    // Not in place, so the whole is copied as well.
    row(
        "scatter_add{batch=0, axis=0} %0, %1, %2",
        "%0: f64[6, 5], %1: i64[2], %2: f64[2, 5]",
        "f64[6, 5]",
        Work::Indexing,
        10,
        8 * (3 * 10 + 2 + 60),
    ),
    row(
        "dynamic_slice{sizes=[2, 5]} %0, %1",
        "%0: f64[6, 5], %1: i64[2]",
        "f64[2, 5]",
        Work::Copy,
        0,
        8 * 22,
    ),
    row(
        "dynamic_update %0, %1, %2",
        "%0: f64[6, 5], %1: f64[2, 5], %2: i64[2]",
        "f64[6, 5]",
        Work::Copy,
        0,
        8 * (22 + 60),
    ),
    row(
        "concat{axis=0} %0, %1",
        "%0: f64[2, 5], %1: f64[1, 5]",
        "f64[3, 5]",
        Work::Copy,
        0,
        240,
    ),
    row(
        "pad{low=[1], high=[1], interior=[0]} %0, %1",
        "%0: f64[3], %1: f64[]",
        "f64[5]",
        Work::Copy,
        0,
        8 * (3 + 1 + 5),
    ),
    row(
        "slice_add{start=[1, 0], stride=[2, 1]} %0, %1",
        "%0: f64[6, 5], %1: f64[2, 5]",
        "f64[6, 5]",
        Work::Arithmetic,
        10,
        8 * (3 * 10 + 60),
    ),
    // 5 lines of 6 elements in 3 levels, read, and written with their indices; the first 2 of 6 found, then in order.
    row(
        "sort{axis=0, descending=0, count=6} %0",
        "%0: f64[6, 5]",
        "f64[6, 5], %2: i64[6, 5]",
        Work::Indexing,
        5 * 6 * 3,
        8 * 3 * 30,
    ),
    row(
        "sort{axis=0, descending=1, count=2} %0",
        "%0: f32[6, 5]",
        "f32[2, 5], %2: i64[2, 5]",
        Work::Indexing,
        5 * (6 + 2),
        4 * 30 + 12 * 10,
    ),
    row(
        "lgamma %0",
        "%0: f64[6, 5]",
        "f64[6, 5]",
        Work::Transcendental,
        30,
        480,
    ),
    row(
        "polygamma{order=3} %0",
        "%0: f64[6, 5]",
        "f64[6, 5]",
        Work::Transcendental,
        30,
        480,
    ),
    // Views that are results are copied.
    row(
        "broadcast{shape=[6, 5], axes=[0]} %0",
        "%0: f64[6]",
        "f64[6, 5]",
        Work::View,
        0,
        8 * (6 + 30),
    ),
    row(
        "transpose{permutation=[1, 0]} %0",
        "%0: f64[6, 5]",
        "f64[5, 6]",
        Work::View,
        0,
        480,
    ),
];

fn graph_of(row: &Row) -> Graph {
    let Row {
        inputs,
        operation,
        result,
        ..
    } = row;
    let n = inputs.matches('%').count();
    let text = format!("graph({inputs}) {{ %{n}: {result} = {operation} return %{n} }}");
    text.parse().unwrap()
}

/// Costs by kind, and the counts of a run.
fn run(graph: &Graph) -> (ByWork, Counts) {
    let arrays = graph.input_types().into_iter().map(|ty| {
        // Indices and starts that are within bounds; other values do not matter.
        let bytes = vec![0; ty.bytes()];
        Input::Owned(Array::from_bytes(ty, &bytes).unwrap())
    });
    let compiled = compile(graph, &CompileOptions::default()).unwrap();
    let (_, counts) = compiled.run_counted(arrays.collect()).unwrap();
    (total_cost(&passes::run(graph)).by_work, counts)
}

#[test]
fn every_family_counts_what_its_table_says() {
    for row in ROWS {
        let (cost, counts) = run(&graph_of(row));
        let wanted = ByWork::of(row.work, row.operations);
        assert_eq!(cost, wanted, "cost of {}", row.operation);
        assert_eq!(counts.by_work, wanted, "count of {}", row.operation);
        assert_eq!(counts.bytes, row.bytes, "bytes of {}", row.operation);
    }
}

#[test]
fn literals_and_indices_cost_nothing_but_their_memory() {
    let mut g = Graph::new();
    let one = g.constant(Literal::from_f64(DType::F64, 1.5), &[4]);
    let index = g.iota(Type::new(DType::I64, &[4]), 0);
    g.set_outputs(vec![one, index]);
    let compiled = compile(&g, &CompileOptions::default()).unwrap();
    let (_, counts) = compiled.run_counted(Vec::new()).unwrap();
    assert_eq!((counts.operations, total_cost(&g).operations), (0, 0));
    assert_eq!((counts.bytes, counts.peak_bytes), (64, 64));
}

/// The families that have rows above.
/// Inputs, literals and indices cost nothing; `loops_count_their_steps` counts regions.
/// Names and match come from the same lines, so a new family does not compile until it is listed here.
macro_rules! families {
    ($($pattern:pat => $family:literal,)*; $without:pat) => {
        const FAMILIES: &[&str] = &[$($family),*];

        fn family(op: &Op) -> Option<&'static str> {
            match op {
                $($pattern => Some($family),)*
                $without => None,
            }
        }
    };
}

families! {
    Op::Unary(_) => "unary",
    Op::Cast(_) => "cast",
    Op::Binary(_) => "binary",
    Op::Compare(_) => "compare",
    Op::Select(_) => "select",
    Op::Layout(_) => "layout",
    Op::Resize(_) => "resize",
    Op::Gather(_) => "gather",
    Op::Dynamic(_) => "dynamic",
    Op::Reduce(_) => "reduce",
    Op::ArgReduce(_) => "position",
    Op::CumSum(_) => "running sum",
    Op::Sort(_) => "sort",
    Op::Contract(_) => "product",
    Op::Probe(_) => "probe",
    ; Op::Input(_) | Op::Const(_) | Op::Iota(_) | Op::Region(_)
}

#[test]
fn every_family_has_a_row() {
    let mut missing = FAMILIES.to_vec();
    for row in ROWS {
        let graph = graph_of(row);
        let found = family(&graph.maker(graph.outputs()[0]).op);
        missing.retain(|&f| Some(f) != found);
    }
    assert!(missing.is_empty(), "families {missing:?} have no row");
}

#[test]
fn every_function_costs_what_is_counted() {
    let unary = Unary::ALL.into_iter().map(Op::Unary).map(|op| (op, 1));
    let powers = (-40..=40).chain([i32::MIN, i32::MIN + 1, i32::MAX]);
    let powers = powers.map(|e| (Op::Unary(Unary::PowI(e)), 1));
    let binary = Binary::ALL.into_iter().map(Op::Binary).map(|op| (op, 2));
    let compare = Compare::ALL.into_iter().map(Op::Compare).map(|op| (op, 2));
    for (op, operands) in unary.chain(powers).chain(binary).chain(compare) {
        let mut types = 0;
        for dtype in DType::ALL {
            let mut g = Graph::new();
            let ids: Vec<_> = (0..operands)
                .map(|_| g.input(Type::new(dtype, &[9])))
                .collect();
            let Ok(out) = g.add(op.clone(), &ids) else {
                continue;
            };
            types += 1;
            g.set_outputs(vec![out]);
            let (cost, counts) = run(&g);
            assert_eq!(counts.by_work, cost, "{op:?} of {dtype}");
        }
        assert!(types > 0, "{op:?} was not run");
    }
}

#[test]
fn loops_count_their_steps() {
    let g: Graph = "graph(%0: f64[8], %1: f64[5,8]) {
        %3: f64[8], %4: f64[5] = scan{consts=1, carries=1, length=5, body=graph(%0: i64[], %1: f64[8], %2: f64[8], %3: f64[8]) {
            %4: f64[8] = mul %1, %2
            %5: f64[8] = add %4, %3
            %6: f64[8] = exp %5
            %7: f64[] = reduce_sum{axes=[0]} %6
            return %5, %7
        }} %0, %0, %1
        return %3, %4
    }"
    .parse()
    .unwrap();
    let compiled = compile(&g, &CompileOptions::default()).unwrap();
    let inputs = [
        Array::from_slice(&[0.5; 8], &[8]).unwrap(),
        Array::from_slice(&[0.25; 40], &[5, 8]).unwrap(),
    ];
    let borrowed = inputs.iter().map(Input::Borrowed).collect();
    let (_, counts) = compiled.run_counted(borrowed).unwrap();
    let said = total_cost(&g);
    assert_eq!(counts.by_work, said.by_work);
    assert_eq!(counts.operations, 5 * (16 + 8 + 7));
    let forecast = compiled.forecast();
    assert_eq!(forecast.operations(), counts.by_work);
    assert_eq!(forecast.peak_bytes, counts.peak_bytes);
}
