//! Quotes text for JSON and HTML.

/// The text as a JSON string.
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

/// The text in HTML, also safe within quotes.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
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
        assert_eq!(
            html("<a href=\"b\"> & 'c'"),
            "&lt;a href=&quot;b&quot;&gt; &amp; &#39;c&#39;"
        );
    }

    proptest! {
        #[test]
        fn json_reads_back(text in any::<String>()) {
            let read: String = serde_json::from_str(&json(&text)).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
