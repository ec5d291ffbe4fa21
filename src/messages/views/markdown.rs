//! The text of a message as HTML: a small Markdown (bold, italic, strike, code, quotes, lists, links), and nothing else.
//!
//! The parser is that of `CommonMark` (<https://spec.commonmark.org>, `pulldown-cmark`), which is made for documents. What it
//! would make of chat talk that nobody means so is taken from it before: see [`prepare`]. Every text comes from the source
//! itself and is escaped; the elements and their attributes stand in this file. So nothing of a message becomes markup of
//! its own, and nothing of it is lost: what is no Markdown, or leads to where no link may lead, stands as it was typed.

mod emoji;
mod prepare;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::ops::Range;

use linkify::{LinkFinder, LinkKind};
use maud::{Escaper, Markup, PreEscaped, html};
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};
use url::Url;

use self::emoji::is_emoji_only;
use self::prepare::prepare;
use crate::web::icons::icon;

/// Lists and quotes stand in each other up to this depth; deeper ones stand at this one.
const MAX_DEPTH: usize = 8;
/// Without one of these a text has no Markdown in it, or only in its lines' beginnings.
const SIGNS: &[u8] = b"*_~`[<>\\";

/// A text as it is shown.
pub struct Rendered {
    /// What stands in the body.
    pub html: Markup,
    /// How the body is to look.
    pub kind: Kind,
}

/// How a body looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lines of text, as they were typed.
    Lines,
    /// A few emoji, large.
    Emoji,
    /// Blocks: paragraphs, lists, quotes, code.
    Blocks,
}

/// Renders a text.
pub fn render(text: &str) -> Rendered {
    if is_emoji_only(text) {
        return plain(text, Kind::Emoji);
    }
    if is_plain(text) {
        return plain(text, Kind::Lines);
    }
    let source = prepare(text);
    let parser = Parser::new_ext(&source, Options::ENABLE_STRIKETHROUGH);
    if parser.reference_definitions().iter().next().is_some() {
        // They would vanish.
        return plain(text, Kind::Lines);
    }
    let mut writer = Writer::new(&source);
    // How deep this is in something that has been written as a whole.
    let mut written = 0_usize;
    for (event, range) in parser.into_offset_iter() {
        match event {
            Event::Start(_) if written > 0 => written += 1,
            Event::End(_) if written > 0 => written -= 1,
            _ if written > 0 => {}
            event => written = usize::from(writer.event(event, range)),
        }
    }
    writer.finish()
}

fn plain(text: &str, kind: Kind) -> Rendered {
    let html = html! { (text) };
    Rendered { html, kind }
}

/// Whether nothing in the text can be Markdown or a link: most messages, and quickly seen.
fn is_plain(text: &str) -> bool {
    let begins_block = |line: &str| {
        let line = line.trim_start();
        line.starts_with(['-', '+']) || line.starts_with(|c: char| c.is_ascii_digit())
    };
    !text.bytes().any(|byte| SIGNS.contains(&byte))
        && !text.contains("://")
        && !text.contains("www.")
        && !text.lines().any(begins_block)
}

/// Builds the HTML of the events, in their order.
struct Writer<'a> {
    source: &'a str,
    out: String,
    /// Texts that follow on each other in the source, until something else comes: links may go across them.
    text: Range<usize>,
    /// Lists and quotes around this place; those beyond [`MAX_DEPTH`] are counted only.
    depth: usize,
    /// Whether this is inside a link, where no other one begins.
    in_link: bool,
    in_code_block: bool,
    /// The end of the last paragraph that stands by itself, and whether there are only such ones.
    paragraph_end: Option<usize>,
    kind: Kind,
}

impl<'a> Writer<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            out: String::with_capacity(source.len() + 64),
            text: 0..0,
            depth: 0,
            in_link: false,
            in_code_block: false,
            paragraph_end: None,
            kind: Kind::Lines,
        }
    }

    fn finish(mut self) -> Rendered {
        self.flush();
        Rendered {
            html: PreEscaped(self.out),
            kind: self.kind,
        }
    }

    /// Writes an event. Returns whether all that it begins has been written with it.
    fn event(&mut self, event: Event<'_>, range: Range<usize>) -> bool {
        if let Event::Text(_) = event {
            if self.text.end == range.start && !self.text.is_empty() {
                self.text.end = range.end;
            } else {
                self.flush();
                self.text = range;
            }
            return false;
        }
        self.flush();
        match event {
            Event::Start(tag) => return self.start(tag, range),
            Event::End(tag) => self.end(tag, &range),
            Event::Code(code) => {
                self.raw(r#"<code class="rounded-chip bg-s3/70 px-1 py-px font-mono text-13">"#);
                self.escaped(&code);
                self.raw("</code>");
            }
            Event::SoftBreak | Event::HardBreak => self.raw("\n"),
            // Whatever else there is, HTML above all, is text.
            _ => self.escaped(&self.source[range]),
        }
        false
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) -> bool {
        match tag {
            Tag::Emphasis => self.raw("<em>"),
            Tag::Strong => self.raw("<strong>"),
            Tag::Strikethrough => self.raw(self.strike(&range, "<s>")),
            Tag::Link {
                link_type, dest_url, ..
            } => return self.link(link_type, &dest_url, range),
            Tag::Image { dest_url, .. } => return self.link(LinkType::Inline, &dest_url, range),
            Tag::Paragraph | Tag::HtmlBlock | Tag::Heading { .. } | Tag::CodeBlock(CodeBlockKind::Indented) => {
                self.paragraph(range.start);
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(language)) => self.code_block(&language),
            Tag::List(first) => {
                let list = first.map_or("<ul class=\"list-disc ps-5\">", |_| "<ol class=\"list-decimal ps-6\">");
                self.container(list);
            }
            Tag::BlockQuote(_) => self.container("<blockquote class=\"border-s-2 border-line-2 ps-3 text-t2\">"),
            Tag::Item => self.raw(if self.depth <= MAX_DEPTH { "<li>" } else { "\n" }),
            _ => {}
        }
        false
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::Emphasis => self.raw("</em>"),
            TagEnd::Strong => self.raw("</strong>"),
            TagEnd::Strikethrough => self.raw(self.strike(range, "</s>")),
            TagEnd::Link | TagEnd::Image => {
                self.in_link = false;
                self.raw("</a>");
            }
            TagEnd::CodeBlock if self.in_code_block => {
                self.in_code_block = false;
                self.raw("</code></pre></div>");
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::Heading(_) | TagEnd::CodeBlock => {
                self.end_paragraph(range.end);
            }
            TagEnd::List(is_ordered) => self.end_container(if is_ordered { "</ol>" } else { "</ul>" }),
            TagEnd::BlockQuote(_) => self.end_container("</blockquote>"),
            TagEnd::Item if self.depth <= MAX_DEPTH => self.raw("</li>"),
            _ => {}
        }
    }

    /// Paragraphs that stand by themselves keep the lines between them as they were typed.
    fn paragraph(&mut self, start: usize) {
        if self.depth > 0 || self.kind == Kind::Blocks {
            self.raw("<p>");
        } else if let Some(end) = self.paragraph_end {
            let lines = self.source[end..start].matches('\n').count();
            let ended = self.source[..end].ends_with('\n');
            self.out.extend(std::iter::repeat_n('\n', lines + usize::from(ended)));
        }
    }

    fn end_paragraph(&mut self, end: usize) {
        if self.depth > 0 || self.kind == Kind::Blocks {
            self.raw("</p>");
        } else {
            let line = self.out.trim_end_matches('\n').len();
            self.out.truncate(line);
            self.paragraph_end = Some(end);
        }
    }

    /// From the first block on that is no paragraph, everything stands in blocks.
    fn begin_blocks(&mut self) {
        if self.kind != Kind::Blocks {
            self.kind = Kind::Blocks;
            if !self.out.is_empty() {
                self.out.insert_str(0, "<p>");
                self.raw("</p>");
            }
        }
    }

    fn container(&mut self, element: &str) {
        self.begin_blocks();
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            self.raw(element);
        }
    }

    fn end_container(&mut self, element: &str) {
        if self.depth <= MAX_DEPTH {
            self.raw(element);
        }
        self.depth -= 1;
    }

    fn code_block(&mut self, language: &str) {
        self.begin_blocks();
        self.in_code_block = true;
        let language = language.split([' ', ',', '{']).next().unwrap_or_default();
        let head = html! {
            div class="code relative my-1 max-w-full rounded-field border border-line bg-s2 text-t1" {
                div class="flex min-h-8 items-center gap-1 ps-3 text-12 text-t3" {
                    span { (language) }
                    button class="icon-button size-8" type="button" data-copy aria-label="Copy the code" title="Copy" { (icon("copy")) }
                }
            }
        };
        self.raw(head.0.trim_end_matches("</div>"));
        self.raw("</div><pre class=\"overflow-x-auto px-3 pb-2.5 font-mono text-13\" tabindex=\"0\"><code>");
    }

    /// Only two tildes strike; between single ones, which stand as they are, people write numbers.
    fn strike(&self, range: &Range<usize>, element: &'static str) -> &'static str {
        if self.source[range.start..].starts_with("~~") {
            element
        } else {
            "~"
        }
    }

    /// Begins a link; one that may not lead there is written as it was typed.
    fn link(&mut self, link_type: LinkType, address: &str, range: Range<usize>) -> bool {
        let address = match link_type {
            LinkType::Email => format!("mailto:{address}"),
            _ => address.to_owned(),
        };
        match safe(&address) {
            Some(url) if !self.in_link => {
                self.begin_link(&url);
                self.in_link = true;
                false
            }
            _ => {
                self.escaped(&self.source[range]);
                true
            }
        }
    }

    fn begin_link(&mut self, url: &Url) {
        self.raw("<a class=\"underline\" href=\"");
        self.escaped(url.as_str());
        self.raw("\" target=\"_blank\" rel=\"noopener noreferrer nofollow ugc\">");
    }

    /// Writes the texts that have been gathered, with the links in them.
    fn flush(&mut self) {
        let text = &self.source[std::mem::take(&mut self.text)];
        if self.in_link || self.in_code_block || !(text.contains("://") || text.contains("www.")) {
            self.escaped(text);
            return;
        }
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]).url_must_have_scheme(false);
        for span in finder.spans(text) {
            let typed = span.as_str();
            let url = match span.kind() {
                Some(_) if typed.contains("://") => safe(typed),
                Some(_) if typed.starts_with("www.") => safe(&format!("https://{typed}")),
                _ => None,
            };
            if let Some(url) = url {
                self.begin_link(&url);
                self.escaped(typed);
                self.raw("</a>");
            } else {
                self.escaped(typed);
            }
        }
    }

    fn raw(&mut self, html: &str) {
        self.out.push_str(html);
    }

    fn escaped(&mut self, text: &str) {
        // Writing to a String does not fail.
        write!(Escaper::new(&mut self.out), "{text}").ok();
    }
}

/// The address as a link may have it: of a kind that is safe to follow, and without a name and password before the host,
/// which make an address look like another's. The `url` crate shows a host that is not ASCII in ASCII.
fn safe(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok()?;
    if !matches!(url.scheme(), "http" | "https" | "mailto") {
        return None;
    }
    if url.has_host() {
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
    }
    Some(url)
}
