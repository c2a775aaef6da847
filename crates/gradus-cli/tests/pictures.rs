//! Pictures that the program writes: nothing is cut off, no labels overlap, no legend covers a line.

mod common;

use common::{folder, says};
use std::fs;
use std::path::Path;

/// A text of a picture: its position, the size of its letters, and its anchor.
#[derive(Debug)]
struct Label {
    x: f64,
    y: f64,
    size: f64,
    anchor: String,
    text: String,
}

/// The value of an attribute of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let end = tag[start..].find('"')? + start;
    Some(tag[start..end].to_string())
}

fn number(tag: &str, name: &str) -> f64 {
    let value = attribute(tag, name).and_then(|v| v.parse().ok());
    value.unwrap_or_else(|| panic!("no number `{name}` in {tag}"))
}

/// The labels of a picture that are not rotated.
fn labels(svg: &str) -> Vec<Label> {
    let mut all = Vec::new();
    for part in svg.split("<text").skip(1) {
        let (tag, rest) = part.split_once('>').expect("a tag ends");
        if tag.contains("rotate") {
            continue;
        }
        let text = rest.split("</text>").next().expect("a text ends").trim();
        all.push(Label {
            x: number(tag, "x"),
            y: number(tag, "y"),
            size: number(tag, "font-size"),
            anchor: attribute(tag, "text-anchor").expect("an anchor"),
            text: text.to_string(),
        });
    }
    all
}

/// The box of a label. Letters are about six tenths as wide as high.
fn extent(label: &Label) -> [f64; 4] {
    let width = 0.6 * label.size * label.text.chars().count() as f64;
    let left = match label.anchor.as_str() {
        "start" => label.x,
        "middle" => label.x - width / 2.0,
        _ => label.x - width,
    };
    [
        left,
        left + width,
        label.y - label.size / 2.0,
        label.y + label.size / 2.0,
    ]
}

fn no_labels_overlap(svg: &str) {
    let labels = labels(svg);
    assert!(labels.len() > 5, "{labels:?}");
    for (k, a) in labels.iter().enumerate() {
        for b in &labels[..k] {
            let ([l, r, t, u], [x, y, z, w]) = (extent(a), extent(b));
            assert!(
                r <= x || y <= l || u <= z || w <= t,
                "{a:?} and {b:?} overlap"
            );
        }
    }
}

/// The points of lines and dots that show data, recognised by their colours.
fn data(svg: &str) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for tag in svg.split('<').filter(|t| t.starts_with("circle")) {
        points.push((number(tag, "cx"), number(tag, "cy")));
    }
    points
}

fn read(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).expect(file)
}

#[test]
fn labels_of_costs_stand_apart() {
    let dir = folder();
    let long: Vec<String> = (0..200).map(|k| (1 + k * 7919 % 613).to_string()).collect();
    for dims in [
        "1000,50,8,50,1000",
        "3,2",
        "1,1,1",
        "784,512,512,10,1",
        "4294967296,2,4294967296",
        &long.join(","),
    ] {
        says(
            dir.path(),
            &["explain", "--dims", dims, "--plot", "costs.svg"],
        );
        let drawn = read(dir.path(), "costs.svg");
        no_labels_overlap(&drawn);
        // Each panel has its legend in its head, above all data.
        for label in labels(&drawn).iter().filter(|l| l.text == "mixed") {
            let panel = |y: f64| (y / 400.0) as usize;
            let covered = data(&drawn)
                .into_iter()
                .find(|&(_, y)| panel(y) == panel(label.y) && y <= label.y + 12.0);
            assert_eq!(covered, None, "{dims}: {label:?}");
        }
    }
}

#[test]
fn epochs_are_whole_numbers() {
    let dir = folder();
    for (epochs, ticks) in [
        ("1", &["1"][..]),
        ("2", &["1", "2"]),
        ("3", &["1", "2", "3"]),
        ("30", &["5", "10", "15", "20", "25", "30"]),
    ] {
        says(dir.path(), &["train", "--epochs", epochs, "--layers", "8"]);
        let drawn = read(dir.path(), "gradus-out/loss.svg");
        no_labels_overlap(&drawn);
        let labels = labels(&drawn);
        let axis = labels
            .iter()
            .find(|l| l.text == "epoch")
            .expect("a name of the axis");
        let mut shown: Vec<&Label> = labels
            .iter()
            .filter(|l| l.anchor == "middle" && l.y > axis.y - 60.0 && l.text != "epoch")
            .collect();
        shown.sort_by(|a, b| a.x.total_cmp(&b.x));
        let texts: Vec<&str> = shown.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ticks, "{epochs} epochs");
        let legend = labels
            .iter()
            .find(|l| l.text == "test images")
            .expect("a legend");
        let highest = data(&drawn)
            .into_iter()
            .map(|p| p.1)
            .fold(f64::INFINITY, f64::min);
        assert!(
            highest > legend.y + legend.size,
            "{highest} is below the legend"
        );
    }
}

#[test]
fn boxes_of_a_plan_are_whole() {
    let dir = folder();
    for function in ["bottleneck", "residual"] {
        let page = says(
            dir.path(),
            &["explain", "--function", function, "--format", "html"],
        );
        let Some(rest) = page.split("<h2>The order</h2>").nth(1) else {
            continue;
        };
        let svg = rest.split("</svg>").next().expect("a drawing");
        let tag = svg.split("<svg").nth(1).expect("a drawing");
        let (width, height) = (number(tag, "width"), number(tag, "height"));
        let boxes: Vec<&str> = svg.split("<rect").skip(1).collect();
        assert!(!boxes.is_empty(), "{svg}");
        for tag in boxes {
            // Half of a one-pixel border lies outside its box.
            let [x, y, w, h] = ["x", "y", "width", "height"].map(|name| number(tag, name));
            assert!(x >= 1.0 && y >= 1.0, "{tag}");
            assert!(x + w + 1.0 <= width && y + h + 1.0 <= height, "{tag}");
        }
    }
}
