//! Text inside JSON and HTML.

/// As a string of JSON.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// As text between tags.
pub(crate) fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_are_escaped() {
        assert_eq!(
            json("C:\\my \"work\"\\a.rs\n→"),
            r#""C:\\my \"work\"\\a.rs\u000a→""#
        );
        assert_eq!(html("<a & b>"), "&lt;a &amp; b&gt;");
    }

    proptest! {
        #[test]
        fn json_reads_back(text in any::<String>()) {
            let read: String = serde_json::from_str(&json(&text)).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
