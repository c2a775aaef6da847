//! The page of a graph: complete, well formed, escaped; and its behaviour in a browser.

use crate::browser;
use gradus::prelude::*;
use gradus_ir::{Graph, Node, text};
use std::collections::HashMap;

fn slope() -> Graph {
    let f = |x: &Tensor| {
        let small = x.less(&(x * 2.0)); // "<" & ">" stand in this line
        (x.sqrt() * small.astype(F64)).sum()
    };
    trace(value_and_grad(f), &Tensor::from([1.0, 4.0])).unwrap()
}

/// Checks that the elements of `html` nest, and returns the attributes of each start tag.
fn well_formed(html: &str) -> Vec<(String, HashMap<String, String>)> {
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").unwrap();
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed in order");
            continue;
        }
        let name: String = tag.chars().take_while(|c| c.is_alphanumeric()).collect();
        assert!(
            !name.is_empty(),
            "a bare `<` before {}",
            &tag[..tag.len().min(20)]
        );
        let mut attributes = HashMap::new();
        let mut left = tag[name.len()..].trim().trim_end_matches('/').trim();
        while !left.is_empty() {
            let stop = left.find(['=', ' ']).unwrap_or(left.len());
            let (key, after) = left.split_at(stop);
            let value = match after.strip_prefix("=\"") {
                Some(quoted) => {
                    let end = quoted.find('"').expect("a value ends");
                    left = quoted[end + 1..].trim_start();
                    quoted[..end].to_string()
                }
                None => {
                    left = after.trim_start();
                    String::new()
                }
            };
            attributes.insert(key.to_string(), value);
        }
        // These hold text without markup.
        if name == "script" || name == "style" {
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).expect("ends") + close.len()..];
        } else if !tag.ends_with('/') && !["meta", "input"].contains(&name.as_str()) {
            open.push(name.clone());
        }
        all.push((name, attributes));
    }
    assert!(open.is_empty(), "left open: {open:?}");
    all
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').filter(|w| !w.is_empty()).collect()
}

#[test]
fn every_node_stands_in_it_with_its_links() {
    let graph = slope();
    let html = page("A slope", &graph);
    let tags = well_formed(&html);
    let items: Vec<_> = tags
        .iter()
        .filter(|(name, a)| name == "li" && a.contains_key("data-name"))
        .map(|(_, a)| a)
        .collect();
    assert_eq!(items.len(), graph.nodes().len());
    let names = text::names(&graph);
    let name_of = |node: &Node| names[node.result().index()].to_string();
    for node in graph.nodes() {
        let name = name_of(node);
        let item = items.iter().find(|a| a["data-name"] == name).unwrap();
        for &o in &node.operands {
            let operand = name_of(graph.maker(o));
            assert!(words(&item["data-reads"]).contains(&operand.as_str()));
            let other = items.iter().find(|a| a["data-name"] == operand).unwrap();
            assert!(words(&other["data-users"]).contains(&name.as_str()));
        }
    }
    // All boxes and links of the drawing belong to nodes.
    let boxes = tags.iter().filter(|(name, _)| name == "g").count();
    let literals = html.matches(" = const ").count();
    assert_eq!(boxes + literals, graph.nodes().len());
    // The page loads nothing from elsewhere.
    for (name, attributes) in &tags {
        assert!(!attributes.contains_key("src"), "{name}");
        let link = attributes.get("href").map_or("#", String::as_str);
        assert!(link.starts_with('#'), "{name} {link}");
    }
    assert!(!html.contains("http") && !html.contains("@import") && !html.contains("url("));
}

#[test]
fn lines_are_shown_and_escaped() {
    let html = page("a < b & c", &slope());
    assert!(html.contains("<title>a &lt; b &amp; c</title>"));
    assert!(html.contains("<span class=\"place\">page.rs:10</span>"));
    assert!(html.contains("<td>crates/gradus/tests/debug/page.rs:10</td>"));
    assert!(html.contains(
        "<pre class=\"source\">let small = x.less(&amp;(x * 2.0)); // &quot;&lt;&quot; &amp; &quot;&gt;&quot; stand in this line</pre>"
    ));
}

/// The class and the text of each node.
fn classes(html: &str) -> Vec<(String, String)> {
    let items = html.split("<li class=\"").skip(1);
    items
        .map(|item| {
            let class = item.split('"').next().unwrap();
            let code = item.split("<code>").nth(1).unwrap();
            let line = code.split("</code>").next().unwrap();
            let op = line.split(" = ").nth(1).unwrap_or("input");
            (class.to_string(), op.to_string())
        })
        .collect()
}

#[test]
fn forward_and_backward_are_told_apart() {
    let f = |x: &Tensor| (x.sqrt() * x.sin()).sum();
    let x = Tensor::from([1.0, 4.0]);
    let primal = trace(f, &x).unwrap();
    assert!(
        classes(&page("", &primal))
            .iter()
            .all(|(c, _)| c == "value")
    );
    let both = trace(value_and_grad(f), &x).unwrap();
    let all = classes(&page("", &both));
    let of = |class: &str| -> Vec<&str> {
        let found = all
            .iter()
            .filter(|(c, op)| c == class && !op.starts_with("const"));
        found
            .map(|(_, op)| op.split([' ', '{']).next().unwrap())
            .collect()
    };
    // The function's own nodes are the nodes of its trace.
    assert_eq!(of("value").len(), primal.len());
    assert_eq!(of("value"), ["input", "sqrt", "sin", "mul", "reduce_sum"]);
    assert_eq!(of("tangent"), ["mul", "cos"]);
    assert_eq!(of("cotangent"), ["mul", "div", "add"]);
    // A derivative of a derivative still knows the user's operation that it belongs to.
    let second = trace(jacfwd(grad(f)), &x).unwrap();
    assert!(page("", &second).contains("slope or tangent of <code>sin</code>"));
}

#[test]
fn large_programs_are_drawn_by_line() {
    let f = |x: &Tensor| {
        let mut y = x.clone();
        for _ in 0..200 {
            y = y.sin();
            y = &y * x;
        }
        y.sum()
    };
    let graph = trace(value_and_grad(f), &Tensor::from([1.0, 2.0])).unwrap();
    assert!(graph.len() > 300);
    let html = page("large", &graph);
    let boxes: Vec<_> = well_formed(&html)
        .into_iter()
        .filter(|(name, _)| name == "g")
        .collect();
    assert!(boxes.len() < 12, "{}", boxes.len());
    let nodes: usize = boxes
        .iter()
        .map(|(_, a)| words(&a["data-nodes"]).len())
        .sum();
    assert_eq!(nodes + html.matches(" = const ").count(), graph.len());
}

#[test]
fn the_report_of_a_plan_has_the_program() {
    let widths = [40, 10, 2, 10, 40];
    let layers: Vec<Tensor> = widths
        .windows(2)
        .map(|w| Tensor::full(&[w[1], w[0]], 0.1))
        .collect();
    let f = move |x: &Tensor| layers.iter().fold(x.clone(), |x, w| w.matmul(&x).tanh());
    let plan = plan_jacobian(f, &Tensor::ones(&[40], F64), &PlanOptions::default()).unwrap();
    let html = plan.plan().to_html();
    let tags = well_formed(&html);
    let items = tags.iter().filter(|(_, a)| a.contains_key("data-name"));
    assert_eq!(items.count(), plan.plan().chosen().program.len());
    // The joints between segments are not part of the function.
    assert!(html.contains("slope or tangent of <code>product</code>"));
    let Some(dom) = browser::run(&html, "document.querySelector('.nodes summary').click();") else {
        return;
    };
    assert!(dom.contains("section class=\"graph walking\""));
}

#[test]
fn a_browser_walks_through_it() {
    let graph = slope();
    let script = "
        const key = k => document.dispatchEvent(new KeyboardEvent('keydown', { key: k }));
        const names = c => [...document.querySelectorAll(`li.${c}`)].map(li => li.dataset.name).join(' ');
        const shown = () => document.querySelectorAll('.nodes > li:not([hidden])').length;
        const log = [];
        const note = what => log.push(`${what}: chosen ${names('chosen')}, needs ${names('needs')}, feeds ${names('feeds')}, shown ${shown()}`);
        key('n'); note('first');
        key('n'); key('n'); note('third');
        key('p'); note('second');
        const search = document.querySelector('input[type=search]');
        search.value = 'sqrt F64[2]';
        search.dispatchEvent(new Event('input')); note('search');
        key('n'); note('found');
        key('Escape'); note('escape');
        document.querySelector('input[value=cotangent]').click(); note('forward only');
        document.querySelector('input[value=cotangent]').click();
        document.querySelector('li:last-child summary').click();
        document.querySelector('li.chosen a').click(); note('link');
        log.push(`open ${document.querySelectorAll('details[open]').length}`);
        log.push(`boxes ${document.querySelectorAll('svg g.chosen').length} ${document.querySelectorAll('svg path.needs').length}`);
        document.body.innerHTML = '<pre id=log>' + log.join('\\n') + '</pre>';
    ";
    let Some(dom) = browser::run(&page("A slope", &graph), script) else {
        return;
    };
    let log = dom.split("<pre id=\"log\">").nth(1).unwrap();
    let log = log.split("</pre>").next().unwrap();
    insta::assert_snapshot!(format!("{graph}\n{log}"), @"
    graph(%0: f64[2]) {
      %1: f64[2] = const 2.0
      %2: f64[2] = mul %0, %1
      %3: bool[2] = lt %0, %2
      %4: f64[2] = sqrt %0
      %5: f64[2] = cast{to=f64} %3
      %6: f64[2] = mul %4, %5
      %7: f64[] = reduce_sum{axes=[0]} %6
      %8: f64[2] = mul %4, %1
      %9: f64[2] = div %5, %8
      return %7, %9
    }

    first: chosen 0, needs , feeds 2 3 4 5 6 7 8 9, shown 10
    third: chosen 2, needs 0 1, feeds 3 5 6 7 9, shown 10
    second: chosen 1, needs , feeds 2 3 5 6 7 8 9, shown 10
    search: chosen 1, needs , feeds 2 3 5 6 7 8 9, shown 1
    found: chosen 4, needs 0, feeds 6 7 8 9, shown 1
    escape: chosen , needs , feeds , shown 10
    forward only: chosen , needs , feeds , shown 9
    link: chosen 5, needs 0 1 2 3, feeds 6 7 9, shown 10
    open 1
    boxes 1 4
    ");
}

/// A loop forward and one backward, with a choice inside.
fn loops() -> Graph {
    let f = |x: &Tensor| {
        let step = |s: &Tensor, x: &Tensor| {
            let y = (s * x).sin();
            let z = cond(
                &y.greater(0.0),
                |y: &Tensor| y.exp(),
                |y: &Tensor| y * 2.0,
                &y,
            );
            (z, y)
        };
        let (last, ys) = scan(step, &Tensor::from(1.0), x);
        last + ys.sum()
    };
    trace(value_and_grad(f), &Tensor::from([1.0, 4.0, 2.0])).unwrap()
}

#[test]
fn bodies_stand_below_their_regions() {
    fn count(graph: &Graph) -> (usize, usize) {
        let mut all = (graph.nodes().len(), 0);
        for node in graph.nodes() {
            let bodies = node.region().map(|r| r.bodies()).unwrap_or_default();
            for (_, body) in bodies {
                let (nodes, bodies) = count(body);
                all = (all.0 + nodes, all.1 + 1 + bodies);
            }
        }
        all
    }
    let graph = loops();
    let html = page("Loops", &graph);
    let tags = well_formed(&html);
    let names: Vec<&str> = tags
        .iter()
        .filter(|(name, _)| name == "li")
        .map(|(_, a)| a["data-name"].as_str())
        .collect();
    let (nodes, bodies) = count(&graph);
    assert_eq!(names.len(), nodes);
    let distinct: std::collections::HashSet<&&str> = names.iter().collect();
    assert_eq!(distinct.len(), nodes, "no two nodes have the same name");
    let of_bodies: Vec<_> = tags
        .iter()
        .filter(|(name, a)| name == "details" && a.contains_key("id"))
        .map(|(_, a)| a)
        .collect();
    assert_eq!(of_bodies.len(), bodies);
    // Every link has a target.
    for (_, a) in tags.iter().filter(|(name, _)| name == "a") {
        let href = a["href"].as_str();
        let found = match href.strip_prefix("#n") {
            Some(node) => names.contains(&node),
            None => of_bodies.iter().any(|b| href[1..] == b["id"]),
        };
        assert!(found, "{href}");
    }
    // Forward and backward loops are distinguished, also inside.
    let classes: Vec<&str> = of_bodies.iter().map(|a| a["class"].as_str()).collect();
    assert!(
        classes.contains(&"body value") && classes.contains(&"body cotangent"),
        "{classes:?}"
    );
    assert!(html.contains("carried 0, at first %"), "{html}");
    assert!(
        !html.contains("branch.rs"),
        "a choice belongs to the user's line"
    );
    assert!(html.contains("run 3 times"));
    assert!(
        html.contains("%3: f64[], %4: f64[3]"),
        "all results are named"
    );
    assert!(
        !html.contains("body=graph"),
        "programs stand below, not in the line"
    );
}

#[test]
fn lists_are_shown() {
    let f = |x: &Tensor| while_loop(|s: &Tensor| s.less(9.0), |s: &Tensor| s.sin() + s * x, x);
    let graph = trace(grad(f), &Tensor::from(2.0)).unwrap();
    let html = page("Lists", &graph);
    well_formed(&html);
    assert!(html.contains("f64[?]"));
    assert!(html.contains("as often as is known only at run time"));
}

#[test]
fn a_browser_finds_nodes_in_bodies() {
    let script = "
        const log = [];
        const key = k => document.dispatchEvent(new KeyboardEvent('keydown', { key: k }));
        const shown = () => [...document.querySelectorAll('.nodes > li:not([hidden])')].filter(i => !i.closest('details.body:not([open])'));
        const bodies = () => document.querySelectorAll('details.body[open]:not([hidden])').length;
        const search = document.querySelector('input[type=search]');
        const look = text => {
            search.value = text;
            search.dispatchEvent(new Event('input'));
            log.push(`${text}: ${shown().length} nodes, ${bodies()} bodies open; ${document.querySelector('.count').textContent}`);
        };
        log.push(`at first ${bodies()} bodies open`);
        look('= exp');
        key('n');
        log.push(`chosen ${document.querySelector('li.chosen summary code').textContent}`);
        look('= cos');
        look('');
        key('Escape');
        document.querySelector('li:has(a[href=\"#b1\"]) summary').click();
        document.querySelector('li.chosen a[href=\"#b1\"]').click();
        document.querySelector('#b1 > summary a').click();
        log.push(`region ${document.querySelector('li.chosen summary code').textContent.split('{')[0]}`);
        document.body.innerHTML = '<pre id=log>' + log.join('\\n') + '</pre>';
    ";
    let Some(dom) = browser::run(&page("Loops", &loops()), script) else {
        return;
    };
    let log = dom.split("<pre id=\"log\">").nth(1).unwrap();
    insta::assert_snapshot!(log.split("</pre>").next().unwrap(), @"
    at first 2 bodies open
    = exp: 1 nodes, 2 bodies open; 1 of 59 nodes
    chosen %1: f64[] = exp %0
    = cos: 1 nodes, 1 bodies open; 1 of 59 nodes
    : 44 nodes, 2 bodies open; 59 of 59 nodes
    region %3: (f64[], f64[3], f64[3], f64[3], i64[3], f64[3], f64[3]) = scan
    ");
}

#[test]
fn ways_back_are_told_as_rules() {
    let f = |x: &Tensor| {
        let scale = x.sum();
        with_cotangent(x, |g| g * &scale).square().sum()
    };
    let html = page("A hook", &trace(f, &Tensor::from([1.0, 2.0])).unwrap());
    for said in [
        "<b>backward</b> of ",
        "a rule for derivatives",
        "cotangent of result 0",
        "cotangent of operand 1",
    ] {
        assert!(html.contains(said), "{said}: {html}");
    }
}
