//! Profiles by line and their traces.

use gradus::debug::{LineTime, StepTime};
use gradus::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn times_belong_to_the_lines_of_the_function() {
    let first = line!() + 2;
    let f = |x: &Tensor| {
        let y = x.matmul(x);
        let z = y.sin() * x.exp();
        z.sum()
    };
    let step = jit(value_and_grad(f));
    // The same program from other lines was compiled before.
    let other = |x: &Tensor| (x.matmul(x).sin() * x.exp()).sum();
    let x = Tensor::full(&[64, 64], 0.01);
    jit(value_and_grad(other)).call(&x).unwrap();
    let (_, steps) = step.call_profiled(x.clone()).unwrap();
    let profile = by_line(&steps);
    let lines: BTreeSet<_> = profile.lines.iter().filter_map(|l| l.place).collect();
    assert!(!lines.is_empty());
    for (file, line) in lines {
        assert_eq!(file, file!());
        assert!((first..first + 3).contains(&line), "{line}");
    }
    let whole: Duration = steps.iter().map(|s| s.time).sum();
    let parts: Duration = profile.lines.iter().map(|l| l.time).sum();
    assert!(whole > Duration::ZERO);
    assert!((whole.as_secs_f64() - parts.as_secs_f64()).abs() < 1e-6 + 1e-6 * whole.as_secs_f64());
    // One product forward, two backward, on the line of the product.
    let product = profile
        .lines
        .iter()
        .find(|l| l.place == Some((file!(), first)))
        .unwrap();
    assert_eq!(product.operations / (2 * 64 * 64 * 64), 3);
    assert!(product.derivative > Duration::ZERO && product.derivative < product.time);
    let text = profile.to_string();
    assert_eq!(text.lines().count(), profile.lines.len() + 1);
    assert!(text.contains(&format!("{}:{first}", file!())), "{text}");
}

#[test]
fn the_trace_is_json_that_chrome_reads() {
    let f = jit(grad(|x: &Tensor| (x.sin() * x).exp().sum()));
    let (_, steps) = f.call_profiled(Tensor::full(&[100], 0.5)).unwrap();
    let trace: serde_json::Value = serde_json::from_str(&chrome_trace(&steps)).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let all = |category: &str| {
        let found = events.iter().filter(|e| e["cat"] == category);
        found.cloned().collect::<Vec<_>>()
    };
    let number = |e: &serde_json::Value, key: &str| e[key].as_f64().unwrap();
    let shown = all("step");
    assert_eq!(shown.len(), steps.len());
    let mut end = 0.0;
    for (event, step) in shown.iter().zip(&steps) {
        assert_eq!(event["ph"], "X");
        assert!((number(event, "dur") - step.time.as_secs_f64() * 1e6).abs() < 1e-3);
        assert!(
            (number(event, "ts") - end).abs() < 0.01,
            "one after the other"
        );
        end = number(event, "ts") + number(event, "dur");
    }
    // Each operation lies within the time of its step.
    let inner: Vec<_> = [all("value"), all("tangent"), all("cotangent")].concat();
    let operations: usize = steps.iter().map(|s| s.operations.len()).sum();
    assert_eq!(inner.len(), operations);
    for event in &inner {
        let (from, to) = (
            number(event, "ts"),
            number(event, "ts") + number(event, "dur"),
        );
        let within = shown.iter().any(|s| {
            number(s, "ts") - 0.01 <= from && to <= number(s, "ts") + number(s, "dur") + 0.01
        });
        assert!(within, "{event}");
        let place = event["args"]["line"].as_str().unwrap_or("");
        assert!(place.is_empty() || place.starts_with(file!()), "{place}");
    }
    assert!(!all("cotangent").is_empty() && !all("value").is_empty());
}

#[test]
fn the_time_of_a_loop_belongs_to_the_lines_of_its_body() {
    let first = line!() + 3;
    let f = |x: &Tensor| {
        let step = |s: &Tensor, x: &Tensor| {
            let y = s.matmul(s);
            let y = y.sin() + x;
            (y, ())
        };
        scan(step, &Tensor::full(&[32, 32], 0.01), x).0.sum()
    };
    let x = Tensor::full(&[10], 0.5);
    let (_, steps) = jit(value_and_grad(f)).call_profiled(x.clone()).unwrap();
    let profile = by_line(&steps);
    let whole: Duration = steps.iter().map(|s| s.time).sum();
    let parts: Duration = profile.lines.iter().map(|l| l.time).sum();
    assert!((whole.as_secs_f64() - parts.as_secs_f64()).abs() < 1e-6 + 1e-6 * whole.as_secs_f64());
    // One product forward, two backward, in ten steps.
    let at = |line: u32| {
        let of = |l: &&LineTime| l.place == Some((file!(), line));
        profile.lines.iter().find(of).unwrap()
    };
    assert_eq!(at(first).operations / (2 * 32 * 32 * 32), 30);
    assert!(at(first).derivative > Duration::ZERO && at(first).derivative < at(first).time);
    assert!(at(first + 1).time > Duration::ZERO);
    // In the trace a loop is an event, with the operations of its body below it.
    let trace: serde_json::Value = serde_json::from_str(&chrome_trace(&steps)).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let loops = events.iter().filter(|e| e["name"] == "loop").count();
    assert_eq!(loops, 2);
    let place = format!("{}:{first}", file!());
    let products = |e: &&serde_json::Value| e["name"] == "contract" && e["args"]["line"] == place;
    assert_eq!(events.iter().filter(products).count(), 3);
}

#[test]
fn what_is_traced_is_not_profiled() {
    let f = jit(|x: &Tensor| x.square().sum());
    let x = Tensor::from([1.0, 2.0]);
    let said = |result: Result<(Tensor, Vec<StepTime>)>| result.unwrap_err().to_string();
    // As the argument, and as a captured value.
    for inside in [
        jit(|x: &Tensor| {
            assert!(said(f.call_profiled(x.clone())).starts_with("call_profiled: "));
            x.clone()
        })
        .call(&x),
        jit(|x: &Tensor| {
            let captures = jit(|y: &Tensor| x * y);
            assert!(said(captures.call_profiled(Tensor::from(2.0))).starts_with("call_profiled: "));
            x.clone()
        })
        .call(&x),
    ] {
        inside.unwrap();
    }
    grad(|x: &Tensor| {
        let message = said(f.call_profiled(x.clone()));
        insta::assert_snapshot!(message.lines().next().unwrap(), @"call_profiled: the argument, or something that the function captures, is traced, so that nothing runs and there is nothing to measure; use `call` or `evaluate` inside of transforms");
        x.sum()
    })(&x);
}
