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
        ("<hr>x<hr>", "---\n\nx\n\n---"),
        ("<h2></h2>x", "x"),
        ("<p>a</p><p><br></p><p>b</p>", "a\n\nb"),
        ("<b><p>a</p><br>b</b>", "**a**\n\n**b**"),
        ("<pre><div>a</div><div>b<br>c</div></pre>", "```\na\nb\nc\n```"),
        ("", ""),
    ] {
        assert_eq!(markdown(html, &opened), expected, "{html}");
    }
}

#[test]
fn emphasis_keeps_its_words_and_its_marks() {
    for (html, expected) in [
        ("<em><strong>Important</strong></em>", "***Important***"),
        ("<strong><em>Important</em></strong>", "***Important***"),
        ("<em>a <strong>b</strong> c</em>", "*a **b** c*"),
        ("<b><strong>twice</strong></b>", "**twice**"),
        ("<em>required *</em>", r"*required \**"),
        ("<b>*</b>", r"**\***"),
        ("<b>a</b><b>b</b>", "**a**\u{200a}**b**"),
        ("<b>a</b><i>b</i>", "**a**\u{200a}*b*"),
        ("<b>Note:</b>now", "**Note:**\u{200a}now"),
        ("<b>Note:</b> now", "**Note:** now"),
        ("x<b>(y)</b>", "x\u{200a}**(y)**"),
        ("<b><p>one</p><p>two</p></b>three", "**one**\n\n**two**\n\nthree"),
        ("<b><ul><li>x</li></ul></b>", "- x"),
        ("a<b>\u{a0}</b>b", "a b"),
        ("a<b><br></b>b", "a  \nb"),
    ] {
        assert_eq!(markdown(html, &opened), expected, "{html}");
    }
}

#[test]
fn what_editors_write_looks_as_it_does_there() {
    for (html, expected) in [
        ("<ul><li><p>First</p><p>Second</p></li></ul>", "- First\n\n   Second"),
        ("<ul><li><p>x</p></li><li><p>y</p></li></ul>", "- x\n- y"),
        ("<ol><li><p>x</p><ul><li>y</li></ul></li></ol>", "1. x\n\n   - y"),
        ("<blockquote><p>x</p></blockquote>", "> x"),
        ("<blockquote><p>x</p><p>y</p></blockquote>z", "> x\n>\n> y\n\nz"),
        ("<blockquote><blockquote>x</blockquote></blockquote>", "> > x"),
        (
            "<p>a</p><table><tr><td><p>1</p></td><td><p>New</p></td></tr><tr><td>2</td></tr></table>b",
            "a\n\n1 \\| New  \n2\n\nb",
        ),
        ("<td><ul><li>x</li></ul></td>", "- x"),
        ("<code>my_var</code>", "`my_var`"),
        ("<code>a `b` &lt;c&gt; <b>*</b></code>", "``a `b` <c> *``"),
        ("<code>`</code>", "`` ` ``"),
        ("<pre><code>if x:\n  y_z\n</code></pre>then", "```\nif x:\n  y_z\n```\n\nthen"),
        ("Wow!<a href=\"/here\">here</a>", r"Wow\![here](https://e.org/here)"),
        ("a<a href=\"/b\"> b </a>c", "a [b](https://e.org/b) c"),
        ("Hello<br><a href=\"/u\"><div>Über</div></a>", "Hello\n\n[Über](https://e.org/u)"),
        ("<a href=\"/c\"><h3>Title</h3><p>Text</p></a>", "[Title Text](https://e.org/c)"),
        ("<a href=\"/c\"><b>x</b></a>", "[**x**](https://e.org/c)"),
        ("<h2>The <b>end</b></h2>x", "### The **end**\n\nx"),
        (
            "<a href=\"/c\"><img src=\"/i.png\" alt=\"i\"></a>",
            "[![i](https://e.org/i.png)](https://e.org/c)",
        ),
    ] {
        assert_eq!(markdown(html, &opened), expected, "{html}");
    }
}

/// Tags within each other, closed or not, in whatever order, with a word behind each.
#[test]
fn tags_within_each_other_lose_no_word_and_break_nothing() {
    const BLANKS: [&str; 5] = ["", " ", "\n", "&nbsp;", "!"];
    let mut random = fastrand::Rng::with_seed(0x5eed);
    for _ in 0..4_000 {
        let mut html = String::new();
        let words = random.usize(1..40);
        for word in 0..words {
            let tag = random.choice(TAGS).unwrap();
            match random.u8(0..4) {
                0 => html.extend(["</", tag, ">"]),
                1 => html.extend(["<", tag, " href=\"/p\" src=\"/p.png\" alt=\"x\">"]),
                2 => html.push_str("<a href=\"/p\">"),
                _ => html.extend(["<", tag, ">"]),
            }
            html.push_str(random.choice(BLANKS).unwrap());
            html.extend(["Ü", &word.to_string(), "ß"]);
            html.push_str(random.choice(BLANKS).unwrap());
        }
        let shown = markdown(&html, &opened);
        for word in 0..words {
            assert!(shown.contains(&format!("Ü{word}ß")), "{word} of {html}\n{shown}");
        }
        assert!(!shown.contains("****"), "{html}\n{shown}");
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

#[test]
fn what_is_opened_and_not_closed_is_not_opened_again_in_every_block() {
    let openings =
        |name: &str| (0..990).fold(String::new(), |html, id| format!("{html}<{name} id={id}>"));
    for name in ["b", "B", "a", "font", "nobr", "x-b"] {
        let html = "<div>".repeat(500) + &openings(name) + &"</div>x".repeat(500);
        let clean = SANITISER.clean(&formats_renamed(&html)).to_string();
        assert!(clean.len() < 3 * html.len(), "{name}: {} of {}", clean.len(), html.len());
        assert_eq!(markdown(&html, &opened).matches('x').count(), 500, "{name}");
    }
}
