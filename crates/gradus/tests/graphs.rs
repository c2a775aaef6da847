//! Transforms and passes on graphs written as text: `tests/graphs/<transform>/<case>.txt`.
//!
//! A file holds a graph, a line `---`, and the result of the transform, or `error:` and the message.
//! Settings are comments at its top: `# batch: 3 of [0]` or `# fixed: 1`.
//! Set `GRADUS_UPDATE=1` to write the results as the expectations.

use gradus_ir::{Graph, verify};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/graphs")
}

/// The value of the setting `name` in the comments of `text`.
fn setting<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|l| l.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(": "))
}

fn floats(graph: &Graph) -> Vec<usize> {
    let types = graph.input_types();
    (0..types.len())
        .filter(|&k| types[k].dtype.has_derivatives())
        .collect()
}

fn transformed(transform: &str, text: &str) -> Result<String, gradus_ir::Error> {
    let graph: Graph = text.parse()?;
    verify::verify(&graph)?;
    let fixed = setting(text, "fixed").map_or(0, |v| v.parse().expect("a number"));
    Ok(match transform {
        "read" => graph.to_string(),
        "jvp" => {
            let mut g = graph.clone();
            let pairs: Vec<_> = floats(&graph)
                .into_iter()
                .map(|k| (graph.inputs()[k], g.input_like(&graph, graph.inputs()[k])))
                .collect();
            let mut outputs = graph.outputs().to_vec();
            let tangents = gradus_ad::jvp(&mut g, graph.outputs(), &pairs);
            outputs.extend(tangents.into_iter().flatten());
            g.set_outputs(outputs);
            g.pruned().to_string()
        }
        "linearize" => {
            let split = gradus_ad::linearize(&graph, &floats(&graph));
            format!("{}{}", split.primal, split.tangent)
        }
        "transpose" => gradus_ad::transpose_linear(&graph, fixed).to_string(),
        "gradient" => gradus_ad::gradient(&graph, &floats(&graph)).to_string(),
        "batch" => {
            let spec = setting(text, "batch").expect("`# batch: 3 of [0]`");
            let (n, list) = spec.split_once(" of ").expect("`3 of [0]`");
            let list = list
                .trim_matches(['[', ']'])
                .split(',')
                .map(|v| v.trim().parse::<usize>().expect("a number"));
            let mut flags = vec![false; graph.inputs().len()];
            list.for_each(|k| flags[k] = true);
            let (g, _) = gradus_ad::batch(&graph, n.parse().expect("a number"), &flags);
            g.to_string()
        }
        pass => match gradus_cpu::passes::apply(pass, &graph) {
            Some(g) => g.to_string(),
            None => panic!("{pass} is no transform and no pass"),
        },
    })
}

#[test]
fn transforms_and_passes_make_of_graphs_what_the_files_say() {
    let update = std::env::var_os("GRADUS_UPDATE").is_some();
    let (mut failures, mut cases) = (String::new(), 0);
    let mut folders: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders {
        let transform = folder.file_name().unwrap().to_str().unwrap().to_string();
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap().replace('\r', "");
            let (input, expected) = text.split_once("---\n").unwrap_or((&text, ""));
            let got = match transformed(&transform, input) {
                Ok(text) => text,
                Err(e) => format!("error: {e}\n"),
            };
            cases += 1;
            if got != expected {
                if update {
                    fs::write(&path, format!("{input}---\n{got}")).unwrap();
                } else {
                    let _ = write!(failures, "{}:\n{got}\n", path.display());
                }
            }
        }
    }
    assert!(cases > 0, "no files in {}", root().display());
    assert!(
        failures.is_empty(),
        "these give something else now:\n{failures}"
    );
}

#[test]
fn every_transform_and_pass_has_a_file() {
    let transforms = ["read", "jvp", "linearize", "transpose", "gradient", "batch"];
    for name in transforms.into_iter().chain(gradus_cpu::passes::names()) {
        let folder = root().join(name);
        assert!(folder.is_dir(), "{} is missing", folder.display());
    }
}
