//! Requests for more memory than is available: errors that name the operation,
//! the shape and the bytes, never an abort. Limits are set in separate processes.

use gradus::plan::{Profile, machine_profile};
use gradus::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};

/// The message with which `f` panics; it must end with a place in this file.
fn stops<T>(f: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(f()))).expect_err("it does not stop");
    let text = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(text.contains(&format!("\n  at {}:", file!())), "{text}");
    text.split("\n  at ").next().unwrap().to_string()
}

/// The error of `f` traced without arguments; it must have a place in this file.
fn refused(f: impl Fn() -> Tensor) -> String {
    let error = jit(|_: &Tensor| f()).call(&Tensor::from(0.0)).unwrap_err();
    let (file, _) = error.loc().unwrap().file_line().unwrap();
    assert_eq!(file, file!(), "{error}");
    error.message().to_string()
}

/// Without a limit: no machine has this much memory.
#[test]
fn what_no_machine_has_is_refused_by_name() {
    let index = Tensor::from([1i64, 2]);
    let key = random::key(1);
    type Case<'a> = (&'a str, Box<dyn Fn() -> Tensor + 'a>);
    let cases: Vec<Case<'_>> = vec![
        (
            "arange: f64[1000000000000000000] takes 8.0 EB, more than any machine has",
            { Box::new(|| Tensor::arange(0.0, 1e18, 1.0)) },
        ),
        (
            "linspace: f64[18446744073709551615] takes 18.4 EB, more than any machine has",
            { Box::new(|| Tensor::linspace(0.0, 1.0, usize::MAX)) },
        ),
        (
            "eye: bool[4294967296,4294967296] takes 18.4 EB, more than any machine has",
            { Box::new(|| Tensor::eye(1u64 << 32, F64)) },
        ),
        (
            "one_hot: i64[4611686018427387904] takes 18.4 EB, more than any machine has",
            { Box::new(|| index.one_hot(1u64 << 62, F32)) },
        ),
        (
            "random numbers: u32[1152921504606846976] takes 4.6 EB, more than any machine has",
            { Box::new(|| random::uniform(&key, &[1u64 << 60], F32)) },
        ),
    ];
    for (message, f) in &cases {
        assert_eq!(stops(f), *message);
        assert_eq!(refused(f), *message);
    }
}

/// An array of equal numbers takes no memory until its elements are read.
#[test]
fn ones_cost_nothing_until_they_are_read() {
    let ones = Tensor::ones(&[1u64 << 58], F64) * 3.0;
    assert_eq!(ones.shape(), [1 << 58]);
    let error = ones.to_vec::<f64>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory);
    let message = "an array: f64[288230376151711744] takes 2.3 EB, ";
    assert!(error.message().starts_with(message), "{error}");
    assert_eq!(error.loc().unwrap().file_line().unwrap().0, file!());
    let error = jit(|x: &Tensor| x.exp()).call(&ones).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory, "{error}");
}

#[test]
fn loops_and_derivatives_that_no_machine_has_are_errors() {
    // Collected steps.
    let x = Tensor::from(1.0);
    let all = Tensor::ones(&[1u64 << 62], Bool);
    let collected = |x: &Tensor| scan(|c: &Tensor, _: &Tensor| (c * 2.0, c.clone()), x, &all).1;
    assert!(
        stops(|| collected(&x)).starts_with("scan: no memory can hold f64[4611686018427387904]")
    );
    let error = jit(collected).call(&x).unwrap_err();
    assert_eq!(
        error.loc().unwrap().file_line().unwrap().0,
        file!(),
        "{error}"
    );

    let wide = Tensor::ones(&[1u64 << 33], F64);
    let message = "the derivative of f64[8589934592] by f64[8589934592] would be f64[8589934592,8589934592], more than a machine can address";
    assert_eq!(stops(|| jacobian(|x: &Tensor| x.exp())(&wide)), message);
    let error = jit(jacobian(|x: &Tensor| x.exp())).call(&wide).unwrap_err();
    assert_eq!(error.message(), message);
    let error = plan_jacobian(|x: &Tensor| x.exp(), &wide, &PlanOptions::default());
    assert_eq!(
        error.err().unwrap().message(),
        format!("plan_jacobian: {message}")
    );
    assert_eq!(
        stops(|| hessian(|x: &Tensor| x.exp().sum())(&wide)),
        message
    );
    // Forward mode would hold too much, reverse mode does not: the plan succeeds, and the run fails.
    let plan = plan_jacobian(
        |x: &Tensor| (x.exp() * x).sum(),
        &wide,
        &PlanOptions::default(),
    )
    .unwrap();
    let left_out: Vec<&str> = plan
        .plan()
        .not_built()
        .iter()
        .map(|n| n.name.as_str())
        .collect();
    assert_eq!(left_out, ["forward", "mixed", "elimination"]);

    let rows = Tensor::ones(&[1u64 << 40, 1], F64);
    let columns = Tensor::ones(&[1 << 30], F64);
    let error = jit(|x: &Tensor| vmap(|x: &Tensor| (x * &columns).exp())(x))
        .call(&rows)
        .unwrap_err();
    assert!(
        error
            .message()
            .starts_with("vmap: no memory can hold 1099511627776 times the f64[1073741824] that "),
        "{error}"
    );
    assert_eq!(error.loc().unwrap().file_line().unwrap().0, file!());
}

/// Runs this test alone, with these variables, in another process.
fn child(test: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env("GRADUS_TEST_CHILD", "1");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn is_child() -> bool {
    std::env::var_os("GRADUS_TEST_CHILD").is_some()
}

/// The parent's side: the test with this name passes in a process with these variables.
/// Returns its standard output and standard error.
fn passes(test: &str, variables: &[(&str, &str)]) -> (String, String) {
    let output = child(test, variables);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{out}");
    (out, err)
}

/// Under 100 MB: programs that fit run again and again, a program that does not fit
/// is an error before it runs, and the next one runs.
#[test]
fn a_limit_holds_for_every_kind_of_request() {
    if !is_child() {
        passes(
            "a_limit_holds_for_every_kind_of_request",
            &[("GRADUS_MEMORY_LIMIT", "100MB")],
        );
        return;
    }
    let fits = |n: usize| {
        jit(|x: &Tensor| x.exp())
            .call(&Tensor::ones(&[n], F64))
            .map(|t| t.len())
    };
    let said = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Memory, "{error}");
        let text = error.message().to_string();
        assert!(
            text.contains("GRADUS_MEMORY_LIMIT is 100 MB, and arrays hold "),
            "{text}"
        );
        text.split(", more than").next().unwrap().to_string()
    };
    // 40 MB of result and 40 MB of argument.
    assert_eq!(fits(5_000_000).unwrap(), 5_000_000);
    for _ in 0..3 {
        // Sizes of all kinds: memory that is kept for reuse does not count against them.
        for n in [4_000_000, 300, 3_000_000, 5_000_000, 2_500_000] {
            assert_eq!(fits(n).unwrap(), n);
        }
    }
    let x = Tensor::from(vec![1.0; 1000]);
    let outer = |x: &Tensor| {
        let (a, b) = (x.expand_dims(1), x.expand_dims(0));
        let b = concatenate(&[&b; 20], 1);
        (&a * &b).exp().cumsum(1)
    };
    let error = said(jit(outer).call(&x).unwrap_err());
    assert!(
        error.starts_with(
            "exp: f64[1000,20000] takes 160 MB, and the program that it belongs to holds 320 MB"
        ),
        "{error}"
    );
    let large = stops(|| x.expand_dims(1) * Tensor::arange(0.0, 20_000.0, 1.0));
    assert!(
        large.starts_with("copy: f64[1000,20000] takes 160 MB, more than"),
        "{large}"
    );
    assert!(
        stops(|| Tensor::from(vec![1.0f32; 30_000_000]))
            .starts_with("an array: f32[30000000] takes 120 MB")
    );
    assert!(
        said(Tensor::new(vec![1.0f32; 30_000_000], &[30_000_000]).unwrap_err())
            .starts_with("an array: f32[30000000]")
    );
    assert!(
        said(
            Tensor::ones(&[20_000_000], F64)
                .to_vec::<f64>()
                .unwrap_err()
        )
        .starts_with("an array: f64[20000000]")
    );
    // Reverse mode through a loop of unknown length, whose lists grow.
    let grown = |x: &Tensor| {
        let more = |(i, _): &(Tensor, Tensor)| i.less(20_000);
        let step = |(i, x): &(Tensor, Tensor)| (i + 1, (x * 1.0001).sin());
        while_loop(more, step, &(Tensor::from(0i64), x.clone()))
            .1
            .sum()
    };
    let error = said(jit(grad(grown)).call(&x).unwrap_err());
    assert!(error.contains("steps keeps"), "{error}");
    // After all this, programs that fit still run.
    assert_eq!(fits(5_000_000).unwrap(), 5_000_000);
}

/// A function from 10,230 numbers to 26,400: its Jacobian is planned, and the plan's memory is compared with the
/// limit before anything is computed.
#[test]
fn a_jacobian_that_does_not_fit_is_an_error_before_it_runs() {
    if !is_child() {
        let limit = ("GRADUS_MEMORY_LIMIT", "1.5 GB");
        passes(
            "a_jacobian_that_does_not_fit_is_an_error_before_it_runs",
            &[limit],
        );
        return;
    }
    let places = |step: i64| {
        Tensor::from(
            (0..26_400)
                .map(|i| (i * step) % 10_230)
                .collect::<Vec<i64>>(),
        )
    };
    let (a, b) = (places(7), places(31));
    let f = |x: &Tensor| (x.take(&a, 0) * x.take(&b, 0)).sin();
    let x = Tensor::arange(0.0, 10_230.0, 1.0);
    let error = jit(jacobian(f)).call(&x).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory, "{error}");
    assert!(
        error.message().contains("GRADUS_MEMORY_LIMIT is 1.5 GB"),
        "{error}"
    );
    assert_eq!(error.loc().unwrap().file_line().unwrap().0, file!());
    let stopped = stops(|| jacobian(f)(&x));
    assert!(
        stopped.contains("26400,10230") || stopped.contains("10230,26400"),
        "{stopped}"
    );
    let plan = plan_jacobian(f, &x, &PlanOptions::default()).unwrap();
    let error = plan.evaluate(&x).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory);
}

/// An invalid value is reported once and ignored.
#[test]
fn variables_that_cannot_be_understood_are_named_once() {
    if is_child() {
        for n in [10, 20, 200_000] {
            let x = Tensor::ones(&[n], F64) * Tensor::arange(0.0, n as f64, 1.0);
            assert_eq!(jit(|x: &Tensor| x.sin().sum()).call(&x).unwrap().len(), 1);
        }
        return;
    }
    let test = "variables_that_cannot_be_understood_are_named_once";
    for (name, value, why) in [
        (
            "GRADUS_MEMORY_LIMIT",
            "6 gigs",
            "expected a number of bytes with a unit such as 6GB or 512MiB, or `unlimited`; the system's limits apply",
        ),
        ("GRADUS_MEMORY_LIMIT", "-1", "expected a number of bytes"),
        (
            "GRADUS_NUM_THREADS",
            "200000",
            "expected a number of threads from 1 to 1024; ",
        ),
        (
            "GRADUS_NUM_THREADS",
            "abc",
            "expected a number of threads from 1 to 1024; ",
        ),
        (
            "GRADUS_NUM_THREADS",
            "0",
            "expected a number of threads from 1 to 1024; ",
        ),
        ("GRADUS_ISA", "portabel", "this machine has portable"),
        (
            "GRADUS_LOG",
            "pases",
            "`pases` cannot be logged; expected passes or types",
        ),
        ("GRADUS_CHECK_NAN", "maybe", "expected 1 or 0"),
    ] {
        let (_, said) = passes(test, &[(name, value)]);
        let start = format!("gradus: {name}={value} is ignored: {why}");
        assert_eq!(said.matches(&start).count(), 1, "{said}");
    }
    for (name, value) in [
        ("GRADUS_MEMORY_LIMIT", "unlimited"),
        ("GRADUS_MEMORY_LIMIT", "8 GiB"),
        ("GRADUS_MEMORY_LIMIT", ""),
        ("GRADUS_NUM_THREADS", "3"),
        ("GRADUS_NUM_THREADS", "1024"),
        ("GRADUS_ISA", "portable"),
        ("GRADUS_CHECK_NAN", "off"),
    ] {
        let (_, said) = passes(test, &[(name, value)]);
        assert!(!said.contains("gradus:"), "{said}");
    }
}

/// An invalid file of rates, and a folder that is not absolute.
#[test]
fn a_machine_profile_that_cannot_be_read_is_named() {
    if is_child() {
        assert_eq!(machine_profile(), Profile::default());
        assert_eq!(machine_profile(), Profile::default());
        return;
    }
    let test = "a_machine_profile_that_cannot_be_read_is_named";
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("gradus");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("profile"), "nonsense").unwrap();
    let path = folder.path().to_str().unwrap();
    let (_, said) = passes(test, &[("XDG_CACHE_HOME", path)]);
    assert_eq!(
        said.matches("is ignored, built-in rates are used").count(),
        1,
        "{said}"
    );
    let (_, said) = passes(test, &[("XDG_CACHE_HOME", "some/folder"), ("HOME", path)]);
    assert!(
        said.contains("gradus: XDG_CACHE_HOME=some/folder is ignored: expected an absolute path"),
        "{said}"
    );
}

/// Under a limit of the address space that the system sets, a request beyond it is an error, too.
#[test]
#[cfg(target_os = "linux")]
fn the_systems_own_limit_holds() {
    if is_child() {
        for n in [1_000, 500_000_000] {
            let result = jit(|x: &Tensor| x.exp()).call(&Tensor::ones(&[n], F64));
            match n {
                1_000 => assert_eq!(result.unwrap().len(), n),
                _ => {
                    let error = result.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Memory);
                    println!("{}", error.message());
                }
            }
        }
        // Blocks below the size for which the system is asked: it refuses one.
        let mut held = Vec::new();
        let refused =
            (0..1000).find_map(
                |_| match Tensor::new(vec![1.0f64; 1_000_000], &[1_000_000]) {
                    Ok(t) => {
                        held.push(t);
                        None
                    }
                    Err(error) => Some(error),
                },
            );
        assert_eq!(refused.unwrap().kind(), ErrorKind::Memory);
        return;
    }
    let program = std::env::current_exe().unwrap();
    let line = format!(
        "ulimit -v 1500000; exec {} --exact the_systems_own_limit_holds --nocapture --test-threads=1",
        program.display()
    );
    let output = Command::new("sh")
        .args(["-c", &line])
        .env("GRADUS_TEST_CHILD", "1")
        .env("GRADUS_NUM_THREADS", "2")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("takes 4.0 GB, more than the "), "{said}");
}
