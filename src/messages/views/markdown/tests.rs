use proptest::prelude::*;

use super::*;
use crate::ids::UserId;

fn render(text: &str) -> Rendered {
    super::render(text, &[])
}

/// The HTML without attributes, to be compared with ease.
fn html(text: &str) -> String {
    let attributes = regex::Regex::new(r"<(\w+)( [^>]*)>").unwrap();
    attributes.replace_all(&render(text).html.0, "<$1>").into_owned()
}

fn links(text: &str) -> Vec<String> {
    let address = regex::Regex::new(r#"href="([^"]*)""#).unwrap();
    let html = render(text).html.0;
    address.captures_iter(&html).map(|found| found[1].to_owned()).collect()
}

/// What is read of it.
fn read(text: &str) -> String {
    let numbers = regex::Regex::new("<li value=\"([0-9]+)\">").unwrap();
    let tags = regex::Regex::new("<[^>]*>").unwrap();
    let html = render(text).html.0;
    let html = numbers.replace_all(&html, "$1. ");
    let text = tags.replace_all(&html, "").into_owned();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&amp;", "&")
}

#[test]
fn in_one_line_stands_what_is_read() {
    for (text, wanted) in [
        ("as it is", "as it is"),
        ("*it* **b** ~~s~~ `a*b` [here](https://example.org)", "it b s a*b here"),
        ("1 < 2 & 3 > 2, \"so\" &amp; <b>", "1 < 2 & 3 > 2, \"so\" &amp; <b>"),
        ("see\n```rust\nfn main() {}\n```\ndone", "see fn main() {} done"),
        ("- one\n- two", "one two"),
        ("> said\n\nanswered", "said answered"),
        ("🪐🌙", "🪐🌙"),
        ("@ada https://example.org/a?b=c&d", "@ada https://example.org/a?b=c&d"),
    ] {
        let plain = plain_text(text);
        let words: Vec<_> = plain.split_whitespace().collect();
        assert_eq!(words.join(" "), wanted, "{text}");
    }
    // Where nothing would be left, as it was typed.
    assert_eq!(plain_text("```\n```"), "```\n```");
}

#[test]
fn what_people_mean_is_drawn() {
    for (text, wanted) in [
        ("*it* _it_", "<em>it</em> <em>it</em>"),
        ("**b** __b__", "<strong>b</strong> <strong>b</strong>"),
        ("~~s~~", "<s>s</s>"),
        ("`a*b*` c", "<code>a*b*</code> c"),
        ("see [here](https://example.org)", "see <a>here</a>"),
        ("> quoted", "<blockquote><p>quoted</p></blockquote>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("first\n- a", "<p>first</p><ul><li>a</li></ul>"),
        ("**a**\n\n\nb\nc", "<strong>a</strong>\n\n\nb\nc"),
        ("\\*not\\*", "*not*"),
    ] {
        assert_eq!(html(text), wanted, "{text}");
    }
    let code = html("```rust\nlet a = \"*b*\";\n```");
    assert!(
        code.contains("<span>rust</span>") && code.contains("<code>let a = &quot;*b*&quot;;\n</code>"),
        "{code}"
    );
    assert_eq!(render("```\nx").kind, Kind::Blocks);
}

#[test]
fn what_nobody_means_stays_as_it_was_typed() {
    for text in [
        "[note]: hello",
        "[note]:hello",
        "[a\nb]: /url",
        "  [note]: hello",
        "text\n---",
        "42.",
        "2024)",
        "+",
        "x_y\n\n    # comment\n        deeper",
        "def f(a_b):\n    return a_b\n\tx",
        "see *\n    ```\n# tag",
        "<div>\n# x",
        "<!--\n---\n-->",
        "<div>\n```\n\n# tag *",
        "[](https://example.org)",
        "![ ](https://example.org)",
        "[\u{200B}](https://example.org)",
        "text\n===",
        "---",
        "* * *",
        "# tag",
        "#tag",
        "###### six",
        "1986. A great year",
        "2) two",
        "    four spaces and a *",
        "<div>\n*not*",
        "<b>x</b>",
        "<script>alert(1)</script> *x",
        "<!-- x -->",
        "&amp; &lt;b&gt; *",
        "snake_case_name and 2 * 3",
        "~5 km~",
        "a ~ b ~ c",
        "[x](javascript:alert(1))",
        "[**x**](javascript:alert(1))",
        "[x](data:text/html,x)",
        "[x](vbscript:x)",
        "[x](JaVaScRiPt:alert)",
        "[x](/local)",
        "<javascript:alert(1)>",
        "![x](file:///etc/passwd)",
        "\\",
        "*",
        "``",
        "_",
        "a\\b",
    ] {
        assert_eq!(read(text).trim(), text.trim(), "{text}");
        assert!(links(text).is_empty(), "{text}");
    }
    assert_eq!(read("> x\n> [note]: hello"), "x\n[note]: hello");
    for (text, wanted) in [
        ("> 1986. A great year", "1986. A great year"),
        ("- 5. five", "5. five"),
        ("1. one\n5. five", "1. one5. five"),
        ("`a\n# b`", "a # b"),
        ("~~~ hey there ~~~", "hey there ~~~"),
        ("```rust,ignore now\nx\n```", "rust,ignore nowx"),
        ("- ```\n  x\n# tag", "x\n# tag"),
        ("*a*\n  b\n    c", "a\n  b\n    c"),
    ] {
        assert_eq!(read(text).trim(), wanted, "{text}");
    }
    assert!(!html("<img src=x onerror=alert(1)>").contains("<img"));
}

#[test]
fn what_follows_a_quote_or_a_list_stands_by_itself() {
    assert_eq!(html("> a\nb"), "<blockquote><p>a</p></blockquote><p>b</p>");
    assert_eq!(html("- a\nb"), "<ul><li>a</li></ul><p>b</p>");
    assert_eq!(html("- a\n  b"), "<ul><li>a\nb</li></ul>");
    assert_eq!(html("1. a\n2. b\nc"), "<ol><li>a</li><li>b</li></ol><p>c</p>");
    assert_eq!(html("```\n> a\nb\n# c\n```"), html("```\n> a\nb\n# c\n```"));
    for (text, code) in [
        ("> ```\n> # c\n> ```", "# c\n"),
        ("- ```\n  # c\n  ```", "# c\n"),
        ("> ```\n> # c\n# d", "# c\n"),
    ] {
        assert!(
            html(text).contains(&format!("<code>{code}</code>")),
            "{text}: {}",
            html(text)
        );
    }
    assert_eq!(read("> ```\n> # c\n# d").trim_end(), "# c\n# d");
    assert!(html("```\n# c\n[x]: y\n```").contains("<code># c\n[x]: y\n</code>"));
}

#[test]
fn links_lead_where_they_seem_to() {
    for (text, wanted) in [
        ("https://example.org/a_b_c?d=*e", "https://example.org/a_b_c?d=*e"),
        ("(see http://example.org).", "http://example.org/"),
        ("www.example.org/x", "https://www.example.org/x"),
        ("<https://example.org>", "https://example.org/"),
        ("<ana@example.org>", "mailto:ana@example.org"),
        ("[mail](mailto:ana@example.org)", "mailto:ana@example.org"),
        ("https://bank.example@evil.example", "https://evil.example/"),
        ("[x](https://user:pw@example.org)", "https://example.org/"),
        ("https://exämple.org", "https://xn--exmple-cua.org/"),
        ("![picture](https://example.org/a.png)", "https://example.org/a.png"),
        (
            "[x](http://a\"onmouseover=alert(1))",
            "http://a&quot;onmouseover=alert(1)",
        ),
    ] {
        let found = links(text);
        if text.contains("onmouseover") {
            assert!(found.iter().all(|link| !link.contains('"')), "{found:?}");
        } else {
            assert_eq!(found, [wanted], "{text}");
        }
    }
    assert!(links("ana@example.org example.org ftp://example.org `https://example.org`").is_empty());
    let link = render("https://example.org").html.0;
    assert!(link.contains("target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\""));
    assert_eq!(
        html("[a https://example.org b](https://example.net)")
            .matches("<a>")
            .count(),
        1
    );
}

#[test]
fn plain_lines_stay_as_they_are() {
    for text in [
        "hello",
        "  two  spaces\n\n\tand a tab ",
        "50 % & more",
        "it's 5:30",
        "שלום",
        "a\u{202E}b",
    ] {
        let rendered = render(text);
        assert_eq!(rendered.kind, Kind::Lines);
        assert_eq!(rendered.html.0, html! { (text) }.0);
    }
}

#[test]
fn a_few_emoji_alone_are_large() {
    for text in [
        "🌙",
        "🌙🌙 🌙",
        "👨\u{200D}👩\u{200D}👧",
        "❤\u{FE0F}",
        "🇵🇹",
        "1\u{FE0F}\u{20E3}",
        "👍🏽",
    ] {
        assert_eq!(render(text).kind, Kind::Emoji, "{text}");
    }
    for text in ["🌙🌙🌙🌙", "🌙 a", "1", "123", "#", "é", "❤", "\u{FE0F}", "**"] {
        assert_ne!(render(text).kind, Kind::Emoji, "{text}");
    }
}

/// Every element is one that this file draws, and closes where it has to.
fn check(text: &str) {
    const ELEMENTS: &[&str] = &[
        "em",
        "strong",
        "s",
        "code",
        "a",
        "p",
        "ul",
        "ol",
        "li",
        "blockquote",
        "div",
        "span",
        "button",
        "pre",
        "svg",
        "rect",
        "path",
    ];
    let rendered = render(text).html.0;
    let mut open = Vec::new();
    let tag = regex::Regex::new(r#"<(/?)([a-z]*)((?: [a-zA-Z0-9-]+(?:="[^"<>]*")?)*)>"#).unwrap();
    for found in tag.captures_iter(&rendered) {
        let name = &found[2];
        assert!(ELEMENTS.contains(&name), "{name} from {text:?}");
        if found[1].is_empty() {
            open.push(name.to_owned());
        } else {
            assert_eq!(open.pop().as_deref(), Some(name), "{text:?} gives {rendered}");
        }
        if name == "a" && found[1].is_empty() {
            let address = found[3].split("href=\"").nth(1).unwrap();
            let is_safe = ["http://", "https://", "mailto:"]
                .iter()
                .any(|kind| address.starts_with(kind));
            assert!(is_safe, "{address}");
        }
    }
    assert!(open.is_empty(), "{text:?} leaves {open:?} open");
    assert!(
        !tag.replace_all(&rendered, "").contains(['<', '>']),
        "{text:?} gives {rendered}"
    );
    // What is in the address of a link is not read.
    if !text.contains("](") {
        let count = |text: &str, wanted: char| text.chars().filter(|c| *c == wanted).count();
        let shown = read(text);
        for c in text.chars().filter(|c| c.is_alphanumeric() || *c == '#') {
            assert!(count(&shown, c) >= count(text, c), "{text:?} loses {c:?}: {shown:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_becomes_markup(
        text in "([*_~`>#\\[\\]()!<&;\\\\|=+. \t\n-]|[0-9]{1,3}[.)]|https?://|www\\.|javascript:|[a-zé🌙]){0,60}"
    ) {
        check(&text);
    }

    #[test]
    fn a_copied_text_stands_as_an_escaped_one_would(text in "[ab&<>\"'ü🌙]{0,3}") {
        prop_assert_eq!(plain(&text, Kind::Lines).html.0, html! { (text) }.0);
    }
}

#[test]
fn hostile_texts_are_drawn_too() {
    let units = [
        "*", "_", "`", "[", "]", "(", "<", ">", "> ", "- ", "1. ", "~", "~~", "![", "[](", "[x](", "[\n", "**a ",
        "*a _b ", "\\", "&", "&#0;", "<!--", "<a ", "```\n", "a\n---\n", "[a]: b\n", "http://", "www.", "*a*_b_",
        "> - 1. ",
    ];
    for unit in units {
        let text: String = unit.chars().cycle().take(4000).collect();
        check(&text);
    }
}

#[test]
fn who_is_named_is_linked_to() {
    let user = UserId::new();
    let mention = |username: &str| Mention::Person {
        user,
        username: username.into(),
    };
    let bob = [mention("Bob"), mention("ana.b")];
    for (text, linked) in [
        ("@bob, look", vec!["@bob"]),
        ("(@BOB)", vec!["@BOB"]),
        ("ask @Bob.", vec!["@Bob"]),
        ("ask @ana.b... or *@bob*", vec!["@ana.b", "@bob"]),
        ("> @bob", vec!["@bob"]),
        ("@bob @bob", vec!["@bob", "@bob"]),
        ("@bobby bob@bob @@bob a/@bob", vec![]),
        ("`@bob`", vec![]),
        ("```\n@bob\n```", vec![]),
        ("[@bob](https://example.org)", vec![]),
        ("https://example.org/@bob", vec![]),
        ("@nobody", vec![]),
    ] {
        let html = super::render(text, &bob).html.0;
        let mark = format!("data-mention=\"{user}\">");
        let found: Vec<_> = html
            .split(&mark)
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap())
            .collect();
        assert_eq!(found, linked, "{text}: {html}");
    }
    assert!(
        super::render("@room", &bob).html.0 == "@room",
        "nobody who may called it"
    );
    assert_eq!(names("@Bob and @ana.b. and a@b.c `@x.y`"), ["bob", "ana.b.", "ana.b"]);
    assert!(names(&"@abc ".repeat(800)).len() == 1 && names("no sign").is_empty());
    let many: Vec<_> = (0..500).map(|n| format!("@name{n}")).collect();
    assert_eq!(names(&many.join(" ")).len(), 20);
}

#[test]
fn a_call_to_the_room_is_marked_and_leads_nowhere() {
    for (text, marked) in [
        ("@room: tea", vec!["@room"]),
        ("tea, @ROOM. (@Room)", vec!["@ROOM", "@Room"]),
        ("`@room` @roomy @room1 a@room ~@room", vec!["@room"]),
        ("```\n@room\n```", vec![]),
        ("[@room](https://example.org)", vec![]),
    ] {
        let html = super::render(text, &[Mention::Everybody]).html.0;
        let found: Vec<_> = html
            .split(" data-mention=\"room\">")
            .skip(1)
            .map(|rest| rest.split("</span>").next().unwrap())
            .collect();
        assert_eq!(found, marked, "{text}: {html}");
        assert!(!html.contains("href=\"/@"), "{html}");
    }
    assert_eq!(names("@Room, @room. `@room`"), ["room", "room."]);
}
