//! A headless browser, if one is installed. With `GRADUS_BROWSER=1` one must be.

use std::io::Write;
use std::process::Command;
use std::{env, fs, io};

const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// The document after `html`'s script and then `script` ran.
/// `None`, with a line on standard error, if no browser is installed.
///
/// Errors of scripts are written into the document, as `data-error` of the body.
pub fn run(html: &str, script: &str) -> Option<String> {
    let Some(browser) = NAMES
        .iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok())
    else {
        let why = format!("no browser is installed ({})", NAMES.join(", "));
        assert!(
            env::var_os("GRADUS_BROWSER").is_none_or(|v| v == "0"),
            "{why}"
        );
        // Printed past the test harness, which hides the output of passing tests.
        let test = std::thread::current();
        let test = test.name().unwrap_or("a test").to_string();
        let note = format!("{test}: skipped, as {why}\n");
        io::stderr().write_all(note.as_bytes()).unwrap();
        return None;
    };
    let watch = "<head><script>addEventListener('error', e => document.documentElement.dataset.error = e.message);</script>";
    let html = html.replacen("<head>", watch, 1).replace(
        "</body>",
        &format!("<script>\n\"use strict\";\n{script}</script></body>"),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    fs::write(&file, html).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8(output.stdout).unwrap();
    assert!(
        dom.contains("</html>"),
        "{browser} gave no document: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!dom.contains("data-error"), "a script failed:\n{dom}");
    Some(dom)
}
