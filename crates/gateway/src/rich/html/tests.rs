use super::*;

/// Everything at `e.org` may be opened, and what is relative is found there.
fn opened(address: &str) -> Option<String> {
    match address.strip_prefix('/') {
        Some(path) => Some(format!("https://e.org/{path}")),
        None => address.starts_with("https://e.org/").then(|| address.to_owned()),
    }
}

#[test]
fn html_becomes_markdown() {
    for (html, expected) in [
        ("<b>Hi</b>, <i>you</i> <code>x</code>", "**Hi**, *you* `x`"),
        ("<b> Hi </b>you", "**Hi** you"),
        ("a<b> b</b>", "a **b**"),
        ("<b></b>x", "x"),
        ("<p>one</p><p>two<br>three</p>", "one\n\ntwo  \nthree"),
        ("<h1>Top</h1>words", "### Top\n\nwords"),
        ("a<ul><li>x</li><li>y<ol><li>z</li></ol></li></ul>b", "a\n\n- x\n- y\n   1. z\n\nb"),
        ("<ol><li>x</li><li>y</li></ol>", "1. x\n2. y"),
        ("<blockquote>said</blockquote>then", "> said\n\nthen"),
        (
            "<table><tr><th>No</th><th>State</th></tr><tr><td>1</td><td>New</td></tr></table>",
            "No \\| State  \n1 \\| New",
        ),
        (r#"<a href="https://e.org/a(b)">A *b*</a>"#, r"[A \*b\*](https://e.org/a%28b%29)"),
        (r#"<a href="/kb">KB</a>"#, "[KB](https://e.org/kb)"),
        (r#"<a href="https://e.org/"></a>"#, "[https://e.org/](https://e.org/)"),
        (r#"<a href="https://elsewhere.example/">x</a>"#, "x"),
        (r#"<img src="/x.png" alt="a chart">"#, "![a chart](https://e.org/x.png)"),
        (r#"<img src="https://elsewhere.example/x.png" alt="a chart">"#, "a chart"),
        ("a < b &amp; c &lt;d&gt; &euro;", r"a \< b \& c \<d\> €"),
        ("*stars* and _lines_", r"\*stars\* and \_lines\_"),
        ("", ""),
    ] {
        assert_eq!(markdown(html, &opened), expected, "{html}");
    }
}

#[test]
fn nothing_that_runs_or_looks_like_something_else_is_left() {
    for html in [
        "<script>alert(1)</script>",
        "<style>b{}</style>",
        "<svg><script>alert(1)</script></svg>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<iframe src=\"https://e.org/\"></iframe>",
        "<img src=\"javascript:alert(1)\">",
        "<a href=\"javascript:alert(1)\"></a>",
        "<a href=\"data:text/html,x\"></a>",
    ] {
        assert_eq!(markdown(html, &|address| Some(address.to_owned())), "", "{html}");
    }
    let shown = markdown(
        r#"<b onclick="alert(1)" style="position:fixed">x</b> <a href="jAvAsCrIpT:1">y</a> [z](javascript:1)"#,
        &|address| Some(address.to_owned()),
    );
    assert_eq!(shown, r"**x** y \[z\](javascript:1)");
    let shown =
        markdown("<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", &|_| None);
    assert_eq!(shown, "\"\\>");
}

#[test]
fn broken_html_keeps_its_words() {
    for (html, expected) in [
        ("<b>bold", "**bold**"),
        ("</b>words<", r"words\<"),
        ("<a href=\"https://e.org/x\">open", "[open](https://e.org/x)"),
        ("<a href='https://e.org/\"x'>q</a>", "[q](https://e.org/\"x)"),
        ("<li>x", "- x"),
    ] {
        assert_eq!(markdown(html, &opened), expected, "{html}");
    }
}

#[test]
fn html_that_was_made_to_be_deep_or_long_costs_little() {
    let deep = "<ul><li>x".repeat(TAGS_MAX / 2);
    let shown = markdown(&deep, &opened);
    assert!(shown.contains('x') && shown.len() < 8 * deep.len(), "{}", shown.len());
    assert_eq!(markdown(&"<ul><li>x".repeat(TAGS_MAX), &opened), "");
    assert_eq!(markdown(&"x".repeat(HTML_BYTES_MAX + 1), &opened), "");
}
