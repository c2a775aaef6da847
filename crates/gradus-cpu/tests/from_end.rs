//! Indices that count from the end, and sums to zeros: one step does what several operations of the graph say.

use gradus_cpu::{Array, CompileOptions, Executable, Input, compile};

const AXIS: i64 = 50;

/// The operations that let `%i` count from the end of an axis of 50.
fn from_end(count: usize) -> String {
    format!(
        "%zero: i64[{count}] = const 0
         %least: i64[{count}] = const -{AXIS}
         %n: i64[{count}] = const {AXIS}
         %below: bool[{count}] = lt %i, %zero
         %above: bool[{count}] = ge %i, %least
         %both: bool[{count}] = and %below, %above
         %sum: i64[{count}] = add %i, %n
         %at: i64[{count}] = select %both, %sum, %i"
    )
}

fn program(text: &str) -> Executable {
    compile(&text.parse().unwrap(), &CompileOptions::default()).unwrap()
}

fn taking(count: usize) -> Executable {
    let indices = from_end(count);
    program(&format!(
        "graph(%x: f64[{AXIS}, 3], %i: i64[{count}]) {{ {indices}
         %y: f64[{count}, 3] = take{{batch=0, axis=0}} %x, %at return %y }}"
    ))
}

/// A program that adds rows to an array, and one that adds them to zeros.
fn adding(count: usize) -> [Executable; 2] {
    let indices = from_end(count);
    let add = |to: &str| {
        program(&format!(
            "graph(%x: f64[{AXIS}, 3], %i: i64[{count}], %u: f64[{count}, 3]) {{ {indices}
             %none: f64[{AXIS}, 3] = const 0.0
             %y: f64[{AXIS}, 3] = scatter_add{{batch=0, axis=0}} {to}, %at, %u return %y }}"
        ))
    };
    ["%x", "%none"].map(add)
}

fn run(program: &Executable, inputs: &[&Array]) -> Result<Vec<f64>, String> {
    let inputs = inputs.iter().map(|x| Input::Borrowed(x)).collect();
    let results = program.run(inputs).map_err(|e| e.message().to_string())?;
    Ok(results[0].as_slice::<f64>().unwrap().to_vec())
}

/// Numbers that are added without rounding.
fn numbers(rows: usize) -> (Vec<f64>, Array) {
    let all: Vec<f64> = (0..rows * 3).map(|i| (i * 37 % 101) as f64).collect();
    let array = Array::from_slice(&all, &[rows, 3]).unwrap();
    (all, array)
}

fn indices(count: usize) -> (Vec<i64>, Array) {
    let of = |i: usize| (i as i64 * 7919) % (2 * AXIS) - AXIS;
    let all: Vec<i64> = (0..count).map(of).collect();
    let array = Array::from_slice(&all, &[count]).unwrap();
    (all, array)
}

/// With few indices, and with several blocks and pieces of them.
#[test]
fn negative_indices_count_from_the_end_in_one_step() {
    for count in [7, 300, 20_000] {
        let (at, i) = indices(count);
        assert!(at.contains(&-AXIS) || count < 50);
        let places = at
            .iter()
            .map(|&i| if i < 0 { i + AXIS } else { i } as usize);
        let places: Vec<usize> = places.collect();
        let (x, x_array) = numbers(AXIS as usize);
        let take = taking(count);
        assert_eq!(take.report().steps.len(), 1, "{}", take.report());
        let taken = run(&take, &[&x_array, &i]).unwrap();
        let wanted: Vec<f64> = places
            .iter()
            .flat_map(|&p| x[3 * p..3 * p + 3].to_vec())
            .collect();
        assert_eq!(taken, wanted);

        let (u, u_array) = numbers(count);
        for (program, start) in adding(count).iter().zip([x.clone(), vec![0.0; x.len()]]) {
            assert_eq!(program.report().steps.len(), 1, "{}", program.report());
            let mut sums = start;
            for (k, &p) in places.iter().enumerate() {
                (0..3).for_each(|j| sums[3 * p + j] += u[3 * k + j]);
            }
            assert_eq!(run(program, &[&x_array, &i, &u_array]).unwrap(), sums);
        }
    }
}

#[test]
fn indices_beyond_either_end_are_named_as_they_are() {
    let (_, x) = numbers(AXIS as usize);
    let (_, u) = numbers(4);
    for wrong in [-AXIS - 1, AXIS, i64::MIN, i64::MAX] {
        let i = Array::from_slice(&[0, -1, wrong, wrong - wrong.signum()], &[4]).unwrap();
        let message = format!("index {wrong} is out of bounds for axis 0 of size {AXIS}");
        let error = run(&taking(4), &[&x, &i]).unwrap_err();
        assert_eq!(error, format!("take: {message}"));
        for program in adding(4) {
            let error = run(&program, &[&x, &i, &u]).unwrap_err();
            assert_eq!(error, format!("scatter_add: {message}"));
        }
    }
}

/// Indices that something else needs, and those of an axis of another size, are computed as the graph says.
#[test]
fn other_uses_of_the_indices_stay() {
    let (x, x_array) = numbers(AXIS as usize);
    let i = Array::from_slice(&[-1i64, 2], &[2]).unwrap();
    let text = from_end(2);
    let both = program(&format!(
        "graph(%x: f64[{AXIS}, 3], %i: i64[2]) {{ {text}
         %y: f64[2, 3] = take{{batch=0, axis=0}} %x, %at return %y, %at }}"
    ));
    let results = both
        .run(vec![Input::Borrowed(&x_array), Input::Borrowed(&i)])
        .unwrap();
    let last = AXIS as usize - 1;
    let wanted = [&x[3 * last..], &x[6..9]].concat();
    assert_eq!(results[0].as_slice::<f64>().unwrap(), wanted);
    assert_eq!(results[1].as_slice::<i64>().unwrap(), [AXIS - 1, 2]);

    let longer = program(&format!(
        "graph(%x: f64[60, 3], %i: i64[2]) {{ {text}
         %y: f64[2, 3] = take{{batch=0, axis=0}} %x, %at return %y }}"
    ));
    let (x, x_array) = numbers(60);
    assert_eq!(
        run(&longer, &[&x_array, &i]).unwrap(),
        [&x[3 * last..3 * last + 3], &x[6..9]].concat()
    );
}

/// Many numbers at few places are summed in parts, which depend on sizes alone and are added in order.
#[test]
fn many_numbers_at_few_places_are_summed_in_parts() {
    const COUNT: usize = 600_000;
    const PARTS: usize = 4;
    let at: Vec<i64> = (0..COUNT)
        .map(|i| ((i * 7919) % 1013 % 10) as i64)
        .collect();
    let values: Vec<f64> = (0..COUNT)
        .map(|i| ((i * 31) % 1009) as f64 * 0.37)
        .collect();
    let start: Vec<f64> = (0..10).map(|i| i as f64 * 0.1).collect();
    let mut sums = start.clone();
    for part in 0..PARTS {
        let mut own = [0.0; 10];
        let range = COUNT * part / PARTS..COUNT * (part + 1) / PARTS;
        range.for_each(|k| own[at[k] as usize] += values[k]);
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    let add = program(&format!(
        "graph(%x: f64[10], %i: i64[{COUNT}], %u: f64[{COUNT}]) {{
         %y: f64[10] = scatter_add{{batch=0, axis=0}} %x, %i, %u return %y }}"
    ));
    let x = Array::from_slice(&start, &[10]).unwrap();
    let u = Array::from_slice(&values, &[COUNT]).unwrap();
    let i = Array::from_slice(&at, &[COUNT]).unwrap();
    assert_eq!(run(&add, &[&x, &i, &u]).unwrap(), sums);

    // The first index out of bounds of any part.
    let mut wrong = at;
    wrong[200_000] = 10;
    wrong[500_000] = -1;
    let i = Array::from_slice(&wrong, &[COUNT]).unwrap();
    let error = run(&add, &[&x, &i, &u]).unwrap_err();
    assert_eq!(
        error,
        "scatter_add: index 10 is out of bounds for axis 0 of size 10"
    );
}
