//! Contexts: they choose the engine that runs a program, and keep the work on it.

#[path = "../../../tests/near.rs"]
mod near;

use gradus::engine::{
    Cache, CompileOptions, Context, Counts, Cpu, Engine, Input, Program, TimedStep,
};
use gradus::prelude::*;
use gradus::{Graph, engine};
use gradus_reference::Reference;
use near::near;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An engine that counts the programs that it compiles.
#[derive(Clone, Default)]
struct Counting {
    compiled: Arc<AtomicUsize>,
}

impl Counting {
    /// The number of programs compiled since the previous call.
    fn compiled(&self) -> usize {
        self.compiled.swap(0, Ordering::Relaxed)
    }
}

impl Engine for Counting {
    fn compile(
        &self,
        graph: &Graph,
        options: &CompileOptions,
        cache: &Cache,
    ) -> Result<Arc<dyn Program>> {
        self.compiled.fetch_add(1, Ordering::Relaxed);
        Cpu.compile(graph, options, cache)
    }

    fn forecast(&self, graph: &Graph, cache: &Cache) -> Counts {
        Cpu.forecast(graph, cache)
    }
}

fn sines_of(lengths: impl IntoIterator<Item = usize>) {
    for n in lengths {
        sine_of(n);
    }
}

fn sine_of(n: usize) -> f64 {
    let x = Tensor::from(vec![0.5; n]);
    x.sin().to_vec::<f64>().unwrap()[n - 1]
}

#[test]
fn a_full_cache_forgets_what_was_not_used_for_the_longest_time() {
    let engine = Counting::default();
    let context = Context::with_capacity(engine.clone(), 8);
    context.with(|| {
        sines_of(1..=8);
        assert_eq!((engine.compiled(), context.len()), (8, 8));
        sines_of(1..=8);
        assert_eq!(engine.compiled(), 0);
        // The program of length 1 is used again; then the program of length 2 is the oldest.
        sine_of(1);
        sine_of(9);
        assert_eq!((engine.compiled(), context.len()), (1, 8));
        sine_of(1);
        assert_eq!(engine.compiled(), 0);
        sine_of(2);
        assert_eq!(engine.compiled(), 1);
        for n in 10..200 {
            sine_of(n);
            assert!(context.len() <= context.capacity());
        }
    });
    assert_eq!(context.capacity(), 8);
}

#[test]
fn clear_forgets_programs_and_plans() -> Result<()> {
    let engine = Counting::default();
    let context = Context::new(engine.clone());
    let f = |x: &Tensor| x.prod();
    let x = Tensor::from([1.0, 2.0, 3.0]);
    context.with(|| {
        let first = hessian(f)(&x).to_vec::<f64>()?;
        let (compiled, kept) = (engine.compiled(), context.len());
        // The plan and the program.
        assert!(compiled > 0 && kept > compiled, "{compiled} {kept}");
        assert_eq!(hessian(f)(&x).to_vec::<f64>()?, first);
        assert_eq!((engine.compiled(), context.len()), (0, kept));
        context.clear();
        assert!(context.is_empty());
        assert_eq!(hessian(f)(&x).to_vec::<f64>()?, first);
        assert_eq!((engine.compiled(), context.len()), (compiled, kept));
        Ok(())
    })
}

#[test]
fn a_compiled_function_has_a_program_in_each_context() -> Result<()> {
    let engine = Counting::default();
    let (one, two) = (Context::new(engine.clone()), Context::new(Reference));
    let f = jit(|x: &Tensor| x.exp().sum());
    let x = Tensor::from([0.0, 1.0, 2.0]);
    let outside = f.call(&x)?.item::<f64>()?;
    for _ in 0..2 {
        let a = one.with(|| f.call(&x))?.item::<f64>()?;
        let b = two.with(|| f.call(&x))?.item::<f64>()?;
        assert!(near(a, outside, 1e-14) && near(b, outside, 1e-14));
    }
    assert_eq!((engine.compiled(), f.programs()), (1, 3));
    // Entering the current context again changes nothing.
    let again = Context::current().with(|| f.call(&x))?.item::<f64>()?;
    assert_eq!((again, f.programs()), (outside, 3));
    // The function keeps its programs when the context forgets them.
    one.clear();
    assert_eq!(one.with(|| f.call(&x))?.item::<f64>()?, outside);
    assert_eq!((engine.compiled(), one.len()), (0, 0));
    Ok(())
}

/// Whether the current context has this engine.
fn is_entered(engine: &Counting) -> bool {
    static LENGTH: AtomicUsize = AtomicUsize::new(1000);
    engine.compiled();
    sine_of(LENGTH.fetch_add(1, Ordering::Relaxed));
    engine.compiled() > 0
}

#[test]
fn contexts_nest_and_end_with_their_closure() {
    let engines = [Counting::default(), Counting::default()];
    let [outer, inner] = [0, 1].map(|k| Context::new(engines[k].clone()));
    let entered = || [0, 1].map(|k| is_entered(&engines[k]));
    assert_eq!(entered(), [false, false]);
    outer.with(|| {
        assert_eq!(entered(), [true, false]);
        inner.with(|| {
            assert_eq!(entered(), [false, true]);
            outer.with(|| assert_eq!(entered(), [true, false]));
            assert_eq!(entered(), [false, true]);
        });
        let caught = catch_unwind(AssertUnwindSafe(|| inner.with(|| panic!("inside"))));
        assert!(caught.is_err());
        assert_eq!(entered(), [true, false]);
        // A handle of the current context refers to the same context.
        inner.with(|| Context::current().with(|| assert_eq!(entered(), [false, true])));
    });
    assert_eq!(entered(), [false, false]);
}

#[test]
fn a_thread_has_the_process_s_context_or_the_one_that_it_enters() {
    let engine = Counting::default();
    let context = Context::new(engine.clone());
    context.with(|| {
        std::thread::scope(|s| {
            s.spawn(|| assert!(!is_entered(&engine))).join().unwrap();
            s.spawn(|| context.with(|| assert!(is_entered(&engine))))
                .join()
                .unwrap();
        });
    });
}

#[test]
fn a_thread_that_works_on_a_trace_is_in_its_context() -> Result<()> {
    let engine = Counting::default();
    let context = Context::new(engine.clone());
    let read_elsewhere = |x: &Tensor| {
        std::thread::scope(|s| {
            let value = s.spawn(|| x.sin().item::<f64>().unwrap());
            assert!(near(value.join().unwrap(), 0.5f64.sin(), 1e-15));
            // A trace opened there on a traced value.
            s.spawn(|| grad(|y: &Tensor| y.square() * x)(x))
                .join()
                .unwrap()
        })
    };
    let x = Tensor::from(0.5);
    let slope = context.with(|| {
        engine.compiled();
        let slope = grad(read_elsewhere)(&x);
        assert!(engine.compiled() >= 2);
        slope.item::<f64>()
    })?;
    // 2x·x, whose slope is 4x.
    assert_eq!(slope, 2.0);
    // A thread that has entered a context itself stays in it.
    let other = Counting::default();
    let entered = Context::new(other.clone());
    let in_other = |x: &Tensor| {
        std::thread::scope(|s| {
            let read = || entered.with(|| x.cosh().item::<f64>().unwrap());
            s.spawn(read).join().unwrap()
        });
        x.clone()
    };
    context.with(|| grad(in_other)(&x));
    assert!(other.compiled() > 0);
    Ok(())
}

#[test]
fn many_threads_share_a_context() {
    let engine = Counting::default();
    let context = Context::with_capacity(engine.clone(), 16);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                context.with(|| {
                    for n in (1..=40).chain(1..=40) {
                        assert_eq!(sine_of(n), 0.5f64.sin());
                        if n == 20 {
                            context.clear();
                        }
                    }
                });
            });
        }
    });
    assert!(context.len() <= 16);
}

/// A program in a context gives the same results with each engine, in everything that the front end uses.
#[test]
fn all_of_the_interface_works_with_another_engine() -> Result<()> {
    let context = Context::new(Reference);
    let x = Tensor::from([0.5, 1.0, 2.0]);
    let f = |x: &Tensor| (x.sin() * x).sum();
    context.with(|| {
        let (y, steps) = jit(f).call_profiled(x.clone())?;
        let sum: f64 = [0.5f64, 1.0, 2.0].iter().map(|x| x.sin() * x).sum();
        assert!(near(y.item::<f64>()?, sum, 1e-14));
        let operations = steps.iter().flat_map(|step| &step.operations);
        assert_eq!(operations.map(|o| o.count).sum::<u64>(), 3 + 3 + 2);
        let plan = plan_hessian(f, &x, &PlanOptions::default().memory_limit(1 << 20))?;
        assert!(plan.analyze(&x)?.explain().contains("chosen"));
        let element = jit(|(x, i): &(Tensor, Tensor)| x.take(i, 0));
        let wrong = element.call(&(x.clone(), Tensor::from(7i64))).unwrap_err();
        assert!(
            wrong.to_string().contains("index 7 is out of bounds"),
            "{wrong}"
        );
        assert!(wrong.to_string().contains("contexts.rs"), "{wrong}");
        let found = find_nan(|x: &Tensor| (x - 0.5).log().sum(), &x)?;
        assert_eq!(found.map(|report| report.operation), Some("log"));
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        let shown = jit(move |x: &Tensor| {
            let count = count.clone();
            x.inspect(move |x| {
                count.fetch_add(x.len(), Ordering::Relaxed);
            })
            .sum()
        });
        shown.call(&x)?;
        assert_eq!(seen.load(Ordering::Relaxed), 3);
        Ok(())
    })
}

/// A program used without a context, as authors of an engine use it.
#[test]
fn programs_run_without_a_context() -> Result<()> {
    let graph: Graph = "graph(%x: f32[3]) { %y: f32[3] = neg %x return %y }".parse()?;
    let cache = Cache::new(4);
    let x = engine::Array::from_slice(&[1.0f32, 2.0, 3.0], &[3])?;
    for engine in [&Cpu as &dyn Engine, &Reference] {
        let program = engine.compile(&graph, &CompileOptions::default(), &cache)?;
        let (results, counts) = program.run_counted(vec![Input::Borrowed(&x)])?;
        assert_eq!(
            results[0].as_slice::<f32>(),
            Some(&[-1.0f32, -2.0, -3.0][..])
        );
        assert_eq!(counts, engine.forecast(&graph, &cache));
        let (_, steps) = program.run_timed(vec![Input::Owned(x.clone())])?;
        let names: Vec<&str> = steps.iter().flat_map(members).collect();
        assert_eq!(names, ["neg"]);
        assert!(program.run(Vec::new()).is_err());
    }
    Ok(())
}

fn members(step: &TimedStep) -> impl Iterator<Item = &'static str> {
    step.members.iter().map(|m| m.name)
}
