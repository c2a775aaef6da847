//! Programs with loops: counts, forecasts, and results of the passes.

use gradus_cpu::{
    Array, CompileOptions, Counts, Executable, Input, Member, compile, forecast, passes,
};
use gradus_ir::primitives::{Loop, Region, Trips, Work};
use gradus_ir::{DType, Graph, Type};

fn arrays(graph: &Graph) -> Vec<Array> {
    let types = graph.input_types().into_iter().enumerate();
    let array = |(k, ty): (usize, gradus_ir::Type)| {
        let value = |i: usize| ((7 * i + 3 * k) % 11) as f64 / 11.0;
        let values: Vec<f64> = (0..ty.elements()).map(value).collect();
        match ty.dtype {
            gradus_ir::DType::I64 => Array::from_slice(&[5i64], &ty.shape).unwrap(),
            _ => Array::from_slice(&values, &ty.shape).unwrap(),
        }
    };
    types.map(array).collect()
}

fn counted(program: &Executable, inputs: &[Array]) -> Counts {
    let inputs = inputs.iter().map(Input::Borrowed).collect();
    program.run_counted(inputs).unwrap().1
}

/// A loop of `n` steps that keeps two values of each, and its tangent loop.
fn tangents(n: usize) -> String {
    format!(
        "graph(%s: f64[6], %w: f64[6], %t: f64[6]) {{
  %last: f64[6], %kept: f64[{n}, 6] = scan{{consts=1, carries=1, length={n}, body=graph(%i: i64[], %w: f64[6], %s: f64[6]) {{
    %e: f64[6] = exp %w
    %a: f64[6] = mul %s, %e
    %b: f64[6] = sin %a
    %c: f64[6] = cos %a
    return %b, %c
  }}}} %w, %s
  %dot: f64[6] = scan{{consts=1, carries=1, length={n}, body=graph(%i: i64[], %w: f64[6], %t: f64[6], %c: f64[6]) {{
    %e: f64[6] = exp %w
    %a: f64[6] = mul %t, %e
    %b: f64[6] = mul %a, %c
    return %b
  }}}} %w, %t, %kept
  return %last, %dot
}}"
    )
}

#[test]
fn loops_do_and_hold_what_was_forecast() {
    let mut peaks = Vec::new();
    for n in [0, 1, 2, 7, 300] {
        let graph: Graph = tangents(n).parse().unwrap();
        let program = compile(&graph, &CompileOptions::default()).unwrap();
        let counts = counted(&program, &arrays(&graph));
        let expected = forecast(&graph);
        assert_eq!(counts.by_work, expected.operations(), "{n} steps");
        assert_eq!(counts.peak_bytes, expected.peak_bytes, "{n} steps");
        if n > 1 {
            // The exponential is the same in all steps; sine and cosine differ.
            let functions = counts.by_work[Work::Transcendental];
            assert_eq!(functions, 6 + 2 * 6 * n as u64);
            assert_eq!(counts.by_work[Work::Arithmetic], 3 * 6 * n as u64);
            peaks.push(counts.peak_bytes);
        }
    }
    // No values of the steps are kept.
    assert!(peaks.windows(2).all(|p| p[0] == p[1]), "{peaks:?}");
}

/// A loop that runs until a count is reached and keeps a value of each step for another loop,
/// which runs backwards.
const LISTS: &str = "graph(%n: f64[], %s: f64[40]) {
  %one: f64[] = const 1.0
  %zero: f64[] = const 0.0
  %r0: f64[], %r1: f64[40], %kept: f64[?, 40], %count: i64[] = while{consts=2, carries=2, condition=graph(%i: i64[], %n: f64[], %one: f64[], %k: f64[], %s: f64[40]) {
    %b: bool[] = lt %k, %n
    return %b
  }, body=graph(%i: i64[], %n: f64[], %one: f64[], %k: f64[], %s: f64[40]) {
    %l: f64[] = add %k, %one
    %a: f64[40] = sin %s
    return %l, %a, %s
  }} %n, %one, %zero, %s
  %back: f64[40] = for{consts=0, carries=1, reverse=1, body=graph(%i: i64[], %t: f64[40], %x: f64[40]) {
    %a: f64[40] = mul %t, %x
    return %a
  }} %count, %s, %kept
  return %back
}";

#[test]
fn lists_count_as_memory_held() {
    let graph: Graph = LISTS.parse().unwrap();
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let start = Array::from_slice(&[0.5; 40], &[40]).unwrap();
    let of_steps = |n: f64| {
        let inputs = [Array::from_slice(&[n], &[]).unwrap(), start.clone()];
        counted(&program, &inputs).peak_bytes
    };
    let none = of_steps(0.0);
    assert_eq!(of_steps(1000.0) - none, 1000 * 40 * 8);
    // A short run after a long one does not hold the long one's memory.
    assert_eq!(of_steps(3.0) - none, 3 * 40 * 8);
}

#[test]
fn passes_leave_what_they_made() {
    for text in [tangents(9), LISTS.to_string()] {
        let once = passes::run(&text.parse().unwrap());
        assert!(passes::run(&once).same(&once), "{once}");
    }
}

#[test]
fn errors_in_a_step_name_no_other_run() {
    // The third step reads outside of the array. The run after that works.
    let text = "graph(%n: i64[], %w: f64[3], %s: f64[1]) {
  %last: f64[1] = for{consts=1, carries=1, body=graph(%i: i64[], %w: f64[3], %s: f64[1]) {
    %k: i64[1] = reshape{shape=[1]} %i
    %x: f64[1] = take{batch=0, axis=0} %w, %k
    %a: f64[1] = add %s, %x
    return %a
  }} %n, %w, %s
  return %last
}";
    let graph: Graph = text.parse().unwrap();
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let run = |n: i64| {
        let w = Array::from_slice(&[1.0, 2.0, 4.0], &[3]).unwrap();
        let s = Array::from_slice(&[0.5], &[1]).unwrap();
        let n = Array::from_slice(&[n], &[]).unwrap();
        let inputs = vec![Input::Owned(n), Input::Owned(w), Input::Owned(s)];
        let results = program.run(inputs)?;
        Ok::<f64, gradus_ir::Error>(results[0].as_slice::<f64>().unwrap()[0])
    };
    assert_eq!(run(3).unwrap(), 7.5);
    assert!(run(4).unwrap_err().message().contains("out of bounds"));
    assert_eq!(run(2).unwrap(), 3.5);
    assert_eq!(run(-1).unwrap(), 0.5);
}

/// A loop of `n` steps that keeps `item` numbers of each, and a loop of `m` steps that adds them up.
fn list_of(item: usize) -> Executable {
    let text = format!(
        "graph(%n: i64[], %m: i64[], %s: f64[{item}]) {{
  %r0: f64[{item}], %kept: f64[?, {item}] = for{{consts=0, carries=1, body=graph(%i: i64[], %s: f64[{item}]) {{
    %a: f64[{item}] = sin %s
    return %a, %s
  }}}} %n, %s
  %sum: f64[{item}] = for{{consts=0, carries=1, body=graph(%i: i64[], %t: f64[{item}], %x: f64[{item}]) {{
    %a: f64[{item}] = add %t, %x
    return %a
  }}}} %m, %s, %kept
  return %sum
}}"
    );
    compile(&text.parse().unwrap(), &CompileOptions::default()).unwrap()
}

fn run_list(item: usize, n: i64, m: i64) -> gradus_ir::Result<Vec<Array>> {
    let numbers = [n, m].map(|n| Input::Owned(Array::from_slice(&[n], &[]).unwrap()));
    let start = Array::from_slice(&vec![0.0; item], &[item]).unwrap();
    let inputs = numbers.into_iter().chain([Input::Owned(start)]);
    list_of(item).run(inputs.collect())
}

#[test]
fn lists_that_no_memory_can_hold_are_refused() {
    // 2^61 items of 8 bytes wrap to 0 bytes, 2^60 do not. Both are more than memory can hold.
    for (item, n) in [(1, 1 << 61), (3, i64::MAX / 16), (1, 1 << 60)] {
        let error = run_list(item, n, 0).unwrap_err();
        let message = error.message();
        assert!(message.contains(&format!("{n} steps")), "{message}");
    }
}

#[test]
fn no_step_reads_past_the_end_of_a_list() {
    assert!(run_list(2, 5, 5).is_ok());
    assert!(run_list(2, 5, 3).is_ok());
    let error = run_list(2, 5, 6).unwrap_err();
    let message = error.message();
    assert!(
        message.contains("6 steps") && message.contains("5 items"),
        "{message}"
    );
}

#[test]
fn checks_move_what_was_forecast() {
    let text = "graph(%x: f64[50]) {
  %zero: f64[] = const 0.0
  %sum: f64[] = reduce_sum{axes=[0]} %x
  %c: bool[] = lt %zero, %sum
  %y: f64[50] = check{message=\"no\", reported=0, passed=(f64[50])} %c, %x
  %z: f64[50] = sin %y
  return %z
}";
    let graph: Graph = text.parse().unwrap();
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let counts = counted(&program, &arrays(&graph));
    let expected = forecast(&graph);
    assert_eq!(counts.by_work, expected.operations());
    assert_eq!(counts.bytes, expected.bytes());
}

/// Nested loops, each of which holds the previous one twice: as many paths as there are atoms.
fn nest(depth: usize) -> Graph {
    let of_loop = |body: Graph| Loop {
        trips: Trips::Fixed(2),
        reverse: false,
        consts: 0,
        carries: 1,
        body: body.into(),
    };
    let step = "graph(%i: i64[], %s: f64[]) { %a: f64[] = sin %s return %a }";
    let mut inner = of_loop(step.parse().unwrap());
    for _ in 0..depth {
        let mut g = Graph::new();
        g.input(Type::scalar(DType::I64));
        let x = g.input(Type::scalar(DType::F64));
        let once = g.emit_region(Region::Loop(inner.clone()), &[x])[0];
        let twice = g.emit_region(Region::Loop(inner), &[once])[0];
        g.set_outputs(vec![twice]);
        inner = of_loop(g);
    }
    let mut g = Graph::new();
    let x = g.input(Type::scalar(DType::F64));
    let y = g.emit_region(Region::Loop(inner), &[x])[0];
    g.set_outputs(vec![y]);
    g
}

#[test]
fn a_body_in_many_places_is_looked_at_once() {
    // More sines than can be counted, and more paths than can be walked.
    let deep = gradus_ir::total_cost(&nest(60));
    assert_eq!(deep.operations, u64::MAX);
    let program = compile(&nest(6), &CompileOptions::default()).unwrap();
    let sines = 2 * 4u64.pow(6);
    assert_eq!(program.forecast().operations().total(), sines);
    let members = program.members().flatten();
    let members: Vec<Member> = members.filter(|m| m.name == "sin").copied().collect();
    let [sine] = members.as_slice() else {
        panic!("one sine, not {}", members.len())
    };
    assert_eq!(sine.cost.operations, sines);
}

#[test]
fn rows_of_an_operand_and_other_shapes_of_a_result_are_not_copied() {
    let text = "graph(%x: f64[6, 2], %s: f64[2]) {
  %rows: f64[3, 2] = slice{start=[2, 0], limit=[5, 2], stride=[1, 1]} %x
  %last: f64[2], %kept: f64[3, 2] = scan{consts=0, carries=1, length=3, body=graph(%i: i64[], %s: f64[2], %v: f64[2]) {
    %t: f64[2] = add %s, %v
    return %t, %t
  }} %s, %rows
  %flat: f64[6] = reshape{shape=[6]} %kept
  return %flat, %last
}";
    let graph: Graph = text.parse().unwrap();
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let steps = program.report().steps;
    assert_eq!(steps.len(), 1, "{steps:?}");
    let x: Vec<f64> = (0..12).map(f64::from).collect();
    let x = Array::from_slice(&x, &[6, 2]).unwrap();
    let s = Array::from_slice(&[0.5, 0.25], &[2]).unwrap();
    let results = program.run(vec![Input::Borrowed(&x), Input::Borrowed(&s)]);
    let results = results.unwrap();
    let flat = [4.5, 5.25, 10.5, 12.25, 18.5, 21.25];
    assert_eq!(results[0].as_slice::<f64>().unwrap(), flat);
    assert_eq!(results[1].as_slice::<f64>().unwrap(), [18.5, 21.25]);
    // The first element of a slice without rows is never read.
    let none = text
        .replace("limit=[5, 2]", "limit=[2, 2]")
        .replace("[3, 2]", "[0, 2]");
    let none = none
        .replace("length=3", "length=0")
        .replace("f64[6] =", "f64[0] =");
    let none = none
        .replace("shape=[6]", "shape=[0]")
        .replace("start=[2, 0], limit=[2, 2]", "start=[6, 0], limit=[6, 2]");
    let graph: Graph = none.parse().unwrap();
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let results = program.run(vec![Input::Borrowed(&x), Input::Borrowed(&s)]);
    assert_eq!(results.unwrap()[1].as_slice::<f64>().unwrap(), [0.5, 0.25]);
}
